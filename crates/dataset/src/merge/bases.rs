//! Where all branches parted: what a merge of them rests on.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use lakebed_format::Entry;
use lakebed_format::entry::MAIN_BRANCH;
use roaring::RoaringBitmap;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::head;

/// Entries that are read at the same time.
const READ_AHEAD: u64 = 16;

/// Two branches and the version that a merge of them compares both with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parted {
    /// The newest version that both come from.
    pub version: u64,
    /// A branch.
    pub branch: String,
    /// `main`, or the branch that the other was begun on.
    pub parent: String,
    /// A branch that ends at the version, and keeps it until its next commit.
    pub ends_there: Option<String>,
}

/// The branches with where they parted, and the versions on the way there.
#[derive(Debug, Default)]
pub(crate) struct Bases {
    pub parted: Vec<Parted>,
    /// Versions between the ends of branches and where these parted.
    walked: BTreeSet<u64>,
}

impl Bases {
    /// The versions by which the oldest of the places where branches parted that are `kept` is
    /// reached.
    pub fn ways(&self, kept: impl Fn(u64) -> bool) -> BTreeSet<u64> {
        let oldest = self.parted.iter().map(|parted| parted.version).filter(|v| kept(*v)).min();
        oldest.map_or_else(BTreeSet::new, |oldest| self.walked.range(oldest..).copied().collect())
    }
}

impl Dataset {
    /// The branches that cannot be merged any more once the versions below `below` have expired,
    /// each with `main` or with the branch that it was begun on: the version where the two parted
    /// goes, and no tag or view keeps it. Branches that cannot be merged as it is are left out.
    ///
    /// # Errors
    /// An error of the store.
    pub fn parted_below<'a>(&'a self, below: u64) -> BoxFuture<'a, Result<Vec<Parted>>> {
        Box::pin(async move {
            let newest = self.refresh().await?;
            let refs = &newest.log.refs;
            let views = refs.views.values().map(|view| view.version);
            let kept: BTreeSet<u64> = refs.tags.values().copied().chain(views).collect();
            let mut parted = newest.bases().await?.parted;
            parted.retain(|parted| parted.version < below && !kept.contains(&parted.version));
            // What has expired already is lost without this.
            parted.retain(|parted| newest.check_retained(parted.version).is_ok());
            parted.sort();
            Ok(parted)
        })
    }

    /// Where each branch parted from `main` and from the branch that it was begun on.
    pub(crate) async fn bases(&self) -> Result<Bases> {
        let mut bases = Bases::default();
        let ends: Vec<(&String, u64)> =
            self.log.refs.branches.iter().map(|(name, number)| (name, *number)).collect();
        if ends.len() < 2 {
            return Ok(bases);
        }
        let all = u64::try_from(ends.len()).unwrap_or(u64::MAX);
        // Which branches a version belongs to. Parents have smaller numbers than their children, so
        // the first version at which two branches are met together is the newest that both have.
        let mut open: BTreeMap<u64, RoaringBitmap> = BTreeMap::new();
        for (nth, (_, number)) in (0..).zip(&ends) {
            open.entry(*number).or_default().insert(nth);
        }
        let mut met = vec![RoaringBitmap::new(); ends.len()];
        let mut near = BTreeMap::new();
        while let Some((number, sides)) = open.pop_last() {
            bases.walked.insert(number);
            let entry = self.near_entry(number, &mut near).await?;
            bases.meet(number, &sides, entry.as_deref(), &ends, &mut met);
            if sides.len() == all {
                break;
            }
            // A version whose entry is gone leads nowhere: its branches cannot be merged already.
            for parent in entry.iter().flat_map(|entry| &entry.parents) {
                *open.entry(*parent).or_default() |= &sides;
            }
        }
        Ok(bases)
    }

    /// An entry, with those before it kept in `near`; `None` if it is gone or damaged. Damage is told
    /// by `verify`, and must not keep anybody from giving up what is damaged.
    async fn near_entry(
        &self,
        number: u64,
        near: &mut BTreeMap<u64, Arc<Entry>>,
    ) -> Result<Option<Arc<Entry>>> {
        if !near.contains_key(&number) {
            let first = (number + 1).saturating_sub(READ_AHEAD);
            let read = |number: u64| async move {
                match head::entry(self.url(), &*self.shared.store, number).await {
                    Ok(entry) => Ok(entry.map(|entry| (number, Arc::new(entry)))),
                    Err(Error::VersionExpired { .. } | Error::Format(_)) => Ok(None),
                    Err(error) if error.is_damage() => Ok(None),
                    Err(error) => Err(error),
                }
            };
            let read = (first..=number).map(read).collect::<Vec<_>>();
            let read = futures::future::try_join_all(read).await?;
            *near = read.into_iter().flatten().collect();
        }
        Ok(near.remove(&number))
    }
}

impl Bases {
    /// Notes the branches that meet at a version and have met at none above it.
    fn meet(
        &mut self,
        version: u64,
        sides: &RoaringBitmap,
        entry: Option<&Entry>,
        ends: &[(&String, u64)],
        met: &mut [RoaringBitmap],
    ) {
        if sides.len() < 2 {
            return;
        }
        let begun_on = entry.map(|entry| entry.branch.as_str());
        let is_parent = |name: &str| name == MAIN_BRANCH || Some(name) == begun_on;
        let at = |nth: u32| usize::try_from(nth).ok();
        let ends_there = ends.iter().find(|(_, end)| *end == version);
        let ends_there = ends_there.map(|(name, _)| name.to_string());
        for one in sides {
            let Some(known) = at(one).and_then(|one| met.get_mut(one)) else { continue };
            let new = sides - &*known;
            *known |= sides;
            let Some((parent, _)) = at(one).and_then(|one| ends.get(one)) else { continue };
            if !is_parent(parent) {
                continue;
            }
            for other in new.iter().filter(|other| *other != one) {
                let Some((branch, _)) = at(other).and_then(|nth| ends.get(nth)) else {
                    continue;
                };
                // Of two that could be called the parent, `main` is.
                if *branch == MAIN_BRANCH {
                    continue;
                }
                self.parted.push(Parted {
                    version,
                    branch: branch.to_string(),
                    parent: parent.to_string(),
                    ends_there: ends_there.clone(),
                });
            }
        }
    }
}
