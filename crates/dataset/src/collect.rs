//! Collecting garbage: deleting objects that no retained version uses. The argument why nothing that
//! is needed can be deleted stands in the format's `SPEC.md`, section 12.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::FutureExt;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use lakebed_core::ObjectId;
use lakebed_format::Entry;
use lakebed_format::NodePointer;
use lakebed_format::entry::Change;
use lakebed_format::entry::SchemaPlace;
use lakebed_format::entry::Tombstone;
use lakebed_format::tree::Node;

use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::head;

/// Objects that are read or deleted at the same time.
const PARALLEL: usize = 16;
/// Objects of an epoch so far below the new one may be deleted.
const SAFE_EPOCHS: u32 = 2;
/// Unfinished files on a local disk that nobody has written to for so long are of processes that
/// died. Should one be wrong, its commit fails; nothing that was acknowledged rests on such a file.
const UNFINISHED_IDLE: Duration = Duration::from_secs(24 * 3600);

/// What a collection of garbage did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// The epoch that it began.
    pub epoch: u32,
    /// Versions that are retained.
    pub versions: u64,
    /// Objects that they use.
    pub used: u64,
    /// Objects that were deleted.
    pub deleted: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Objects that nothing uses but are too young to be safe: a later collection takes them.
    pub waiting: u64,
    /// Unfinished files of processes that died, which were deleted besides.
    pub unfinished: u64,
    /// Entries of expired versions of which only the number is left now.
    pub entries: u64,
}

struct Begin {
    epochs: u32,
}

impl Begin {
    fn proposed(&self, head: &Dataset) -> Proposed {
        let mut entry = head.successor();
        entry.epoch = entry.epoch.saturating_add(self.epochs);
        entry.change = Change::Collect { epoch: entry.epoch };
        Proposed { entry, schema: None, objects: Vec::new() }
    }
}

impl Proposal for Begin {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        let proposed = self.proposed(head);
        async move { Ok(proposed) }.boxed()
    }
}

/// Everything that retained versions use.
#[derive(Default)]
struct Marks {
    data: BTreeSet<ObjectId>,
    meta: BTreeSet<ObjectId>,
    versions: u64,
}

