//! Frame of reference and bit-packing: `reference`, `width`, then `width` bits a value.

use super::WHAT;
use super::integer::Integer;
use super::reader::Reader;
use super::sink::Sink;
use crate::error::Error;
use crate::error::Result;

/// Values unpacked at a time: 64 values of any width end on a byte.
pub(super) const BLOCK: usize = 64;

/// Bytes in front of the packed bits.
pub(super) const HEADER: usize = 9;

/// A packed run of values, as it lies in the encoded bytes.
pub(super) struct Packed<'a> {
    /// Added to every unpacked value, modulo 2^64.
    pub(super) reference: u64,
    width: usize,
    bits: &'a [u8],
    count: usize,
}

/// Bits needed for `largest`.
pub(super) fn width_of(largest: u64) -> usize {
    // At most 64, so the conversion is exact.
    usize::try_from(u64::BITS - largest.leading_zeros()).unwrap_or(64)
}

/// Bytes of a packed run with its header.
pub(super) fn packed_len(count: usize, width: usize) -> usize {
    HEADER + count.saturating_mul(width).div_ceil(8)
}

/// Appends a packed run of `values`, each less `reference` (modulo 2^64) below 2^`width`.
pub(super) fn write(
    values: impl Iterator<Item = u64>,
    reference: u64,
    width: usize,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(&reference.to_le_bytes());
    out.push(u8::try_from(width).unwrap_or(64));
    if width == 0 {
        return;
    }
    let (mut pending, mut filled) = (0u64, 0);
    for value in values {
        let bits = value.wrapping_sub(reference);
        pending |= bits << filled;
        filled += width;
        if filled >= 64 {
            out.extend_from_slice(&pending.to_le_bytes());
            filled -= 64;
            // What did not fit; nothing if the value ended with the word.
            pending = if filled == 0 { 0 } else { bits >> (width - filled) };
        }
    }
    out.extend(pending.to_le_bytes().iter().take(filled.div_ceil(8)));
}

impl<'a> Packed<'a> {
    /// Takes a packed run of `count` values from the front of `reader`.
    pub(super) fn read(reader: &mut Reader<'a>, count: usize) -> Result<Packed<'a>> {
        let reference = reader.u64()?;
        let width = usize::from(reader.u8()?);
        if width > 64 {
            return Err(Error::damaged(WHAT, format!("bit width {width} is more than 64")));
        }
        let len = count
            .checked_mul(width)
            .ok_or_else(|| Error::damaged(WHAT, format!("{count} values of {width} bits")))?
            .div_ceil(8);
        Ok(Packed { reference, width, bits: reader.bytes(len)?, count })
    }

    /// Unpacks block number `block`, without the reference; returns how many values it has.
    pub(super) fn block(&self, block: usize, out: &mut [u64; BLOCK]) -> usize {
        let count = self.count.saturating_sub(block.saturating_mul(BLOCK)).min(BLOCK);
        let len = self.width * BLOCK / 8;
        let rest = self.bits.get(block.saturating_mul(len)..).unwrap_or_default();
        if let Some(whole) = rest.get(..len) {
            unpack(self.width, whole, out);
        } else {
            // The last block ends early; the kernels read whole blocks.
            let mut padded = [0; BLOCK * 8];
            for (to, from) in padded.iter_mut().zip(rest) {
                *to = *from;
            }
            unpack(self.width, &padded, out);
        }
        count
    }

    /// Unpacks all values into `sink`.
    pub(super) fn unpack_into<T: Integer>(&self, sink: &mut Sink<'_, T>) {
        let mut buffer = [0; BLOCK];
        for block in 0..self.count.div_ceil(BLOCK) {
            let count = self.block(block, &mut buffer);
            sink.extend(self.reference, buffer.get(..count).unwrap_or_default());
        }
    }

    /// Unpacks all values in order, reference added modulo 2^64, a block at a time.
    pub(super) fn for_each_block(&self, mut each: impl FnMut(&[u64])) {
        let mut buffer = [0; BLOCK];
        for block in 0..self.count.div_ceil(BLOCK) {
            let count = self.block(block, &mut buffer);
            for value in &mut buffer {
                *value = value.wrapping_add(self.reference);
            }
            each(buffer.get(..count).unwrap_or_default());
        }
    }
}

/// Unpacks 64 values of `width` bits, lowest bit first, from the start of `input`.
fn unpack(width: usize, input: &[u8], out: &mut [u64; BLOCK]) {
    macro_rules! dispatch {
        ($($w:literal)*) => {
            match width {
                $($w => unpack_fixed::<$w>(input, out),)*
                _ => out.fill(0),
            }
        };
    }
    dispatch!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
        64)
}

/// One kernel a width: every shift, mask and position is a constant.
#[inline(never)]
fn unpack_fixed<const W: usize>(input: &[u8], out: &mut [u64; BLOCK]) {
    let Some(words) = input.as_chunks::<8>().0.get(..W) else { return };
    let mask = u64::MAX >> (64 - W);
    macro_rules! values {
        ($($i:literal)*) => {$(
            let (word, shift) = ($i * W / 64, $i * W % 64);
            let mut bits = u64::from_le_bytes(words[word]) >> shift;
            if shift + W > 64 {
                bits |= u64::from_le_bytes(words[word + 1]) << (64 - shift);
            }
            out[$i] = bits & mask;
        )*};
    }
    values!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61
        62 63);
}
