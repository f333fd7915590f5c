//! Appending rows.

mod append;
mod pack;

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
use append::Append;
use pack::FinishedPack;
use pack::PackWriter;

/// Rows on their way into a dataset. Nothing is visible before [`Writer::commit`].
///
/// Rows are buffered per column and leave as chunks; one byte budget holds for all columns
/// together, so memory stays bounded however many rows are written.
#[derive(Debug)]
pub struct Writer {
    base: Dataset,
    columns: Arc<[Column]>,
    pack: Option<PackWriter>,
    finished: Vec<FinishedPack>,
    rows: u64,
    failed: bool,
}

impl Dataset {
    /// Begins to append rows after all others.
    ///
    /// # Errors
    /// A dataset that needs a feature which this program cannot write.
    pub fn append(&self) -> Result<Writer> {
        crate::commit::check_writable(&self.entry)?;
        Ok(Writer {
            base: self.clone(),
            columns: Arc::from(self.schema.columns.as_slice()),
            pack: None,
            finished: Vec::new(),
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
        let shared = &self.base.shared;
        if self.pack.is_none() {
            let object = shared.new_object(self.base.entry.epoch);
            self.pack = Some(PackWriter::begin(shared, object, &self.columns).await?);
        }
        if let Some(pack) = &mut self.pack {
            pack.write(&arrays, self.rows).await?;
            self.rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
            if pack.length() >= shared.options.pack_bytes {
                self.finish_pack().await?;
            }
        }
        Ok(())
    }

    async fn finish_pack(&mut self) -> Result<()> {
        if let Some(pack) = self.pack.take() {
            self.finished.push(pack.finish().await?);
        }
        Ok(())
    }

    /// Commits what was written, and returns the dataset with it. Goes on top of whatever others
    /// committed meanwhile. Without rows there is no commit.
    ///
    /// # Errors
    /// [`Error::Conflict`], [`Error::Fenced`], [`Error::CommitUnknown`], or an error of the store;
    /// only after `CommitUnknown` may the rows be there.
    pub fn commit<'a>(mut self, message: &'a str) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            if self.failed {
                return Err(mismatch("an earlier batch failed: begin again".into()));
            }
            self.finish_pack().await?;
            if self.finished.is_empty() {
                return self.base.refresh().await;
            }
            let append = Append { packs: self.finished, columns: self.columns };
            crate::commit::commit(&self.base, message, &append).await
        })
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
