//! The object that makes a repeated commit one: where a caller's key may have been committed.

use lakebed_core::ObjectId;
use serde::Deserialize;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::error::Error;
use crate::error::Result;
use crate::frame;
use crate::frame::Kind;

const WHAT: &str = "idempotency key";
/// The most bytes of a caller's key.
pub const MAX_KEY: usize = 256;

/// What stands under a caller's key: no entry below a number carries it.
///
/// Written over before each attempt at another number; `SPEC.md`, section 4, says why that is
/// enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyNote {
    /// The caller's key.
    pub key: String,
    /// The entry that was tried: none before it carries the key.
    pub number: u64,
    /// The id that it would have.
    pub id: ObjectId,
}

impl KeyNote {
    /// The object of a caller's key.
    pub fn object(key: &str) -> String {
        let hash = xxh3_128(key.as_bytes());
        format!("keys/{:02x}/{hash:032x}", hash >> 120)
    }

    /// The bytes of the object.
    ///
    /// # Errors
    /// Only if JSON cannot be written, which no note causes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let body = serde_json::to_vec(self).map_err(|e| Error::damaged(WHAT, e.to_string()))?;
        Ok(frame::wrap(Kind::Key, &body))
    }

    /// Reads the object of `key`.
    ///
    /// # Errors
    /// [`Error::Damaged`], also if it is of another key; [`Error::NewerFormat`].
    pub fn from_bytes(key: &str, bytes: &[u8]) -> Result<KeyNote> {
        let body = frame::unwrap(Kind::Key, bytes)?;
        let note: KeyNote =
            serde_json::from_slice(body).map_err(|e| Error::damaged(WHAT, e.to_string()))?;
        if note.key != key {
            return Err(Error::damaged(WHAT, format!("it is of the key '{}'", note.key)));
        }
        Ok(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_come_back_and_are_not_mistaken() {
        let note = KeyNote {
            key: "ingest 7/ä".to_string(),
            number: 12,
            id: ObjectId { epoch: 1, id: 99 },
        };
        let bytes = note.to_bytes().unwrap();
        assert_eq!(KeyNote::from_bytes(&note.key, &bytes).unwrap(), note);
        assert!(KeyNote::from_bytes("ingest 8", &bytes).is_err());
        for end in 0..bytes.len() {
            assert!(KeyNote::from_bytes(&note.key, &bytes[..end]).is_err());
        }
        let object = KeyNote::object("ingest 7/ä");
        assert_eq!((object.len(), object.starts_with("keys/")), (40, true), "{object}");
        assert_ne!(object, KeyNote::object("ingest 7/a"));
    }
}
