//! The history of a branch, newest first.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use lakebed_format::Entry;
use lakebed_format::Source;
use lakebed_format::entry::Change;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::head;

/// Entries that are read at the same time.
const PARALLEL: usize = 16;

/// One commit, as `lakebed log` shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// The entry's number.
    pub version: u64,
    /// The commit's id, by which [`crate::Error::CommitUnknown`] is settled.
    pub id: String,
    /// The entries that it follows: one, or two for a merge.
    pub parents: Vec<u64>,
    /// The branch that it was made on.
    pub branch: String,
    /// Microseconds since 1970-01-01 UTC.
    pub time_micros: i64,
    /// What the writer said.
    pub message: String,
    /// Who the writer said to be.
    pub author: Option<String>,
    /// What was done.
    pub change: Change,
    /// Rows of the snapshot after it.
    pub rows: u64,
    /// Where the rows come from, if they are a copy of a view.
    pub source: Option<Source>,
}

impl LogLine {
    fn new(entry: &Entry) -> LogLine {
        LogLine {
            version: entry.number,
            id: entry.id.to_string(),
            parents: entry.parents.clone(),
            branch: entry.branch.clone(),
            time_micros: entry.time_micros,
            message: entry.message.clone(),
            author: entry.author.clone(),
            change: entry.change.clone(),
            rows: entry.rows,
            source: entry.source.clone(),
        }
    }
}

impl Dataset {
    /// The last `limit` commits up to this snapshot, newest first: first parents only, so a merge is
    /// one commit. Ends where older ones have expired. Reads no more than a few entries besides.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub fn log<'a>(&'a self, limit: usize) -> BoxFuture<'a, Result<Vec<LogLine>>> {
        Box::pin(async move {
            let entries = self.history(limit, |_| false).await?;
            Ok(entries.iter().map(|entry| LogLine::new(entry)).collect())
        })
    }

    /// This snapshot's entry and those before it by first parents, newest first: at most `limit`, up
    /// to and with the first that `last` holds for, or as far back as they are retained.
    pub(crate) async fn history(
        &self,
        limit: usize,
        last: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<Arc<Entry>>> {
        let mut found: Vec<Arc<Entry>> = Vec::new();
        let mut near: BTreeMap<u64, Arc<Entry>> = BTreeMap::new();
        // How many to read ahead: twice as many as were of this branch among those read before.
        let mut ahead = PARALLEL;
        let mut used = 0;
        let mut next = Some(self.entry.number);
        while let (Some(number), true) = (next, found.len() < limit) {
            if self.check_retained(number).is_err() && number != self.entry.number {
                break;
            }
            let entry = if number == self.entry.number {
                Arc::clone(&self.entry)
            } else {
                if !near.contains_key(&number) {
                    // The commits of one branch mostly follow each other.
                    let wanted = (limit - found.len()).clamp(1, ahead);
                    near = self.entries_up_to(number, wanted).await?;
                    used = 0;
                }
                match near.remove(&number) {
                    Some(entry) => {
                        used += 1;
                        ahead = (2 * used).clamp(1, PARALLEL);
                        entry
                    }
                    None => break,
                }
            };
            next = entry.parents.first().copied();
            let stop = last(&entry);
            found.push(entry);
            if stop {
                break;
            }
        }
        Ok(found)
    }

    /// Entries of the log whatever their branch; expired ones are left out.
    async fn entries_up_to(&self, last: u64, count: usize) -> Result<BTreeMap<u64, Arc<Entry>>> {
        let count = u64::try_from(count).unwrap_or(1);
        let first = (last + 1).saturating_sub(count);
        let read = |number: u64| async move {
            match head::entry(&self.shared.url, &*self.shared.store, number).await {
                Ok(Some(entry)) => Ok(Some((number, Arc::new(entry)))),
                Err(Error::VersionExpired { .. }) => Ok(None),
                // The log has no gaps.
                Ok(None) => {
                    let reason = "it is missing, and later ones are there".to_string();
                    Err(self.damaged(&Entry::key(number), "entry", reason))
                }
                Err(error) => Err(error),
            }
        };
        futures::stream::iter((first..=last).map(read))
            .buffer_unordered(PARALLEL)
            .try_filter_map(|entry| async move { Ok(entry) })
            .try_collect()
            .await
    }
}
