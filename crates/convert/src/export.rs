//! Writes rows to files of other formats, as a stream in bounded memory.
//!
//! [`export`] takes batches of any query or dataset in the Arrow forms of
//! [`lakebed_core::tensor_type`], and holds one at a time beside what the format's own writer
//! needs (stated in each file). Everything goes to a temporary file or folder beside the
//! destination, which gets the destination's name when it is whole: nothing half-written
//! is ever seen under that name, and after an error nothing is left.
//!
//! | format | tensors | encoded images | nulls |
//! |---|---|---|---|
//! | Parquet, Arrow IPC | canonical Arrow extension types | bytes and shape | yes |
//! | JSON lines | nested lists | base64, if asked for | yes |
//! | CSV | JSON text in a cell | base64, if asked for | an empty cell |
//! | NumPy | one array a column; ragged ones as data, offsets and shapes, if asked for | refused | refused |
//! | WebDataset | `.npy` members | files, byte for byte | members that are not there |
//! | COCO, YOLO | boxes, labels, keypoints, masks by their htype or name; others are left out | files, byte for byte | rows without objects |
//! | images | left out | files, byte for byte; pixels as PNG | no file |
//!
//! Files are synced before they get their name; the many files of a folder are not.
//!
//! To add a format: a variant of [`ExportFormat`], and one file with a type that implements `Sink`
//! and is opened in `open_sink`. A sink sees every batch in order on a thread that may block.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use arrow::record_batch::RecordBatch;
use arrow_schema::SchemaRef;
use futures::Stream;
use futures::StreamExt;

use crate::detect::blocking;
use crate::error::BoxError;
use crate::error::Error;
use crate::error::Result;

mod arrow_stream;
mod coco;
mod columns;
mod csv;
mod folder;
mod format;
mod images;
mod json_lines;
mod names;
mod numpy;
mod parquet;
mod staged;
mod text;
mod webdataset;
mod yolo;

pub use format::ExportFormat;
use staged::Staged;

/// How to export. Start from `ExportOptions::default()`.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Replace a destination that exists.
    pub overwrite: bool,
    /// What CSV and JSON lines do with bytes and encoded images.
    pub bytes: BytesAs,
    /// What NumPy does with rows of different shapes.
    pub ragged: RaggedAs,
    /// Bytes of one Parquet row group before it is compressed, at most about this.
    pub row_group_bytes: usize,
    /// Of folders of images: the column whose texts name the files; by default `filename` if
    /// there is one, else files are named after the row's position.
    pub names: Option<String>,
    /// A shard of WebDataset is closed before it is longer than this, unless one sample is.
    pub shard_bytes: u64,
    /// Samples of a shard at most.
    pub shard_rows: u64,
}

impl Default for ExportOptions {
    fn default() -> ExportOptions {
        ExportOptions {
            overwrite: false,
            bytes: BytesAs::default(),
            ragged: RaggedAs::default(),
            row_group_bytes: 64 << 20,
            names: None,
            shard_bytes: 1 << 30,
            shard_rows: 100_000,
        }
    }
}

/// Bytes in a format of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BytesAs {
    /// The export is refused, with advice.
    #[default]
    Refuse,
    /// Standard base64 with padding.
    Base64,
}

/// Rows of different shapes in a format of rectangular arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RaggedAs {
    /// The export is refused, with advice.
    #[default]
    Refuse,
    /// Three arrays for column `x`: `x.data` (all elements), `x.offsets` (i64, one more than rows)
    /// and `x.shapes` (i32, `[rows, ndim]`).
    Parts,
}

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExportProgress {
    /// Rows written so far.
    pub rows: u64,
    /// Bytes of the rows written so far, as they are in memory.
    pub bytes: u64,
}

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Where.
    pub path: PathBuf,
    /// In which format.
    pub format: ExportFormat,
    /// How many rows.
    pub rows: u64,
    /// How many files.
    pub files: u64,
    /// Bytes of all of them.
    pub file_bytes: u64,
    /// From the first row to the end.
    pub elapsed: Duration,
}

/// Writes one format. Called on threads that may block; dropped without [`Sink::finish`] after an
/// error, when what was written is removed by the frame.
pub(crate) trait Sink: Send {
    /// Writes rows; a batch has the schema that the sink was opened with, and at least one row.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;

