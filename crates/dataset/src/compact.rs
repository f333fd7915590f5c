//! Writing fragments anew: small ones together, those of which much was deleted or updated, or all of
//! them in another order.
//!
//! No row, value or id changes, and samples are copied as they are stored. A compaction yields:
//! fragments that others changed meanwhile stay as they are, and a commit of a user that comes later
//! finds its rows by id.

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_format::FragmentPointer;
use lakebed_format::PackPointer;
use lakebed_format::Patch;
use lakebed_format::entry::Change;
use lakebed_format::tree::EXPLICIT_IDS;
use roaring::RoaringTreemap;

use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::edit::RegionWriter;
use crate::edit::patched;
use crate::error::Error;
use crate::error::Result;
use crate::read::Fragment;
use crate::read::Paced;
use crate::tree_edit::FragmentEdits;
use crate::tree_edit::NewObjects;
use crate::write::Packs;

/// When a fragment is written anew.
#[derive(Debug, Clone)]
pub struct Compaction {
    /// Fragments of fewer bytes join their neighbours.
    pub small_bytes: u64,
    /// Bytes that joined fragments aim for.
    pub target_bytes: u64,
    /// Fragments of which more than this part of the rows is deleted.
    pub deleted: f64,
    /// Fragments with so many updates.
    pub updates: usize,
    /// Every fragment, whatever its state: for chunks and packs of other sizes ([`crate::Options`]).
    pub all: bool,
}

impl Default for Compaction {
    fn default() -> Compaction {
        Compaction {
            small_bytes: 64 << 20,
            target_bytes: 256 << 20,
            deleted: 0.1,
            updates: 8,
            all: false,
        }
    }
}

/// A fragment that takes the place of others: its object, and what is to be said of it beside that.
/// The row ids always stand in the patch.
pub(crate) struct Successor {
    pub pack: PackPointer,
    pub patch: Patch,
}

/// Neighbours that become new fragments.
pub(crate) struct Group {
    pub old: Vec<FragmentPointer>,
    pub new: Vec<Successor>,
}

/// Puts new fragments where others stand, of the same rows.
pub(crate) struct Replace {
    pub groups: Vec<Group>,
}

impl Proposal for Replace {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        self.proposed(head).boxed()
    }
}

impl Replace {
    async fn proposed(&self, head: &Dataset) -> Result<Proposed> {
        let new = self.groups.iter().flat_map(|group| &group.new);
        head.check_fence(new.map(|successor| successor.pack.object))?;
        let fragments = head.fragments().await?;
        let mut edits = FragmentEdits::new();
        let mut writer = RegionWriter::new(head);
        let (mut before, mut after) = (0, 0);
        for group in &self.groups {
            let Some(place) = place(&fragments, &group.old) else { continue };
            let stamp = group.old.iter().map(|fragment| fragment.stamp).max().unwrap_or(0);
            let mut new = Vec::with_capacity(group.new.len());
            for successor in &group.new {
                new.push(successor.pointer(stamp, &mut writer)?);
            }
            before += group.old.len();
            after += new.len();
            edits.insert(place, new);
            for place in place + 1..place + group.old.len() {
                edits.insert(place, Vec::new());
            }
        }
        if edits.is_empty() {
            return Err(head.conflict("every fragment was changed meanwhile".to_string()));
        }
        let mut objects = NewObjects::new();
        let mut entry = head.successor();
        entry.tree = head.edited_tree(&edits, &mut objects).await?;
        objects.extend(writer.finish());
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        entry.change = Change::Compact { before: number(before), after: number(after) };
        Ok(Proposed { entry, schema: None, objects })
    }
}

/// Where these fragments still stand side by side, unchanged.
fn place(fragments: &[Fragment], old: &[FragmentPointer]) -> Option<usize> {
    fragments
        .windows(old.len().max(1))
        .position(|here| here.iter().map(|fragment| &fragment.pointer).eq(old))
}

impl Successor {
    fn copied(pack: PackPointer, ids: Vec<(u64, u64)>) -> Successor {
        Successor { pack, patch: Patch { ids, ..Patch::default() } }
    }

    /// The fragment, whose rows were changed last by the commit of this number.
    pub fn pointer(&self, stamp: u64, writer: &mut RegionWriter) -> Result<FragmentPointer> {
        let mut patch = self.patch.clone();
        let first_row_id = match patch.ids.as_slice() {
            [(first, _)] => {
                let first = *first;
                patch.ids.clear();
                first
            }
            _ => EXPLICIT_IDS,
        };
        let fragment = self.pack.fragment(first_row_id, stamp);
        if patch.is_empty() { Ok(fragment) } else { patched(&fragment, &patch, writer) }
    }
}

