//! Tables: one file whose rows become rows.
//!
//! | format | extension | columns |
//! |---|---|---|
//! | Parquet | `.parquet`, `.pq` | tensors by their Arrow extension types; lists of numbers as ragged tensors; binary that begins like JPEG or PNG as images |
//! | Arrow IPC stream | `.arrows` | as Parquet |
//! | CSV | `.csv` | by what the first rows look like; JSON lists in cells as tensors |
//! | JSON lines | `.jsonl`, `.ndjson`; one list of objects in `.json` | by what the first rows look like; nested lists of numbers as tensors, objects as JSON |
//! | NumPy | `.npy`, `.npz` | one an array; the first axis is the rows |
//!
//! Types are inferred when a table is opened, seen in [`Source::schema`] before a row is read, and
//! overridden with [`ImportOptions::types`]. A row that does not fit is an error or left out, as
//! [`crate::OnError`] says, and is named with its column.

use std::path::Path;
use std::path::PathBuf;

use futures::stream;
use lakebed_core::Schema;

use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::options::ImportOptions;
use crate::source::BatchStream;
use crate::source::Event;
use crate::source::Source;

mod arrow_stream;
mod cells;
mod csv;
mod fit;
mod infer;
mod json_lines;
mod numpy;
mod parquet;
mod rows;
mod types;
mod written;

pub use types::ColumnType;

/// Columns of one table at most: each costs buffers of its own.
const MAX_COLUMNS: usize = 10_000;

/// Classes of one column at most, if they are collected from its values.
const MAX_CLASSES: usize = 1 << 16;

/// One table, opened.
pub(crate) struct Table {
    pub format: &'static str,
    pub schema: Schema,
    /// As the file says, or counted.
    pub rows: u64,
    pub reader: Box<dyn Reader>,
}

/// Reads a table from its begin. Called on threads that may block.
pub(crate) trait Reader: Send {
    /// Adds what comes next to `events`: about a batch. False at the end.
    fn next(&mut self, events: &mut Vec<Event>) -> Result<bool>;
}

/// What a table is opened with.
pub(crate) struct Open<'a> {
    pub path: PathBuf,
    /// The file's name, for messages.
    pub file: String,
    pub options: &'a ImportOptions,
}

impl Open<'_> {
    /// A problem of the whole file.
    pub fn problem(&self, cause: impl Into<String>) -> Error {
        Error::Whole(Problem::new(self.file.as_str(), cause))
    }

    /// The file, at its begin.
    pub fn open(&self) -> Result<std::fs::File> {
        std::fs::File::open(&self.path)
            .map_err(|source| Error::Read { path: self.path.clone(), source })
    }

    /// The file's length in bytes.
    pub fn length(&self) -> Result<u64> {
        let metadata = std::fs::metadata(&self.path);
        let metadata =
            metadata.map_err(|source| Error::Read { path: self.path.clone(), source })?;
        Ok(metadata.len())
    }

    /// A type was given for a column that is not there.
    pub fn unknown<'n>(&self, name: &str, known: impl Iterator<Item = &'n str>) -> Error {
        let near = lakebed_core::nearest::nearest(name, known);
        let near =
            near.map_or("leave its type out".to_string(), |near| format!("did you mean '{near}'?"));
        self.problem(format!("it has no column '{name}', which was given a type: {near}"))
    }

    /// Refuses more columns than a table may have, and types for columns that are not there.
    pub fn check_names<'n>(&self, names: impl ExactSizeIterator<Item = &'n str>) -> Result<()> {
        if names.len() > MAX_COLUMNS {
            let found = names.len();
            return Err(self.problem(format!("it has {found} columns, more than {MAX_COLUMNS}")));
        }
        let names: std::collections::BTreeSet<&str> = names.collect();
        let unknown = self.options.types.keys().find(|name| !names.contains(name.as_str()));
        if let Some(unknown) = unknown {
            return Err(self.unknown(unknown, names.into_iter()));
        }
        Ok(())
    }
}

/// Opens a table if `extension` is one of a table's; `None` for folders and other files.
///
/// # Errors
/// [`Error::Read`], [`Error::Whole`] for a file that is not what its name says, and
/// [`Error::Core`] for columns that cannot be.
pub(crate) fn open(
    path: &Path,
    extension: &str,
    options: &ImportOptions,
) -> Result<Option<Box<dyn Source>>> {
    let opener: fn(&Open<'_>) -> Result<Table> = match extension.to_ascii_lowercase().as_str() {
        "parquet" | "pq" => parquet::open,
        "arrows" => arrow_stream::open,
        "csv" => csv::open,
        "jsonl" | "ndjson" => json_lines::open,
        "npy" | "npz" => numpy::open,
        _ => return Ok(None),
    };
    if path.is_dir() {
        return Ok(None);
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    let open =
        Open { path: path.to_path_buf(), file: name.to_string_lossy().into_owned(), options };
    // The decoders of other projects are not all safe from panics: one costs an error, no more.
    let table = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| opener(&open)))
        .map_err(|_| open.problem(PANICKED))??;
    if table.schema.columns.is_empty() {
        return Err(open.problem("it has no columns"));
    }
    table.schema.validate()?;
    Ok(Some(Box::new(TableSource { table, file: open.file.clone() })))
}

const PANICKED: &str = "reading it failed inside a decoder: please report this file";

/// A table as a source.
struct TableSource {
    table: Table,
    file: String,
}

impl Source for TableSource {
    fn format(&self) -> &'static str {
        self.table.format
    }

    fn schema(&self) -> &Schema {
        &self.table.schema
    }

    fn rows(&self) -> u64 {
        self.table.rows
    }

    fn is_inferred(&self) -> bool {
        true
    }

    fn batches(self: Box<Self>, _options: &ImportOptions) -> BatchStream {
        let TableSource { table, file } = *self;
        let state = State { reader: Some(table.reader), events: Vec::new().into_iter(), file };
        Box::pin(stream::try_unfold(state, |mut state| async move {
            loop {
                if let Some(event) = state.events.next() {
                    return Ok(Some((event, state)));
                }
                let Some(mut reader) = state.reader.take() else { return Ok(None) };
                let step = tokio::task::spawn_blocking(move || {
                    let mut events = Vec::new();
                    let more = reader.next(&mut events)?;
                    Ok::<_, Error>((more.then_some(reader), events))
                });
                let (reader, events) = step.await.map_err(|e| match e.is_panic() {
                    true => Error::Whole(Problem::new(state.file.as_str(), PANICKED)),
                    false => Error::Stopped { reason: e.to_string() },
                })??;
                state.reader = reader;
                state.events = events.into_iter();
            }
        }))
    }
}

struct State {
    reader: Option<Box<dyn Reader>>,
    events: std::vec::IntoIter<Event>,
    file: String,
}

#[cfg(test)]
mod tests;
