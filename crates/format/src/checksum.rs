//! Checksums: XXH3, 64 bits, seed 0, everywhere.
//!
//! They find damage, not malice: each parent holds the checksum of its child, so a swapped object
//! is found as surely as a flipped bit.

use serde::Deserialize;
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;
use xxhash_rust::xxh3::xxh3_64;

/// A checksum, written as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Checksum(pub u64);

impl Checksum {
    /// The checksum of some bytes.
    pub fn of(bytes: &[u8]) -> Checksum {
        Checksum(xxh3_64(bytes))
    }

    /// True if the bytes have this checksum.
    pub fn matches(self, bytes: &[u8]) -> bool {
        Checksum::of(bytes) == self
    }
}

impl std::fmt::Display for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::fmt::Debug for Checksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Checksum> for String {
    fn from(checksum: Checksum) -> String {
        checksum.to_string()
    }
}

impl TryFrom<String> for Checksum {
    type Error = String;

    fn try_from(text: String) -> Result<Checksum, String> {
        if text.len() != 16 {
            return Err(format!("'{text}' is no checksum"));
        }
        u64::from_str_radix(&text, 16).map(Checksum).map_err(|e| e.to_string())
    }
}

/// A checksum of bytes that come in pieces.
#[derive(Default)]
pub struct Running(Xxh3);

impl Running {
    /// Nothing yet.
    pub fn new() -> Running {
        Running::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes so far.
    pub fn checksum(&self) -> Checksum {
        Checksum(self.0.digest())
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running({})", self.checksum())
    }
}
