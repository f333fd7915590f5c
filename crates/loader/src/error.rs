//! Errors.

use thiserror::Error as ThisError;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error, of a transform for example.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong while loading.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A setting that cannot be.
    #[error("{setting} is {found}: {reason}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        reason: String,
    },
    /// A column that the dataset does not have, or that cannot be loaded.
    #[error("column '{column}': {reason}")]
    Column {
        /// Its name.
        column: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A state to resume from that is of something else.
    #[error("this state cannot be resumed here: its {field} is {found}, this loader's {expected}")]
    OtherState {
        /// The field of the state that differs.
        field: &'static str,
        /// This loader's.
        expected: String,
        /// The state's.
        found: String,
    },
    /// A state that cannot be read.
    #[error("this is no state of a loader: {source}")]
    State {
        /// Why.
        source: serde_json::Error,
    },
    /// A sample that cannot be decoded or transformed.
    #[error("column '{column}', row {row}: {cause}; `OnBadSample::Skip` leaves such rows out")]
    Sample {
        /// Its column, or what names a transform of whole rows.
        column: String,
        /// Its position in the dataset's version.
        row: u64,
        /// Why.
        cause: Cause,
    },
    /// Samples of one batch that do not fit together.
    #[error("column '{column}', row {row}: {reason}")]
    Collate {
        /// The column.
        column: String,
        /// The position of the first row that does not fit.
        row: u64,
        /// What does not fit, and what to do.
        reason: String,
    },
    /// A thread or runtime that could not be started, or ended early.
    #[error("a thread of the loader {reason}")]
    Thread {
        /// What happened.
        reason: String,
    },
    /// An error of the dataset: damage, the store, limits.
    #[error(transparent)]
    Dataset(#[from] lakebed_dataset::Error),
    /// An error of core: a shape or limit.
    #[error(transparent)]
    Core(#[from] lakebed_core::Error),
    /// An error of Arrow.
    #[error(transparent)]
    Arrow(#[from] arrow::error::ArrowError),
}
