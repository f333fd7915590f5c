//! Appending rows.

mod append;
mod appender;
mod pack;
mod packs;
mod recode;

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use futures::future::BoxFuture;
use lakebed_core::Column;
use lakebed_core::TensorType;
use lakebed_core::nearest::nearest;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
pub(crate) use append::Append;
pub use appender::Appended;
pub use appender::Appender;
pub(crate) use pack::ManifestWriter;
pub(crate) use pack::PackWriter;
pub(crate) use packs::Packs;

/// Rows on their way into a dataset. Nothing is visible before [`Writer::commit`].
///
/// Rows are buffered per column and leave as chunks; one byte budget holds for all columns
/// together, so memory stays bounded however many rows are written.
#[derive(Debug)]
pub struct Writer {
    base: Dataset,
    columns: Arc<[Column]>,
    packs: Packs,
    rows: u64,
    failed: bool,
}

impl Dataset {
    /// Begins to append rows after all others.
    ///
    /// # Errors
    /// A dataset that needs a feature which this program cannot write.
    pub fn append(&self) -> Result<Writer> {
        crate::commit::check_writable(&self.log)?;
        Ok(Writer {
            base: self.clone(),
            columns: Arc::from(self.schema.columns.as_slice()),
            packs: Packs::default(),
            rows: 0,
            failed: false,
        })
    }
}

impl Writer {
    /// Rows written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds names behind the classes of a column, so that batches may use their codes, and gives the
    /// codes that they have in this writer; names that are there keep theirs. The list grows with
    /// the commit. If somebody else made it grow first, the codes of this writer's rows are put
    /// under the list that is there then, so every row keeps its class by name.
    ///
    /// # Errors
    /// An unknown column, one that holds no class codes, or one that cannot count so many classes.
    pub fn add_classes<I>(&mut self, column: &str, names: I) -> Result<Vec<u64>>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let id = self.base.schema.column(column)?.id;
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let mut columns = self.columns.to_vec();
        let mut codes = Vec::new();
        for column in columns.iter_mut().filter(|column| column.id == id) {
            codes = recode::add_classes(column, &names)?;
        }
        self.columns = columns.into();
        Ok(codes)
    }

    /// Adds the rows of a batch. Columns are found by name; nullable ones and those with a fill
    /// value may be absent.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`], a sample that does not fit with its row, or an error of the
    /// store. After an error the writer accepts nothing more, and nothing was committed.
    pub fn write<'a>(&'a mut self, batch: &'a RecordBatch) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            if self.failed {
                return Err(mismatch("an earlier batch failed: begin again".into()));
            }
            let result = self.write_batch(batch).await;
            self.failed = result.is_err();
            result
        })
    }

    async fn write_batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let arrays = self.arrays(batch)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.packs.write(&self.base.shared, &self.columns, &arrays, self.rows).await?;
        self.rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Commits what was written, and returns the dataset with it. Goes on top of whatever others
    /// committed meanwhile. Without rows there is no commit.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Fenced`], [`Error::CommitUnknown`], or an error of the store;
    /// only after `CommitUnknown` may the rows be there.
    pub fn commit<'a>(self, message: &'a str) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(self.commit_as(None, message))
    }

    /// As [`Writer::commit`], at most once for a key in the history of the dataset, whatever fails
    /// and whoever else commits with it: who does not know whether a commit took place writes the
    /// same rows again and commits with the same key. If it took place, the rows just written are
    /// dropped, and the dataset is returned as it was after that commit.
    ///
    /// A key is any text of at most 256 bytes; [`Dataset::committed_once`] asks for it beforehand.
    /// Without rows there is no commit, and the key stays free.
    ///
    /// # Errors
    /// As [`Writer::commit`]; [`Error::InvalidKey`], or [`Error::VersionExpired`] if what came after
    /// the last attempt with this key has expired, so that it cannot be known whether it succeeded.
    pub fn commit_once<'a>(self, key: &'a str, message: &'a str) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(self.commit_as(Some(key), message))
    }

    async fn commit_as(self, key: Option<&str>, message: &str) -> Result<Dataset> {
        let base = self.base.clone();
        let append = self.finished().await?;
        if append.packs.is_empty() {
            return base.refresh().await;
        }
        crate::commit::commit_keyed(&base, message, key, &append).await
    }

    /// True if a pack is complete or so many bytes are stored: a good moment for who commits now and
    /// then.
    pub(crate) fn has_written(&self, bytes: u64) -> bool {
        self.packs.has_finished() || self.packs.length() >= bytes
    }

    /// The rows as packs that wait for a commit.
    pub(crate) async fn finished(self) -> Result<Append> {
        if self.failed {
            return Err(mismatch("an earlier batch failed: begin again".into()));
        }
        let grown = recode::grown(&self.base.schema.columns, &self.columns);
        Ok(Append { grown, ..Append::new(self.packs.finish().await?, self.columns) })
    }

    /// The batch's columns in the order of the dataset's, null or filled where absent.
    fn arrays(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let names = || self.columns.iter().map(|column| column.name.as_str());
        for field in batch.schema_ref().fields() {
            if !names().any(|name| name == field.name()) {
                let near = nearest(field.name(), names());
                let near = near.map(|n| format!(": did you mean '{n}'?")).unwrap_or_default();
                return Err(mismatch(format!("there is no column '{}'{near}", field.name())));
            }
        }
        self.columns
            .iter()
            .map(|column| match batch.column_by_name(&column.name) {
                Some(array) => Ok(Arc::clone(array)),
                None if column.nullable || column.fill.is_some() => crate::fill::rows_of(
                    column,
                    &lakebed_format::Part::Whole,
                    batch.num_rows(),
                    &self.base.shared.options.limits,
                ),
                None => Err(mismatch(format!(
                    "column '{}' ({}) is missing",
                    column.name,
                    TensorType::from_column(column)
                ))),
            })
            .collect()
    }
}

fn mismatch(reason: String) -> Error {
    Error::SchemaMismatch { reason }
}
