//! The commit of an edit: overlays and deletions, put to the fragments where the rows are now.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_core::Column;
use lakebed_core::ObjectId;
use lakebed_format::FragmentPointer;
use lakebed_format::Overlay;
use lakebed_format::PackPointer;
use lakebed_format::Patch;
use lakebed_format::PatchPointer;
use lakebed_format::Region;
use lakebed_format::Touched;
use lakebed_format::checksum::Checksum;
use lakebed_format::entry::Change;
use roaring::RoaringBitmap;
use roaring::RoaringTreemap;

use super::conflict::Touching;
use super::locate::RowAddress;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::read::offset;
use crate::tree_edit::FragmentEdits;
use crate::tree_edit::NewObjects;
use crate::write::Append;

/// New values that wait for their commit.
#[derive(Debug)]
pub(crate) struct UpdatePack {
    pub pack: PackPointer,
    /// Ascending by id.
    pub columns: Vec<Column>,
    /// The row id of each row of the pack.
    pub row_ids: Vec<u64>,
}

/// Updates, deletions and new rows that become one commit.
pub(crate) struct Apply {
    pub base: Dataset,
    pub packs: Vec<UpdatePack>,
    pub append: Append,
    pub touching: Touching,
    /// The newest version that the change was found to go together with: the next attempt looks at
    /// what came after it only, so that an attempt that lost costs no more than the one before.
    pub checked: AtomicU64,
}

/// What happens to one fragment.
struct Changes {
    pointer: FragmentPointer,
    deleted: RoaringBitmap,
    /// By pack: row of the fragment, row of the pack.
    overlays: BTreeMap<usize, BTreeMap<u32, u64>>,
}

impl Proposal for Apply {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        self.proposed(head).boxed()
    }
}

impl Apply {
    async fn proposed(&self, head: &Dataset) -> Result<Proposed> {
        head.check_fence(self.packs.iter().map(|pack| pack.pack.object))?;
        self.check_columns(head)?;
        self.touching.check(self.checked.load(Ordering::Relaxed), head).await?;
        self.checked.store(head.version(), Ordering::Relaxed);
        let mut objects = NewObjects::new();
        let mut entry = head.successor();
        let (changes, gone) = self.located(head).await?;
        let mut writer = RegionWriter::new(head);
        let deleted = self.touching.deleted.len().saturating_sub(gone);
        entry.tree = self.edited(head, changes, entry.number, &mut writer, &mut objects).await?;
        entry.rows = entry.rows.saturating_sub(deleted);
        let touched = writer.put_touched(&self.touching.updated, &self.touching.deleted)?;
        objects.extend(writer.finish());
        let appended = if self.append.packs.is_empty() {
            0
        } else {
            self.append.check(head)?;
            self.append.push(head, &mut entry, &mut objects)?
        };
        entry.change = Change::Edit {
            appended,
            updated: self.touching.updated.len(),
            deleted,
            columns: self.touching.columns.iter().map(|id| id.0).collect(),
            touched,
        };
        Ok(Proposed { entry, schema: None, objects })
    }

    /// Columns must still be what the values were written for.
    fn check_columns(&self, head: &Dataset) -> Result<()> {
        for written in self.packs.iter().flat_map(|pack| &pack.columns) {
            match head.schema.by_id(written.id) {
                Some(now) if now.stores_like(written) => {}
                Some(_) => {
                    return Err(head.conflict(format!("column '{}' was changed", written.name)));
                }
                None => {
                    return Err(head.conflict(format!("column '{}' was dropped", written.name)));
                }
            }
        }
        Ok(())
    }

    /// The changes by the place of their fragment, and how many rows to delete are gone already.
    async fn located(&self, head: &Dataset) -> Result<(BTreeMap<usize, Changes>, u64)> {
        let index = head.row_index(&(&self.touching.updated | &self.touching.deleted)).await?;
        let mut all: BTreeMap<usize, Changes> = BTreeMap::new();
        let mut missing = Missing::default();
        let mut gone = 0;
        let is_first = head.version() == self.base.version();
        for id in &self.touching.deleted {
            let live = match index.find(id) {
                Some(address) => is_live(head, address).await?.then_some(address),
                None => None,
            };
            let Some(address) = live else {
                // Deleted by another since, which is what was wanted; if it ever was.
                if is_first || id >= self.base.log.next_row_id {
                    missing.add(id);
                }
                gone += 1;
                continue;
            };
            changes_of(&mut all, address).deleted.insert(offset(address.row));
        }
        for (nth, pack) in self.packs.iter().enumerate() {
            for (source, id) in (0u64..).zip(&pack.row_ids) {
                let found = match index.find(*id) {
                    Some(address) => is_live(head, address).await?.then_some(address),
                    None => None,
                };
                let Some(address) = found else {
                    missing.add(*id);
                    continue;
                };
                let changes = changes_of(&mut all, address);
                changes.overlays.entry(nth).or_default().insert(offset(address.row), source);
            }
        }
        missing.check()?;
        Ok((all, gone))
    }

