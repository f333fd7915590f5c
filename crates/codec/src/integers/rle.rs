//! Run length: the value of each run, then the length of each run, both bit-packed.

use super::WHAT;
use super::bitpack;
use super::bitpack::Packed;
use super::integer::Integer;
use super::kernels::BLOCK;
use super::reader::Reader;
use super::sink::Sink;
use crate::error::Error;
use crate::error::Result;

/// How the runs of some values would be packed.
pub(super) struct Plan {
    runs: usize,
    least_value: u64,
    value_width: usize,
    least_length: u64,
    length_width: usize,
}

impl Plan {
    pub(super) fn new(values: &[u64]) -> Plan {
        let mut plan =
            Plan { runs: 0, least_value: 0, value_width: 0, least_length: 0, length_width: 0 };
        let (mut value_range, mut length_range) = ((u64::MAX, 0u64), (u64::MAX, 0u64));
        for (value, length) in runs(values) {
            plan.runs += 1;
            value_range = (value_range.0.min(value), value_range.1.max(value));
            length_range = (length_range.0.min(length), length_range.1.max(length));
        }
        if plan.runs > 0 {
            plan.least_value = value_range.0;
            plan.value_width = bitpack::width_of(value_range.1 - value_range.0);
            plan.least_length = length_range.0;
            plan.length_width = bitpack::width_of(length_range.1 - length_range.0);
        }
        plan
    }

    /// Bytes after the encoding id.
    pub(super) fn len(&self) -> usize {
        4 + bitpack::packed_len(self.runs, self.value_width)
            + bitpack::packed_len(self.runs, self.length_width)
    }

    /// False if the number of runs does not fit in its field.
    pub(super) fn fits(&self) -> bool {
        u32::try_from(self.runs).is_ok()
    }

    pub(super) fn write(&self, values: &[u64], out: &mut Vec<u8>) {
        out.extend_from_slice(&u32::try_from(self.runs).unwrap_or(u32::MAX).to_le_bytes());
        bitpack::write(runs(values).map(|run| run.0), self.least_value, self.value_width, out);
        bitpack::write(runs(values).map(|run| run.1), self.least_length, self.length_width, out);
    }
}

/// Each value and how often it follows itself.
fn runs(values: &[u64]) -> impl Iterator<Item = (u64, u64)> {
    values
        .chunk_by(|a, b| a == b)
        .filter_map(|run| Some((*run.first()?, crate::error::size(run.len()))))
}

pub(super) fn read<T: Integer>(
    reader: &mut Reader<'_>,
    count: usize,
    sink: &mut Sink<'_, T>,
) -> Result<()> {
    let runs = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    if runs > count {
        return Err(Error::damaged(WHAT, format!("{runs} runs for {count} values")));
    }
    let values = Packed::read(reader, runs)?;
    let lengths = Packed::read(reader, runs)?;
    let mut left = count;
    let (mut value_block, mut length_block) = ([0u64; BLOCK], [0u64; BLOCK]);
    for block in 0..runs.div_ceil(BLOCK) {
        let in_block = values.block(block, values.reference, &mut value_block);
        lengths.block(block, lengths.reference, &mut length_block);
        for (value, length) in value_block.iter().zip(&length_block).take(in_block) {
            let length = usize::try_from(*length).unwrap_or(usize::MAX);
            left = match left.checked_sub(length) {
                Some(left) if length > 0 => left,
                _ => {
                    let reason = format!("a run of {length} values where {left} are left");
                    return Err(Error::damaged(WHAT, reason));
                }
            };
            sink.repeat(*value, length);
        }
    }
    if left > 0 {
        return Err(Error::damaged(WHAT, format!("the runs are {left} values short of {count}")));
    }
    Ok(())
}