impl Dataset {
    /// Writes fragments anew that are small, or of which much was deleted or updated. One commit, or
    /// none if there is nothing to do. `progress` is told rows copied and rows in all.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] if others changed every one of them meanwhile, or an error of the
    /// commit.
    pub fn compact<'a>(
        &'a self,
        options: &'a Compaction,
        message: &'a str,
        mut progress: impl FnMut(u64, u64) + Send + 'a,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let head = self.refresh().await?;
            let groups = head.groups(options).await?;
            head.rewrite(groups, message, &mut progress).await
        })
    }

    /// Puts the rows in another order, given as the position of each: what comes together in queries
    /// then lies together. Row ids stay; versions, views and tags from before keep their order, and
    /// rows that others append meanwhile follow. One commit, or none if the order is as it was.
    /// `progress` is told rows copied and rows in all.
    ///
    /// # Errors
    /// [`crate::Error::SchemaMismatch`] if the positions are not every row's, once;
    /// [`crate::Error::Conflict`] if others changed or deleted rows meanwhile, or an error of the
    /// commit.
    pub fn reorder<'a>(
        &'a self,
        positions: &'a [u64],
        message: &'a str,
        mut progress: impl FnMut(u64, u64) + Send + 'a,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let all = self.num_rows();
            let known: RoaringTreemap = positions.iter().copied().collect();
            let count = u64::try_from(positions.len()).unwrap_or(u64::MAX);
            if (count, known.len()) != (all, all) || known.max().is_some_and(|last| last >= all) {
                let reason = format!(
                    "an order of {all} rows names each of them once: {count} positions name {}",
                    known.range_cardinality(..all)
                );
                return Err(Error::SchemaMismatch { reason });
            }
            if positions.is_sorted() {
                return Ok(self.clone());
            }
            let mut done = 0;
            let mut count = |rows| {
                done += rows;
                progress(done, all);
            };
            let new = self.copied(positions.iter().copied(), &mut count).await?;
            let fragments = self.fragments().await?;
            let old = fragments.iter().map(|fragment| fragment.pointer.clone()).collect();
            commit::commit(self, message, &Replace { groups: vec![Group { old, new }] }).await
        })
    }

    /// Writes groups of neighbours anew, each as few fragments.
    pub(crate) async fn rewrite(
        &self,
        groups: Vec<Vec<Fragment>>,
        message: &str,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<Dataset> {
        if groups.is_empty() {
            return Ok(self.clone());
        }
        let all = groups.iter().flatten().map(|fragment| fragment.rows).sum();
        let mut done = 0;
        let mut replaced = Vec::new();
        for group in groups {
            let mut count = |rows| {
                done += rows;
                progress(done, all);
            };
            let rows = group.iter().flat_map(|f| f.first_position..f.first_position + f.rows);
            let new = self.copied(rows, &mut count).await?;
            let old = group.into_iter().map(|fragment| fragment.pointer).collect();
            replaced.push(Group { old, new });
        }
        commit::commit(self, message, &Replace { groups: replaced }).await
    }

    /// The neighbours that are worth writing anew.
    async fn groups(&self, options: &Compaction) -> Result<Vec<Vec<Fragment>>> {
        let mut groups: Vec<Vec<Fragment>> = Vec::new();
        let mut open: Vec<Fragment> = Vec::new();
        let mut bytes = 0;
        let mut worn_inside = false;
        let mut close = |open: &mut Vec<Fragment>, worn: bool| {
            let group = std::mem::take(open);
            if group.len() > 1 || worn {
                groups.push(group);
            }
        };
        for fragment in self.fragments().await?.iter() {
            let worn = self.is_worn(fragment, options).await?;
            let length = self.stored_in(fragment).await?;
            let small = length < options.small_bytes;
            if !(small || worn) || bytes >= options.target_bytes {
                close(&mut open, worn_inside);
                (bytes, worn_inside) = (0, false);
            }
            if small || worn {
                bytes += length;
                worn_inside |= worn;
                open.push(fragment.clone());
            }
        }
        close(&mut open, worn_inside);
        Ok(groups)
    }

    async fn is_worn(&self, fragment: &Fragment, options: &Compaction) -> Result<bool> {
        if options.all {
            return Ok(true);
        }
        let Some(patch) = self.patch(&fragment.pointer).await? else { return Ok(false) };
        let deleted = patch.patch.deleted.len() as f64;
        Ok(deleted > options.deleted * fragment.pointer.rows as f64
            || fragment.rows == 0
            || patch.patch.overlays.len() >= options.updates.max(1)
            || patch.patch.packs.iter().any(|pack| pack.length < options.small_bytes))
    }

    /// The rows at positions in their order as new packs, with their row ids; `done` is told of rows.
    pub(crate) async fn copied(
        &self,
        rows: impl Iterator<Item = u64> + Send,
        done: &mut (dyn FnMut(u64) + Send),
    ) -> Result<Vec<Successor>> {
        let columns = &self.schema.columns;
        let mut paced = Paced::new(self, columns.iter().map(|column| column.id));
        let mut packs = Packs::default();
        // The row ids of each pack.
        let mut ids: Vec<Vec<(u64, u64)>> = vec![Vec::new()];
        let mut copied = 0;
        let mut rows = rows.fuse();
        let mut next: Vec<u64> = Vec::new();
        loop {
            let room = paced.at_most().saturating_sub(next.len());
            next.extend(rows.by_ref().take(room));
            if next.is_empty() {
                let packs = packs.finish().await?.into_iter().zip(ids);
                return Ok(packs.map(|(pack, ids)| Successor::copied(pack, ids)).collect());
            }
            let fit = paced.fit(&next).await?.max(1);
            let now = next.drain(..fit.min(next.len())).collect::<Vec<_>>();
            let batch = paced.take(&now).await?;
            if let Some(ids) = ids.last_mut() {
                for id in self.row_ids_at(&now).await? {
                    match ids.last_mut() {
                        Some((first, count)) if *first + *count == id => *count += 1,
                        _ => ids.push((id, 1)),
                    }
                }
            }
            if packs.write(&self.shared, columns, batch.columns(), copied).await? {
                ids.push(Vec::new());
            }
            let count = u64::try_from(now.len()).unwrap_or(u64::MAX);
            copied += count;
            done(count);
        }
    }
}