    async fn edited(
        &self,
        head: &Dataset,
        changes: BTreeMap<usize, Changes>,
        stamp: u64,
        writer: &mut RegionWriter,
        objects: &mut NewObjects,
    ) -> Result<lakebed_format::Tree> {
        let mut edits = FragmentEdits::new();
        for (place, changes) in changes {
            let pointer = &changes.pointer;
            let mut patch = match head.patch(pointer).await? {
                Some(cached) => cached.patch.clone(),
                None => Patch::default(),
            };
            patch.deleted |= changes.deleted;
            for (nth, rows) in changes.overlays {
                let Some(pack) = self.packs.get(nth) else { continue };
                let columns = pack.columns.iter().map(|column| column.id).collect();
                patch.overlays.push(Overlay::new(pack.pack, stamp, columns, rows));
            }
            edits.insert(place, vec![patched(pointer, &patch, writer)?]);
        }
        head.edited_tree(&edits, objects).await
    }
}

/// The fragment with another patch, which `writer` takes.
pub(crate) fn patched(
    pointer: &FragmentPointer,
    patch: &Patch,
    writer: &mut RegionWriter,
) -> Result<FragmentPointer> {
    let region = writer.put(&patch.to_bytes()?);
    let patch = Some(PatchPointer { region, deleted: patch.deleted.len() });
    Ok(FragmentPointer { patch, ..pointer.clone() })
}

/// The changes of the fragment that a row is in.
fn changes_of<'a>(
    all: &'a mut BTreeMap<usize, Changes>,
    address: RowAddress<'_>,
) -> &'a mut Changes {
    all.entry(address.fragment.index).or_insert_with(|| Changes {
        pointer: address.fragment.pointer.clone(),
        deleted: RoaringBitmap::new(),
        overlays: BTreeMap::new(),
    })
}

async fn is_live(head: &Dataset, address: RowAddress<'_>) -> Result<bool> {
    let patch = head.patch(&address.fragment.pointer).await?;
    Ok(patch.is_none_or(|cached| !cached.patch.deleted.contains(offset(address.row))))
}

/// Collects the patches of a commit in one object.
pub(crate) struct RegionWriter {
    object: ObjectId,
    bytes: Vec<u8>,
}

impl RegionWriter {
    pub fn new(head: &Dataset) -> RegionWriter {
        RegionWriter { object: head.shared.new_object(head.log.epoch), bytes: Vec::new() }
    }

    /// Adds bytes, and tells where they are.
    pub fn put(&mut self, bytes: &[u8]) -> Region {
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let region = Region {
            object: self.object,
            offset: number(self.bytes.len()),
            length: number(bytes.len()),
            checksum: Checksum::of(bytes),
        };
        self.bytes.extend_from_slice(bytes);
        region
    }

    /// Adds the rows that a change is about, if there are any.
    pub fn put_touched(
        &mut self,
        updated: &RoaringTreemap,
        deleted: &RoaringTreemap,
    ) -> Result<Option<Region>> {
        if updated.is_empty() && deleted.is_empty() {
            return Ok(None);
        }
        let touched = Touched { updated: updated.clone(), deleted: deleted.clone() };
        Ok(Some(self.put(&touched.to_bytes()?)))
    }

    /// The object, if anything was put there.
    pub fn finish(self) -> Option<(String, Vec<u8>)> {
        (!self.bytes.is_empty()).then(|| (self.object.key("meta"), self.bytes))
    }
}

/// Row ids that are not there.
#[derive(Default)]
struct Missing {
    first: Option<u64>,
    count: u64,
}

impl Missing {
    fn add(&mut self, id: u64) {
        self.first.get_or_insert(id);
        self.count += 1;
    }

    fn check(&self) -> Result<()> {
        match self.first {
            Some(row_id) => Err(Error::NoSuchRow { row_id, more: self.count - 1 }),
            None => Ok(()),
        }
    }
}
