//! Errors about types, shapes, columns and subscripts.

use thiserror::Error as ThisError;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a type, a shape, a column or a subscript.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A dtype name that does not exist.
    #[error(
        "unknown dtype '{name}': use bool, i8..i64, u8..u64, f16, f32, f64, text, bytes, json, date, time, timestamp(UNIT[,ZONE]), duration(UNIT) or decimal(P,S)"
    )]
    UnknownDType {
        /// The name as written.
        name: String,
    },
    /// A column description that cannot be stored.
    #[error("column '{column}': {reason}")]
    InvalidColumn {
        /// The column's name.
        column: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// No column of that name.
    #[error("no column '{name}'{}", nearest.as_ref().map(|n| format!(": did you mean '{n}'?")).unwrap_or_default())]
    UnknownColumn {
        /// The name as written.
        name: String,
        /// The nearest name that exists.
        nearest: Option<String>,
    },
    /// No class of that name.
    #[error("no class '{name}'{}", nearest.as_ref().map(|n| format!(": did you mean '{n}'?")).unwrap_or_default())]
    UnknownClass {
        /// The name as written.
        name: String,
        /// The nearest name that exists.
        nearest: Option<String>,
    },
    /// Two columns of one name.
    #[error("two columns are named '{name}'")]
    DuplicateColumn {
        /// The name.
        name: String,
    },
    /// Arrow data that does not have the type of its column.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The type that was expected.
        expected: String,
        /// The type that was found.
        found: String,
    },
    /// More subscripts than dimensions.
    #[error("too many subscripts: {given} for {ndim} dimension{}", if *ndim == 1 { "" } else { "s" })]
    TooManySubscripts {
        /// Subscripts that were written.
        given: usize,
        /// Dimensions of the value.
        ndim: usize,
    },
    /// An integer subscript outside its dimension.
    #[error("index {index} is out of range for dimension {dimension} of size {size}")]
    IndexOutOfRange {
        /// The index as written.
        index: i64,
        /// Which dimension, from 0.
        dimension: usize,
        /// How many elements that dimension has.
        size: usize,
    },
    /// A subscript that has no meaning.
    #[error("{reason}")]
    InvalidSubscript {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A size that a limit refuses.
    #[error("{what} is {found}, more than the limit of {limit}: raise `{setting}` to allow it")]
    LimitExceeded {
        /// What was too large.
        what: String,
        /// How large it was.
        found: u64,
        /// How large it may be.
        limit: u64,
        /// The field of [`crate::Limits`] to raise.
        setting: &'static str,
    },
}
