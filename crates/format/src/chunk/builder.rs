//! Gathering samples until a chunk is full.

use std::ops::Range;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use lakebed_core::Column;
use lakebed_core::Layout;
use lakebed_core::TensorArray;
use lakebed_core::TensorType;

use super::EncodedChunk;
use super::encode;
use super::heads::Heads;
use super::items::Items;
use super::items::Values;
use crate::CHUNK_TARGET;
use crate::error::Result;

/// The most rows of a chunk, so that its directory stays small.
pub(crate) const MAX_ROWS: usize = 1 << 21;

/// How much longer than the chunk its images may be, so that a read of all of them is bounded.
const MAX_SAVING: usize = 16;

/// Collects the samples of one column and cuts them into chunks.
#[derive(Debug)]
pub struct ChunkBuilder {
    column: Column,
    target: usize,
    tiled_above: usize,
    buffered: Option<Items>,
    heads: Heads,
    /// Bytes that wait, as they will be stored.
    bytes: usize,
    rows: usize,
    next_row: u64,
}

impl ChunkBuilder {
    /// A builder whose chunks aim for `target` bytes of samples; [`CHUNK_TARGET`] in general.
    pub fn new(column: Column, target: usize) -> ChunkBuilder {
        ChunkBuilder {
            column,
            target: target.max(1),
            tiled_above: CHUNK_TARGET,
            buffered: None,
            heads: Heads::default(),
            bytes: 0,
            rows: 0,
            next_row: 0,
        }
    }

    /// Cuts tensors of more bytes than this into tiles, each a chunk of its own; [`CHUNK_TARGET`]
    /// in general.
    #[must_use]
    pub fn tiled_above(mut self, bytes: usize) -> ChunkBuilder {
        self.tiled_above = bytes;
        self
    }

    /// Bytes of samples that wait for their chunk.
    pub fn buffered_bytes(&self) -> usize {
        self.bytes
    }

    /// Rows that wait for their chunk.
    pub fn buffered_rows(&self) -> usize {
        self.rows
    }

    /// Adds samples; `full` receives each chunk that they fill.
    ///
    /// # Errors
    /// [`crate::Error::InvalidSample`] naming the row, counted over all samples given so far. The
    /// builder must not be used after an error.
    pub fn push(
        &mut self,
        array: &ArrayRef,
        mut full: impl FnMut(EncodedChunk) -> Result<()>,
    ) -> Result<()> {
        let sizes = RowSizes::new(&self.column, array);
        let mut row = 0;
        while row < array.len() {
            let begin = row;
            let mut is_alone = false;
            while row < array.len() {
                let size = sizes.of(row);
                let begins_chunk = self.rows == 0 && row == begin;
                let is_large = size > self.tiled_above;
                // A sample larger than a chunk has one of its own.
                if !begins_chunk && (is_large || self.bytes + size > 2 * self.target) {
                    break;
                }
                self.bytes += size;
                row += 1;
                is_alone = is_large;
                if is_alone || self.bytes >= self.target || self.rows + (row - begin) >= MAX_ROWS {
                    break;
                }
            }
            if row > begin {
                let saved = self.heads.saved();
                let rows = array.slice(begin, row - begin);
                let items = Items::new(&self.column, &rows, self.next_row, &mut self.heads)?;
                self.bytes = self.bytes.saturating_sub(self.heads.saved() - saved);
                self.next_row += crate::buffers::to_u64(row - begin);
                self.rows += row - begin;
                match &mut self.buffered {
                    Some(buffered) => buffered.append(items),
                    None => self.buffered = Some(items),
                }
            }
            let is_full = is_alone
                || self.bytes >= self.target
                || self.rows >= MAX_ROWS
                || self.heads.whole() / MAX_SAVING >= self.target;
            if is_full || row == begin {
                full(self.finish()?)?;
            }
        }
        Ok(())
    }

    /// The chunk of what waits; may be empty of rows.
    ///
    /// # Errors
    /// Only from the codecs.
    pub fn finish(&mut self) -> Result<EncodedChunk> {
        self.bytes = 0;
        self.rows = 0;
        let mut heads = std::mem::take(&mut self.heads);
        match self.buffered.take() {
            Some(items) => encode::encode(&self.column, &items, &heads, self.tiled_above),
            None => {
                let ty = TensorType::from_column(&self.column);
                let none = arrow::array::new_empty_array(&ty.data_type());
                let items = Items::new(&self.column, &none, 0, &mut heads)?;
                encode::encode(&self.column, &items, &heads, self.tiled_above)
            }
        }
    }
}

