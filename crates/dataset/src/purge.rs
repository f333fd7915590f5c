//! Deleting rows so that no byte of them is left: on every branch, in every version.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_core::ObjectId;
use lakebed_format::Entry;
use lakebed_format::Patch;
use lakebed_format::Touched;
use lakebed_format::entry::Change;
use roaring::RoaringTreemap;

use crate::collect::Collected;
use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::edit::id_runs;
use crate::error::Error;
use crate::error::Result;
use crate::head;
use crate::read::Fragment;
use crate::read::offset;

/// Epochs that a purge moves on, so that what it replaced can be deleted at once.
const EPOCHS: u32 = 2;

/// What a purge did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Rows that were deleted, by branch.
    pub rows: Vec<(String, u64)>,
    /// Tags and views that were deleted with the versions they named.
    pub names: Vec<String>,
    /// Versions below this number have expired.
    pub expired_below: u64,
    /// What was deleted.
    pub collected: Collected,
}

/// Gives up every version but the ends of branches, and names that hold the rows.
struct Forget<'a> {
    rows: &'a RoaringTreemap,
}

impl Forget<'_> {
    async fn proposed(&self, head: &Dataset) -> Result<Proposed> {
        let mut entry = head.successor();
        for branch in head.branches().keys() {
            // Another commit may have brought them back, by a revert or a merge.
            if head.at_name(branch).await?.holds(self.rows).await? {
                return Err(head.conflict(format!("branch '{branch}' has these rows again")));
            }
        }
        for (name, version) in names(&head.log) {
            // A name of a version whose data are damaged must not keep the rows either.
            let holds = match head.at(version).await {
                Ok(named) => named.holds(self.rows).await,
                Err(error) => Err(error),
            };
            match holds {
                Ok(false) => continue,
                Ok(true) => {}
                Err(error) if error.is_damage() => {}
                Err(error) => return Err(error),
            }
            entry.refs.tags.remove(&name);
            entry.refs.views.remove(&name);
        }
        entry.expired_below = entry.number;
        entry.change = Change::Expire { below: entry.number };
        Ok(Proposed { entry, schema: None, objects: Vec::new() })
    }
}

impl Proposal for Forget<'_> {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        self.proposed(head).boxed()
    }
}

