//! A view's rows as a new dataset, which says where they come from.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_core::Schema;
use lakebed_format::Source;
use lakebed_store::Meter;
use lakebed_store::Store;

use super::OpenView;
use super::copy::Batches;
use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::dataset::open_store;
use crate::error::Error;
use crate::error::Result;
use crate::options::Options;
use crate::write::Append;

/// Stored bytes after which a copy commits what it has, if no pack is full before: one that is
/// stopped copies no more of them again.
const CHECKPOINT_BYTES: u64 = 64 << 20;

/// Some more rows of a copy.
struct Checkpoint {
    append: Append,
    /// The version that has the rows before these.
    on: u64,
    source: Source,
}

impl Checkpoint {
    async fn proposed(&self, head: &Dataset) -> Result<Proposed> {
        // Whoever else adds rows meanwhile would end up in the middle of the copy.
        if head.version() != self.on {
            return Err(head.conflict("the copy was changed before it was complete".to_string()));
        }
        let mut proposed = self.append.propose(head).await?;
        proposed.entry.source = Some(self.source.clone());
        Ok(proposed)
    }
}

impl Proposal for Checkpoint {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        self.proposed(head).boxed()
    }
}

impl OpenView {
    /// Copies the view's rows in order into a new dataset with the same columns, whose entries say
    /// where they come from ([`Dataset::source`]). Samples are copied as they are stored: images are
    /// never decoded. Commits after each 64 MiB, so that a copy that was stopped goes on from there
    /// when it is begun again; one that is complete is returned as it is. `progress` is told rows
    /// copied, committed or not, and rows in all.
    ///
    /// Two that copy at once share the work: each goes on after what the other has committed.
    ///
    /// # Errors
    /// [`Error::OtherLineage`] if the place holds another dataset, or somebody changes the copy
    /// before it is complete; damage, or an error of the stores.
    pub fn materialize_into<'a>(
        &'a self,
        url: &'a str,
        options: Options,
        progress: impl FnMut(u64, u64) + Send + 'a,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let (store, meter) = open_store(url, &options)?;
            self.materialize_in(url, store, meter, options, progress).await
        })
    }

    /// As [`OpenView::materialize_into`], in a store that is open already; `url` is for messages.
    ///
    /// # Errors
    /// As there.
    pub fn materialize_in<'a>(
        &'a self,
        url: &'a str,
        store: Arc<dyn Store>,
        meter: Arc<Meter>,
        options: Options,
        mut progress: impl FnMut(u64, u64) + Send + 'a,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let mut target = self.target(url, store, meter, options).await?;
            let (mut copied, all) = (self.resumed(&target)?, self.len());
            let mut batches = Batches::new(self, copied);
            while copied < all {
                let first = copied;
                let mut writer = target.append()?;
                while !writer.has_written(CHECKPOINT_BYTES)
                    && let Some(batch) = batches.next().await?
                {
                    writer.write(&batch).await?;
                    copied += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
                    progress(copied, all);
                }
                let checkpoint = Checkpoint {
                    append: writer.finished().await?,
                    on: target.version(),
                    source: self.source(copied),
                };
                let last = copied.saturating_sub(1);
                let message = match &self.message {
                    Some(message) => message.clone(),
                    None => format!("rows {first} to {last} of view '{}'", self.name),
                };
                match commit::commit(&target, &message, &checkpoint).await {
                    Ok(next) => target = next,
                    // Another copier, or a commit of an earlier copy that was under way when it was
                    // stopped: the rows that are there now are the view's, or this is refused.
                    Err(Error::Conflict { .. }) => {
                        target = target.refresh().await?;
                        copied = self.resumed(&target)?;
                        batches = Batches::new(self, copied);
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(target)
        })
    }

    /// The dataset to copy to: a new one, or what is there.
    async fn target(
        &self,
        url: &str,
        store: Arc<dyn Store>,
        meter: Arc<Meter>,
        options: Options,
    ) -> Result<Dataset> {
        let open =
            || Dataset::open_in(url, Arc::clone(&store), Arc::clone(&meter), options.clone());
        match open().await {
            Err(Error::NotADataset { .. }) => {}
            found => return found,
        }
        let schema = Schema { columns: self.dataset.schema.columns.clone() };
        let (store, meter) = (Arc::clone(&store), Arc::clone(&meter));
        let source = Some(self.source(0));
        match Dataset::create_from(url, store, meter, schema, options.clone(), source).await {
            // Another copy began at the same time, or our own answer was lost.
            Err(Error::Exists { .. }) => open().await,
            created => created,
        }
    }

    /// How many of the view's rows a dataset has, if it is a copy of the view.
    fn resumed(&self, target: &Dataset) -> Result<u64> {
        let refuse =
            |reason: String| Err(Error::OtherLineage { url: target.url().to_string(), reason });
        let Some(source) = target.source() else {
            return refuse("it is no copy of a view".to_string());
        };
        if !source.is_same(&self.source(0)) {
            return refuse(format!(
                "it is a copy of view '{}' of version {} of {}",
                source.view, source.version, source.url
            ));
        }
        let complete = source.copied >= source.rows;
        // Row ids are never given again: as many as rows means that these are the view's first.
        let untouched =
            target.num_rows() == source.copied && target.entry.next_row_id == source.copied;
        if !complete && !untouched {
            return refuse("it was changed before the copy was complete".to_string());
        }
        Ok(source.copied)
    }
}
