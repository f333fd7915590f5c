//! Writes a source to a dataset: everything or nothing.

use std::time::Duration;
use std::time::Instant;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_dataset::Dataset;
use lakebed_dataset::Writer;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::adapt::Adapter;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::options::ImportOptions;
use crate::source::BatchStream;
use crate::source::Event;
use crate::source::Source;

/// Problems that a [`Report`] lists; what comes after is counted only.
const LISTED: usize = 10_000;

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Rows written or skipped so far.
    pub rows: u64,
    /// Rows of the source.
    pub total: u64,
    /// Bytes written so far, as they are in memory: encoded images as they are in their files.
    pub bytes: u64,
}

/// What an import did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report {
    /// The dataset with the new rows.
    pub dataset: Dataset,
    /// Rows added. If there are none, nothing was committed.
    pub rows: u64,
    /// Bytes added, as they are in memory.
    pub bytes: u64,
    /// What was odd about rows that were kept, the first 10,000.
    pub warnings: Vec<Problem>,
    /// How many warnings there were.
    pub warning_count: u64,
    /// Rows that were left out, the first 10,000.
    pub skipped: Vec<Problem>,
    /// How many rows were left out.
    pub skipped_count: u64,
    /// From the first read to the commit's end.
    pub elapsed: Duration,
}

