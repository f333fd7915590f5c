//! Queries over datasets: TQL and SQL on DataFusion.
//!
//! A text becomes a tree in `lakebed-grammar`, the tree is lowered here to one that DataFusion's
//! SQL planner plans, rules push slices and conditions into the scan, and the scan reads what is
//! left. This crate never decides what bytes at rest mean and never writes a dataset.
//!
//! Read first: [`session`] (the front door), `lower` (what TQL means in DataFusion's terms),
//! [`table`] (a snapshot as a table).

mod branches;
mod catalog;
mod cost;
pub mod decode;
mod diagnose;
mod diff;
pub mod error;
mod execute;
mod expr_planner;
mod fetch;
mod foreign;
mod hidden;
mod lower;
mod optimizer;
pub mod parameters;
mod places;
mod planner;
pub mod prune;
pub mod query;
pub mod scan;
pub mod session;
mod spoken;
mod stack;
pub mod table;
mod truth;
mod types;
mod ungroup;
mod view;

pub use cost::Cost;
pub use error::Error;
pub use error::Result;
pub use execute::Executed;
pub use lakebed_core::cells as result;
pub use lakebed_grammar::Language;
pub use lakebed_grammar::change::ChangeKind;
pub use parameters::Parameter;
pub use parameters::Parameters;
pub use query::Prepared;
pub use query::Query;
pub use scan::layout::ROW_ID;
pub use session::PreparedStatement;
pub use session::Session;
pub use session::SessionBuilder;
pub use session::SessionContextExt;
pub use table::DatasetTable;
pub use table::TableOptions;
