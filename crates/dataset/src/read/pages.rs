//! What a query may know of the pages of a column without reading a sample.

use std::sync::Arc;

use lakebed_core::ColumnId;

use super::directories::ChunkPlace;
use super::manifest::ColumnChunks;
use super::request::Fragment;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;

impl Dataset {
    /// As [`Dataset::chunks`], with the pages of some chunks in place of those chunks, so that what
    /// chunk statistics could not refute may be refuted page by page.
    ///
    /// `chunks` are indices into [`ColumnChunks::bytes`] of [`Dataset::chunks`]. The entries of the
    /// answer are pages and chunks in row order: a chunk stays as it is if it was not asked for, or
    /// if nothing finer is known of it (raw and tiled tensors, encoded images, sequences, a single
    /// page). If no chunk became finer, the answer is the very same [`Arc`] that
    /// [`Dataset::chunks`] gives. The bytes of a page are those that a read of it fetches.
    ///
    /// Reads directories only, and those that are not cached in one call for each object.
    ///
    /// # Errors
    /// A chunk that does not exist, damage, or an error of the store.
    pub async fn pages(
        &self,
        fragment: &Fragment,
        column: ColumnId,
        chunks: &[usize],
    ) -> Result<Option<Arc<ColumnChunks>>> {
        self.twice_if_damaged(|| self.pages_once(fragment, column, chunks)).await
    }

    async fn pages_once(
        &self,
        fragment: &Fragment,
        column: ColumnId,
        chunks: &[usize],
    ) -> Result<Option<Arc<ColumnChunks>>> {
        let Some(cached) = self.patch(&fragment.pointer).await? else {
            return self.pages_of_pack(fragment, column, chunks).await;
        };
        let coarse = self.patched_chunks(fragment, column).await?;
        let Some(section) = self.section(fragment, column).await? else { return Ok(coarse) };
        let with_rows = Dataset::chunks_with_rows(&section.chunks, &cached);
        let of_pack = |nth: &usize| with_rows.get(*nth).copied().unwrap_or(usize::MAX);
        let wanted: Vec<usize> = chunks.iter().map(of_pack).collect();
        let fine = self.pages_of_pack(fragment, column, &wanted).await?;
        match fine {
            Some(fine) if fine.first_rows.len() > section.chunks.first_rows.len() => {
                Ok(self.widened(fragment, column, Some(&*fine), &cached).await?.map(Arc::new))
            }
            _ => Ok(coarse),
        }
    }

    /// Pages among chunks of a fragment as it was written.
    async fn pages_of_pack(
        &self,
        fragment: &Fragment,
        column: ColumnId,
        chunks: &[usize],
    ) -> Result<Option<Arc<ColumnChunks>>> {
        let Some(section) = self.section(fragment, column).await? else { return Ok(None) };
        let coarse = &section.chunks;
        let mut wanted = chunks.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut places = Vec::with_capacity(wanted.len());
        for chunk in &wanted {
            let address = section.addresses.get(*chunk).ok_or_else(|| Error::SchemaMismatch {
                reason: format!("chunk {chunk} of {} was asked for", section.addresses.len()),
            })?;
            places.push(ChunkPlace::new(fragment, column, address));
        }
        let directories = self.directories(places.iter()).await?;
        if directories.iter().all(|directory| directory.page_stats().next().is_none()) {
            return Ok(Some(Arc::clone(coarse)));
        }
        let mut fine = ColumnChunks { first_rows: vec![0], ..ColumnChunks::default() };
        let mut asked = wanted.iter().zip(&directories).zip(&places).peekable();
        let ends = coarse.first_rows.iter().skip(1);
        for (chunk, ((end, bytes), stats)) in ends.zip(&coarse.bytes).zip(&coarse.stats).enumerate()
        {
            let here = asked.next_if(|((nth, _), _)| **nth == chunk);
            let first = fine.first_rows.last().copied().unwrap_or(0);
            if let Some(((_, directory), place)) = here {
                let rows = u64::try_from(directory.rows()).unwrap_or(u64::MAX);
                if first.checked_add(rows) != Some(*end) {
                    let reason = format!("it has {rows} rows, and its manifest {}", end - first);
                    return Err(self.damaged(&place.object.key("data"), "directory", reason));
                }
                let mut finer = false;
                for page in directory.page_stats() {
                    let row = u64::try_from(page.rows.end).unwrap_or(u64::MAX);
                    fine.first_rows.push(first.saturating_add(row));
                    fine.bytes.push(page.bytes);
                    fine.stats.push(page.stats.clone());
                    finer = true;
                }
                if finer {
                    continue;
                }
            }
            fine.first_rows.push(*end);
            fine.bytes.push(*bytes);
            fine.stats.push(stats.clone());
        }
        Ok(Some(Arc::new(fine)))
    }
}
