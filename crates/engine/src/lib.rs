//! Queries over datasets: TQL and SQL on DataFusion.
//!
//! A text becomes a tree in `lakebed-grammar`, the tree is lowered here to one that DataFusion's
//! SQL planner plans, rules push slices and conditions into the scan, and the scan reads what is
//! left. This crate never decides what bytes at rest mean and never writes a dataset.
//!
//! Read first: [`session`] (the front door), `lower` (what TQL means in DataFusion's terms),
//! [`table`] (a snapshot as a table).

mod catalog;
pub mod decode;
mod diagnose;
pub mod error;
mod expr_planner;
mod fetch;
mod lower;
mod optimizer;
pub mod prune;
pub mod query;
pub mod result;
pub mod scan;
pub mod session;
pub mod table;
mod truth;

pub use error::Error;
pub use error::Result;
pub use lakebed_grammar::Language;
pub use query::Prepared;
pub use query::Query;
pub use session::Session;
pub use session::SessionBuilder;
pub use session::SessionContextExt;
pub use table::DatasetTable;
pub use table::TableOptions;
