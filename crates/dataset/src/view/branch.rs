//! A view's rows as a new branch of their own dataset.

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_format::Tree;
use lakebed_format::entry::Change;

use super::OpenView;
use super::copy::Batches;
use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::refs;
use crate::write::Append;
use crate::write::Packs;

struct Begin<'a> {
    view: &'a OpenView,
    name: &'a str,
    append: Append,
}

impl Begin<'_> {
    fn proposed(&self, head: &Dataset) -> Result<Proposed> {
        let of = &self.view.dataset;
        head.check_fence(self.append.packs.iter().map(|pack| pack.object))?;
        head.check_retained(of.version())?;
        let mut entry = head.successor();
        if let Some(version) = entry.refs.get(self.name) {
            return Err(Error::NameTaken { name: self.name.to_string(), version });
        }
        // The branch follows the view's version, wherever this commit is made from.
        entry.branch = self.name.to_string();
        entry.parents = vec![of.version()];
        entry.indexes = of.entry.indexes.clone();
        entry.transforms = of.entry.transforms.clone();
        (entry.tree, entry.rows) = (Tree::default(), 0);
        let mut objects = Vec::new();
        let rows = self.append.push(head, &mut entry, &mut objects)?;
        entry.source = Some(self.view.source(rows));
        entry.change = Change::CreateBranch { name: self.name.to_string(), version: of.version() };
        Ok(Proposed { entry, schema: Some((*of.schema).clone()), objects })
    }
}

impl Proposal for Begin<'_> {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        let proposed = self.proposed(head);
        async move { proposed }.boxed()
    }
}

impl OpenView {
    /// Makes a branch that has exactly the view's rows in order, and returns the dataset on it. The
    /// rows are copies with ids of their own, as they are stored: images are never decoded. One
    /// commit, all or nothing. `progress` is told rows copied and rows in all.
    ///
    /// The branch follows the view's version, whose rows it has all replaced: to merge it is to
    /// replace them there too. [`Dataset::purge`] of a row does not find its copies, whose ids differ.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::NameTaken`], [`Error::VersionExpired`] if the view was
    /// deleted and its version given up meanwhile, damage, or an error of the commit.
    pub fn materialize_branch<'a>(
        &'a self,
        name: &'a str,
        message: &'a str,
        mut progress: impl FnMut(u64, u64) + Send + 'a,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            refs::check(name)?;
            let newest = self.from.refresh().await?;
            if let Some(version) = newest.log.refs.get(name) {
                return Err(Error::NameTaken { name: name.to_string(), version });
            }
            let (shared, columns) = (&newest.shared, &self.dataset.schema.columns);
            let mut batches = Batches::new(self, 0);
            let (mut packs, mut copied) = (Packs::default(), 0);
            while let Some(batch) = batches.next().await? {
                packs.write(shared, columns, batch.columns(), copied).await?;
                copied += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
                progress(copied, self.len());
            }
            let append = Append::new(packs.finish().await?, columns.as_slice().into());
            commit::commit(&newest, message, &Begin { view: self, name, append }).await
        })
    }
}
