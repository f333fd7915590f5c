//! Fragments that were changed: reads see the rows that are left, with their newest values.
//!
//! Everything above this file counts the rows of a fragment without the deleted ones. Here they are
//! translated to rows of the pack, read, and patched with the rows of overlays.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow::compute::filter_record_batch;
use arrow::compute::interleave;
use arrow_schema::Schema as ArrowSchema;
use lakebed_core::ColumnId;
use lakebed_format::FragmentPointer;
use lakebed_format::Overlay;
use lakebed_format::Patch;
use lakebed_format::Region;
use lakebed_format::Stats;
use roaring::RoaringBitmap;

use super::manifest::ColumnChunks;
use super::request::ColumnRead;
use super::request::Fragment;
use super::request::ReadCost;
use super::request::ReadRequest;
use super::request::Rows;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;

/// A range of the pack is read whole and then filtered if at most one of so many rows is deleted.
const READ_WHOLE: u64 = 2;

/// A patch that was read, with what was derived from it.
#[derive(Debug)]
pub(crate) struct CachedPatch {
    pub patch: Patch,
    /// The statistics of columns as they are now.
    chunks: Mutex<HashMap<ColumnId, Arc<ColumnChunks>>>,
}

impl CachedPatch {
    /// About the memory that it takes.
    pub fn memory(&self) -> usize {
        let overlays = self.patch.overlays.iter();
        let overlays = overlays.map(|o| o.offsets.serialized_size() + 8 * o.sources.len() + 256);
        let ids = 16 * self.patch.ids.len();
        let packs = 80 * self.patch.packs.len();
        512 + self.patch.deleted.serialized_size() + ids + packs + overlays.sum::<usize>()
    }

    fn overlays(&self, column: ColumnId) -> impl Iterator<Item = (usize, &Overlay)> {
        let overlays = self.patch.overlays.iter().enumerate();
        overlays.filter(move |(_, overlay)| overlay.columns.contains(&column))
    }
}

impl Dataset {
    /// What was changed of a fragment; `None` if nothing was.
    pub(crate) async fn patch(
        &self,
        fragment: &FragmentPointer,
    ) -> Result<Option<Arc<CachedPatch>>> {
        let Some(pointer) = &fragment.patch else { return Ok(None) };
        let key = (pointer.region.object, pointer.region.offset);
        if let Some(patch) = self.shared.caches.patches.get(&key) {
            return Ok(Some(patch));
        }
        let bytes = self.region(&pointer.region, "patch").await?;
        let object = pointer.region.object.key("meta");
        let limits = &self.shared.options.limits;
        let patch = Patch::from_bytes(&bytes, fragment.rows, limits)
            .map_err(|e| self.in_object(&object, e))?;
        if patch.deleted.len() != pointer.deleted {
            let reason = "it deletes other rows than its fragment says".to_string();
            return Err(self.damaged(&object, "patch", reason));
        }
        let patch = Arc::new(CachedPatch { patch, chunks: Mutex::default() });
        self.shared.caches.patches.insert(key, Arc::clone(&patch));
        Ok(Some(patch))
    }

    /// Bytes of an object under `meta/`, compared with their checksum.
    pub(crate) async fn region(&self, region: &Region, what: &str) -> Result<bytes::Bytes> {
        let key = region.object.key("meta");
        let range = region.offset..region.offset.saturating_add(region.length);
        let bytes = self.store.get_range(&key, range).await;
        let bytes = self.or_expired(bytes).await?;
        if !region.checksum.matches(&bytes) {
            return Err(self.damaged(&key, what, "its checksum does not match".into()));
        }
        Ok(bytes)
    }

