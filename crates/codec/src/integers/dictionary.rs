//! Dictionary: the distinct values, bit-packed, then a bit-packed index into them a position.

use std::collections::HashSet;

use super::WHAT;
use super::bitpack;
use super::bitpack::Packed;
use super::integer::Integer;
use super::reader::Reader;
use super::sink::Sink;
use crate::error::Error;
use crate::error::Result;

/// The most entries: beyond it a reader would need more memory than the values themselves.
const MAX_ENTRIES: usize = 1 << 16;

/// The dictionary of some values: sorted, without repeats.
pub(super) struct Plan {
    entries: Vec<u64>,
    entry_width: usize,
    index_width: usize,
}

impl Plan {
    /// A plan of fewer than `bound` bytes for `values`, if there is one.
    pub(super) fn new(values: &[u64], bound: usize) -> Option<Plan> {
        let mut distinct = HashSet::new();
        let mut previous = None;
        for &value in values {
            if previous == Some(value) || !distinct.insert(value) {
                continue;
            }
            previous = Some(value);
            // Already the indexes alone are too long: no need to look at the rest.
            let index_width = bitpack::width_of(crate::error::size(distinct.len() - 1));
            if distinct.len() > MAX_ENTRIES || values.len() * index_width / 8 >= bound {
                return None;
            }
        }
        let mut entries: Vec<u64> = distinct.into_iter().collect();
        entries.sort_unstable();
        let (first, last) = (entries.first()?, entries.last()?);
        let plan = Plan {
            entry_width: bitpack::width_of(last - first),
            index_width: bitpack::width_of(crate::error::size(entries.len() - 1)),
            entries,
        };
        (plan.len(values.len()) < bound).then_some(plan)
    }

    /// Bytes after the encoding id.
    pub(super) fn len(&self, count: usize) -> usize {
        4 + bitpack::packed_len(self.entries.len(), self.entry_width)
            + bitpack::packed_len(count, self.index_width)
    }

    pub(super) fn write(&self, values: &[u64], out: &mut Vec<u8>) {
        out.extend_from_slice(&u32::try_from(self.entries.len()).unwrap_or(u32::MAX).to_le_bytes());
        let first = self.entries.first().copied().unwrap_or(0);
        bitpack::write(self.entries.iter().copied(), first, self.entry_width, out);
        let indexes = values
            .iter()
            .map(|value| crate::error::size(self.entries.binary_search(value).unwrap_or(0)));
        bitpack::write(indexes, 0, self.index_width, out);
    }
}

pub(super) fn read<T: Integer>(
    reader: &mut Reader<'_>,
    count: usize,
    sink: &mut Sink<'_, T>,
) -> Result<()> {
    let size = usize::try_from(reader.u32()?).unwrap_or(usize::MAX);
    if size > count.min(MAX_ENTRIES) {
        return Err(Error::damaged(WHAT, format!("{size} dictionary entries for {count} values")));
    }
    let packed_entries = Packed::read(reader, size)?;
    let indexes = Packed::read(reader, count)?;
    let mut entries = Vec::with_capacity(size);
    packed_entries.for_each_block(|block| entries.extend_from_slice(block));
    let mut buffer = [0; bitpack::BLOCK];
    let mut outside = None;
    indexes.for_each_block(|block| {
        for (value, index) in buffer.iter_mut().zip(block) {
            *value = match usize::try_from(*index).ok().and_then(|index| entries.get(index)) {
                Some(entry) => *entry,
                None => {
                    outside = Some(*index);
                    0
                }
            };
        }
        sink.extend(0, buffer.get(..block.len()).unwrap_or_default());
    });
    match outside {
        None => Ok(()),
        Some(index) => {
            Err(Error::damaged(WHAT, format!("index {index} into {size} dictionary entries")))
        }
    }
}
