//! Views: a query's rows of one version under a name, to be read in their order, and copied.
//!
//! A view holds row ids, so it means the same rows however the version's positions are counted, and
//! its name keeps the version from expiring.

mod branch;
mod copy;
mod materialize;

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::RecordBatch;
use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_format::Region;
use lakebed_format::Source;
use lakebed_format::View;
use lakebed_format::ViewPointer;
use lakebed_format::checksum::Checksum;
use lakebed_format::entry::Change;
use lakebed_format::view::Language;
use lakebed_format::view::MAX_ROWS;

use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::read::ColumnRead;
use crate::refs;

/// A view that is to be saved: what was asked, and what it chose.
#[derive(Debug, Clone)]
pub struct NewView {
    /// What the query is written in.
    pub language: Language,
    /// The query.
    pub query: String,
    /// Values that were bound to it; null if there were none.
    pub parameters: serde_json::Value,
    /// What its randomness came from.
    pub seed: Option<u64>,
    /// The rows in order.
    pub rows: ViewRows,
    /// One weight a row, for who samples: finite, not negative. Of a draw they are the weights that
    /// the rows were drawn by, as shares of their sum.
    pub weights: Option<Vec<f64>>,
}

/// The rows of a view, which may repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewRows {
    /// Positions in the snapshot that it is saved on.
    Positions(Vec<u64>),
    /// Row ids.
    Ids(Vec<u64>),
}

/// The commit of a view, whose object is written.
struct Save {
    name: String,
    pointer: ViewPointer,
}

impl Save {
    fn proposed(&self, head: &Dataset) -> Result<Proposed> {
        head.check_fence(std::iter::once(self.pointer.region.object))?;
        head.check_retained(self.pointer.version)?;
        let mut entry = head.successor();
        if let Some(version) = entry.refs.get(&self.name) {
            return Err(Error::NameTaken { name: self.name.clone(), version });
        }
        entry.refs.views.insert(self.name.clone(), self.pointer.clone());
        entry.change = Change::SaveView { name: self.name.clone(), rows: self.pointer.rows };
        Ok(Proposed { entry, schema: None, objects: Vec::new() })
    }
}

impl Proposal for Save {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        let proposed = self.proposed(head);
        async move { proposed }.boxed()
    }
}

impl Dataset {
    /// Saves a view of this snapshot under a name, which keeps the snapshot from expiring until the
    /// view is deleted ([`Dataset::delete_ref`]). One commit; no row is copied.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::NameTaken`], [`Error::NoSuchRow`], [`Error::InvalidView`],
    /// [`Error::VersionExpired`], or an error of the commit.
    pub fn save_view<'a>(
        &'a self,
        name: &'a str,
        view: NewView,
        message: &'a str,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            refs::check(name)?;
            let newest = self.refresh().await?;
            if let Some(version) = newest.log.refs.get(name) {
                return Err(Error::NameTaken { name: name.to_string(), version });
            }
            let row_ids = self.ids_of_view(view.rows).await?;
            check(&row_ids, view.weights.as_deref())?;
            let view = View {
                dataset: self.id(),
                version: self.version(),
                language: view.language,
                query: view.query,
                parameters: view.parameters,
                seed: view.seed,
                row_ids,
                weights: view.weights,
            };
            let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
            let bytes = view.to_bytes()?;
            let region = Region {
                object: self.shared.new_object(newest.log.epoch),
                offset: 0,
                length: number(bytes.len()),
                checksum: Checksum::of(&bytes),
            };
            // Once for all attempts: a view may be large.
            commit::create_named(&self.shared, &region.object.key("meta"), bytes).await?;
            let (version, rows) = (view.version, number(view.row_ids.len()));
            let pointer = ViewPointer { version, rows, region };
            commit::commit(self, message, &Save { name: name.to_string(), pointer }).await
        })
    }

    /// The views that this snapshot knows.
    pub fn views(&self) -> &BTreeMap<String, ViewPointer> {
        &self.log.refs.views
    }

    /// Opens a view. One that this snapshot does not know may have been saved since.
    ///
    /// # Errors
    /// [`Error::NoSuchRef`], damage, or an error of the store.
    pub fn view<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<OpenView>> {
        Box::pin(async move {
            let known = self.log.refs.views.get(name).cloned();
            let pointer = match known {
                Some(pointer) => pointer,
                None => {
                    let newest = self.refresh().await?;
                    let found = newest.log.refs.views.get(name).cloned();
                    found.ok_or_else(|| self.no_such_ref(name))?
                }
            };
            let dataset = self.at(pointer.version).await?;
            let bytes = self.region(&pointer.region, "view").await?;
            let key = pointer.region.object.key("meta");
            let view = View::from_bytes(&bytes, &self.shared.options.limits)
                .map_err(|e| self.in_object(&key, e))?;
            let rows = u64::try_from(view.row_ids.len()).unwrap_or(u64::MAX);
            if (view.dataset, view.version, rows) != (self.id(), pointer.version, pointer.rows) {
                let reason = "it is not the view that its entry points to".to_string();
                return Err(self.damaged(&key, "view", reason));
            }
            let (name, checksum) = (name.to_string(), pointer.region.checksum);
            Ok(OpenView { name, from: self.clone(), dataset, view, checksum, key, message: None })
        })
    }

    async fn ids_of_view(&self, rows: ViewRows) -> Result<Vec<u64>> {
        match rows {
            ViewRows::Positions(positions) => {
                let mut sorted = positions.clone();
                sorted.sort_unstable();
                sorted.dedup();
                let ids = self.row_ids_at(&sorted).await?;
                let place = |position| sorted.partition_point(|other| *other < position);
                Ok(positions.into_iter().filter_map(|p| ids.get(place(p)).copied()).collect())
            }
            ViewRows::Ids(ids) => {
                let found = self.positions_of(&ids).await?;
                let mut gone = ids.iter().zip(found).filter(|(_, found)| found.is_none());
                match gone.next() {
                    None => Ok(ids),
                    Some((row_id, _)) => {
                        let more = u64::try_from(gone.count()).unwrap_or(u64::MAX);
                        Err(Error::NoSuchRow { row_id: *row_id, more })
                    }
                }
            }
        }
    }
}

