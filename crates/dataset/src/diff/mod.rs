//! What differs between two versions: rows by id, cells by row and column, columns by id.
//!
//! What lies below a node that both have is not read, fragments that both have are skipped. Of
//! fragments that only their patches tell apart the patches are compared. Values are read only of
//! cells that a new value was written for (it may be the old one, or both may have come by it on
//! ways of their own, by merges), and where the same rows lie in different packs, as after a
//! compaction.

mod places;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use futures::future::BoxFuture;
use lakebed_core::Column;
use lakebed_core::ColumnId;
use lakebed_core::ObjectId;
use lakebed_format::Overlay;
use lakebed_format::Part;
use lakebed_format::Patch;
use roaring::RoaringBitmap;
use roaring::RoaringTreemap;

use crate::dataset::Dataset;
use crate::edit::id_runs;
use crate::error::Result;
use crate::fill;
use crate::read::Fragment;
use crate::read::Paced;
use crate::tree_diff::unshared;

/// What a later version has otherwise than an earlier one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diff {
    /// Ids of rows that only the later one has.
    pub added: RoaringTreemap,
    /// Ids of rows that only the earlier one has.
    pub deleted: RoaringTreemap,
    /// Ids of rows of both with new values, by column.
    pub changed: BTreeMap<ColumnId, RoaringTreemap>,
    /// Columns that only the later one has.
    pub columns_added: Vec<Column>,
    /// Columns that only the earlier one has.
    pub columns_dropped: Vec<Column>,
    /// Columns of both whose definition differs, as they were and as they are.
    pub columns_changed: Vec<(Column, Column)>,
}

impl Diff {
    /// True if nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Diff::default()
    }

    /// Rows with new values in some column.
    pub fn rows_changed(&self) -> RoaringTreemap {
        let mut rows = RoaringTreemap::new();
        for changed in self.changed.values() {
            rows |= changed;
        }
        rows
    }
}

impl Dataset {
    /// What this version has otherwise than an `earlier` one of the same dataset.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub fn diff<'a>(&'a self, earlier: &'a Dataset) -> BoxFuture<'a, Result<Diff>> {
        Box::pin(async move {
            let mut diff = schema_diff(earlier, self);
            if earlier.entry.tree == self.entry.tree && diff.columns_added.is_empty() {
                return Ok(diff);
            }
            // An added column may have values anywhere: a dropped one that is there again.
            let (old, new) = match diff.columns_added.is_empty() {
                true => unshared(earlier, self).await?,
                false => (earlier.fragments().await?.to_vec(), self.fragments().await?.to_vec()),
            };
            let (known, others) = (by_pack(&old), by_pack(&new));
            let mut written = BTreeMap::new();
            let (mut old_ids, mut new_ids) = (RoaringTreemap::new(), RoaringTreemap::new());
            for (pack, after) in &others {
                match (known.get(pack).map(Vec::as_slice), after.as_slice()) {
                    (Some([before]), [after]) => {
                        if before.pointer.patch != after.pointer.patch {
                            diff.patches(earlier, before, self, after, &mut written).await?;
                        }
                        diff.brought_back(self, after).await?;
                    }
                    (_, after) => {
                        for fragment in after {
                            new_ids |= self.ids_of(fragment).await?;
                        }
                    }
                }
            }
            for (pack, before) in &known {
                let is_compared =
                    before.len() == 1 && others.get(pack).is_some_and(|f| f.len() == 1);
                if !is_compared {
                    for fragment in before {
                        old_ids |= earlier.ids_of(fragment).await?;
                    }
                }
            }
            // A row that one pack lost and another has was moved.
            let mut moved = &old_ids & &new_ids;
            moved |= &diff.deleted & &new_ids;
            moved |= &diff.added & &old_ids;
            diff.added |= &new_ids;
            diff.deleted |= &old_ids;
            diff.added -= &moved;
            diff.deleted -= &moved;
            diff.written(earlier, self, written).await?;
            let stayed = places::unmoved(earlier, &old, self, &new, &moved).await?;
            diff.values(earlier, self, &moved, &stayed).await?;
            diff.changed.retain(|_, rows| !rows.is_empty());
            Ok(diff)
        })
    }

    /// The ids of the rows of a fragment that are left.
    pub(crate) async fn ids_of(&self, fragment: &Fragment) -> Result<RoaringTreemap> {
        let patch = self.patch(&fragment.pointer).await?;
        let runs = id_runs(&fragment.pointer, patch.as_deref());
        let mut ids = RoaringTreemap::new();
        let Some(cached) = patch else {
            for (first, rows) in runs {
                ids.insert_range(first..first.saturating_add(rows));
            }
            return Ok(ids);
        };
        let mut all = RoaringBitmap::new();
        all.insert_range(0..crate::read::offset(fragment.pointer.rows));
        ids.extend(ids_at(&runs, &(all - &cached.patch.deleted)));
        Ok(ids)
    }
}

