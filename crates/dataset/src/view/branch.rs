//! A view's rows as a new branch of their own dataset.

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_format::Tree;
use lakebed_format::entry::Change;
use roaring::RoaringTreemap;

use super::OpenView;
use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::compact::Successor;
use crate::dataset::Dataset;
use crate::edit::RegionWriter;
use crate::error::Error;
use crate::error::Result;
use crate::refs;
use crate::tree_edit::NewObjects;

struct Begin<'a> {
    view: &'a OpenView,
    name: &'a str,
    fragments: Vec<Successor>,
    /// The last commit that changed one of the rows.
    stamp: u64,
}

impl Begin<'_> {
    fn proposed(&self, head: &Dataset) -> Result<Proposed> {
        let of = &self.view.dataset;
        head.check_fence(self.fragments.iter().map(|fragment| fragment.pack.object))?;
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
        (entry.tree, entry.rows) = (Tree::default(), self.view.len());
        let mut objects = NewObjects::new();
        let mut writer = RegionWriter::new(head);
        let epoch = entry.epoch;
        for fragment in &self.fragments {
            let fragment = fragment.pointer(self.stamp, &mut writer)?;
            let new = entry.tree.push(fragment, || head.shared.new_object(epoch))?;
            objects
                .extend(new.into_iter().map(|node| (node.pointer.object.key("meta"), node.bytes)));
        }
        objects.extend(writer.finish());
        entry.source = Some(self.view.source(self.view.len()));
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
    /// rows are copied as they are stored, images are never decoded, and they are the same rows:
    /// with their ids, so that [`Dataset::purge`] finds them there too, and a merge of the branch
    /// deletes what the view left out and brings what was changed on it. One commit, all or nothing.
    /// `progress` is told rows copied and rows in all.
    ///
    /// # Errors
    /// [`Error::InvalidView`] for a view that has a row more than once, which a branch cannot:
    /// [`OpenView::materialize_into`] can; [`Error::InvalidName`], [`Error::NameTaken`],
    /// [`Error::VersionExpired`] if the view was deleted and its version given up meanwhile, damage,
    /// or an error of the commit.
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
            let mut seen = RoaringTreemap::new();
            if let Some(row_id) = self.view.row_ids.iter().find(|id| !seen.insert(**id)) {
                let reason = format!(
                    "view '{}' has the row of id {row_id} more than once, and a branch has each \
                     row once: materialize it as a dataset",
                    self.name
                );
                return Err(Error::InvalidView { reason });
            }
            let fragments = self.dataset.fragments().await?;
            let stamp = fragments.iter().map(|fragment| fragment.pointer.stamp).max().unwrap_or(0);
            let (mut copied, all) = (0, self.len());
            let mut count = |rows| {
                copied += rows;
                progress(copied, all);
            };
            let positions = self.positions().await?;
            let fragments = self.dataset.copied(positions.into_iter(), &mut count).await?;
            commit::commit(&newest, message, &Begin { view: self, name, fragments, stamp }).await
        })
    }
}
