//! The language front through its public API.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests fail by panicking, and columns are small"
)]

mod conformance;
mod corpus;
mod errors;
mod robustness;
mod trees;