impl Diff {
    /// Columns that the earlier version lacks though the pack or a patch of both has them: they were
    /// dropped, and have their values again.
    async fn brought_back(&mut self, later: &Dataset, fragment: &Fragment) -> Result<()> {
        for nth in 0..self.columns_added.len() {
            let column = self.columns_added[nth].id;
            if later.section(fragment, column).await?.is_some() {
                *self.changed.entry(column).or_default() |= later.ids_of(fragment).await?;
                continue;
            }
            let Some(cached) = later.patch(&fragment.pointer).await? else { continue };
            let runs = id_runs(&fragment.pointer, Some(&cached));
            let overlays = cached.patch.overlays.iter();
            for overlay in overlays.filter(|overlay| overlay.columns.contains(&column)) {
                let left = &overlay.offsets - &cached.patch.deleted;
                self.changed.entry(column).or_default().extend(ids_at(&runs, &left));
            }
        }
        Ok(())
    }

    /// Two patches of one pack. Cells with a newer value in one of them are added to `written`.
    async fn patches(
        &mut self,
        earlier: &Dataset,
        before: &Fragment,
        later: &Dataset,
        after: &Fragment,
        written: &mut BTreeMap<ColumnId, RoaringTreemap>,
    ) -> Result<()> {
        let old = earlier.patch(&before.pointer).await?;
        let new = later.patch(&after.pointer).await?;
        let runs = id_runs(&after.pointer, new.as_deref());
        let none = Patch::default();
        let old = old.as_ref().map_or(&none, |cached| &cached.patch);
        let new = new.as_ref().map_or(&none, |cached| &cached.patch);
        self.added.extend(ids_at(&runs, &(&old.deleted - &new.deleted)));
        self.deleted.extend(ids_at(&runs, &(&new.deleted - &old.deleted)));
        let same = |a: &Overlay, b: &Overlay| a.pack == b.pack && a.columns == b.columns;
        let only = |of: &'_ [Overlay], other: &[Overlay]| -> Vec<Overlay> {
            of.iter().filter(|a| !other.iter().any(|b| same(a, b))).cloned().collect()
        };
        let mut changed = only(&new.overlays, &old.overlays);
        changed.extend(only(&old.overlays, &new.overlays));
        for overlay in changed {
            let left = &overlay.offsets - &(&old.deleted | &new.deleted);
            let ids: Vec<u64> = ids_at(&runs, &left).collect();
            for column in &overlay.columns {
                if later.schema.by_id(*column).is_some() {
                    written.entry(*column).or_default().extend(ids.iter().copied());
                }
            }
        }
        Ok(())
    }

    /// Compares the values of cells that were written.
    async fn written(
        &mut self,
        earlier: &Dataset,
        later: &Dataset,
        written: BTreeMap<ColumnId, RoaringTreemap>,
    ) -> Result<()> {
        for (id, rows) in written {
            let column = later.schema.by_id(id).filter(|_| earlier.schema.by_id(id).is_some());
            let changed = match column {
                Some(column) => {
                    let common = Common::new(earlier, later, rows.iter().collect()).await?;
                    common.unequal(column).await?
                }
                // A column that the earlier version lacks: every value is new.
                None => rows,
            };
            *self.changed.entry(id).or_default() |= changed;
        }
        Ok(())
    }

    /// Compares the values of rows that both have, in different fragments; those that `stayed` where
    /// they are stored can differ in columns only that the earlier version lacks.
    async fn values(
        &mut self,
        earlier: &Dataset,
        later: &Dataset,
        moved: &RoaringTreemap,
        stayed: &RoaringTreemap,
    ) -> Result<()> {
        if moved.is_empty() {
            return Ok(());
        }
        let carried = Common::new(earlier, later, (moved - stayed).iter().collect()).await?;
        let mut all = None;
        for column in &later.schema.columns {
            let changed = if earlier.schema.by_id(column.id).is_some() || stayed.is_empty() {
                carried.unequal(column).await?
            } else {
                if all.is_none() {
                    all = Some(Common::new(earlier, later, moved.iter().collect()).await?);
                }
                match &all {
                    Some(all) => all.unequal(column).await?,
                    None => RoaringTreemap::new(),
                }
            };
            if !changed.is_empty() {
                *self.changed.entry(column.id).or_default() |= changed;
            }
        }
        Ok(())
    }
}

