//! Changing rows that are there: one commit of updates, deletions and new rows, all or nothing.
//!
//! New values are written as a pack of their own as they come; the commit makes overlays of them,
//! which hide the old values. A deleted row is marked; its bytes go with compaction and the
//! collection of garbage. Nothing that is there is rewritten.

mod apply;
mod conflict;
mod locate;
mod upsert;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use futures::future::BoxFuture;
use lakebed_core::Column;
use lakebed_core::ColumnId;
use roaring::RoaringTreemap;

use crate::commit;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::write::Append;
use crate::write::PackWriter;
use crate::write::Writer;
pub(crate) use apply::RegionWriter;
pub(crate) use apply::UpdatePack;
pub(crate) use apply::patched;
pub(crate) use conflict::Touching;
pub use locate::RowIdRange;
pub(crate) use locate::RowIndex;
pub(crate) use locate::id_runs;

/// Changes on their way into a dataset. Nothing is visible before [`Edit::commit`].
#[derive(Debug)]
pub struct Edit {
    base: Dataset,
    /// Packs of new values by the columns that they have.
    packs: BTreeMap<Vec<ColumnId>, OpenPack>,
    /// For each updated column its rows, since a cell has one new value.
    updated: BTreeMap<ColumnId, RoaringTreemap>,
    deleted: RoaringTreemap,
    read: Vec<ColumnId>,
    /// True if rows that others add could change what this does.
    absence: bool,
    appends: Option<Writer>,
}

#[derive(Debug)]
struct OpenPack {
    columns: Vec<Column>,
    writer: PackWriter,
    /// The row id of each row of the pack.
    row_ids: Vec<u64>,
}

impl Dataset {
    /// Begins a change of rows that are there; see [`Edit`].
    ///
    /// # Errors
    /// A dataset that needs a feature which this program cannot write.
    pub fn edit(&self) -> Result<Edit> {
        commit::check_writable(&self.log)?;
        Ok(Edit {
            base: self.clone(),
            packs: BTreeMap::new(),
            updated: BTreeMap::new(),
            deleted: RoaringTreemap::new(),
            read: Vec::new(),
            absence: false,
            appends: None,
        })
    }

    /// Deletes rows by id. One commit.
    ///
    /// # Errors
    /// [`Error::NoSuchRow`], [`Error::Conflict`], or an error of the commit.
    pub fn delete<'a>(
        &'a self,
        row_ids: &'a [u64],
        message: &'a str,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let mut edit = self.edit()?;
            edit.delete(row_ids);
            edit.commit(message).await
        })
    }
}

impl Edit {
    /// Marks rows to be deleted. To delete one twice is to delete it.
    pub fn delete(&mut self, row_ids: &[u64]) {
        self.deleted.extend(row_ids.iter().copied());
    }

