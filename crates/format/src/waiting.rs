//! The note of a writer that others keep coming before.
//!
//! Nothing rests on it: it may be absent, stale or damaged, and only makes others stand back for a
//! while.

use std::time::Duration;

use crate::error::Error;
use crate::error::Result;
use crate::frame;
use crate::frame::Kind;
use crate::frame::read_u64;

/// The note's key.
pub const KEY: &str = "waiting";

/// Who waits for a turn to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// 128 random bits, others for each note.
    pub id: u128,
    /// How long one attempt takes who waits.
    pub attempt: Duration,
}

impl Waiting {
    /// The bytes of the object: the id, then the microseconds of an attempt, both little endian.
    pub fn to_bytes(self) -> Vec<u8> {
        let micros = u64::try_from(self.attempt.as_micros()).unwrap_or(u64::MAX);
        let mut body = self.id.to_le_bytes().to_vec();
        body.extend_from_slice(&micros.to_le_bytes());
        frame::wrap(Kind::Waiting, &body)
    }

    /// Reads the object.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::NewerFormat`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Waiting> {
        let body = frame::unwrap(Kind::Waiting, bytes)?;
        let (id, micros) = body
            .split_first_chunk::<16>()
            .filter(|(_, rest)| rest.len() == 8)
            .ok_or_else(|| Error::damaged(KEY, "its body is not 24 bytes"))?;
        let attempt = Duration::from_micros(read_u64(micros));
        Ok(Waiting { id: u128::from_le_bytes(*id), attempt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_and_are_not_mistaken() {
        let note = Waiting { id: 7 << 100, attempt: Duration::from_micros(1500) };
        let bytes = note.to_bytes();
        assert_eq!(Waiting::from_bytes(&bytes).unwrap(), note);
        for end in 0..bytes.len() {
            assert!(Waiting::from_bytes(&bytes[..end]).is_err());
        }
        for length in [0, 16, 23, 25] {
            let other = frame::wrap(Kind::Waiting, &vec![0; length]);
            assert!(Waiting::from_bytes(&other).is_err(), "{length} bytes");
        }
    }
}
