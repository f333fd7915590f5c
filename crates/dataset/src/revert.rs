//! Making everything as it was at an older version, by a commit like any other.

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_format::entry::Change;

use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::error::Result;

struct Revert {
    base: u64,
    to: Dataset,
}

impl Revert {
    fn proposed(&self, head: &Dataset) -> Result<Proposed> {
        if head.version() != self.base {
            let reason = "what it would take back has grown since it was asked for".to_string();
            return Err(head.conflict(reason));
        }
        let to = self.to.version();
        head.check_retained(to)?;
        let mut entry = head.successor();
        entry.tree = self.to.entry.tree.clone();
        entry.rows = self.to.entry.rows;
        entry.change = Change::Revert { to };
        let schema = (*self.to.schema).clone();
        Ok(Proposed { entry, schema: Some(schema), objects: Vec::new() })
    }
}

impl Proposal for Revert {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        let proposed = self.proposed(head);
        async move { proposed }.boxed()
    }
}

impl Dataset {
    /// Makes rows, values and columns of this branch what they were at `version`; history keeps what
    /// was in between. No bytes are copied.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] if others committed meanwhile, [`crate::Error::NoSuchVersion`],
    /// [`crate::Error::VersionExpired`], or an error of the commit.
    pub fn revert<'a>(&'a self, version: u64, message: &'a str) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let newest = self.refresh().await?;
            let revert = Revert { base: newest.version(), to: newest.at(version).await? };
            commit::commit(&newest, message, &revert).await
        })
    }
}
