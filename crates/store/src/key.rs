//! Which keys an object may have: plain relative paths that mean the same on every backend.

use crate::error::Error;
use crate::error::Result;

/// The folder of unfinished local files. No key may start with it.
pub const TEMPORARY_FOLDER: &str = "tmp";

/// The longest key in bytes; S3 allows no more.
const MAX_KEY: usize = 1024;

/// Accepts a key: segments of `[A-Za-z0-9._-]` joined by single `/`, none of them `.` or `..`, the
/// first one not `tmp`.
pub fn check_key(key: &str) -> Result<()> {
    let refuse = |reason| Err(Error::InvalidKey { key: key.to_owned(), reason });
    if key.is_empty() {
        return refuse("it is empty");
    }
    if key.len() > MAX_KEY {
        return refuse("it is longer than 1024 bytes");
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    if !key.bytes().all(plain) {
        return refuse("only letters, digits, '.', '_', '-' and '/' are allowed");
    }
    for segment in key.split('/') {
        match segment {
            "" => return refuse("it starts or ends with '/' or has '//' in it"),
            "." | ".." => return refuse("'.' and '..' are not allowed"),
            _ => {}
        }
    }
    if key == TEMPORARY_FOLDER || key.starts_with("tmp/") {
        return refuse("'tmp' is kept for unfinished files");
    }
    Ok(())
}

/// Accepts a prefix for listing and returns it without a trailing `/`; empty means everything.
pub fn check_prefix(prefix: &str) -> Result<&str> {
    let folder = prefix.strip_suffix('/').unwrap_or(prefix);
    if !folder.is_empty() {
        check_key(folder)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_plain_relative_paths() {
        for good in ["a", "log/0000000000000001", "data/0f/1-abc.pack", "..a", "a..b/c", "tmpx/a"] {
            check_key(good).unwrap();
        }
        let long = "a".repeat(1025);
        for bad in [
            "", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/.", "a b", "a\\b", "a\0b", "ä",
            "tmp", "tmp/x", "a%2fb", &long,
        ] {
            assert!(matches!(check_key(bad), Err(Error::InvalidKey { .. })), "{bad:?}");
        }
        assert_eq!(check_prefix("data/").unwrap(), "data");
        assert_eq!(check_prefix("").unwrap(), "");
        assert!(check_prefix("../x").is_err());
    }
}