    pub(super) async fn read_patched(
        &self,
        request: &ReadRequest,
    ) -> Result<(RecordBatch, Vec<ReadCost>)> {
        let Some(cached) = self.patch(&request.fragment.pointer).await? else {
            return self.read_once(request).await;
        };
        let (rows, keep) = physical(&request.rows, &cached.patch.deleted);
        let Some(keep) = keep else { return self.read_physical(request, &cached, rows).await };
        match self.read_physical(request, &cached, rows.clone()).await {
            // Rows that were deleted may be what is damaged, which is no reason to lose the others.
            Err(error) if error.is_damage() => {
                let first = wanted(&rows)?.min().unwrap_or(0);
                let live = (first..).zip(keep.values().iter()).filter(|(_, keep)| *keep);
                let live = live.map(|(row, _)| u64::from(row)).collect();
                self.read_physical(request, &cached, Rows::List(live)).await
            }
            done => {
                let (batch, costs) = done?;
                Ok((filter_record_batch(&batch, &keep)?, costs))
            }
        }
    }

    /// Rows of the pack, deleted or not, as they are now.
    async fn read_physical(
        &self,
        request: &ReadRequest,
        cached: &CachedPatch,
        rows: Rows,
    ) -> Result<(RecordBatch, Vec<ReadCost>)> {
        let deleted = &cached.patch.deleted;
        let wanted = wanted(&rows)?;
        let mut changed = Vec::new();
        for read in &request.columns {
            changed.push(newest(cached, read.column, &wanted));
        }
        let plain: Vec<usize> =
            (0..changed.len()).filter(|number| changed[*number].is_empty()).collect();
        let base = ReadRequest {
            fragment: request.fragment.clone(),
            rows: rows.clone(),
            columns: plain.iter().map(|number| request.columns[*number].clone()).collect(),
        };
        let located = |error| locate_live(error, &request.fragment, deleted);
        let (batch, costs) = self.read_once(&base).await.map_err(located)?;
        if plain.len() == request.columns.len() {
            return Ok((batch, costs));
        }
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; request.columns.len()];
        let mut all_costs = vec![ReadCost::default(); request.columns.len()];
        for (nth, number) in plain.iter().enumerate() {
            arrays[*number] = Some(Arc::clone(batch.column(nth)));
            all_costs[*number] = costs[nth];
        }
        for (number, owners) in changed.iter().enumerate().filter(|(_, o)| !o.is_empty()) {
            let read = &request.columns[number];
            let done = self.read_changed(request, read, cached, &wanted, owners).await;
            let (array, cost) = done.map_err(located)?;
            arrays[number] = Some(array);
            all_costs[number] = cost;
        }
        let fields = request.columns.iter().map(|read| read.field(&self.schema));
        let schema = Arc::new(ArrowSchema::new(fields.collect::<Result<Vec<_>>>()?));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let arrays = arrays.into_iter().flatten().collect();
        Ok((RecordBatch::try_new_with_options(schema, arrays, &options)?, all_costs))
    }

    /// A column some of whose rows have newer values.
    async fn read_changed(
        &self,
        request: &ReadRequest,
        read: &ColumnRead,
        cached: &CachedPatch,
        wanted: &RoaringBitmap,
        owners: &BTreeMap<u32, (usize, u64)>,
    ) -> Result<(ArrayRef, ReadCost)> {
        // Rows by where their values are: the pack itself, then each overlay.
        let mut sources: BTreeMap<Option<usize>, Vec<u64>> = BTreeMap::new();
        for row in wanted {
            match owners.get(&row) {
                None => sources.entry(None).or_default().push(u64::from(row)),
                Some((overlay, source)) => sources.entry(Some(*overlay)).or_default().push(*source),
            }
        }
        let mut arrays: Vec<ArrayRef> = Vec::new();
        let mut cost = ReadCost::default();
        let mut places: BTreeMap<Option<usize>, (usize, Vec<u64>)> = BTreeMap::new();
        for (source, mut rows) in sources {
            rows.sort_unstable();
            rows.dedup();
            let overlay = source.and_then(|nth| cached.patch.overlays.get(nth));
            let fragment = match overlay {
                None => request.fragment.clone(),
                Some(overlay) => overlay_fragment(&request.fragment, overlay),
            };
            let (rows, list) = (Rows::List(rows.clone()), rows);
            let part = ReadRequest { fragment, rows, columns: vec![read.clone()] };
            let (batch, costs) = self.read_once(&part).await?;
            for one in costs {
                cost.chunks += one.chunks;
                cost.bytes += one.bytes;
                cost.decoded += one.decoded;
                cost.assembling += one.assembling;
            }
            places.insert(source, (arrays.len(), list));
            arrays.push(Arc::clone(batch.column(0)));
        }
        let mut picks = Vec::new();
        for row in wanted {
            let (source, at) = match owners.get(&row) {
                None => (None, u64::from(row)),
                Some((overlay, at)) => (Some(*overlay), *at),
            };
            let found = places
                .get(&source)
                .and_then(|(array, rows)| Some((*array, rows.binary_search(&at).ok()?)));
            picks.push(found.ok_or_else(|| Error::Task("a patched row was not read".into()))?);
        }
        let arrays: Vec<&dyn Array> = arrays.iter().map(|array| &**array).collect();
        Ok((interleave(&arrays, &picks)?, cost))
    }

    /// [`ColumnChunks`] of the rows that are left: bounds that hold for the newest values.
    pub(super) async fn patched_chunks(
        &self,
        fragment: &Fragment,
        column: ColumnId,
    ) -> Result<Option<Arc<ColumnChunks>>> {
        let section = self.section(fragment, column).await?;
        let plain = section.map(|section| Arc::clone(&section.chunks));
        let Some(cached) = self.patch(&fragment.pointer).await? else { return Ok(plain) };
        if cached.patch.deleted.is_empty() && cached.overlays(column).next().is_none() {
            // Only ids or packs: what the manifest says is exact.
            return Ok(plain);
        }
        let known = |cached: &CachedPatch| {
            let known = cached.chunks.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&column).cloned()
        };
        if let Some(chunks) = known(&cached) {
            return Ok(Some(chunks));
        }
        let Some(chunks) = self.widened(fragment, column, plain.as_deref(), &cached).await? else {
            return Ok(None);
        };
        let chunks = Arc::new(chunks);
        let mut known = cached.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(column, Arc::clone(&chunks));
        Ok(Some(chunks))
    }

    /// Chunks or pages of the pack as the rows that are left see them.
    pub(super) async fn widened(
        &self,
        fragment: &Fragment,
        column: ColumnId,
        plain: Option<&ColumnChunks>,
        cached: &CachedPatch,
    ) -> Result<Option<ColumnChunks>> {
        let deleted = &cached.patch.deleted;
        let mut overlays = Vec::new();
        for (_, overlay) in cached.overlays(column) {
            let pack = overlay_fragment(fragment, overlay);
            let Some(section) = self.section(&pack, column).await? else { continue };
            let all = section.chunks.stats.iter().fold(Stats::default(), |all, s| all.merge(s));
            overlays.push((overlay, all));
        }
        let whole;
        let plain = match plain {
            Some(plain) => plain,
            // Its rows have the fill value but for those of overlays.
            None if overlays.is_empty() => return Ok(None),
            None => {
                let ndim = self.column(column)?.ndim();
                whole = ColumnChunks {
                    first_rows: vec![0, fragment.pointer.rows],
                    bytes: vec![0],
                    stats: vec![anything(fragment.pointer.rows, ndim)],
                    patched: true,
                };
                &whole
            }
        };
        let mut out =
            ColumnChunks { first_rows: vec![0], patched: true, ..ColumnChunks::default() };
        let chunks = plain.first_rows.windows(2).zip(&plain.bytes).zip(&plain.stats);
        for ((ends, bytes), stats) in chunks {
            let range = offset(ends[0])..offset(ends[1]);
            let gone = deleted.range_cardinality(range.clone());
            let live = (ends[1] - ends[0]).saturating_sub(gone);
            if live == 0 {
                continue;
            }
            let mut stats = stats.clone();
            for (overlay, new) in &overlays {
                if overlay.offsets.range_cardinality(range.clone()) > 0 {
                    stats = stats.merge(new);
                    stats.exact = false;
                }
            }
            stats.exact &= gone == 0;
            let end = out.first_rows.last().copied().unwrap_or(0) + live;
            out.first_rows.push(end);
            out.bytes.push(*bytes);
            out.stats.push(stats);
        }
        Ok(Some(out))
    }

    /// For each chunk of [`Dataset::chunks`] whether rows of it were deleted or have newer values of
    /// the column; empty if the pack has no chunk of the column.
    pub(super) async fn changed_chunks(
        &self,
        fragment: &Fragment,
        column: ColumnId,
    ) -> Result<Vec<bool>> {
        let Some(section) = self.section(fragment, column).await? else { return Ok(Vec::new()) };
        let Some(cached) = self.patch(&fragment.pointer).await? else {
            return Ok(vec![false; section.chunks.bytes.len()]);
        };
        let left = Dataset::chunks_with_rows(&section.chunks, &cached).into_iter();
        let ends = left.filter_map(|nth| section.chunks.first_rows.get(nth..nth + 2));
        Ok(ends
            .map(|ends| {
                let rows = offset(ends[0])..offset(ends[1]);
                cached.patch.deleted.range_cardinality(rows.clone()) > 0
                    || cached
                        .overlays(column)
                        .any(|(_, overlay)| overlay.offsets.range_cardinality(rows.clone()) > 0)
            })
            .collect())
    }

    /// The chunks of the pack behind those of [`Dataset::patched_chunks`], which leaves out the ones
    /// without a row.
    pub(super) fn chunks_with_rows(plain: &ColumnChunks, cached: &CachedPatch) -> Vec<usize> {
        let deleted = &cached.patch.deleted;
        let chunks = plain.first_rows.windows(2).enumerate();
        let live = chunks.filter(|(_, ends)| {
            deleted.range_cardinality(offset(ends[0])..offset(ends[1])) < ends[1] - ends[0]
        });
        live.map(|(nth, _)| nth).collect()
    }
}

