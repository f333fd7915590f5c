//! What a row of a part costs, from chunk statistics.

use std::ops::Range;

use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::subscript;
use lakebed_dataset::Part;
use lakebed_dataset::Stats;

use super::layout::Layout;
use super::part::ScanPart;
use super::part::is_encoded;
use crate::prune::ColumnFacts;
use crate::prune::Facts;

/// Stored bytes below which an image may share its head with others.
const SHARES_HEADS: u64 = 8 << 10;
/// The unit of reading uncompressed tensors.
const BLOCK: u64 = 16 << 10;
/// What a row of an unknown column is taken for.
const UNKNOWN: u64 = 64;
/// How much dearer a decoded byte is than a stored one.
const DECODE: u64 = 4;

/// Average bytes of one row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowBytes {
    /// Fetched from the store.
    pub fetched: u64,
    /// Held in memory when it has arrived.
    pub held: u64,
    /// Held while it is made, decoded pixels included.
    pub worked: u64,
}

impl RowBytes {
    /// A rank for conditions: the cheap ones go first.
    pub fn rank(self) -> u64 {
        let decoded = if self.worked > self.held { self.worked.saturating_mul(DECODE) } else { 0 };
        self.fetched.saturating_add(decoded)
    }

    fn plus(self, other: RowBytes) -> RowBytes {
        RowBytes {
            fetched: self.fetched.saturating_add(other.fetched),
            held: self.held.saturating_add(other.held),
            worked: self.worked.saturating_add(other.worked),
        }
    }
}

/// What a row of several parts costs within some rows of a fragment.
pub fn row_bytes<'a>(
    parts: impl IntoIterator<Item = &'a ScanPart>,
    layout: &Layout,
    facts: &Facts,
    rows: &Range<u64>,
) -> RowBytes {
    parts
        .into_iter()
        .fold(RowBytes::default(), |sum, part| sum.plus(one(part, layout, facts, rows)))
}

fn one(part: &ScanPart, layout: &Layout, facts: &Facts, rows: &Range<u64>) -> RowBytes {
    let ScanPart::Column { index, part, .. } = part else {
        return RowBytes { fetched: 0, held: 8, worked: 8 };
    };
    let Some(column) = layout.column(*index) else { return RowBytes::default() };
    let seen = seen(facts.column(*index), rows);
    let width = column.dtype.width().map_or(UNKNOWN, wide);
    let encoded = layout.types.get(*index).is_some_and(is_encoded);
    let whole = whole_row(column, &seen, width, encoded);
    let pixels = elements(&seen.largest).unwrap_or(1 << 20);
    let (fetched, held) = match part {
        Part::Decoded if encoded => (seen.stored, pixels),
        Part::Shape => {
            let bytes = wide(column.ndim()).saturating_mul(4);
            (bytes, bytes)
        }
        Part::Size { .. } => (4, 4),
        Part::Slice { subscripts, .. } => {
            let dims: Vec<usize> = seen
                .largest
                .iter()
                .map(|dim| usize::try_from(*dim).unwrap_or(usize::MAX))
                .collect();
            let cut = Shape::new(&dims)
                .and_then(|shape| subscript::resolve(subscripts, &shape).ok())
                .map(|region| wide(region.elements()).saturating_mul(width));
            let held = cut.unwrap_or(if encoded { pixels } else { whole });
            // Nothing smaller than a block is read of a row.
            (if encoded { seen.stored } else { held.max(BLOCK).min(seen.stored) }, held)
        }
        _ => (seen.stored, whole),
    };
    RowBytes { fetched, held, worked: if encoded { held.max(pixels) } else { held } }
}

/// Averages over the chunks that some rows touch.
#[derive(Debug, Default)]
struct Seen {
    stored: u64,
    elements: Option<u64>,
    largest: Vec<u32>,
}

fn seen(facts: Option<&ColumnFacts>, rows: &Range<u64>) -> Seen {
    let mut seen = Seen { stored: UNKNOWN, ..Seen::default() };
    match facts {
        Some(ColumnFacts::Chunks(chunks)) => {
            let (mut count, mut bytes, mut elements) = (0u64, 0u64, 0u64);
            for chunk in touched(&chunks.first_rows, rows) {
                let (Some(stored), Some(stats)) =
                    (chunks.bytes.get(chunk), chunks.stats.get(chunk))
                else {
                    break;
                };
                count = count.saturating_add(stats.rows);
                bytes = bytes.saturating_add(*stored);
                elements = elements.saturating_add(stats.elements);
                widen(&mut seen.largest, stats);
            }
            if count > 0 {
                seen.stored = bytes.div_ceil(count);
                seen.elements = Some(elements.div_ceil(count));
            }
        }
        Some(ColumnFacts::All(_)) => {
            seen.stored = 0;
            seen.elements = Some(1);
        }
        _ => {}
    }
    seen
}

fn widen(largest: &mut Vec<u32>, stats: &Stats) {
    if largest.len() < stats.shape_max.len() {
        largest.resize(stats.shape_max.len(), 0);
    }
    for (all, one) in largest.iter_mut().zip(&stats.shape_max) {
        *all = (*all).max(*one);
    }
}

/// The chunks that hold some of the rows.
pub fn touched(first_rows: &[u64], rows: &Range<u64>) -> Range<usize> {
    if rows.is_empty() || first_rows.is_empty() {
        return 0..0;
    }
    let start = first_rows.partition_point(|first| *first <= rows.start).saturating_sub(1);
    let end = first_rows.partition_point(|first| *first < rows.end).min(first_rows.len() - 1);
    start..end.max(start)
}

fn whole_row(column: &Column, seen: &Seen, width: u64, encoded: bool) -> u64 {
    if encoded {
        // Small images are stored without the heads that they share.
        let shared = if seen.stored < SHARES_HEADS { 4 } else { 1 };
        return seen.stored.saturating_mul(shared).saturating_add(28);
    }
    if matches!(column.dtype, DType::Text | DType::Json | DType::Bytes) {
        // Stored text is compressed; four times is what prose unpacks to.
        return seen.stored.saturating_mul(4).saturating_add(16);
    }
    if let (Some(fixed), false) = (column.fixed_elements(), column.sequence) {
        return wide(fixed).saturating_mul(width);
    }
    let directory = wide(column.ndim()).saturating_mul(4).saturating_add(4);
    seen.elements.unwrap_or(UNKNOWN).saturating_mul(width).saturating_add(directory)
}

fn elements(dims: &[u32]) -> Option<u64> {
    (!dims.is_empty())
        .then(|| dims.iter().fold(1u64, |product, dim| product.saturating_mul(u64::from(*dim))))
}

fn wide(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_chunks_are_those_with_a_row() {
        let first = [0, 10, 20, 30];
        assert_eq!(touched(&first, &(0..10)), 0..1);
        assert_eq!(touched(&first, &(9..11)), 0..2);
        assert_eq!(touched(&first, &(29..30)), 2..3);
        assert_eq!(touched(&first, &(5..5)), 0..0);
    }
}
