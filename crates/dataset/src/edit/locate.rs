//! Where the row of an id is, and which id the row at a position has.

use std::ops::Range;
use std::sync::Arc;

use lakebed_format::FragmentPointer;
use lakebed_format::tree::EXPLICIT_IDS;
use roaring::RoaringTreemap;

use crate::dataset::Dataset;
use crate::error::Result;
use crate::read::CachedPatch;
use crate::read::Fragment;
use crate::read::offset;
use crate::read::select;

/// Row ids that follow each other, in rows of a pack that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    first_id: u64,
    rows: u64,
    /// Its place among those of the index.
    fragment: usize,
    first_row: u64,
}

/// Bounds of the ids of a fragment's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowIdRange {
    /// No row has a smaller one.
    pub first: u64,
    /// No row has a larger one.
    pub last: u64,
    /// True if the n-th row has the id `first + n`.
    pub consecutive: bool,
}

/// Where rows are, by id.
#[derive(Debug)]
pub(crate) struct RowIndex {
    /// Ascending by first id; they do not overlap.
    runs: Vec<Run>,
    fragments: Arc<[Fragment]>,
}

/// A row of a pack, deleted or not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowAddress<'a> {
    /// The fragment that it was written in.
    pub fragment: &'a Fragment,
    /// The row of its pack.
    pub row: u64,
}

impl RowIndex {
    /// Where the row of an id was written; it may have been deleted.
    pub fn find(&self, id: u64) -> Option<RowAddress<'_>> {
        let at = self.runs.partition_point(|run| run.first_id <= id).checked_sub(1)?;
        let run = self.runs.get(at)?;
        let inside = id - run.first_id;
        let fragment = self.fragments.get(run.fragment)?;
        (inside < run.rows).then(|| RowAddress { fragment, row: run.first_row + inside })
    }
}

/// The row ids of a pack as runs (first id, rows), in row order.
pub(crate) fn id_runs(fragment: &FragmentPointer, patch: Option<&CachedPatch>) -> Vec<(u64, u64)> {
    match patch {
        Some(cached) if fragment.first_row_id == EXPLICIT_IDS => cached.patch.ids.clone(),
        _ => vec![(fragment.first_row_id, fragment.rows)],
    }
}

impl Dataset {
    /// An index that has the rows of these ids: of all rows, if all fragments are known.
    pub(crate) async fn row_index(&self, ids: &RoaringTreemap) -> Result<Arc<RowIndex>> {
        let fragments = self.fragments_with(ids).await?;
        if !self.fragments.initialized() {
            return self.index_of(fragments).await;
        }
        let load = || async { self.index_of(self.fragments().await?).await };
        Ok(Arc::clone(self.row_index.get_or_try_init(load).await?))
    }

    /// The fragments that may have rows of these ids.
    pub(crate) async fn fragments_with(&self, ids: &RoaringTreemap) -> Result<Arc<[Fragment]>> {
        self.fragments_where(&|_, below| {
            let before = below.start().checked_sub(1).map_or(0, |before| ids.rank(before));
            ids.rank(*below.end()) > before
        })
        .await
    }

    /// A run a fragment, more where compaction joined some.
    async fn index_of(&self, fragments: Arc<[Fragment]>) -> Result<Arc<RowIndex>> {
        let mut runs = Vec::new();
        for (place, fragment) in fragments.iter().enumerate() {
            let patch = self.patch_with_ids(fragment).await?;
            let mut first_row = 0;
            for (first_id, rows) in id_runs(&fragment.pointer, patch.as_deref()) {
                runs.push(Run { first_id, rows, fragment: place, first_row });
                first_row += rows;
            }
        }
        runs.sort_unstable_by_key(|run| run.first_id);
        // A merge may have brought a row back, or part of a pack whose other rows lie elsewhere: then
        // an id stands twice, deleted in all places but one.
        if runs.windows(2).any(|pair| pair[0].first_id + pair[0].rows > pair[1].first_id) {
            runs = self.live_runs(&fragments).await?;
        }
        Ok(Arc::new(RowIndex { runs, fragments }))
    }

    /// The runs without deleted rows.
    async fn live_runs(&self, fragments: &[Fragment]) -> Result<Vec<Run>> {
        let mut live = Vec::new();
        for (place, fragment) in fragments.iter().enumerate() {
            let patch = self.patch(&fragment.pointer).await?;
            let mut first_row = 0;
            for (first_id, rows) in id_runs(&fragment.pointer, patch.as_deref()) {
                let mut push = |from: u64, to: u64| {
                    if from < to {
                        live.push(Run {
                            first_id: first_id + (from - first_row),
                            rows: to - from,
                            fragment: place,
                            first_row: from,
                        });
                    }
                };
                let mut from = first_row;
                let end = first_row + rows;
                let deleted = patch
                    .iter()
                    .flat_map(|cached| cached.patch.deleted.range(offset(first_row)..offset(end)));
                for row in deleted.map(u64::from) {
                    push(from, row);
                    from = row + 1;
                }
                push(from, end);
                first_row = end;
            }
        }
        live.sort_unstable_by_key(|run| run.first_id);
        Ok(live)
    }

