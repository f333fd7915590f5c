//! Folding: many small manifests written as one, while the chunks stay in the packs where they are.
//!
//! Each commit brings a pack with a manifest of its own, and a query on ten thousand small commits
//! reads ten thousand manifests before it knows what to read. A folded fragment is one manifest over
//! the chunks of many packs: one read instead of thousands, and no sample is copied. Compaction goes
//! further, as it makes few large chunks of many small ones, and rewrites all data to do so. Fold
//! where packs are large enough as they are; compact where they are not.

use std::collections::BTreeSet;

use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use lakebed_core::Column;
use lakebed_core::ColumnId;
use lakebed_format::ColumnSection;
use lakebed_format::Overlay;
use lakebed_format::PackPointer;
use lakebed_format::Patch;
use lakebed_format::checksum::Running;
use roaring::RoaringBitmap;

use crate::commit;
use crate::compact::Group;
use crate::compact::Replace;
use crate::compact::Successor;
use crate::dataset::Dataset;
use crate::edit::id_runs;
use crate::error::Result;
use crate::read::Fragment;
use crate::read::offset;
use crate::write::ManifestWriter;

/// Manifests that are read at a time.
const PARALLEL: usize = 16;
/// Packs behind one folded fragment, at most: a thousand commits of their pointers are 64 KiB.
const MOST_PACKS: usize = 4096;
/// Updates of one folded fragment, at most: readers look through all of them.
const MOST_OVERLAYS: usize = 256;
/// Rows of one folded fragment, at most: rows of a fragment are counted in 32 bits.
const MOST_ROWS: u64 = 1 << 31;

/// When manifests are written anew as one.
#[derive(Debug, Clone)]
pub struct Folding {
    /// Manifests of at most so many bytes join their neighbours'.
    pub small_bytes: u64,
    /// Bytes that joined manifests have at most, about.
    pub target_bytes: u64,
    /// Neighbours that are worth a commit.
    pub neighbours: usize,
}

impl Default for Folding {
    fn default() -> Folding {
        Folding { small_bytes: 64 << 10, target_bytes: 1 << 20, neighbours: 8 }
    }
}

/// Neighbours whose manifests fit together.
#[derive(Default)]
struct Open {
    fragments: Vec<Fragment>,
    columns: BTreeSet<ColumnId>,
    bytes: u64,
    rows: u64,
    packs: usize,
    overlays: usize,
}

/// What counts towards the limits of a folded fragment.
struct Candidate {
    fragment: Fragment,
    columns: BTreeSet<ColumnId>,
    bytes: u64,
    packs: usize,
    overlays: usize,
}

impl Open {
    fn takes(&self, next: &Candidate, options: &Folding) -> bool {
        self.fragments.is_empty()
            || (self.columns == next.columns
                && self.bytes + next.bytes <= options.target_bytes
                && self.rows.saturating_add(next.fragment.pointer.rows) <= MOST_ROWS
                && self.packs + next.packs <= MOST_PACKS
                && self.overlays + next.overlays <= MOST_OVERLAYS)
    }

    fn add(&mut self, next: Candidate) {
        self.bytes += next.bytes;
        self.rows = self.rows.saturating_add(next.fragment.pointer.rows);
        self.packs += next.packs;
        self.overlays += next.overlays;
        self.columns = next.columns;
        self.fragments.push(next.fragment);
    }
}