impl Dataset {
    /// Deletes rows by id on every branch that has them, writes the packs that hold them anew without
    /// them, deletes the tags and views whose versions hold them, expires all versions but the ends
    /// of branches and what other names keep, and deletes the bytes. Commits that others have on
    /// their way are refused ([`Error::Fenced`]), since they may hold the rows too.
    ///
    /// Copies that readers have in memory, and files on disk that a file system keeps after they are
    /// deleted, are out of reach.
    ///
    /// # Errors
    /// [`Error::NoSuchRow`] if no branch has one of the rows, or an error of the commits. What was
    /// done before an error stays done; a purge can be repeated, and rows that are deleted already
    /// may be named again.
    pub fn purge<'a>(
        &'a self,
        row_ids: &'a [u64],
        message: &'a str,
    ) -> BoxFuture<'a, Result<(Dataset, Purged)>> {
        Box::pin(async move {
            let rows: RoaringTreemap = row_ids.iter().copied().collect();
            let newest = self.refresh().await?;
            let next = newest.log.next_row_id;
            if let Some(row_id) = rows.iter().find(|id| *id >= next) {
                let more = rows.iter().filter(|id| *id >= next).count() as u64 - 1;
                return Err(Error::NoSuchRow { row_id, more });
            }
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            let mut attempts = self.shared.options.commit_attempts.max(1);
            let newest = loop {
                let done = newest.purge_branches(&rows, message, &mut counts).await;
                attempts -= 1;
                match done {
                    // Others write meanwhile: what they changed is purged as well.
                    Err(Error::Conflict { .. }) if attempts > 0 => {}
                    done => break done?,
                }
            };
            let mut report = Purged::default();
            report.rows.extend(counts.into_iter().filter(|(_, count)| *count > 0));
            report.expired_below = newest.log.expired_below;
            let before = head::entry(newest.url(), &*newest.shared.store, newest.log.number - 1);
            if let Some(mut before) = before.await? {
                let (url, store) = (newest.url(), &*newest.shared.store);
                head::complete(url, store, &mut before, &newest.log.refs).await?;
                let gone = |name: &String| newest.log.refs.get(name).is_none();
                let known = names(&before).into_iter().map(|(name, _)| name);
                report.names.extend(known.filter(gone));
            }
            let (newest, collected) = newest.collect(EPOCHS, message, |_, _| {}).await?;
            report.collected = collected;
            Ok((newest, report))
        })
    }

    /// Deletes the rows on all branches, and gives up every version that has them.
    async fn purge_branches(
        &self,
        rows: &RoaringTreemap,
        message: &str,
        counts: &mut BTreeMap<String, u64>,
    ) -> Result<Dataset> {
        let branches = self.refresh().await?.branches().clone();
        for branch in branches.into_keys() {
            let tip = self.refresh().await?.at_name(&branch).await?;
            let count = tip.purge_branch(rows, message).await?;
            *counts.entry(branch).or_default() += count;
        }
        commit::commit(self, message, &Forget { rows }).await
    }

    /// Deletes the rows at the end of a branch, and writes the packs that hold them anew.
    async fn purge_branch(&self, rows: &RoaringTreemap, message: &str) -> Result<u64> {
        let mut live = RoaringTreemap::new();
        for fragment in self.fragments().await?.iter() {
            live |= &self.ids_of(fragment).await? & rows;
        }
        let mut head = self.clone();
        if !live.is_empty() {
            let ids: Vec<u64> = live.iter().collect();
            head = head.delete(&ids, message).await?;
        }
        let groups: Vec<Vec<Fragment>> =
            head.holding(rows).await?.into_iter().map(|fragment| vec![fragment]).collect();
        head.rewrite(groups, message, &mut |_, _| {}).await?;
        Ok(live.len())
    }

    /// The fragments whose packs, or packs of new values, hold bytes of the rows.
    async fn holding(&self, rows: &RoaringTreemap) -> Result<Vec<Fragment>> {
        let fragments = self.fragments().await?;
        // Packs of new values serve several fragments: who shares one that holds the rows counts too.
        let mut packs: BTreeSet<ObjectId> = BTreeSet::new();
        let mut found = BTreeSet::new();
        for fragment in fragments.iter() {
            let patch = self.patch(&fragment.pointer).await?;
            let mut first_row = 0u64;
            for (first, count) in id_runs(&fragment.pointer, patch.as_deref()) {
                let mut here = RoaringTreemap::new();
                here.insert_range(first..first.saturating_add(count));
                here &= rows;
                for row in here.into_iter().map(|id| first_row + (id - first)) {
                    found.insert(fragment.index);
                    packs.insert(fragment.pointer.object);
                    packs.extend(patch.iter().flat_map(|cached| pack_at(&cached.patch, row)));
                    let overlays = patch.iter().flat_map(|cached| &cached.patch.overlays);
                    packs.extend(
                        overlays
                            .filter(|overlay| overlay.offsets.contains(offset(row)))
                            .map(|overlay| overlay.pack.object),
                    );
                }
                first_row += count;
            }
        }
        packs.extend(self.hidden(rows).await?);
        for fragment in fragments.iter() {
            let patch = self.patch(&fragment.pointer).await?;
            let overlays = patch.iter().flat_map(|cached| &cached.patch.overlays);
            let folded = patch.iter().flat_map(|cached| &cached.patch.packs);
            let mut used =
                overlays.map(|overlay| overlay.pack.object).chain(folded.map(|pack| pack.object));
            if packs.contains(&fragment.pointer.object) || used.any(|pack| packs.contains(&pack)) {
                found.insert(fragment.index);
            }
        }
        Ok(fragments.iter().filter(|f| found.contains(&f.index)).cloned().collect())
    }

    /// Packs of new values of which some rows belong to no fragment here, and may be of these rows: a
    /// compaction wrote the fragment of such a row anew, and a merge took another fragment only,
    /// while others still need the pack. Its rows do not say whose they are; the commit that wrote
    /// it does while it is retained, and if it is not, the pack counts.
    async fn hidden(&self, rows: &RoaringTreemap) -> Result<BTreeSet<ObjectId>> {
        let mut used: BTreeMap<ObjectId, (u64, u64, RoaringTreemap)> = BTreeMap::new();
        for fragment in self.fragments().await?.iter() {
            let patch = self.patch(&fragment.pointer).await?;
            for overlay in patch.iter().flat_map(|cached| &cached.patch.overlays) {
                let none = || (overlay.pack.rows, overlay.stamp, RoaringTreemap::new());
                let (_, _, sources) = used.entry(overlay.pack.object).or_insert_with(none);
                sources.extend(overlay.sources.iter().copied());
            }
        }
        let mut hidden = BTreeSet::new();
        for (pack, (all, stamp, sources)) in used {
            if sources.len() < all && self.may_touch(stamp, rows).await? {
                hidden.insert(pack);
            }
        }
        Ok(hidden)
    }

    /// Whether a commit gave some of the rows new values, as far as that is still known.
    async fn may_touch(&self, version: u64, rows: &RoaringTreemap) -> Result<bool> {
        let entry = match head::entry(self.url(), &*self.shared.store, version).await {
            Ok(Some(entry)) if self.check_retained(version).is_ok() => entry,
            Ok(_) | Err(Error::VersionExpired { .. }) => return Ok(true),
            Err(error) if error.is_damage() => return Ok(true),
            Err(error) => return Err(error),
        };
        let Change::Edit { touched: Some(region), .. } = &entry.change else { return Ok(true) };
        let touched = match self.region(region, "row ids").await {
            Ok(bytes) => Touched::from_bytes(&bytes),
            Err(error) if error.is_damage() => return Ok(true),
            Err(error) => return Err(error),
        };
        Ok(touched.map_or(true, |touched| !touched.updated.is_disjoint(rows)))
    }

    async fn holds(&self, rows: &RoaringTreemap) -> Result<bool> {
        Ok(!self.holding(rows).await?.is_empty())
    }
}

/// The pack that holds a row's chunks, where its fragment was folded.
fn pack_at(patch: &Patch, row: u64) -> Option<ObjectId> {
    let mut end = 0u64;
    let mut packs = patch.packs.iter();
    let found = packs.find(|pack| {
        end = end.saturating_add(pack.rows);
        row < end
    });
    found.map(|pack| pack.object)
}

fn names(newest: &Entry) -> Vec<(String, u64)> {
    let refs = &newest.refs;
    let tags = refs.tags.iter().map(|(name, version)| (name.clone(), *version));
    let views = refs.views.iter().map(|(name, view)| (name.clone(), view.version));
    tags.chain(views).collect()
}
