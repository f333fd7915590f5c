//! Parquet files, in batches of as many rows as the byte budget holds.
//!
//! How wide rows are is not known before they are decoded: a million equal values are a few bytes
//! in the file. So reading begins with few rows, and goes on with more or fewer of them as the last
//! batch turned out. Memory: one batch, and what the decoder keeps of each column, about a page.

use std::fs::File;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;

use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use super::MAX_COLUMNS;
use super::Open;
use super::Reader;
use super::Table;
use super::fit::Fit;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::source::Event;

/// Opens a Parquet file.
///
/// # Errors
/// [`Error::Read`], [`Error::Whole`].
pub(super) fn open(open: &Open<'_>) -> Result<Table> {
    let file = open.open()?;
    check_footer(open, &file)?;
    let failed =
        |e: &dyn std::fmt::Display| open.problem(format!("it is no Parquet file, or damaged: {e}"));
    let again = file.try_clone().map_err(|e| failed(&e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(again).map_err(|e| failed(&e))?;
    let metadata = builder.metadata();
    let leaves = metadata.file_metadata().schema_descr().num_columns();
    if leaves > MAX_COLUMNS {
        return Err(open.problem(format!("it has {leaves} columns, more than {MAX_COLUMNS}")));
    }
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
    let fields = builder.schema().fields().clone();
    drop(builder);
    let mut rows_of = Rows::open(open, file).map_err(|e| failed(&e))?;
    let first = rows_of.next().map_err(|e| failed(&e))?;
    let mut fit = Fit::new(open, &fields, first.as_ref())?;
    if fit.needs_names() {
        let mut all = Rows::open(open, open.open()?).map_err(|e| failed(&e))?;
        while let Some(batch) = all.next().map_err(|e| failed(&e))? {
            fit.gather(&batch)?;
        }
        fit.name_classes();
    }
    let schema = fit.schema.clone();
    let reader = Batches { file: open.file.clone(), first, rows: rows_of, fit };
    Ok(Table { format: "Parquet", schema, rows, reader: Box::new(reader) })
}

/// Refuses metadata beyond the limit before anything is allocated for it.
fn check_footer(open: &Open<'_>, mut file: &File) -> Result<()> {
    let failed = |source| Error::Read { path: open.path.clone(), source };
    let length = open.length()?;
    if length < 12 {
        return Err(open.problem("it is no Parquet file: it is too short"));
    }
    let mut footer = [0; 8];
    file.seek(SeekFrom::End(-8)).map_err(failed)?;
    file.read_exact(&mut footer).map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let [a, b, c, d, magic @ ..] = footer;
    if &magic != b"PAR1" {
        return Err(open.problem("it is no Parquet file, or cut off: it does not end in PAR1"));
    }
    let bytes = u64::from(u32::from_le_bytes([a, b, c, d]));
    let limit = open.options.limits.max_meta_bytes.min(length - 12);
    if bytes > limit {
        return Err(open.problem(format!("its metadata are {bytes} bytes long, more than {limit}")));
    }
    Ok(())
}

/// Rows of the first batch at most.
const FIRST: usize = 64;

/// The rows of a file, in batches whose size follows what they turn out to take.
struct Rows {
    file: File,
    metadata: ArrowReaderMetadata,
    reader: ParquetRecordBatchReader,
    /// Rows read so far.
    done: usize,
    /// Rows of the next batch.
    size: usize,
    most_rows: usize,
    budget: usize,
}

impl Rows {
    fn open(open: &Open<'_>, file: File) -> Result<Rows, ParquetError> {
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::default())?;
        let (budget, most_rows) = (open.options.batch_bytes.max(1), open.options.batch_rows.max(1));
        let size = size(metadata.metadata(), budget).min(most_rows).min(FIRST);
        let reader = reader(&file, &metadata, 0, size)?;
        Ok(Rows { file, metadata, reader, done: 0, size, most_rows, budget })
    }

    fn next(&mut self) -> Result<Option<RecordBatch>, ParquetError> {
        let Some(batch) = self.reader.next().transpose()? else { return Ok(None) };
        self.done += batch.num_rows();
        let bytes = usize::try_from(crate::ingest::bytes_of(&batch)).unwrap_or(usize::MAX);
        let width = (bytes / batch.num_rows().max(1)).max(1);
        // Not many times as many at once: the next rows may be others.
        let most = self.size.saturating_mul(8).min(self.most_rows);
        let wanted = (self.budget / width).clamp(1, most);
        if wanted < self.size || wanted / 4 >= self.size || wanted == self.most_rows {
            if wanted != self.size {
                self.reader = reader(&self.file, &self.metadata, self.done, wanted)?;
            }
            self.size = wanted;
        }
        Ok(Some(batch))
    }
}

fn reader(
    file: &File,
    metadata: &ArrowReaderMetadata,
    from: usize,
    size: usize,
) -> Result<ParquetRecordBatchReader, ParquetError> {
    let file = file.try_clone()?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
    builder.with_offset(from).with_batch_size(size).build()
}

/// Rows that take about `bytes`: by what the widest row group says of its values, which is not
/// believed further than for the first batch.
fn size(metadata: &ParquetMetaData, bytes: usize) -> usize {
    let widest = metadata.row_groups().iter().map(|group| {
        let values = group.columns().iter().map(|column| {
            let values = usize::try_from(column.num_values()).unwrap_or(usize::MAX);
            let stored = usize::try_from(column.uncompressed_size()).unwrap_or(usize::MAX);
            values.saturating_mul(4).max(stored)
        });
        let bytes = values.fold(0usize, usize::saturating_add);
        bytes / usize::try_from(group.num_rows()).unwrap_or(0).max(1)
    });
    (bytes / widest.max().unwrap_or(0).max(1)).max(1)
}

struct Batches {
    file: String,
    first: Option<RecordBatch>,
    rows: Rows,
    fit: Fit,
}

impl Reader for Batches {
    fn next(&mut self, events: &mut Vec<Event>) -> Result<bool> {
        let batch = match self.first.take() {
            Some(first) => Some(first),
            None => self.rows.next().map_err(|e| {
                Error::Whole(Problem::new(self.file.as_str(), format!("it is damaged: {e}")))
            })?,
        };
        let Some(batch) = batch else { return Ok(false) };
        self.fit.apply(&batch, events)?;
        Ok(true)
    }
}
