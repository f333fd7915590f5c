//! The frame around whole objects: marker of kind, version, length and checksum.
//!
//! ```text
//! 0   4  "LKBD"
//! 4   1  kind
//! 5   1  0
//! 6   2  format version, little endian
//! 8   8  length of the body, little endian
//! 16  n  body
//! 16+n 8 XXH3-64 of all bytes before, little endian
//! ```

use crate::FORMAT_VERSION;
use crate::checksum::Checksum;
use crate::error::Error;
use crate::error::Result;

const MAGIC: &[u8; 4] = b"LKBD";
const HEADER: usize = 16;
const TRAILER: usize = 8;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A log entry.
    Entry = 1,
    /// A node of the fragment tree.
    Node = 2,
    /// A schema too large for its entry.
    Schema = 3,
    /// The number of a recent entry.
    Hint = 4,
    /// A manifest header at the end of a pack.
    Manifest = 5,
    /// What is left of a log entry that has expired.
    Tombstone = 6,
    /// A saved view.
    View = 7,
    /// Where a caller's key may have been committed.
    Key = 8,
    /// Names, of which there are too many for an entry.
    Refs = 9,
    /// Who waits for a turn to commit.
    Waiting = 10,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Entry => "log entry",
            Kind::Node => "tree node",
            Kind::Schema => "schema",
            Kind::Hint => "hint",
            Kind::Manifest => "manifest",
            Kind::Tombstone => "tombstone",
            Kind::View => "view",
            Kind::Key => "idempotency key",
            Kind::Refs => "names",
            Kind::Waiting => "note of who waits",
        }
    }
}

/// Wraps a body.
pub fn wrap(kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + body.len() + TRAILER);
    bytes.extend_from_slice(MAGIC);
    bytes.push(kind as u8);
    bytes.push(0);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&u64::try_from(body.len()).unwrap_or(u64::MAX).to_le_bytes());
    bytes.extend_from_slice(body);
    let checksum = Checksum::of(&bytes);
    bytes.extend_from_slice(&checksum.0.to_le_bytes());
    bytes
}

/// The body of a frame that is all of `bytes`.
///
/// # Errors
/// [`Error::Damaged`] if any byte differs from what was written; [`Error::NewerFormat`].
pub fn unwrap(kind: Kind, bytes: &[u8]) -> Result<&[u8]> {
    let damaged = |reason: String| Error::damaged(kind.name(), reason);
    let (Some(header), Some(end)) = (bytes.get(..HEADER), bytes.len().checked_sub(TRAILER)) else {
        return Err(damaged(format!("it has {} bytes, fewer than a frame", bytes.len())));
    };
    if !header.starts_with(MAGIC) {
        return Err(damaged("it does not begin with LKBD".into()));
    }
    let (Some(body), Some(trailer)) = (bytes.get(HEADER..end), bytes.get(end..)) else {
        return Err(damaged(format!("it has {} bytes, fewer than a frame", bytes.len())));
    };
    let expected = Checksum(read_u64(trailer));
    if !expected.matches(bytes.get(..end).unwrap_or_default()) {
        return Err(damaged("its checksum does not match".into()));
    }
    let version = u16::from_le_bytes([header[6], header[7]]);
    if version > FORMAT_VERSION {
        return Err(Error::NewerFormat {
            what: kind.name().to_string(),
            found: version,
            supported: FORMAT_VERSION,
        });
    }
    if header[4] != kind as u8 || header[5] != 0 {
        return Err(damaged(format!("it is of kind {}, not {}", header[4], kind as u8)));
    }
    if usize::try_from(read_u64(&header[8..])).ok() != Some(body.len()) {
        return Err(damaged("its length does not match".into()));
    }
    Ok(body)
}

/// The first eight bytes as a little-endian number; missing bytes are 0.
pub(crate) fn read_u64(bytes: &[u8]) -> u64 {
    let mut word = [0u8; 8];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flip_and_truncation_is_found() {
        let bytes = wrap(Kind::Entry, b"{\"a\":1}");
        assert_eq!(unwrap(Kind::Entry, &bytes).unwrap(), b"{\"a\":1}");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(unwrap(Kind::Entry, &flipped).is_err(), "byte {at} bit {bit}");
            }
            assert!(unwrap(Kind::Entry, &bytes[..at]).is_err());
        }
        assert!(unwrap(Kind::Node, &bytes).is_err());
    }

    #[test]
    fn newer_formats_are_named() {
        let mut bytes = wrap(Kind::Entry, b"{}");
        bytes[6] = 9;
        let end = bytes.len() - 8;
        let checksum = Checksum::of(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum.0.to_le_bytes());
        assert!(matches!(unwrap(Kind::Entry, &bytes), Err(Error::NewerFormat { found: 9, .. })));
    }
}
