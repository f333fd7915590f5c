//! General compression of pages.

use lakebed_core::Limits;

use crate::error::Error;
use crate::error::Result;
use crate::error::size;
use crate::lz4;
use crate::zstandard;

/// A general compression. The number is the one at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// The bytes as they are.
    None = 0,
    /// One LZ4 block (the block format: no frame, no length in front).
    Lz4 = 1,
    /// One Zstandard frame.
    Zstd = 2,
}

impl TryFrom<u8> for Codec {
    type Error = Error;

    fn try_from(number: u8) -> Result<Codec> {
        match number {
            0 => Ok(Codec::None),
            1 => Ok(Codec::Lz4),
            2 => Ok(Codec::Zstd),
            _ => Err(Error::unsupported(
                "compression",
                format!("codec {number} is not known; a newer version may have written it"),
            )),
        }
    }
}

impl From<Codec> for u8 {
    fn from(codec: Codec) -> u8 {
        match codec {
            Codec::None => 0,
            Codec::Lz4 => 1,
            Codec::Zstd => 2,
        }
    }
}

/// Compresses one page. The result is not always shorter than `raw`; the caller keeps the better.
///
/// # Errors
/// [`Error::Encode`] if the codec refuses (zstd out of memory).
pub fn compress(codec: Codec, raw: &[u8]) -> Result<Vec<u8>> {
    match codec {
        Codec::None => Ok(raw.to_vec()),
        Codec::Lz4 => Ok(lz4::compress(raw)),
        Codec::Zstd => zstandard::compress(raw),
    }
}

/// As [`compress`] with [`Codec::Lz4`], smaller and many times slower to make; it is read back as
/// fast.
pub fn compress_lz4_high(raw: &[u8]) -> Vec<u8> {
    lz4::compress_high(raw)
}

/// Restores the `raw_len` bytes of one page.
///
/// # Errors
/// [`Error::Limit`] before anything is allocated if either length is above
/// [`Limits::max_page_bytes`] or their ratio above [`Limits::max_ratio`]; [`Error::Damaged`] if
/// `encoded` is not one whole block or frame of exactly `raw_len` bytes.
pub fn decompress(
    codec: Codec,
    encoded: &[u8],
    raw_len: usize,
    limits: &Limits,
) -> Result<Vec<u8>> {
    let (stored, raw) = (size(encoded.len()), size(raw_len));
    Limits::check("size of a stored page", stored, limits.max_page_bytes, "max_page_bytes")?;
    Limits::check("size of a decoded page", raw, limits.max_page_bytes, "max_page_bytes")?;
    check_ratio("ratio of a decoded page to its stored size", stored, raw, limits)?;
    match codec {
        Codec::None if encoded.len() == raw_len => Ok(encoded.to_vec()),
        Codec::None => Err(wrong_length("uncompressed page", encoded.len(), raw_len)),
        Codec::Lz4 => lz4::decompress(encoded, raw_len),
        Codec::Zstd => zstandard::decompress(encoded, raw_len),
    }
}

/// Refuses `raw` bytes out of `stored` bytes when that is more than any honest file needs.
pub(crate) fn check_ratio(what: &str, stored: u64, raw: u64, limits: &Limits) -> Result<()> {
    Limits::check(what, raw.div_ceil(stored.max(1)), limits.max_ratio, "max_ratio")?;
    Ok(())
}

pub(crate) fn wrong_length(what: &'static str, found: usize, expected: usize) -> Error {
    Error::damaged(what, format!("it holds {found} bytes, its directory says {expected}"))
}

#[cfg(test)]
mod tests;