/// Rows that two versions have, to compare their values.
pub(crate) struct Common<'a> {
    earlier: &'a Dataset,
    later: &'a Dataset,
    ids: Vec<u64>,
    /// Positions in the earlier version.
    old: Vec<u64>,
    /// Positions in the later one.
    new: Vec<u64>,
}

impl<'a> Common<'a> {
    /// Those of some rows that both have.
    pub async fn new(
        earlier: &'a Dataset,
        later: &'a Dataset,
        ids: Vec<u64>,
    ) -> Result<Common<'a>> {
        let (old, new) = (earlier.positions_of(&ids).await?, later.positions_of(&ids).await?);
        let mut common = Common { earlier, later, ids: vec![], old: vec![], new: vec![] };
        for (id, places) in ids.into_iter().zip(old.into_iter().zip(new)) {
            if let (Some(old), Some(new)) = places {
                common.ids.push(id);
                common.old.push(old);
                common.new.push(new);
            }
        }
        Ok(common)
    }

    /// The rows whose values of a column of the later version differ.
    pub async fn unequal(&self, column: &Column) -> Result<RoaringTreemap> {
        let had = self.earlier.schema.by_id(column.id).is_some();
        let mut old = Paced::new(self.earlier, [column.id]);
        let mut new = Paced::new(self.later, [column.id]);
        let mut rows = RoaringTreemap::new();
        let mut at = 0;
        while at < self.ids.len() {
            let mut fit = new.fit(&self.new[at..]).await?;
            if had {
                fit = fit.min(old.fit(&self.old[at..]).await?);
            }
            let here = at..at + fit.max(1);
            let after = new.take(&self.new[here.clone()]).await?;
            let before = if had {
                Arc::clone(old.take(&self.old[here.clone()]).await?.column(0))
            } else {
                // A column that the earlier version lacks had its fill value there.
                let limits = &self.later.shared.options.limits;
                fill::rows_of(column, &Part::Whole, here.len(), limits)?
            };
            let differ = different(&before, after.column(0));
            rows.extend(differ.into_iter().filter_map(|row| self.ids[here.clone()].get(row)));
            at = here.end;
        }
        Ok(rows)
    }
}

/// The rows in which two arrays of one type differ.
fn different(a: &ArrayRef, b: &ArrayRef) -> Vec<usize> {
    if a.to_data() == b.to_data() {
        return Vec::new();
    }
    (0..a.len().min(b.len()))
        .filter(|row| a.slice(*row, 1).to_data() != b.slice(*row, 1).to_data())
        .collect()
}

/// The ids of some rows of a pack whose ids are these runs.
pub(crate) fn ids_at<'a>(
    runs: &'a [(u64, u64)],
    rows: &'a RoaringBitmap,
) -> impl Iterator<Item = u64> + 'a {
    let mut run = 0;
    let mut begin = 0u64;
    rows.iter().filter_map(move |row| {
        let row = u64::from(row);
        while run < runs.len() && row >= begin + runs[run].1 {
            begin += runs[run].1;
            run += 1;
        }
        runs.get(run).map(|(first, _)| first + (row - begin))
    })
}

/// Fragments by their pack. After merges several fragments may show different rows of one.
fn by_pack(fragments: &[Fragment]) -> BTreeMap<ObjectId, Vec<&Fragment>> {
    let mut packs: BTreeMap<ObjectId, Vec<&Fragment>> = BTreeMap::new();
    for fragment in fragments {
        packs.entry(fragment.pointer.object).or_default().push(fragment);
    }
    packs
}

fn schema_diff(earlier: &Dataset, later: &Dataset) -> Diff {
    let (old, new) = (&earlier.schema, &later.schema);
    let pairs = new.columns.iter().filter_map(|column| Some((old.by_id(column.id)?, column)));
    let only = |of: &lakebed_core::Schema, other: &lakebed_core::Schema| {
        let columns = of.columns.iter().filter(|column| other.by_id(column.id).is_none());
        columns.cloned().collect()
    };
    Diff {
        columns_added: only(new, old),
        columns_dropped: only(old, new),
        columns_changed: pairs
            .filter(|(old, new)| old != new)
            .map(|(old, new)| (old.clone(), new.clone()))
            .collect(),
        ..Diff::default()
    }
}