    /// Writes what is left, and syncs the file.
    fn finish(self: Box<Self>) -> Result<()>;
}

/// Writes a stream of batches to `destination`.
///
/// `progress` is called after every batch. The stream's errors come back as
/// [`Error::Rows`]. Must be polled inside a tokio runtime.
///
/// # Errors
/// [`Error::Exists`] if the destination exists and may not be replaced;
/// [`Error::CannotWrite`] for a column that the format has no form for, before a row is
/// asked for; [`Error::Write`], and what the stream reports. The destination is as before.
pub async fn export<E>(
    format: ExportFormat,
    schema: SchemaRef,
    batches: impl Stream<Item = Result<RecordBatch, E>> + Send,
    destination: &Path,
    options: &ExportOptions,
    progress: &(dyn Fn(ExportProgress) + Send + Sync),
) -> Result<Exported>
where
    E: Into<BoxError>,
{
    let begun = Instant::now();
    let (path, options) = (destination.to_path_buf(), options.clone());
    let opened = SchemaRef::clone(&schema);
    // Both travel together: if nobody waits any more while a batch is being written, what was
    // written is removed after that, not under the writer's hands.
    let mut written = blocking(move || {
        let staged = Staged::create(&path, format.is_folder(), options.overwrite)?;
        let sink = open_sink(format, &staged, &opened, &options)?;
        Ok(Written { sink, staged })
    })
    .await?;
    let mut at = ExportProgress::default();
    let mut batches = std::pin::pin!(batches);
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|e| Error::Rows(e.into()))?;
        check_schema(&schema, &batch)?;
        if batch.num_rows() == 0 {
            continue;
        }
        at.rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        at.bytes += crate::ingest::bytes_of(&batch);
        written = blocking(move || {
            written.sink.write(&batch)?;
            Ok(written)
        })
        .await?;
        progress(at);
    }
    let (path, files, file_bytes) = blocking(move || {
        let Written { sink, staged } = written;
        sink.finish()?;
        staged.publish()
    })
    .await?;
    Ok(Exported { path, format, rows: at.rows, files, file_bytes, elapsed: begun.elapsed() })
}

/// A writer, and where it writes; dropped in this order.
struct Written {
    sink: Box<dyn Sink>,
    staged: Staged,
}

/// Opens the writer of a format. The files or folders that it makes are at or below
/// [`Staged::path`].
fn open_sink(
    format: ExportFormat,
    staged: &Staged,
    schema: &SchemaRef,
    options: &ExportOptions,
) -> Result<Box<dyn Sink>> {
    Ok(match format {
        ExportFormat::Parquet => Box::new(parquet::Writer::open(staged, schema, options)?),
        ExportFormat::ArrowStream => Box::new(arrow_stream::Writer::open(staged, schema)?),
        ExportFormat::Csv => Box::new(csv::Writer::open(staged, schema, options)?),
        ExportFormat::JsonLines => Box::new(json_lines::Writer::open(staged, schema, options)?),
        ExportFormat::Npy | ExportFormat::Npz => {
            Box::new(numpy::Writer::open(format, staged, schema, options)?)
        }
        ExportFormat::Images => Box::new(images::Writer::open(staged, schema, options)?),
        ExportFormat::WebDataset => Box::new(webdataset::Writer::open(staged, schema, options)?),
        ExportFormat::Coco => Box::new(coco::Writer::open(staged, schema, options)?),
        ExportFormat::Yolo => Box::new(yolo::Writer::open(staged, schema, options)?),
    })
}

/// A sink indexes columns by the schema that it was opened with.
fn check_schema(schema: &SchemaRef, batch: &RecordBatch) -> Result<()> {
    let found = batch.schema();
    if found.fields().len() != schema.fields().len() {
        return Err(Error::Rows(
            format!("a batch has {} columns, not {}", found.fields().len(), schema.fields().len())
                .into(),
        ));
    }
    for (expected, found) in schema.fields().iter().zip(found.fields()) {
        if expected.data_type() != found.data_type() {
            let (expected_type, found) = (expected.data_type(), found.data_type());
            return Err(Error::Rows(
                format!("column '{}' came as {found}, not {expected_type}", expected.name()).into(),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vision_tests;