    /// The patch of a fragment whose ids stand there.
    async fn patch_with_ids(&self, fragment: &Fragment) -> Result<Option<Arc<CachedPatch>>> {
        match fragment.pointer.first_row_id {
            EXPLICIT_IDS => self.patch(&fragment.pointer).await,
            _ => Ok(None),
        }
    }

    /// The ids of the rows at positions, in the order of the positions.
    ///
    /// # Errors
    /// [`crate::Error::SchemaMismatch`] for a position behind the last row; damage, or an error of
    /// the store.
    pub async fn row_ids_at(&self, positions: &[u64]) -> Result<Vec<u64>> {
        let mut order: Vec<usize> = (0..positions.len()).collect();
        order.sort_unstable_by_key(|nth| positions[*nth]);
        let sorted: Vec<u64> = order.iter().map(|nth| positions[*nth]).collect();
        let fragments = self.fragments_at(&sorted).await?;
        let mut ids = vec![0; positions.len()];
        let mut at = 0;
        for fragment in fragments.iter().filter(|fragment| fragment.rows > 0) {
            let end = fragment.first_position + fragment.rows;
            let count = order[at..].iter().take_while(|nth| positions[**nth] < end).count();
            if count > 0 {
                let here = &order[at..at + count];
                let live: Vec<u64> =
                    here.iter().map(|nth| positions[*nth] - fragment.first_position).collect();
                for (nth, id) in here.iter().zip(self.row_ids(fragment, &live).await?) {
                    ids[*nth] = id;
                }
                at += count;
            }
        }
        match order.get(at) {
            None => Ok(ids),
            Some(nth) => Err(crate::Error::SchemaMismatch {
                reason: format!(
                    "there is no row at position {} of {}",
                    positions[*nth],
                    self.num_rows()
                ),
            }),
        }
    }

    /// Bounds of the ids of a fragment's rows; `None` for one without rows. The ids of deleted rows
    /// may lie at the ends.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub async fn row_id_range(&self, fragment: &Fragment) -> Result<Option<RowIdRange>> {
        let patch = self.patch_with_ids(fragment).await?;
        let runs = id_runs(&fragment.pointer, patch.as_deref());
        let of_run = |(first, rows): &(u64, u64)| {
            let last = rows.checked_sub(1)?;
            Some((*first, first.saturating_add(last)))
        };
        let bounds = runs.iter().filter_map(of_run);
        let all = bounds.reduce(|all, run| (all.0.min(run.0), all.1.max(run.1)));
        let whole = runs.len() == 1 && fragment.rows == fragment.pointer.rows;
        Ok(all.map(|(first, last)| RowIdRange { first, last, consecutive: whole }))
    }

    /// The ids of some rows of a fragment: ascending places among the rows that are left.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub async fn row_ids(&self, fragment: &Fragment, live: &[u64]) -> Result<Vec<u64>> {
        let patch = self.patch(&fragment.pointer).await?;
        let rows = match &patch {
            Some(cached) => select(live, &cached.patch.deleted),
            None => live.to_vec(),
        };
        let mut runs = id_runs(&fragment.pointer, patch.as_deref()).into_iter();
        let mut run: (Range<u64>, u64) = (0..0, 0);
        let mut ids = Vec::with_capacity(rows.len());
        for row in rows {
            while row >= run.0.end {
                let Some((first_id, count)) = runs.next() else {
                    let key = fragment.pointer.object.key("data");
                    let reason = format!("row {row} has no id");
                    return Err(self.damaged(&key, "row ids", reason));
                };
                run = (run.0.end..run.0.end + count, first_id);
            }
            ids.push(run.1 + (row - run.0.start));
        }
        Ok(ids)
    }

    /// The positions of rows by id, in the order of the ids; `None` for those that are not there.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub async fn positions_of(&self, row_ids: &[u64]) -> Result<Vec<Option<u64>>> {
        let index = self.row_index(&row_ids.iter().copied().collect()).await?;
        let mut found = Vec::with_capacity(row_ids.len());
        for id in row_ids {
            let Some(address) = index.find(*id) else {
                found.push(None);
                continue;
            };
            let fragment = address.fragment;
            let position = match self.patch(&fragment.pointer).await? {
                None => Some(address.row),
                Some(cached) => {
                    let (deleted, row) = (&cached.patch.deleted, offset(address.row));
                    (!deleted.contains(row)).then(|| address.row - deleted.range_cardinality(..row))
                }
            };
            found.push(position.map(|row| fragment.first_position + row));
        }
        Ok(found)
    }
}
