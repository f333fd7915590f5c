//! Giving up older versions. Their bytes go with the next collections of garbage.

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_format::entry::Change;

use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;

struct Expire {
    below: u64,
}

impl Expire {
    fn proposed(&self, head: &Dataset) -> Result<Proposed> {
        let mut entry = head.successor();
        entry.expired_below = entry.expired_below.max(self.below);
        entry.change = Change::Expire { below: entry.expired_below };
        Ok(Proposed { entry, schema: None, objects: Vec::new() })
    }
}

impl Proposal for Expire {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        let proposed = self.proposed(head);
        async move { proposed }.boxed()
    }
}

impl Dataset {
    /// Gives up every version below a number, but for the ends of branches and what tags and views
    /// name. Who has one open can read on until its bytes are collected, and is told then.
    ///
    /// The version where two branches parted may go, and without it they cannot be merged:
    /// [`Dataset::parted_below`] says before which ones this hits. A tag on it keeps it.
    ///
    /// # Errors
    /// [`Error::NoSuchVersion`] for a number above the newest, or an error of the commit.
    pub fn expire<'a>(&'a self, below: u64, message: &'a str) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let newest = self.refresh().await?;
            if below > newest.log.number {
                return Err(Error::NoSuchVersion {
                    url: newest.url().to_string(),
                    version: below,
                    newest: newest.log.number,
                });
            }
            commit::commit(&newest, message, &Expire { below }).await
        })
    }
}