fn check(row_ids: &[u64], weights: Option<&[f64]>) -> Result<()> {
    let refuse = |reason: String| Err(Error::InvalidView { reason });
    if row_ids.len() > MAX_ROWS {
        return refuse(format!("it has {} rows, at most {MAX_ROWS}", row_ids.len()));
    }
    let Some(weights) = weights else { return Ok(()) };
    if weights.len() != row_ids.len() {
        return refuse(format!("it has {} weights for {} rows", weights.len(), row_ids.len()));
    }
    match weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
        Some(at) => refuse(format!("weight {at} is {}: it must be at least 0", weights[at])),
        None => Ok(()),
    }
}

/// A view, open.
#[derive(Debug, Clone)]
pub struct OpenView {
    name: String,
    /// The dataset that it was opened from, whose branch gets commits about it.
    from: Dataset,
    dataset: Dataset,
    view: View,
    checksum: Checksum,
    key: String,
    /// What commits of a copy say.
    message: Option<String>,
}

impl OpenView {
    /// The same view, whose copies to a dataset of their own say this in their commits instead of
    /// which rows each has.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> OpenView {
        self.message = Some(message.into());
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The dataset at the view's version: all of its rows.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The version.
    pub fn version(&self) -> u64 {
        self.view.version
    }

    /// What the query is written in.
    pub fn language(&self) -> Language {
        self.view.language
    }

    /// The query.
    pub fn query(&self) -> &str {
        &self.view.query
    }

    /// Values that were bound to the query.
    pub fn parameters(&self) -> &serde_json::Value {
        &self.view.parameters
    }

    /// What the query's randomness came from.
    pub fn seed(&self) -> Option<u64> {
        self.view.seed
    }

    /// Number of rows, repeated ones counted as often as they come.
    pub fn len(&self) -> u64 {
        u64::try_from(self.view.row_ids.len()).unwrap_or(u64::MAX)
    }

    /// True if it has no rows.
    pub fn is_empty(&self) -> bool {
        self.view.row_ids.is_empty()
    }

    /// The row ids in order.
    pub fn row_ids(&self) -> &[u64] {
        &self.view.row_ids
    }

    /// One weight a row, if they were saved.
    pub fn weights(&self) -> Option<&[f64]> {
        self.view.weights.as_deref()
    }

    /// The rows in order, as positions of [`OpenView::dataset`].
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub async fn positions(&self) -> Result<Vec<u64>> {
        self.positions_at(0..self.len()).await
    }

    /// Some rows of the view, counted in its order.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for rows behind the last; as [`Dataset::take`] else.
    pub async fn take(&self, rows: Range<u64>, columns: &[ColumnRead]) -> Result<RecordBatch> {
        let positions = self.positions_at(rows).await?;
        self.dataset.take(&positions, columns).await
    }

    async fn positions_at(&self, rows: Range<u64>) -> Result<Vec<u64>> {
        let place = |row: u64| usize::try_from(row).unwrap_or(usize::MAX);
        let Some(ids) = self.view.row_ids.get(place(rows.start)..place(rows.end)) else {
            let reason = format!(
                "the view '{}' has {} rows, and no rows {} to {}",
                self.name,
                self.len(),
                rows.start,
                rows.end
            );
            return Err(Error::SchemaMismatch { reason });
        };
        let found = self.dataset.positions_of(ids).await?;
        let gone = || {
            let reason = "it has a row that its version does not have".to_string();
            self.dataset.damaged(&self.key, "view", reason)
        };
        found.into_iter().map(|position| position.ok_or_else(gone)).collect()
    }

    /// What a copy says of its rows once `copied` of them are there.
    fn source(&self, copied: u64) -> Source {
        Source {
            dataset: self.view.dataset,
            url: Source::cut(self.dataset.url()),
            version: self.view.version,
            language: self.view.language,
            query: Source::cut(&self.view.query),
            view: self.name.clone(),
            checksum: self.checksum,
            rows: self.len(),
            copied,
        }
    }
}
