//! Runs TQL queries with known answers: see `tests/conformance/README.md` for their form.
//!
//! [`corpus`] reads a folder, [`runner`] answers its records on one physical layout of [`datasets`],
//! and [`judge`] says whether an answer is the one that the record asks for.

#![allow(dead_code, reason = "neither the example nor the test uses all of it")]

pub mod answer;
pub mod compare;
mod constraint;
pub mod corpus;
pub mod datasets;
pub mod judge;
pub mod report;
mod rows_to_arrow;
pub mod runner;
mod schema;
pub mod value;

/// Why a corpus cannot be read or run.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// The result of these modules' functions.
pub type Result<T> = std::result::Result<T, Error>;