    /// Says that the change rests on the values that these columns have in the rows that it touches:
    /// if another commit changes one of them first, this one is a conflict.
    ///
    /// # Errors
    /// An unknown column.
    pub fn rests_on<'a>(&mut self, columns: impl IntoIterator<Item = &'a str>) -> Result<()> {
        for name in columns {
            self.read.push(self.base.schema.column(name)?.id);
        }
        Ok(())
    }

    /// Says that the change rests on rows that are not there: it is a conflict if another commit adds
    /// rows first.
    pub fn rests_on_absence(&mut self) {
        self.absence = true;
    }

    /// Gives the cells of `row_ids` in the columns of the batch new values: its n-th row is of the
    /// n-th id. Other columns keep theirs.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a column that is unknown or fits not, for another number of
    /// ids than rows, or for a cell that was given a value already; [`Error::NoSuchRow`] comes with
    /// the commit.
    pub fn update<'a>(
        &'a mut self,
        row_ids: &'a [u64],
        batch: &'a RecordBatch,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if row_ids.len() != batch.num_rows() {
                return Err(mismatch(format!(
                    "{} rows were given for {} row ids",
                    batch.num_rows(),
                    row_ids.len()
                )));
            }
            let mut named: Vec<(Column, ArrayRef)> = Vec::new();
            for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
                let column = self.base.schema.column(field.name())?;
                named.push((column.clone(), Arc::clone(array)));
            }
            named.sort_by_key(|(column, _)| column.id);
            if named.is_empty() || row_ids.is_empty() {
                return Ok(());
            }
            for (column, _) in &named {
                let rows = self.updated.entry(column.id).or_default();
                for id in row_ids {
                    if !rows.insert(*id) {
                        let name = &column.name;
                        let reason = format!("column '{name}' of row {id} is given two values");
                        return Err(mismatch(reason));
                    }
                }
            }
            let (columns, arrays): (Vec<Column>, Vec<ArrayRef>) = named.into_iter().unzip();
            let key: Vec<ColumnId> = columns.iter().map(|column| column.id).collect();
            let pack = match self.packs.entry(key) {
                std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => {
                    let shared = &self.base.shared;
                    let object = shared.new_pack();
                    let writer = PackWriter::begin(shared, object, &columns).await?;
                    place.insert(OpenPack { columns, writer, row_ids: Vec::new() })
                }
            };
            let first = u64::try_from(pack.row_ids.len()).unwrap_or(u64::MAX);
            pack.writer.write(&arrays, first).await?;
            pack.row_ids.extend_from_slice(row_ids);
            Ok(())
        })
    }

    /// Adds new rows behind all others, as [`Writer::write`] does.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn append<'a>(&'a mut self, batch: &'a RecordBatch) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if self.appends.is_none() {
                self.appends = Some(self.base.append()?);
            }
            match &mut self.appends {
                Some(writer) => writer.write(batch).await,
                None => Ok(()),
            }
        })
    }

    /// Commits the changes, and returns the dataset with them. Goes on top of what others committed
    /// meanwhile if it touches neither the same cells nor rows that these deleted. Without a change
    /// there is no commit.
    ///
    /// # Errors
    /// [`Error::NoSuchRow`], [`Error::Conflict`] with rows and columns, [`Error::Fenced`],
    /// [`Error::CommitUnknown`], or an error of the store.
    pub fn commit<'a>(self, message: &'a str) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(self.commit_as(None, message))
    }

    /// As [`Edit::commit`], at most once for a key: see [`Writer::commit_once`]. A repeated edit
    /// whose commit took place is not applied again, and its rows may be gone.
    ///
    /// # Errors
    /// As [`Edit::commit`] and [`Writer::commit_once`].
    pub fn commit_once<'a>(self, key: &'a str, message: &'a str) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(self.commit_as(Some(key), message))
    }

    async fn commit_as(self, key: Option<&str>, message: &str) -> Result<Dataset> {
        let mut packs = Vec::new();
        for pack in self.packs.into_values() {
            packs.push(UpdatePack {
                pack: pack.writer.finish().await?,
                columns: pack.columns,
                row_ids: pack.row_ids,
            });
        }
        let append = match self.appends {
            Some(writer) => writer.finished().await?,
            None => Append::new(Vec::new(), Arc::from([])),
        };
        if packs.is_empty() && append.packs.is_empty() && self.deleted.is_empty() {
            return self.base.refresh().await;
        }
        let mut updated = RoaringTreemap::new();
        for rows in self.updated.values() {
            updated |= rows;
        }
        let touching = Touching {
            updated,
            deleted: self.deleted,
            columns: self.updated.keys().copied().collect(),
            read: self.read,
            absence: self.absence,
        };
        let checked = AtomicU64::new(self.base.version());
        let apply = apply::Apply { base: self.base.clone(), packs, append, touching, checked };
        commit::commit_keyed(&self.base, message, key, &apply).await
    }
}

fn mismatch(reason: String) -> Error {
    Error::SchemaMismatch { reason }
}