/// Appends all rows of a source to a dataset and commits once, at the end.
///
/// The dataset may have rows already: its order of columns and its class codes hold, and classes
/// that it lacks are added behind its own if `options.grow_classes` says so. Reading goes
/// on while batches are written; about three batches are in memory at one time. `progress` is
/// called after every batch.
///
/// # Errors
/// [`crate::Error::DoesNotFit`] before anything is read; [`crate::Error::HasRows`] if
/// `options.into_empty` asks for a dataset without rows; whatever the source or the dataset
/// reports. Nothing is committed then.
#[tracing::instrument(skip_all, fields(format = source.format(), rows = source.rows()))]
pub async fn ingest(
    source: Box<dyn Source>,
    dataset: &Dataset,
    options: &ImportOptions,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Report> {
    let begun = Instant::now();
    if options.into_empty {
        check_empty(dataset)?;
    }
    let mut writer = dataset.append()?;
    let mut schema = lakebed_core::Schema::clone(dataset.schema());
    if options.grow_classes {
        grow(&mut schema, source.schema(), &mut writer)?;
    }
    let adapter = Adapter::new(source.schema(), &schema)?;
    let message = options.message.clone().unwrap_or_else(|| format!("ingest {}", source.format()));
    let mut at = Progress { rows: 0, total: source.rows(), bytes: 0 };
    let mut report = Report {
        dataset: dataset.clone(),
        rows: 0,
        bytes: 0,
        warnings: Vec::new(),
        warning_count: 0,
        skipped: Vec::new(),
        skipped_count: 0,
        elapsed: Duration::ZERO,
    };
    // The reading task ends with this function, however it ends.
    let mut reading = JoinSet::new();
    let mut events = read_ahead(source.batches(options), &mut reading);
    while let Some(event) = events.recv().await {
        match event? {
            Event::Batch(batch) => {
                let batch = adapter.apply(&batch)?;
                writer.write(&batch).await?;
                report.rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
                report.bytes += bytes_of(&batch);
            }
            Event::Warning(problem) => {
                tracing::debug!(%problem, "warning");
                note(problem, &mut report.warnings, &mut report.warning_count);
                continue;
            }
            Event::Skipped(problem) => {
                tracing::debug!(%problem, "skipped");
                note(problem, &mut report.skipped, &mut report.skipped_count);
            }
        }
        at.rows = report.rows + report.skipped_count;
        at.bytes = report.bytes;
        progress(at);
    }
    // The channel also closes if the reading task dies: that must not look like the end.
    while let Some(ended) = reading.join_next().await {
        ended.map_err(|e| crate::Error::Stopped { reason: e.to_string() })?;
    }
    if report.rows > 0 {
        if options.into_empty {
            check_empty(&dataset.refresh().await?)?;
        }
        report.dataset = writer.commit(&message).await?;
        if options.into_empty && report.dataset.num_rows() > report.rows {
            return Err(take_back(&report).await);
        }
    }
    report.elapsed = begun.elapsed();
    Ok(report)
}

fn check_empty(dataset: &Dataset) -> Result<()> {
    match dataset.num_rows() {
        0 => Ok(()),
        rows => Err(Error::HasRows { url: dataset.url().to_string(), rows }),
    }
}

/// Takes rows back that were committed behind those of another, who was a moment earlier.
async fn take_back(report: &Report) -> Error {
    let dataset = &report.dataset;
    let reverted = async {
        // What came behind must not be taken back with it.
        if dataset.refresh().await?.version() != dataset.version() {
            return Ok(false);
        }
        let log = dataset.log(1).await?;
        let Some(before) = log.first().and_then(|line| line.parents.first()) else {
            return Ok(false);
        };
        dataset.revert(*before, "taken back: another ingest was first").await?;
        Ok::<_, lakebed_dataset::Error>(true)
    };
    let url = dataset.url().to_string();
    let version = dataset.version();
    match reverted.await {
        Ok(true) => Error::HasRows { url, rows: dataset.num_rows().saturating_sub(report.rows) },
        Ok(false) => Error::Stopped {
            reason: format!(
                "others added rows to '{url}' at the same moment; version {version} has these, revert \
                 it if they are not wanted"
            ),
        },
        Err(e) => Error::Stopped {
            reason: format!(
                "another ingest into '{url}' was a moment earlier, and version {version} could not \
                 be taken back: {e}; revert it if its rows are not wanted"
            ),
        },
    }
}

/// What the commits of [`take_columns`] say.
const TAKEN: &str = "columns of another source";
/// Has no value in any row that was begun before, so that none can be committed while columns change.
const GUARD: &str = "ingest changes columns";
/// Commits that are looked at for whether a dataset was ever used.
const LOOKED_AT: usize = 1000;

/// Gives the columns of a source to a dataset that nobody used: what an ingest leaves behind that
/// failed before its commit. Its columns would stand in the way of another attempt, with other types.
///
/// A dataset that the source fits stays as it is, as does one that ever had rows or whose columns
/// were changed by somebody.
///
/// # Errors
/// [`Error::HasRows`] if rows were committed meanwhile; whatever else the dataset reports.
pub async fn take_columns(dataset: &Dataset, schema: &Schema) -> Result<Dataset> {
    let known = |name: &str| schema.columns.iter().any(|column| column.name == name);
    if dataset.num_rows() > 0 || known(GUARD) || Adapter::new(schema, dataset.schema()).is_ok() {
        return Ok(dataset.clone());
    }
    let log = dataset.log(LOOKED_AT).await?;
    let is_unused = log.len() < LOOKED_AT
        && log.iter().all(|line| line.rows == 0 && (line.version == 0 || line.message == TAKEN));
    if !is_unused {
        return Ok(dataset.clone());
    }
    let mut now = dataset.clone();
    let has = |dataset: &Dataset, name: &str| {
        dataset.schema().columns.iter().any(|column| column.name == name)
    };
    if !has(&now, GUARD) {
        let guarded = now.add_column(Column::scalar(GUARD, DType::Bool), TAKEN).await;
        now = match guarded {
            Ok(guarded) => guarded,
            // It is refused where there are rows.
            Err(error) => {
                check_empty(&dataset.refresh().await?)?;
                return Err(error.into());
            }
        };
    }
    for column in dataset.schema().columns.iter().filter(|column| column.name != GUARD) {
        let same = |wanted: &Column| Column { id: column.id, ..wanted.clone() } == *column;
        if !schema.columns.iter().any(same) {
            now = now.drop_column(&column.name, TAKEN).await?;
        }
    }
    for column in &schema.columns {
        if !has(&now, &column.name) {
            now = now.add_column(column.clone(), TAKEN).await?;
        }
    }
    Ok(now.drop_column(GUARD, TAKEN).await?)
}

/// Puts classes that only the source has behind the dataset's, in the commit to come.
fn grow(schema: &mut Schema, source: &Schema, writer: &mut Writer) -> Result<()> {
    for column in &mut schema.columns {
        let found = source.columns.iter().find(|found| found.name == column.name);
        let Some(found) = found.filter(|found| !found.classes.is_empty()) else { continue };
        // Another type is for the adapter to refuse.
        if !column.dtype.is_unsigned_integer() || found.dtype != column.dtype {
            continue;
        }
        writer.add_classes(&column.name, found.classes.iter().map(String::as_str))?;
        for name in &found.classes {
            if !column.classes.contains(name) {
                column.classes.push(name.clone());
            }
        }
    }
    Ok(())
}

/// Reads on its own task, so that reading goes on while a batch is being written.
fn read_ahead(
    mut batches: BatchStream,
    reading: &mut JoinSet<()>,
) -> mpsc::Receiver<Result<Event>> {
    let (sender, events) = mpsc::channel(1);
    reading.spawn(async move {
        while let Some(event) = batches.next().await {
            if sender.send(event).await.is_err() {
                return;
            }
        }
    });
    events
}

fn note(problem: Problem, listed: &mut Vec<Problem>, count: &mut u64) {
    *count += 1;
    if listed.len() < LISTED {
        listed.push(problem);
    }
}

/// Bytes of a batch as they are in memory.
pub(crate) fn bytes_of(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(bytes_of_array).sum()
}

/// Views are counted by what they show: the buffers behind them may be shared.
fn bytes_of_array(array: &ArrayRef) -> u64 {
    if let Some(files) = array.as_binary_view_opt() {
        return files.lengths().map(u64::from).sum();
    }
    if let Some(texts) = array.as_string_view_opt() {
        return texts.lengths().map(u64::from).sum();
    }
    if let Some(parts) = array.as_struct_opt() {
        return parts.columns().iter().map(bytes_of_array).sum();
    }
    let slice = array.to_data().get_slice_memory_size();
    let bytes = slice.unwrap_or_else(|_| array.get_array_memory_size());
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
