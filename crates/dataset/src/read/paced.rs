//! Whole rows a few at a time, as many as fit into a bounded number of bytes.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use lakebed_core::ColumnId;
use lakebed_core::Compression;
use lakebed_format::Part;

use super::request::ColumnRead;
use super::request::Fragment;
use crate::dataset::Dataset;
use crate::error::Result;

/// Bytes of samples that are read at a time.
const BATCH_BYTES: u64 = 16 << 20;
/// Rows that are read at a time.
const BATCH_ROWS: u64 = 64 << 10;
/// Rows of the first batch, which shows how large the others may be.
const FIRST_ROWS: u64 = 16;

/// Reads rows at positions in batches of bounded bytes: who has more positions than one batch takes
/// asks for the next ones again.
pub(crate) struct Paced {
    dataset: Dataset,
    columns: Vec<ColumnRead>,
    /// The most rows of the next batch.
    rows: u64,
    /// What a row of the last batch took in memory: texts are compressed, and packs say less.
    row_bytes: u64,
    /// Bytes of a row by fragment.
    fragments: HashMap<usize, u64>,
}

impl Paced {
    /// Reads these columns.
    pub fn new(dataset: &Dataset, columns: impl IntoIterator<Item = ColumnId>) -> Paced {
        let whole = columns.into_iter().map(|column| ColumnRead { column, part: Part::Whole });
        Paced {
            dataset: dataset.clone(),
            columns: whole.collect(),
            rows: FIRST_ROWS,
            row_bytes: 1,
            fragments: HashMap::new(),
        }
    }

    /// The most rows that the next batch can have.
    pub fn at_most(&self) -> usize {
        usize::try_from(self.rows).unwrap_or(usize::MAX)
    }

    /// How many of the first of these rows the next batch can have: at least one, if there are any.
    pub async fn fit(&mut self, positions: &[u64]) -> Result<usize> {
        let positions = positions.get(..self.at_most()).unwrap_or(positions);
        let mut sorted = positions.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        // Only those that have the rows: a diff of few rows must not read the whole tree.
        let fragments = self.dataset.fragments_at(&sorted).await?;
        let (mut bytes, mut fit) = (0u64, 0usize);
        for position in positions {
            let behind = fragments.partition_point(|f| f.first_position <= *position);
            let fragment = behind.checked_sub(1).and_then(|place| fragments.get(place));
            let row = match fragment {
                Some(fragment) => self.bytes_of(fragment).await?.max(self.row_bytes),
                None => self.row_bytes,
            };
            bytes = bytes.saturating_add(row);
            if bytes > BATCH_BYTES && fit > 0 {
                break;
            }
            fit += 1;
        }
        Ok(fit)
    }

    /// The rows at these positions, as many as [`Paced::fit`] says.
    pub async fn take(&mut self, positions: &[u64]) -> Result<RecordBatch> {
        let batch = self.dataset.take(positions, &self.columns).await?;
        let count = u64::try_from(batch.num_rows()).unwrap_or(u64::MAX).max(1);
        let taken = u64::try_from(batch.get_array_memory_size()).unwrap_or(u64::MAX);
        self.row_bytes = (taken / count).max(1);
        self.rows = count.saturating_mul(2).clamp(FIRST_ROWS, BATCH_ROWS);
        Ok(batch)
    }

    /// The next rows: those at the first of these positions.
    pub async fn next(&mut self, positions: &[u64]) -> Result<RecordBatch> {
        let fit = self.fit(positions).await?;
        self.take(positions.get(..fit).unwrap_or(positions)).await
    }

    /// Bytes that a row of a fragment may take: what its chunks take in the pack, or the largest of
    /// its tensors, since zeros take next to nothing there.
    async fn bytes_of(&mut self, fragment: &Fragment) -> Result<u64> {
        if let Some(bytes) = self.fragments.get(&fragment.index) {
            return Ok(*bytes);
        }
        let (mut stored, mut tensors) = (0u64, 0u64);
        for read in &self.columns {
            let Some(column) = self.dataset.schema.by_id(read.column) else { continue };
            let Some(chunks) = self.dataset.chunks(fragment, column.id).await? else { continue };
            stored = chunks.bytes.iter().fold(stored, |sum, bytes| sum.saturating_add(*bytes));
            let is_tensor = column.ndim() > 0 && column.compression != Compression::Encoded;
            let Some(width) = column.dtype.width().filter(|_| is_tensor && !column.sequence) else {
                continue;
            };
            let elements = |shape: &[u32]| {
                shape.iter().fold(1u64, |product, size| product.saturating_mul(u64::from(*size)))
            };
            let most = chunks.stats.iter().map(|stats| elements(&stats.shape_max)).max();
            let fixed = column.fixed_elements().and_then(|count| u64::try_from(count).ok());
            let width = u64::try_from(width).unwrap_or(u64::MAX);
            let most = fixed.or(most).unwrap_or(0);
            tensors = tensors.saturating_add(most.saturating_mul(width));
        }
        let stored = stored / fragment.pointer.rows.max(1);
        let bytes = stored.max(tensors).max(1);
        self.fragments.insert(fragment.index, bytes);
        Ok(bytes)
    }
}
