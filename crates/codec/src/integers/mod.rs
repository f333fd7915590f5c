//! Light encodings of integers: pages of scalars and the arrays of a directory.
//!
//! Values are `u64` patterns. Unsigned integers are themselves; signed integers are widened to 64
//! bits and have their sign bit flipped ([`from_i64`]), so that patterns sort as values do. The
//! number of values, `count`, is not in the bytes: whoever stores them stores it too.
//!
//! All numbers are little-endian; all additions are modulo 2^64; there is no padding between
//! fields and nothing after the last one. The first byte says the encoding:
//!
//! | id | encoding | after the first byte |
//! |---|---|---|
//! | 0 | constant | `value` u64 |
//! | 1 | packed | one *packed run* of `count` values |
//! | 2 | delta | `first` u64, one packed run of `count - 1` differences (0 if `count` is 0) |
//! | 3 | run length | `runs` u32, a packed run of `runs` values, a packed run of `runs` lengths |
//! | 4 | dictionary | `size` u32, a packed run of `size` entries, a packed run of `count` indexes |
//!
//! A **packed run** of n values is `reference` u64, `width` u8 (0 to 64), then
//! `ceil(n * width / 8)` bytes of bits. Value i is `reference` plus the unsigned number in bits
//! `i * width` up to `(i + 1) * width`, where bit k is bit `k % 8` (0 the lowest) of byte `k / 8`,
//! and the lowest bit of a number comes first. Width 0 has no bytes: all values are `reference`.
//! Unused bits of the last byte are written as 0 and not read.
//!
//! - **delta**: value 0 is `first`, value i is value i - 1 plus difference i - 1. Differences
//!   wrap, so descending values have differences near 2^64.
//! - **run length**: run r is its value repeated its length times. Every length is at least 1,
//!   `runs` is at most `count`, and the lengths add up to `count`.
//! - **dictionary**: value i is the entry at index i. `size` is at most `count` and at most 65,536;
//!   every index is below `size`. Entries are written in ascending order, each once; a reader
//!   need not check that.
//! - `count` 0 is written as constant 0.
//!
//! Anything else is damage. A writer takes the shortest, the lowest id among equals; a reader
//! must not depend on that.

mod bitpack;
mod constant;
mod delta;
mod dictionary;
mod integer;
mod kernels;
mod reader;
mod rle;
mod sink;

use lakebed_core::Limits;

use crate::error::Error;
use crate::error::Result;
use crate::error::size;
use bitpack::Packed;
use reader::Reader;
use sink::Sink;

pub use integer::Integer;
pub use integer::from_i64;
pub use integer::to_i64;

const WHAT: &str = "integer page";

const CONSTANT: u8 = 0;
const PACKED: u8 = 1;
const DELTA: u8 = 2;
const RUN_LENGTH: u8 = 3;
const DICTIONARY: u8 = 4;

/// Encodes patterns in the fewest bytes that the encodings of this module allow.
pub fn encode(values: &[u64]) -> Vec<u8> {
    let (Some(&least), Some(&most)) = (values.iter().min(), values.iter().max()) else {
        return start(CONSTANT, constant::LEN, |out| constant::write(0, out));
    };
    if least == most {
        return start(CONSTANT, constant::LEN, |out| constant::write(least, out));
    }
    let width = bitpack::width_of(most - least);
    let packed_len = bitpack::packed_len(values.len(), width);
    let delta = delta::plan(values);
    let delta_len = delta::len(values.len(), delta.1);
    let runs = rle::Plan::new(values);
    let runs_len = if runs.fits() { runs.len() } else { usize::MAX };
    let best = packed_len.min(delta_len).min(runs_len);
    if let Some(dictionary) = dictionary::Plan::new(values, best) {
        let len = dictionary.len(values.len());
        return start(DICTIONARY, len, |out| dictionary.write(values, out));
    }
    if packed_len == best {
        return start(PACKED, best, |out| {
            bitpack::write(values.iter().copied(), least, width, out);
        });
    }
    if delta_len == best {
        return start(DELTA, best, |out| delta::write(values, delta, out));
    }
    start(RUN_LENGTH, best, |out| runs.write(values, out))
}

/// Encodes integers of any width; [`decode_into`] with the same type gives them back.
pub fn encode_from<T: Integer>(values: &[T]) -> Vec<u8> {
    let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    encode(&bits)
}

fn start(id: u8, len: usize, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(len.saturating_add(1));
    out.push(id);
    write(&mut out);
    out
}

/// The value that all positions of an encoding have, if it says so without listing them.
pub fn constant(bytes: &[u8]) -> Option<u64> {
    match bytes.split_first() {
        Some((&CONSTANT, value)) => value.try_into().ok().map(u64::from_le_bytes),
        _ => None,
    }
}

/// Decodes exactly `count` patterns, using all of `bytes`.
///
/// # Errors
/// As [`decode_into`].
pub fn decode(bytes: &[u8], count: usize, limits: &Limits) -> Result<Vec<u64>> {
    let mut out = Vec::new();
    decode_into(bytes, count, limits, &mut out)?;
    Ok(out)
}

/// Decodes exactly `count` integers onto the end of `out`, using all of `bytes`.
///
/// Allocates `count` values and at most 512 KiB beside them. On error `out` holds what it held
/// before.
///
/// # Errors
/// [`Error::Limit`] if `bytes` or the values are larger than [`Limits::max_page_bytes`];
/// [`Error::Damaged`] if `bytes` is not one encoding of exactly `count` values of type `T`;
/// [`Error::Unsupported`] if the encoding is not known.
pub fn decode_into<T: Integer>(
    bytes: &[u8],
    count: usize,
    limits: &Limits,
    out: &mut Vec<T>,
) -> Result<()> {
    let decoded = size(count).saturating_mul(size(size_of::<T>()));
    let limit = limits.max_page_bytes;
    Limits::check("size of an integer page", size(bytes.len()), limit, "max_page_bytes")?;
    Limits::check("size of a decoded integer page", decoded, limit, "max_page_bytes")?;
    let before = out.len();
    let result = decode_checked(bytes, count, out);
    if result.is_err() {
        out.truncate(before);
    }
    result
}

fn decode_checked<T: Integer>(bytes: &[u8], count: usize, out: &mut Vec<T>) -> Result<()> {
    let mut reader = Reader::new(bytes);
    let id = reader.u8()?;
    out.reserve(count);
    let mut sink = Sink::new(out);
    match id {
        CONSTANT => constant::read(&mut reader, count, &mut sink)?,
        PACKED => {
            let packed = Packed::read(&mut reader, count)?;
            packed.unpack_into(&mut sink);
        }
        DELTA => delta::read(&mut reader, count, &mut sink)?,
        RUN_LENGTH => rle::read(&mut reader, count, &mut sink)?,
        DICTIONARY => dictionary::read(&mut reader, count, &mut sink)?,
        _ => {
            let reason = format!("encoding {id} is not known; a newer version may have written it");
            return Err(Error::unsupported(WHAT, reason));
        }
    }
    reader.finish()?;
    sink.finish()
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "test data is made to fit"
)]
mod tests;
