//! Differences between neighbours, bit-packed: sorted ids, offsets, timestamps.

use super::bitpack;
use super::bitpack::Packed;
use super::integer::Integer;
use super::kernels::BLOCK;
use super::reader::Reader;
use super::sink::Sink;
use crate::error::Result;

/// The smallest difference as a signed number, and the bits of the largest above it.
pub(super) fn plan(values: &[u64]) -> (u64, usize) {
    let differences = || values.windows(2).map(|pair| difference(pair).cast_signed());
    let (Some(least), Some(most)) = (differences().min(), differences().max()) else {
        return (0, 0);
    };
    (least.cast_unsigned(), bitpack::width_of(most.wrapping_sub(least).cast_unsigned()))
}

/// Bytes after the encoding id.
pub(super) fn len(count: usize, width: usize) -> usize {
    8 + bitpack::packed_len(count.saturating_sub(1), width)
}

pub(super) fn write(values: &[u64], (least, width): (u64, usize), out: &mut Vec<u8>) {
    out.extend_from_slice(&values.first().copied().unwrap_or(0).to_le_bytes());
    bitpack::write(values.windows(2).map(difference), least, width, out);
}

fn difference(pair: &[u64]) -> u64 {
    match pair {
        [a, b] => b.wrapping_sub(*a),
        _ => 0,
    }
}

pub(super) fn read<T: Integer>(
    reader: &mut Reader<'_>,
    count: usize,
    sink: &mut Sink<'_, T>,
) -> Result<()> {
    let mut value = reader.u64()?;
    let packed = Packed::read(reader, count.saturating_sub(1))?;
    if count == 0 {
        return Ok(());
    }
    if let Some(step) = packed.single_value() {
        sink.progression(value, step, count);
        return Ok(());
    }
    sink.repeat(value, 1);
    let mut buffer = [0; BLOCK];
    packed.for_each_block(|differences| {
        for (sum, difference) in buffer.iter_mut().zip(differences) {
            value = value.wrapping_add(*difference);
            *sum = value;
        }
        sink.extend(0, buffer.get(..differences.len()).unwrap_or_default());
    });
    Ok(())
}
