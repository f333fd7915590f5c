//! What hostile or mistaken input may cost.

use crate::error::Error;
use crate::error::Result;

/// Bounds that every decoder, parser and fetch obeys. Safe by default; raise a field to allow more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Pixels (height times width) of one image.
    pub max_pixels: u64,
    /// Bytes of one decoded sample.
    pub max_sample_bytes: u64,
    /// Decoded bytes for each encoded byte of a compressed page.
    pub max_ratio: u64,
    /// Bytes of one page before decoding and after it.
    pub max_page_bytes: u64,
    /// Bytes of one entry, node, manifest section or directory.
    pub max_meta_bytes: u64,
    /// Nesting of JSON documents and of query expressions.
    pub max_depth: u64,
    /// Bytes of the text of one query.
    pub max_query_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_pixels: 1 << 28,
            max_sample_bytes: 4 << 30,
            max_ratio: 100_000,
            max_page_bytes: 1 << 30,
            max_meta_bytes: 1 << 30,
            max_depth: 128,
            max_query_bytes: 1 << 20,
        }
    }
}

impl Limits {
    /// Refuses a size above its limit.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`], naming `setting`.
    pub fn check(what: &str, found: u64, limit: u64, setting: &'static str) -> Result<()> {
        if found > limit {
            return Err(Error::LimitExceeded { what: what.to_string(), found, limit, setting });
        }
        Ok(())
    }
}