/// Statistics of which nothing is known: every answer is possible.
fn anything(rows: u64, ndim: usize) -> Stats {
    Stats {
        rows: rows.max(2),
        nulls: 1,
        empties: 1,
        elements: rows.max(1),
        has_nan: true,
        shape_min: vec![0; ndim],
        shape_max: vec![u32::MAX; ndim],
        ..Stats::default()
    }
}

/// The pack of an overlay as if it were a fragment.
fn overlay_fragment(fragment: &Fragment, overlay: &Overlay) -> Fragment {
    Fragment { rows: overlay.pack.rows, pointer: overlay.fragment(), ..fragment.clone() }
}

/// For each wanted row that has a newer value of the column: the overlay and the row in its pack.
fn newest(
    cached: &CachedPatch,
    column: ColumnId,
    wanted: &RoaringBitmap,
) -> BTreeMap<u32, (usize, u64)> {
    let mut owners = BTreeMap::new();
    for (nth, overlay) in cached.overlays(column) {
        for row in &(wanted & &overlay.offsets) {
            let rank = usize::try_from(overlay.offsets.rank(row)).unwrap_or(usize::MAX);
            if let Some(source) = rank.checked_sub(1).and_then(|at| overlay.sources.get(at)) {
                owners.insert(row, (nth, *source));
            }
        }
    }
    owners
}

