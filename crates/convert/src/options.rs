//! How to import.

use std::collections::BTreeMap;

use lakebed_core::Limits;

use crate::table::ColumnType;

/// What happens to a row that cannot be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// The import ends with an error that names the file.
    #[default]
    Fail,
    /// The row is left out and reported.
    Skip,
}

/// How to import. Start from `ImportOptions::default()`.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// What happens to a row that cannot be imported.
    pub on_error: OnError,
    /// What the commit says; by default `ingest` and the format's name.
    pub message: Option<String>,
    /// Files read and checked at one time; by default as many as there are cores.
    pub parallel: usize,
    /// A batch is closed before it holds more bytes than this, unless one row does.
    pub batch_bytes: usize,
    /// Rows of a batch at most.
    pub batch_rows: usize,
    /// Bytes of one annotation file at most.
    pub max_annotation_bytes: u64,
    /// Of tables: the types of columns that are not to be inferred, by name.
    pub types: BTreeMap<String, ColumnType>,
    /// Of CSV and JSON lines: types are inferred from this many rows.
    pub infer_rows: usize,
    /// Classes that only the source has are added to the dataset's; else they are refused.
    pub grow_classes: bool,
    /// The dataset must be without rows, also when they are committed: who makes a new dataset does
    /// not expect the rows of another there.
    pub into_empty: bool,
    /// Bounds for everything that is read. An image file is at most `max_page_bytes` long.
    pub limits: Limits,
}

impl Default for ImportOptions {
    fn default() -> ImportOptions {
        ImportOptions {
            on_error: OnError::default(),
            message: None,
            parallel: std::thread::available_parallelism().map_or(1, usize::from),
            batch_bytes: 16 << 20,
            batch_rows: 4096,
            max_annotation_bytes: 64 << 20,
            types: BTreeMap::new(),
            infer_rows: 1000,
            grow_classes: false,
            into_empty: false,
            limits: Limits::default(),
        }
    }
}
