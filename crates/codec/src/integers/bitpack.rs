//! Frame of reference and bit-packing: `reference`, `width`, then `width` bits a value.

use super::WHAT;
use super::integer::Integer;
use super::kernels;
use super::kernels::BLOCK;
use super::kernels::Lane;
use super::reader::Reader;
use super::sink::Sink;
use crate::error::Error;
use crate::error::Result;

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

    /// Unpacks block number `block`, `offset` added modulo 2^64; returns how many values it has.
    pub(super) fn block<L: Lane>(&self, block: usize, offset: u64, out: &mut [L; BLOCK]) -> usize {
        let count = self.count.saturating_sub(block.saturating_mul(BLOCK)).min(BLOCK);
        let len = self.width * BLOCK / 8;
        let rest = self.bits.get(block.saturating_mul(len)..).unwrap_or_default();
        if let Some(whole) = rest.get(..len) {
            kernels::unpack(self.width, whole, offset, out);
        } else {
            // The last block ends early; the kernels read whole blocks.
            let mut padded = [0; BLOCK * 8];
            for (to, from) in padded.iter_mut().zip(rest) {
                *to = *from;
            }
            kernels::unpack(self.width, &padded, offset, out);
        }
        count
    }

    /// Unpacks all values into `sink`.
    pub(super) fn unpack_into<T: Integer>(&self, sink: &mut Sink<'_, T>) {
        let offset = self.reference.wrapping_sub(T::BASE);
        let largest = offset.checked_add(u64::MAX.checked_shr(64 - self.width_bits()).unwrap_or(0));
        if T::SPAN != u64::MAX && largest.is_none_or(|largest| largest > T::SPAN) {
            // Numbers of this width need not fit the type: each is looked at.
            return self.for_each_block(|values| sink.extend(0, values));
        }
        let mut lanes = [<T::Lane as Lane>::low(0); BLOCK];
        for block in 0..self.count.div_ceil(BLOCK) {
            let count = self.block(block, offset, &mut lanes);
            sink.extend_lanes(lanes.get(..count).unwrap_or_default());
        }
    }

    fn width_bits(&self) -> u32 {
        u32::try_from(self.width).unwrap_or(u64::BITS)
    }

    /// Unpacks all values in order, reference added modulo 2^64, a block at a time.
    pub(super) fn for_each_block(&self, mut each: impl FnMut(&[u64])) {
        let mut buffer = [0; BLOCK];
        for block in 0..self.count.div_ceil(BLOCK) {
            let count = self.block(block, self.reference, &mut buffer);
            each(buffer.get(..count).unwrap_or_default());
        }
    }

    /// The reference, if it is every value.
    pub(super) fn single_value(&self) -> Option<u64> {
        (self.width == 0).then_some(self.reference)
    }
}