/// Rows of the pack as a set.
fn wanted(rows: &Rows) -> Result<RoaringBitmap> {
    Ok(match rows {
        Rows::Range(range) => {
            let mut set = RoaringBitmap::new();
            set.insert_range(offset(range.start)..offset(range.end));
            set
        }
        Rows::List(list) => RoaringBitmap::from_sorted_iter(list.iter().map(|row| offset(*row)))
            .map_err(|e| Error::SchemaMismatch { reason: format!("rows must ascend: {e}") })?,
    })
}

/// The rows of the pack behind rows that are left, and which of them to keep where more are read.
fn physical(rows: &Rows, deleted: &RoaringBitmap) -> (Rows, Option<BooleanArray>) {
    if deleted.is_empty() {
        return (rows.clone(), None);
    }
    match rows {
        Rows::List(list) => (Rows::List(select(list, deleted)), None),
        Rows::Range(range) if range.is_empty() => (rows.clone(), None),
        Rows::Range(range) => {
            let ends = select(&[range.start, range.end - 1], deleted);
            let around: Range<u64> = ends[0]..ends[1] + 1;
            let live = range.end - range.start;
            let read = around.end - around.start;
            if read == live {
                (Rows::Range(around), None)
            } else if read / READ_WHOLE <= live {
                let keep = (around.start..around.end).map(|row| !deleted.contains(offset(row)));
                let keep = BooleanArray::from(keep.collect::<Vec<bool>>());
                (Rows::Range(around), Some(keep))
            } else {
                let list = around.filter(|row| !deleted.contains(offset(*row)));
                (Rows::List(list.collect()), None)
            }
        }
    }
}