impl Dataset {
    /// Deletes what no retained version uses, as far as it is surely no commit of another writer that
    /// is on its way: what was written since the collection before this one stays until the next.
    /// `progress` is told versions read so far and in all.
    ///
    /// # Errors
    /// Damage in a retained version: nothing is deleted then; or an error of the store.
    pub fn collect_garbage<'a>(
        &'a self,
        message: &'a str,
        progress: impl FnMut(u64, u64) + Send + 'a,
    ) -> BoxFuture<'a, Result<(Dataset, Collected)>> {
        self.collect_after(1, true, message, progress)
    }

    /// As [`Dataset::collect_garbage`]; after `epochs` more of them, so that commits which are on
    /// their way are refused rather than waited for, and of every expired entry only the number is
    /// left.
    pub(crate) fn collect<'a>(
        &'a self,
        epochs: u32,
        message: &'a str,
        progress: impl FnMut(u64, u64) + Send + 'a,
    ) -> BoxFuture<'a, Result<(Dataset, Collected)>> {
        self.collect_after(epochs, false, message, progress)
    }

    fn collect_after<'a>(
        &'a self,
        epochs: u32,
        keep_ways: bool,
        message: &'a str,
        mut progress: impl FnMut(u64, u64) + Send + 'a,
    ) -> BoxFuture<'a, Result<(Dataset, Collected)>> {
        Box::pin(async move {
            let begun = commit::commit(self, message, &Begin { epochs }).await?;
            let marks = begun.marks(&mut progress).await?;
            // A merge finds the version where branches parted by the entries in between, which say
            // what came from what: a tag on that version alone would not let them be merged.
            let expired = begun.log.expired_below > 0;
            let ways = match keep_ways && expired {
                true => begun.bases().await?.ways(|number| begun.check_retained(number).is_ok()),
                false => BTreeSet::new(),
            };
            let report = begun.sweep(&marks, &ways).await?;
            Ok((begun, report))
        })
    }

    /// What [`Dataset::collect_garbage`] would delete now.
    ///
    /// # Errors
    /// As there.
    pub fn garbage<'a>(
        &'a self,
        mut progress: impl FnMut(u64, u64) + Send + 'a,
    ) -> BoxFuture<'a, Result<Collected>> {
        Box::pin(async move {
            let newest = self.refresh().await?;
            let marks = newest.marks(&mut progress).await?;
            let (doomed, mut report) = newest.doomed(&marks, newest.log.epoch + 1).await?;
            report.deleted = u64::try_from(doomed.len()).unwrap_or(u64::MAX);
            Ok(report)
        })
    }

    /// The numbers of the versions that are retained, ascending.
    pub(crate) fn retained(&self) -> BTreeSet<u64> {
        let log = &self.log;
        let mut numbers: BTreeSet<u64> = (log.expired_below..=log.number).collect();
        numbers.extend(log.refs.versions());
        numbers
    }

    async fn marks(&self, progress: &mut (dyn FnMut(u64, u64) + Send)) -> Result<Marks> {
        let numbers = self.retained();
        let all = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
        let mut marks = Marks::default();
        for view in self.log.refs.views.values() {
            marks.meta.insert(view.region.object);
        }
        let read = numbers.into_iter().map(|number| async move {
            let found = head::entry(self.url(), &*self.shared.store, number).await;
            let found = found.and_then(|found| {
                found.ok_or_else(|| Error::NoSuchVersion {
                    url: self.url().to_string(),
                    version: number,
                    newest: self.log.number,
                })
            });
            (number, found)
        });
        let mut entries = futures::stream::iter(read).buffered(PARALLEL);
        while let Some((number, entry)) = entries.next().await {
            let marked = match entry {
                Ok(entry) => self.mark(&entry, &mut marks).await,
                Err(error) => Err(error),
            };
            match marked {
                Ok(()) => {}
                // Another expired it and collected since. What is missing is missing for every
                // version, so none that is retained shares it, and nothing below it needs a mark.
                Err(error) if error.is_gone() && self.expired_since(number).await? => {}
                Err(error) => return Err(error),
            }
            marks.versions += 1;
            progress(marks.versions, all);
        }
        Ok(marks)
    }

    /// Marks everything that one version uses.
    async fn mark(&self, entry: &Entry, marks: &mut Marks) -> Result<()> {
        if let SchemaPlace::Object { object, .. } = &entry.schema {
            marks.meta.insert(*object);
        }
        marks.meta.extend(entry.refs.object().map(|region| region.object));
        marks.meta.extend(entry.change.touched().map(|region| region.object));
        let mut nodes: Vec<NodePointer> = entry.tree.nodes().cloned().collect();
        let mut fragments = entry.tree.tail.clone();
        while let Some(pointer) = nodes.pop() {
            // What is below a node is below it in every version.
            if marks.meta.insert(pointer.object) {
                match &*self.read_node(&pointer).await? {
                    Node::Fragments(list) => fragments.extend(list.iter().cloned()),
                    Node::Nodes(list) => nodes.extend(list.iter().cloned()),
                }
            }
        }
        for fragment in &fragments {
            marks.data.insert(fragment.object);
            if let Some(pointer) = &fragment.patch {
                marks.meta.insert(pointer.region.object);
            }
            if let Some(cached) = self.patch(fragment).await? {
                let overlays = cached.patch.overlays.iter();
                marks.data.extend(overlays.map(|overlay| overlay.pack.object));
                marks.data.extend(cached.patch.packs.iter().map(|pack| pack.object));
            }
        }
        Ok(())
    }

    /// What may be deleted once the epoch is `epoch`.
    async fn doomed(&self, marks: &Marks, epoch: u32) -> Result<(Vec<(String, u64)>, Collected)> {
        let mut report = Collected { epoch, versions: marks.versions, ..Collected::default() };
        let mut doomed = Vec::new();
        for (folder, used) in [("data", &marks.data), ("meta", &marks.meta)] {
            for object in self.shared.store.list(folder).await? {
                let name = object.key.rsplit('/').next().unwrap_or_default();
                // Anything else there is not ours to delete.
                let Ok(id) = name.parse::<ObjectId>() else { continue };
                if used.contains(&id) {
                    report.used += 1;
                } else if id.epoch.saturating_add(SAFE_EPOCHS) <= epoch {
                    report.bytes = report.bytes.saturating_add(object.size);
                    doomed.push((object.key, object.size));
                } else {
                    report.waiting += 1;
                }
            }
        }
        Ok((doomed, report))
    }

    async fn sweep(&self, marks: &Marks, ways: &BTreeSet<u64>) -> Result<Collected> {
        // The entries first: who comes to an expired version by an old snapshot is told so rather
        // than that its objects are missing.
        let entries = self.bury(ways).await?;
        let (doomed, mut report) = self.doomed(marks, self.log.epoch).await?;
        report.entries = entries;
        let store = &self.shared.store;
        let deletes = doomed.iter().map(|(key, _)| store.delete(key)).collect::<Vec<_>>();
        let mut deletes = futures::stream::iter(deletes).buffer_unordered(PARALLEL);
        while deletes.try_next().await?.is_some() {
            report.deleted += 1;
        }
        drop(deletes);
        report.unfinished = store.remove_unfinished(UNFINISHED_IDLE).await?;
        Ok(report)
    }

    /// Leaves of expired entries only the number, but for those in `kept`.
    async fn bury(&self, kept: &BTreeSet<u64>) -> Result<u64> {
        let below = self.log.expired_below;
        if below == 0 {
            return Ok(0);
        }
        let blank = Tombstone { expired_below: below, id: None }.to_bytes();
        let length = u64::try_from(blank.len()).unwrap_or(u64::MAX);
        let named: BTreeSet<u64> = self.log.refs.versions().collect();
        let mut expired = Vec::new();
        for object in self.shared.store.list("log").await? {
            let name = object.key.rsplit('/').next().unwrap_or_default();
            let Ok(number) = u64::from_str_radix(name, 16) else { continue };
            let stays = named.contains(&number) || kept.contains(&number);
            if number < below && !stays && object.size != length {
                expired.push((number, object.key));
            }
        }
        let store = &*self.shared.store;
        let buries = expired.iter().map(|(number, key)| async move {
            let id = match head::entry(self.url(), store, *number).await {
                Ok(entry) => entry.map(|entry| entry.id),
                // Another collection was faster.
                Err(Error::VersionExpired { .. }) => return Ok(0),
                Err(Error::Store(error)) => return Err(error),
                Err(_) => None,
            };
            let tombstone = Tombstone { expired_below: below, id }.to_bytes();
            store.put(key, tombstone.into()).await.map(|()| 1)
        });
        let buries = buries.collect::<Vec<_>>();
        let mut buries = futures::stream::iter(buries).buffer_unordered(PARALLEL);
        let mut buried = 0;
        while let Some(one) = buries.try_next().await? {
            buried += one;
        }
        Ok(buried)
    }
}
