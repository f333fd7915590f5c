//! LZ4, block format.

mod high;

use crate::compression::wrong_length;
use crate::error::Error;
use crate::error::Result;

const WHAT: &str = "lz4 page";

pub(crate) fn compress(raw: &[u8]) -> Vec<u8> {
    lz4_flex::block::compress(raw)
}

/// As [`compress`], smaller and many times slower.
pub(crate) fn compress_high(raw: &[u8]) -> Vec<u8> {
    high::compress(raw).unwrap_or_else(|| compress(raw))
}

pub(crate) fn decompress(encoded: &[u8], raw_len: usize) -> Result<Vec<u8>> {
    let mut raw = vec![0; raw_len];
    let written = lz4_flex::block::decompress_into(encoded, &mut raw)
        .map_err(|error| Error::damaged(WHAT, error))?;
    if written != raw_len {
        return Err(wrong_length(WHAT, written, raw_len));
    }
    Ok(raw)
}