/// The rows of the pack that are the n-th ones left, for ascending n.
pub(crate) fn select(live: &[u64], deleted: &RoaringBitmap) -> Vec<u64> {
    let left_up_to = |row: u64| row.saturating_add(1).saturating_sub(deleted.rank(offset(row)));
    let mut found = Vec::with_capacity(live.len());
    let mut last = 0u64;
    for nth in live {
        // The first row up to which nth + 1 rows are left.
        let (mut low, mut high) = (last.max(*nth), nth.saturating_add(deleted.len()));
        while low < high {
            let middle = low + (high - low) / 2;
            if left_up_to(middle) > *nth {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        found.push(low);
        last = low;
    }
    found
}

/// Puts an error to the position that its row has among those that are left.
fn locate_live(error: Error, fragment: &Fragment, deleted: &RoaringBitmap) -> Error {
    match error {
        Error::Sample { column, row: Some(row), source } => {
            let inside = row.saturating_sub(fragment.first_position);
            let gone = match offset(inside) {
                0 => 0,
                end => deleted.range_cardinality(..end),
            };
            Error::Sample { column, row: Some(row.saturating_sub(gone)), source }
        }
        other => other,
    }
}

/// A row of a pack, of which there are fewer than 2^32.
pub(crate) fn offset(row: u64) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_row_that_is_left() {
        let deleted: RoaringBitmap = [0, 1, 4, 5, 6, 9].into_iter().collect();
        let left: Vec<u64> = (0..14).filter(|row| !deleted.contains(offset(*row))).collect();
        let all: Vec<u64> = (0..left.len() as u64).collect();
        assert_eq!(select(&all, &deleted), left);
        for nth in all {
            assert_eq!(select(&[nth], &deleted), [left[usize::try_from(nth).unwrap()]]);
        }
        assert_eq!(select(&[3], &RoaringBitmap::new()), [3]);
    }

    #[test]
    fn ranges_read_through_few_holes_and_around_many() {
        let few: RoaringBitmap = [3].into_iter().collect();
        let (rows, keep) = physical(&Rows::Range(0..9), &few);
        assert_eq!(rows, Rows::Range(0..10));
        assert_eq!(keep.unwrap().true_count(), 9);
        assert_eq!(physical(&Rows::Range(3..5), &few), (Rows::Range(4..6), None));
        let mut many = RoaringBitmap::new();
        many.insert_range(1..99);
        assert_eq!(physical(&Rows::Range(0..3), &many), (Rows::List(vec![0, 99, 100]), None));
    }
}
