//! Errors, and what is wrong with one file.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error as ThisError;

use crate::export::ExportFormat;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of whoever makes the rows of an export.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong while importing or exporting.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder that cannot be opened, listed or read.
    #[error("cannot read '{}': {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The source is a file.
    #[error("'{}' is a file of no known kind: give the folder that holds the images, or a file whose name ends in .parquet, .pq, .arrows, .csv, .jsonl, .ndjson, .npy, .npz, .json or .tar; a file that is called otherwise needs its format named", path.display())]
    NotAFolder {
        /// The path as given.
        path: PathBuf,
    },
    /// A folder in which no importer finds its format.
    #[error(
        "nothing to import in '{}': looked for a folder 'Annotations' with .xml files (Pascal VOC), \
         for a COCO annotation file, for folders 'images' and 'labels' with .txt files (YOLO), for \
         .tar files (WebDataset) and for JPEG or PNG images in folders named after their classes; \
         {found}", path.display()
    )]
    UnknownFormat {
        /// The path as given.
        path: PathBuf,
        /// What is there instead.
        found: String,
    },
    /// A row that cannot be imported, and rows may not be skipped.
    #[error("{0}")]
    File(Problem),
    /// A file of rows that cannot be imported at all: no row of it could be skipped instead.
    #[error("{0}")]
    Whole(Problem),
    /// A source whose rows do not fit the dataset.
    #[error("column '{column}': {reason}")]
    DoesNotFit {
        /// The column.
        column: String,
        /// What differs, and what to do.
        reason: String,
    },
    /// A dataset that was to be new and has rows of another.
    #[error(
        "'{url}' has {rows} row{} already, and it was to be new: nothing was added; choose another place, or append",
        if *rows == 1 { "" } else { "s" }
    )]
    HasRows {
        /// The dataset.
        url: String,
        /// How many.
        rows: u64,
    },
    /// A file or folder that cannot be written.
    #[error("cannot write '{}': {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is something at the destination of an export already.
    #[error("'{}' exists: choose another name, or allow it to be replaced", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// A destination whose name tells no format.
    #[error(
        "'{}' does not tell its format: end its name in {}, or name the format", path.display(),
        ExportFormat::extensions()
    )]
    UnknownExport {
        /// The destination.
        path: PathBuf,
    },
    /// What the source of the rows of an export reports.
    #[error("{0}")]
    Rows(#[source] BoxError),
    /// A writer that fails for a reason of its own.
    #[error("cannot write {format}: {reason}")]
    Format {
        /// The format.
        format: ExportFormat,
        /// Why.
        reason: String,
    },
    /// A column or row that a format cannot hold.
    #[error("column '{column}'{}: {reason}", row.map_or(String::new(), |row| format!(", row {row}")))]
    CannotWrite {
        /// The column.
        column: String,
        /// The row's position in what is written, from 0.
        row: Option<u64>,
        /// Why, and what to do.
        reason: String,
    },
    /// What the dataset reports.
    #[error(transparent)]
    Dataset(#[from] lakebed_dataset::Error),
    /// A type or column that cannot be made.
    #[error(transparent)]
    Core(#[from] lakebed_core::Error),
    /// Arrow data that cannot be put together.
    #[error("a batch is not what its type says: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
    /// A task that did not come to its end.
    #[error("reading or writing stopped before its end: {reason}")]
    Stopped {
        /// Why.
        reason: String,
    },
}

/// One annotated object of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRef {
    /// Which object of the file, from 0: the box's index in its row.
    pub index: usize,
    /// Its class name, if it has one.
    pub name: Option<String>,
}

/// What is wrong with one file, or with one object of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the source's root, with `/` between folders.
    pub file: String,
    /// The object, if it is about one.
    pub object: Option<ObjectRef>,
    /// What is wrong.
    pub cause: String,
}

impl Problem {
    /// A problem with a whole file.
    pub fn new(file: impl Into<String>, cause: impl Into<String>) -> Problem {
        Problem { file: file.into(), object: None, cause: cause.into() }
    }

    /// The same problem with one object of the file.
    pub fn with_object(mut self, index: usize, name: Option<&str>) -> Problem {
        self.object = Some(ObjectRef { index, name: name.map(str::to_string) });
        self
    }
}

/// Written `Annotations/a.xml, object 3 (cat): xmin is missing`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(object) = &self.object {
            write!(f, ", object {}", object.index)?;
            if let Some(name) = &object.name {
                write!(f, " ({name})")?;
            }
        }
        write!(f, ": {}", self.cause)
    }
}
