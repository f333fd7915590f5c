//! Statistics of a column's cells as they are now: deleted and overwritten ones do not count.

use std::ops::Range;

use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_format::CHUNK_TARGET;
use lakebed_format::ChunkBuilder;
use lakebed_format::Stats;

use super::paced::Paced;
use super::request::Fragment;
use crate::dataset::Dataset;
use crate::error::Result;

/// Fragments whose manifests are read at the same time.
const PARALLEL: usize = 16;
/// Stored bytes of changed chunks that are read to count their cells: about a second's worth.
const COUNTED_BYTES: u64 = 64 << 20;

/// What is known of the cells of a column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnSummary {
    /// Statistics of all cells but those that `filled` counts.
    pub stats: Stats,
    /// True if `stats` is wider than the cells are: beside the number of rows, its counts are upper
    /// bounds, and it may list values that no cell has any more.
    pub at_most: bool,
    /// Rows that were written before the column was added: they have its fill value, or null.
    pub filled: u64,
    /// Chunks.
    pub chunks: u64,
    /// Bytes that the chunks take in their packs.
    pub bytes: u64,
}

/// What is known of a fragment, and what is to be counted in it.
#[derive(Default)]
struct Known {
    summary: ColumnSummary,
    /// Chunks with deleted or overwritten cells: positions, bytes and wider statistics.
    changed: Vec<(Range<u64>, u64, Stats)>,
}

impl Dataset {
    /// Statistics of a column over the cells that this snapshot has. Chunks that were changed since
    /// they were written are read to be counted, up to 64 MiB of them as they are stored; beyond
    /// that the statistics are those of all cells that they ever had, see
    /// [`ColumnSummary::at_most`]. Of all others the manifests say enough.
    ///
    /// # Errors
    /// An unknown column, damage, or an error of the store.
    pub fn summary<'a>(&'a self, column: &'a str) -> BoxFuture<'a, Result<ColumnSummary>> {
        Box::pin(async move {
            let column = self.schema.column(column)?;
            let fragments = self.fragments().await?;
            let known = fragments.iter().map(|fragment| self.known(fragment, column));
            let known = known.collect::<Vec<_>>();
            let mut known = futures::stream::iter(known).buffered(PARALLEL);
            let mut all = ColumnSummary::default();
            let mut left = COUNTED_BYTES;
            while let Some(Known { summary, changed }) = known.try_next().await? {
                all.stats = all.stats.merge(&summary.stats);
                all.filled += summary.filled;
                all.chunks += summary.chunks;
                all.bytes = all.bytes.saturating_add(summary.bytes);
                for (positions, bytes, wider) in changed {
                    let stats = match left.checked_sub(bytes) {
                        Some(rest) => {
                            left = rest;
                            self.counted_stats(column, positions).await?
                        }
                        None => {
                            all.at_most = true;
                            wider
                        }
                    };
                    all.stats = all.stats.merge(&stats);
                }
            }
            // Wider statistics count rows that are gone; how many are left is known.
            all.stats.rows = self.num_rows().saturating_sub(all.filled);
            all.stats.nulls = all.stats.nulls.min(all.stats.rows);
            all.stats.empties = all.stats.empties.min(all.stats.rows);
            Ok(all)
        })
    }

    async fn known(&self, fragment: &Fragment, column: &Column) -> Result<Known> {
        let mut known = Known::default();
        let Some(chunks) = self.chunks(fragment, column.id).await? else {
            known.summary.filled = fragment.rows;
            return Ok(known);
        };
        let changed = self.changed_chunks(fragment, column.id).await?;
        known.summary.chunks = u64::try_from(chunks.bytes.len()).unwrap_or(u64::MAX);
        let ends = chunks.first_rows.windows(2);
        for (nth, ((ends, bytes), stats)) in ends.zip(&chunks.bytes).zip(&chunks.stats).enumerate()
        {
            known.summary.bytes = known.summary.bytes.saturating_add(*bytes);
            if chunks.patched && changed.get(nth) != Some(&false) {
                let first = fragment.first_position;
                let positions = first + ends[0]..first + ends[1];
                known.changed.push((positions, *bytes, stats.clone()));
            } else {
                known.summary.stats = known.summary.stats.merge(stats);
            }
        }
        Ok(known)
    }

    /// The statistics of the cells at some positions, which are read.
    async fn counted_stats(&self, column: &Column, positions: Range<u64>) -> Result<Stats> {
        let mut plain = column.clone();
        if plain.compression != Compression::Encoded {
            // Nothing is kept of the chunks but their statistics.
            plain.compression = Compression::None;
        }
        let mut builder = ChunkBuilder::new(plain, CHUNK_TARGET).tiled_above(usize::MAX);
        let mut paced = Paced::new(self, [column.id]);
        let mut stats = Stats::default();
        let mut at = positions.start;
        while at < positions.end {
            let most = u64::try_from(paced.at_most()).unwrap_or(u64::MAX);
            let next: Vec<u64> = (at..positions.end.min(at.saturating_add(most))).collect();
            let batch = paced.next(&next).await?;
            at += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX).max(1);
            builder.push(batch.column(0), |chunk| {
                stats = stats.merge(&chunk.stats);
                Ok(())
            })?;
        }
        if builder.buffered_rows() > 0 {
            stats = stats.merge(&builder.finish()?.stats);
        }
        Ok(stats)
    }
}
