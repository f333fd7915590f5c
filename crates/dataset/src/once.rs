//! Commits with a caller's key: repeated, they happen once. The argument stands in the format's
//! `SPEC.md`, section 4.

use bytes::Bytes;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use lakebed_format::Entry;
use lakebed_format::KeyNote;
use lakebed_format::once::MAX_KEY;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::head;

/// Entries that are read at the same time.
const PARALLEL: usize = 16;

/// A caller's key on its way into the log.
pub(crate) struct Once<'a> {
    key: &'a str,
    /// No entry below this number carries the key; `None` before anything was read.
    clear_below: Option<u64>,
}

impl<'a> Once<'a> {
    pub fn new(key: &'a str) -> Result<Once<'a>> {
        let reason = if key.is_empty() {
            "it is empty"
        } else if key.len() > MAX_KEY {
            "it is longer than 256 bytes"
        } else {
            return Ok(Once { key, clear_below: None });
        };
        Err(Error::InvalidKey { key: key.to_string(), reason })
    }

    pub fn key(&self) -> &str {
        self.key
    }

    /// The dataset at the commit that carries the key, if the log has one up to the newest entry
    /// that `head` knows.
    ///
    /// The note is read after the head was: a commit that the head has was announced before.
    pub async fn committed(&mut self, head: &Dataset) -> Result<Option<Dataset>> {
        let newest = head.log.number;
        let first = match self.clear_below {
            Some(number) => number,
            None => match self.note(head).await? {
                Some(note) => note.number,
                None => newest.saturating_add(1),
            },
        };
        let read = (first..=newest).map(|number| async move {
            let found = head::entry(head.url(), &*head.shared.store, number).await?;
            found.ok_or_else(|| Error::NoSuchVersion {
                url: head.url().to_string(),
                version: number,
                newest,
            })
        });
        let mut entries = futures::stream::iter(read).buffered(PARALLEL);
        while let Some(entry) = entries.try_next().await? {
            if entry.idempotency_key.as_deref() == Some(self.key) {
                return Ok(Some(head.at(entry.number).await?));
            }
        }
        self.clear_below = Some(first.max(newest.saturating_add(1)));
        Ok(None)
    }

    async fn note(&self, head: &Dataset) -> Result<Option<KeyNote>> {
        let object = KeyNote::object(self.key);
        match head.shared.store.get(&object).await {
            Ok(bytes) => {
                let note = KeyNote::from_bytes(self.key, &bytes);
                Ok(Some(note.map_err(|e| Error::in_object(head.url(), &object, e))?))
            }
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Says that the entry is about to be created; durable when it returns.
    pub async fn announce(&self, head: &Dataset, entry: &Entry) -> Result<()> {
        let note = KeyNote { key: self.key.to_string(), number: entry.number, id: entry.id };
        let bytes = Bytes::from(note.to_bytes()?);
        Ok(head.shared.store.put(&KeyNote::object(self.key), bytes).await?)
    }
}

impl Dataset {
    /// The dataset at the commit that was made with a key ([`crate::Writer::commit_once`]), or
    /// `None` if there is none yet: what a restarted ingest asks before it writes its rows again.
    ///
    /// # Errors
    /// [`Error::InvalidKey`]; [`Error::VersionExpired`] if the commit, or what came after the last
    /// attempt at it, has expired; damage, or an error of the store.
    pub fn committed_once<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Dataset>>> {
        Box::pin(async move {
            let mut once = Once::new(key)?;
            let newest = self.refresh().await?;
            once.committed(&newest).await
        })
    }
}