impl Dataset {
    /// Writes the manifests of neighbours as one where they are small. No sample is read or written,
    /// and no row, value or id changes. One commit, or none if there is nothing to do. `progress`
    /// is told manifests read and manifests in all.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] if others changed every one of the fragments meanwhile, or an error
    /// of the commit.
    pub fn fold<'a>(
        &'a self,
        options: &'a Folding,
        message: &'a str,
        mut progress: impl FnMut(u64, u64) + Send + 'a,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let head = self.refresh().await?;
            let groups = head.foldable(options).await?;
            if groups.is_empty() {
                return Ok(head);
            }
            let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
            let all = count(groups.iter().map(Vec::len).sum());
            let mut done = 0;
            let mut replaced = Vec::with_capacity(groups.len());
            for group in groups {
                done += count(group.len());
                replaced.push(head.folded(group).await?);
                progress(done, all);
            }
            commit::commit(&head, message, &Replace { groups: replaced }).await
        })
    }

    /// Bytes of the packs that hold a fragment's chunks, manifests included; those of updates are
    /// not counted.
    pub(crate) async fn stored_in(&self, fragment: &Fragment) -> Result<u64> {
        let mut bytes = fragment.pointer.length;
        // Only where no chunk comes before the manifest are there packs to ask for.
        if fragment.pointer.sections_offset == 0
            && let Some(cached) = self.patch(&fragment.pointer).await?
        {
            bytes += cached.patch.packs.iter().map(|pack| pack.length).sum::<u64>();
        }
        Ok(bytes)
    }

    /// Bytes of all packs that hold the rows of this version; those of updates are not counted.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub async fn stored_bytes(&self) -> Result<u64> {
        let mut bytes = 0u64;
        for fragment in self.fragments().await?.iter() {
            bytes = bytes.saturating_add(self.stored_in(fragment).await?);
        }
        Ok(bytes)
    }

    /// The neighbours that are worth folding.
    async fn foldable(&self, options: &Folding) -> Result<Vec<Vec<Fragment>>> {
        let fragments = self.fragments().await?;
        // Where few are small there is nothing to read.
        let small = fragments.iter().filter(|f| manifest_bytes(f) <= options.small_bytes);
        if small.count() < options.neighbours.max(2) {
            return Ok(Vec::new());
        }
        let mut candidates = Vec::with_capacity(fragments.len());
        for fragment in fragments.iter() {
            candidates.push(self.candidate(fragment, options));
        }
        let mut candidates = futures::stream::iter(candidates).buffered(PARALLEL);
        let mut groups = Vec::new();
        let mut open = Open::default();
        let mut close = |open: &mut Open| {
            let fragments = std::mem::take(open).fragments;
            if fragments.len() >= options.neighbours.max(2) {
                groups.push(fragments);
            }
        };
        while let Some(next) = candidates.try_next().await? {
            let Some(next) = next else {
                close(&mut open);
                continue;
            };
            if !open.takes(&next, options) {
                close(&mut open);
            }
            open.add(next);
        }
        close(&mut open);
        Ok(groups)
    }

    /// What is to be known of a fragment whose manifest is small.
    async fn candidate(&self, fragment: &Fragment, options: &Folding) -> Result<Option<Candidate>> {
        if manifest_bytes(fragment) > options.small_bytes {
            return Ok(None);
        }
        let manifest = self.manifest(fragment).await?;
        let known = |id: &&ColumnId| self.schema.by_id(**id).is_some();
        let columns = manifest.header.sections.keys().filter(known).copied().collect();
        let patch = self.patch(&fragment.pointer).await?;
        let patch = patch.as_ref().map(|cached| &cached.patch);
        Ok(Some(Candidate {
            fragment: fragment.clone(),
            columns,
            bytes: manifest_bytes(fragment),
            packs: patch.map_or(1, |patch| patch.packs.len().max(1)),
            overlays: patch.map_or(0, |patch| patch.overlays.len()),
        }))
    }

    /// Writes one manifest for neighbours that have the same columns.
    async fn folded(&self, group: Vec<Fragment>) -> Result<Group> {
        let mut patch = Patch::default();
        let mut rows = 0u64;
        for fragment in &group {
            let cached = self.patch(&fragment.pointer).await?;
            for (first, count) in id_runs(&fragment.pointer, cached.as_deref()) {
                match patch.ids.last_mut() {
                    Some((begin, so_far)) if *begin + *so_far == first => *so_far += count,
                    _ => patch.ids.push((first, count)),
                }
            }
            let own = cached.as_ref().map(|cached| &cached.patch);
            match own.map(|own| own.packs.as_slice()) {
                Some(packs) if !packs.is_empty() => patch.packs.extend(packs),
                _ => patch.packs.push(pack_of(fragment)),
            }
            if let Some(own) = own {
                let down = offset(rows);
                patch.deleted |= moved(&own.deleted, down);
                patch.overlays.extend(own.overlays.iter().map(|overlay| Overlay {
                    offsets: moved(&overlay.offsets, down),
                    ..overlay.clone()
                }));
            }
            rows += fragment.pointer.rows;
        }
        let mut sections: Vec<(&Column, ColumnSection)> = Vec::new();
        for column in &self.schema.columns {
            if let Some(section) = self.joined(&group, column).await? {
                sections.push((column, section));
            }
        }
        let object = self.shared.new_object(self.log.epoch);
        let mut writer = self.shared.store.writer(&object.key("data")).await?;
        let manifest = ManifestWriter {
            object,
            rows,
            objects: patch.packs.iter().map(|pack| pack.object).collect(),
            sections: sections.iter().map(|(column, section)| (*column, section)).collect(),
        };
        let pack = manifest.write(0, Running::new(), &mut *writer).await?;
        writer.finish().await?;
        let old = group.into_iter().map(|fragment| fragment.pointer).collect();
        Ok(Group { old, new: vec![Successor { pack, patch }] })
    }

    /// The chunks of a column in all of them; `None` if they are older than it.
    async fn joined(&self, group: &[Fragment], column: &Column) -> Result<Option<ColumnSection>> {
        // Futures made in a loop, as a closure's borrows would not be general enough.
        let mut sections = Vec::with_capacity(group.len());
        for fragment in group {
            sections.push(self.section(fragment, column.id));
        }
        let sections: Vec<_> =
            futures::stream::iter(sections).buffered(PARALLEL).try_collect().await?;
        let mut all = ColumnSection::default();
        let mut any = false;
        for (fragment, section) in group.iter().zip(sections) {
            let Some(section) = section else { continue };
            any = true;
            all.stats.extend(section.chunks.stats.iter().cloned());
            all.chunks.extend(section.addresses.iter().map(|address| {
                let object = Some(address.object.unwrap_or(fragment.pointer.object));
                lakebed_format::ChunkAddress { object, ..address.clone() }
            }));
        }
        Ok(any.then_some(all))
    }
}

fn manifest_bytes(fragment: &Fragment) -> u64 {
    fragment.pointer.length.saturating_sub(fragment.pointer.sections_offset)
}

fn pack_of(fragment: &Fragment) -> PackPointer {
    let pointer = &fragment.pointer;
    PackPointer {
        object: pointer.object,
        sections_offset: pointer.sections_offset,
        header_offset: pointer.header_offset,
        length: pointer.length,
        checksum: pointer.checksum,
        rows: pointer.rows,
    }
}

/// The set with each row so much further down.
fn moved(set: &RoaringBitmap, down: u32) -> RoaringBitmap {
    set.iter().map(|row| row.saturating_add(down)).collect()
}