/// Bytes that each row of an array takes in a payload, near enough to cut chunks.
enum RowSizes {
    Same(usize),
    Tensors(Box<TensorArray>, usize),
    Views(Vec<usize>),
}

impl RowSizes {
    fn new(column: &Column, array: &ArrayRef) -> RowSizes {
        let ty = TensorType::from_column(column);
        let average = || {
            let size = array.get_buffer_memory_size() / array.len().max(1);
            RowSizes::Same(size.clamp(1, CHUNK_TARGET))
        };
        if ty.layout == Layout::Encoded {
            let data = array.as_struct_opt().and_then(|parts| parts.columns().first());
            return data
                .map_or_else(average, |data| RowSizes::new_views(data).unwrap_or_else(average));
        }
        if let Layout::Sequence(_) = ty.layout {
            return average();
        }
        match column.dtype.width() {
            None => RowSizes::new_views(array).unwrap_or_else(average),
            Some(width) => match TensorArray::try_new(ty, array) {
                Ok(tensors) => RowSizes::Tensors(Box::new(tensors), width),
                Err(_) => average(),
            },
        }
    }

    fn new_views(array: &ArrayRef) -> Option<RowSizes> {
        let lengths = if let Some(views) = array.as_string_view_opt() {
            views.lengths().map(|n| usize::try_from(n).unwrap_or(0)).collect()
        } else {
            let views = array.as_binary_view_opt()?;
            views.lengths().map(|n| usize::try_from(n).unwrap_or(0)).collect()
        };
        Some(RowSizes::Views(lengths))
    }

    fn of(&self, row: usize) -> usize {
        match self {
            RowSizes::Same(size) => *size,
            RowSizes::Tensors(tensors, width) => tensors.range(row).len() * width,
            RowSizes::Views(lengths) => lengths.get(row).copied().unwrap_or(0) + 1,
        }
    }
}

impl Items {
    /// Adds the rows of `more` after these.
    fn append(&mut self, more: Items) {
        if self.valid.is_some() || more.valid.is_some() {
            let mut valid = self.valid.take().unwrap_or_else(|| vec![true; self.rows]);
            valid.extend(more.valid.unwrap_or_else(|| vec![true; more.rows]));
            self.valid = Some(valid);
        }
        self.rows += more.rows;
        if let (Some(counts), Some(extra)) = (&mut self.counts, more.counts) {
            counts.extend(extra);
        }
        let join = |dims: &mut Vec<Vec<u32>>, extra: Vec<Vec<u32>>| {
            for (axis, extra) in dims.iter_mut().zip(extra) {
                axis.extend(extra);
            }
        };
        match (&mut self.values, more.values) {
            (
                Values::Elements { bytes, dims, count },
                Values::Elements { bytes: b, dims: d, count: c },
            ) => {
                bytes.extend_from_slice(&b);
                join(dims, d);
                *count += c;
            }
            (Values::Variable { bytes, offsets }, Values::Variable { bytes: b, offsets: o }) => {
                extend(bytes, offsets, &b, &o)
            }
            (
                Values::Media { bytes, offsets, cuts, dims },
                Values::Media { bytes: b, offsets: o, cuts: c, dims: d },
            ) => {
                extend(bytes, offsets, &b, &o);
                cuts.extend(c);
                join(dims, d);
            }
            // Both come from one column, so they are of one kind.
            _ => {}
        }
    }
}

/// Adds values that lie end to end after others.
fn extend(bytes: &mut Vec<u8>, offsets: &mut Vec<usize>, more: &[u8], ends: &[usize]) {
    let base = bytes.len();
    bytes.extend_from_slice(more);
    offsets.extend(ends.iter().skip(1).map(|offset| base + offset));
}

impl std::fmt::Debug for Items {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Items({} rows)", self.rows)
    }
}

/// The elements that a range of items covers.
pub(crate) fn element_starts(dims: &[Vec<u32>], count: usize) -> Vec<usize> {
    let mut starts = Vec::with_capacity(count + 1);
    let mut at = 0usize;
    starts.push(0);
    for item in 0..count {
        at += dims
            .iter()
            .map(|axis| usize::try_from(axis[item]).unwrap_or(usize::MAX))
            .product::<usize>();
        starts.push(at);
    }
    starts
}

/// The elements of some items.
pub(crate) fn element_range(starts: &[usize], items: &Range<usize>) -> Range<usize> {
    starts[items.start]..starts[items.end]
}
