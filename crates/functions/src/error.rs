//! What can go wrong when a function is planned or run.

use arrow::error::ArrowError;
use datafusion_common::DataFusionError;
use thiserror::Error as ThisError;

/// The result of this crate's functions.
pub type Result<T, E = FunctionError> = std::result::Result<T, E>;

/// What can be wrong with a call.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum FunctionError {
    /// Too few or too many arguments.
    #[error("{function} was given {}: write {signature}", counted(*found))]
    Arity {
        /// The UDF's name.
        function: &'static str,
        /// Arguments that were written.
        found: usize,
        /// How the function is called.
        signature: &'static str,
    },
    /// Arguments whose types the function does not take.
    #[error("{function} of {types}: {reason}")]
    Types {
        /// The UDF's name.
        function: &'static str,
        /// The types of the arguments.
        types: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// An argument whose value makes no sense.
    #[error("{function}: {reason}")]
    Argument {
        /// The UDF's name.
        function: &'static str,
        /// Why not, and what to do.
        reason: String,
    },
    /// A row whose value has no result.
    #[error("{function}: row {row} of this batch: {reason}")]
    Row {
        /// The UDF's name.
        function: &'static str,
        /// The row within the batch that was being computed, from 0.
        row: usize,
        /// Why, and what to do.
        reason: String,
    },
    /// What a user's function says.
    #[error("{function}: {reason}")]
    User {
        /// The UDF's name.
        function: String,
        /// What went wrong.
        reason: String,
    },
    /// Types, shapes, class names and subscripts.
    #[error(transparent)]
    Core(#[from] lakebed_core::Error),
    /// Arrow's own kernels.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// DataFusion's own expressions.
    #[error(transparent)]
    DataFusion(#[from] DataFusionError),
}

fn counted(arguments: usize) -> String {
    match arguments {
        0 => "no argument".to_string(),
        1 => "1 argument".to_string(),
        many => format!("{many} arguments"),
    }
}

impl FunctionError {
    /// The error of a plan.
    pub(crate) fn planning(self) -> DataFusionError {
        match self {
            FunctionError::DataFusion(error) => error,
            other => DataFusionError::Plan(other.to_string()),
        }
    }

    /// The error of a running query; callers can downcast it to this type.
    pub(crate) fn running(self) -> DataFusionError {
        match self {
            FunctionError::DataFusion(error) => error,
            other => DataFusionError::External(Box::new(other)),
        }
    }
}
