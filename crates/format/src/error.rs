//! What can be wrong with bytes at rest.

use thiserror::Error as ThisError;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error about bytes at rest, or about values that cannot be put there.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// Bytes that are not what was written.
    #[error("{what} is damaged: {reason}")]
    Damaged {
        /// Which part: a frame, a directory, a page.
        what: String,
        /// What does not hold.
        reason: String,
    },
    /// Written by a newer version of this program.
    #[error(
        "{what} is of format version {found}, and this program reads up to {supported}: use a newer Lakebed"
    )]
    NewerFormat {
        /// Which part.
        what: String,
        /// Its version.
        found: u16,
        /// The newest version that can be read.
        supported: u16,
    },
    /// Uses a feature that this program does not know.
    #[error(
        "the dataset needs the feature '{feature}', which this program does not know: use a newer Lakebed"
    )]
    UnknownFeature {
        /// The feature's name.
        feature: String,
    },
    /// A sample that its column cannot hold.
    #[error("column '{column}', row {row}: {reason}")]
    InvalidSample {
        /// The column's name.
        column: String,
        /// The row, counted within the data that was given.
        row: u64,
        /// What is wrong.
        reason: String,
    },
    /// A subscript that a sample does not have.
    #[error("row {row}: {source}")]
    Subscript {
        /// The row within the chunk.
        row: u64,
        /// What is wrong.
        source: lakebed_core::Error,
    },
    /// A type, shape or limit error.
    #[error(transparent)]
    Core(#[from] lakebed_core::Error),
    /// Bytes that a codec refuses.
    #[error(transparent)]
    Codec(#[from] lakebed_codec::Error),
    /// Arrow data that cannot be built.
    #[error("cannot build Arrow data: {0}")]
    Arrow(#[from] arrow_schema::ArrowError),
}

impl Error {
    /// Damage in `what`.
    pub fn damaged(what: impl Into<String>, reason: impl Into<String>) -> Error {
        Error::Damaged { what: what.into(), reason: reason.into() }
    }

    /// A number that does not fit where it must.
    pub(crate) fn too_large(error: std::num::TryFromIntError) -> Error {
        Error::damaged("a batch", format!("a length does not fit: {error}"))
    }

    /// True if the error says that bytes are not what was written.
    pub fn is_damage(&self) -> bool {
        matches!(self, Error::Damaged { .. } | Error::Codec(lakebed_codec::Error::Damaged { .. }))
    }
}
