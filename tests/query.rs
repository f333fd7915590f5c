//! What queries mean: TQL's rules, each with an answer written by hand, and SQL beside it.
//!
//! `data` makes one small dataset with everything that differs from SQL: ragged boxes, empty
//! samples, nulls, NaN, class labels, JSON and encoded pictures, in two commits.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and its numbers are small"
)]

#[path = "query/answers.rs"]
mod answers;
#[path = "query/data.rs"]
mod data;
#[path = "query/errors.rs"]
mod errors;
#[path = "query/grouping.rs"]
mod grouping;
#[path = "query/order.rs"]
mod order;
#[path = "query/plans.rs"]
mod plans;
#[path = "query/relations.rs"]
mod relations;
#[path = "query/shown.rs"]
mod shown;
#[path = "query/sql.rs"]
mod sql;
