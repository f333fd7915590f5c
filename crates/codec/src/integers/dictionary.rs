//! Dictionary: the distinct values, bit-packed, then a bit-packed index into them a position.

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

/// The most entries that the writer makes: beyond it, looking for repeats costs more than it
/// saves.
const MAX_WRITTEN: usize = 1 << 12;

/// Distinct values and their order of arrival: open addressing, at most a quarter full.
struct Table {
    /// Position in `entries` plus 1; 0 is a free slot.
    slots: Vec<usize>,
    entries: Vec<u64>,
}

const SLOT_BITS: u32 = 14;

impl Table {
    fn new() -> Table {
        Table { slots: vec![0; 1 << SLOT_BITS], entries: Vec::new() }
    }

    /// The position of `value`, which is added if there is room; `None` if there is none.
    fn position(&mut self, value: u64) -> Option<usize> {
        let hash = value.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SLOT_BITS);
        let mut slot = usize::try_from(hash).ok()?;
        loop {
            let taken = self.slots.get_mut(slot)?;
            match taken.checked_sub(1) {
                Some(position) if self.entries.get(position) == Some(&value) => {
                    return Some(position);
                }
                Some(_) => slot = (slot + 1) % (1 << SLOT_BITS),
                None if self.entries.len() < MAX_WRITTEN => {
                    self.entries.push(value);
                    *taken = self.entries.len();
                    return Some(self.entries.len() - 1);
                }
                None => return None,
            }
        }
    }
}

/// The dictionary of some values: sorted, without repeats.
pub(super) struct Plan {
    entries: Vec<u64>,
    entry_width: usize,
    index_width: usize,
}

impl Plan {
    /// A plan of fewer than `bound` bytes for `values`, if there is one.
    pub(super) fn new(values: &[u64], bound: usize) -> Option<Plan> {
        let mut table = Table::new();
        // The most entries whose indexes alone are shorter than `bound`.
        let index_bits = (bound.saturating_mul(8) / values.len().max(1)).min(12);
        for &value in values {
            table.position(value)?;
            if table.entries.len() > 1 << index_bits {
                return None;
            }
        }
        let mut entries = table.entries;
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
        let mut table = Table::new();
        for &entry in &self.entries {
            table.position(entry);
        }
        let indexes =
            values.iter().map(|&value| crate::error::size(table.position(value).unwrap_or(0)));
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
    let mut entries: Vec<T> = Vec::with_capacity(size);
    let mut entry_sink = Sink::new(&mut entries);
    packed_entries.unpack_into(&mut entry_sink);
    entry_sink.finish()?;
    let mut outside = None;
    indexes.for_each_block(|block| {
        sink.extend_values(block.iter().map(|index| {
            let entry = usize::try_from(*index).ok().and_then(|index| entries.get(index));
            entry.copied().unwrap_or_else(|| {
                outside = Some(*index);
                T::from_distance(0)
            })
        }));
    });
    match outside {
        None => Ok(()),
        Some(index) => {
            Err(Error::damaged(WHAT, format!("index {index} into {size} dictionary entries")))
        }
    }
}
