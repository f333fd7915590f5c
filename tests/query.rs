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
#[path = "query/catalogue.rs"]
mod catalogue;
#[path = "query/changes.rs"]
mod changes;
#[path = "query/clauses.rs"]
mod clauses;
#[path = "query/collected.rs"]
mod collected;
#[path = "query/data.rs"]
mod data;
#[path = "query/deep.rs"]
mod deep;
#[path = "query/differences.rs"]
mod differences;
#[path = "query/embedding.rs"]
mod embedding;
#[path = "query/errors.rs"]
mod errors;
#[path = "query/grouping.rs"]
mod grouping;
#[path = "query/histories.rs"]
mod histories;
#[path = "query/meetings.rs"]
mod meetings;
#[path = "query/numpy.rs"]
mod numpy;
#[path = "query/order.rs"]
mod order;
#[path = "query/paper.rs"]
mod paper;
#[path = "query/parameters.rs"]
mod parameters;
#[path = "query/plans.rs"]
mod plans;
#[path = "query/relations.rs"]
mod relations;
#[path = "query/row_ids.rs"]
mod row_ids;
#[path = "support/rows.rs"]
mod rows;
#[path = "query/sets.rs"]
mod sets;
#[path = "query/shown.rs"]
mod shown;
#[path = "query/sql.rs"]
mod sql;
#[path = "query/views.rs"]
mod views;
#[path = "query/wrong.rs"]
mod wrong;
