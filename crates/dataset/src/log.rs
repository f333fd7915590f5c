//! The history, newest first.

use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::BoxFuture;
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
    /// Microseconds since 1970-01-01 UTC.
    pub time_micros: i64,
    /// What the writer said.
    pub message: String,
    /// What was done.
    pub change: Change,
    /// Rows of the snapshot after it.
    pub rows: u64,
}

impl Dataset {
    /// The last `limit` commits up to this snapshot, newest first. Reads no others.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub fn log<'a>(&'a self, limit: usize) -> BoxFuture<'a, Result<Vec<LogLine>>> {
        Box::pin(async move {
            let newest = self.entry.number;
            let count = u64::try_from(limit).unwrap_or(u64::MAX).min(newest.saturating_add(1));
            let oldest = newest + 1 - count;
            let read = |number: u64| async move {
                if number == newest {
                    return Ok((*self.entry).clone());
                }
                let found = head::entry(&self.shared.url, &*self.shared.store, number).await?;
                found.ok_or_else(|| Error::NoSuchVersion {
                    url: self.shared.url.clone(),
                    version: number,
                    newest,
                })
            };
            futures::stream::iter((oldest..=newest).rev().map(read))
                .buffered(PARALLEL)
                .map_ok(|entry| LogLine {
                    version: entry.number,
                    id: entry.id.to_string(),
                    time_micros: entry.time_micros,
                    message: entry.message,
                    change: entry.change,
                    rows: entry.rows,
                })
                .try_collect()
                .await
        })
    }
}
