//! Upsert: rows whose key is there get new values, the others are added.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::array::UInt64Array;
use arrow::compute::take_record_batch;
use arrow::row::OwnedRow;
use arrow::row::RowConverter;
use arrow::row::SortField;
use futures::future::BoxFuture;
use lakebed_format::Part;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::read::ColumnRead;
use crate::read::ReadRequest;
use crate::read::Rows;

/// Rows whose keys are read at a time.
const STEP: u64 = 64 << 10;

impl Dataset {
    /// Takes rows by key: where rows have the same values in the columns `key`, their cells in the
    /// other columns of the batch get new values; rows whose key is not there are added behind all
    /// others. One commit, made anew if another commit adds rows or changes these first. The keys of
    /// all rows are read; only those of the batch are held.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for columns that are unknown or do not fit, a key column that the
    /// batch lacks, a null in a key, or a key that the batch has twice; or an error of the commit.
    pub fn upsert<'a>(
        &'a self,
        key: &'a [&'a str],
        batch: &'a RecordBatch,
        message: &'a str,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let mut base = self.refresh().await?;
            let mut attempts = self.shared.options.commit_attempts.max(1);
            loop {
                attempts -= 1;
                match base.upsert_once(key, batch, message).await {
                    Err(Error::Conflict { .. }) if attempts > 0 => base = base.refresh().await?,
                    done => return done,
                }
            }
        })
    }

    async fn upsert_once(
        &self,
        key: &[&str],
        batch: &RecordBatch,
        message: &str,
    ) -> Result<Dataset> {
        let keys = Keys::new(key, batch)?;
        // For each row of the batch the ids of the rows with its key.
        let mut found: Vec<Vec<u64>> = vec![Vec::new(); batch.num_rows()];
        let reads = key
            .iter()
            .map(|name| Ok(ColumnRead { column: self.schema.column(name)?.id, part: Part::Whole }))
            .collect::<Result<Vec<_>>>()?;
        for fragment in self.fragments().await?.iter() {
            let mut first = 0;
            while first < fragment.rows {
                let rows = first..fragment.rows.min(first + STEP);
                let request = ReadRequest {
                    fragment: fragment.clone(),
                    rows: Rows::Range(rows.clone()),
                    columns: reads.clone(),
                };
                let stored = self.read(&request).await?;
                let met = keys.met(stored.columns())?;
                let live: Vec<u64> = met.iter().map(|(row, _)| rows.start + row).collect();
                let ids = self.row_ids(fragment, &live).await?;
                for ((_, nth), id) in met.into_iter().zip(ids) {
                    found[nth].push(id);
                }
                first = rows.end;
            }
        }
        let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let (mut ids, mut sources, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for (nth, rows) in found.into_iter().enumerate() {
            if rows.is_empty() {
                new.push(number(nth));
            }
            sources.extend(rows.iter().map(|_| number(nth)));
            ids.extend(rows);
        }
        let mut edit = self.edit()?;
        edit.rests_on(key.iter().copied())?;
        edit.rests_on_absence();
        let others: Vec<usize> = (0..batch.num_columns())
            .filter(|nth| !key.contains(&batch.schema_ref().field(*nth).name().as_str()))
            .collect();
        let values = batch.project(&others)?;
        edit.update(&ids, &take_record_batch(&values, &UInt64Array::from(sources))?).await?;
        if !new.is_empty() {
            edit.append(&take_record_batch(batch, &UInt64Array::from(new))?).await?;
        }
        edit.commit(message).await
    }
}

/// The keys of a batch, to be looked for among stored ones.
struct Keys {
    converter: RowConverter,
    rows: HashMap<OwnedRow, usize>,
}

impl Keys {
    fn new(key: &[&str], batch: &RecordBatch) -> Result<Keys> {
        let wrong = |reason: String| Error::SchemaMismatch { reason };
        if key.is_empty() {
            return Err(wrong("an upsert needs at least one key column".to_string()));
        }
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for name in key {
            let array = batch.column_by_name(name);
            let array = array.ok_or_else(|| wrong(format!("the rows lack the key '{name}'")))?;
            if array.null_count() > 0 {
                return Err(wrong(format!("the key '{name}' of some row is null")));
            }
            arrays.push(Arc::clone(array));
        }
        let fields = arrays.iter().map(|array| SortField::new(array.data_type().clone()));
        let converter = RowConverter::new(fields.collect())?;
        let mut rows = HashMap::new();
        for (nth, row) in converter.convert_columns(&arrays)?.iter().enumerate() {
            if rows.insert(row.owned(), nth).is_some() {
                return Err(wrong(format!("row {nth} has a key that a row before it has too")));
            }
        }
        Ok(Keys { converter, rows })
    }

    /// The rows of stored keys that the batch has, ascending, with the row of the batch.
    fn met(&self, stored: &[ArrayRef]) -> Result<Vec<(u64, usize)>> {
        let stored = self.converter.convert_columns(stored)?;
        let met = (0u64..).zip(stored.iter());
        Ok(met.filter_map(|(row, key)| Some((row, *self.rows.get(&key.owned())?))).collect())
    }
}
