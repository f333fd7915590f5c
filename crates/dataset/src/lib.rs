//! Datasets: writing, committing, opening at any entry, reading, adding columns, checking.
//!
//! What is promised: readers see one committed entry, always complete; a commit is all or nothing
//! and durable when the call returns; two commits never both win the same number; bytes that are
//! not what was written are reported and never returned.
//!
//! This crate knows no query engine. It is the one place that reads, decodes and caches, for
//! queries and for loaders alike.
//!
//! Read first: `dataset.rs` (open, create), `commit.rs` (the log), [`read`] (rows to
//! requests to Arrow).

mod cache;
pub mod classes;
mod collect;
mod commit;
mod compact;
mod dataset;
mod diff;
mod edit;
mod error;
mod evolve;
mod expire;
mod fill;
mod fold;
mod head;
mod location;
mod log;
mod merge;
mod once;
mod options;
mod purge;
pub mod read;
mod refs;
mod repair;
mod revert;
mod salvage;
mod tree_diff;
mod tree_edit;
mod turn;
pub mod verify;
mod view;
pub mod write;

pub use collect::Collected;
pub use compact::Compaction;
pub use dataset::Dataset;
pub use diff::Diff;
pub use edit::Edit;
pub use edit::RowIdRange;
pub use error::Error;
pub use error::Result;
pub use fold::Folding;
pub use lakebed_format::Missing;
pub use lakebed_format::Part;
pub use lakebed_format::Scalar;
pub use lakebed_format::Source;
pub use lakebed_format::Stats;
pub use lakebed_format::ViewPointer;
pub use lakebed_format::entry::MAX_MESSAGE;
pub use lakebed_format::view::Language;
pub use lakebed_store::Counts;
pub use lakebed_store::Meter;
pub use location::Location;
pub use log::LogLine;
pub use merge::MergeConflict;
pub use merge::Parted;
pub use merge::Policy;
pub use merge::Side;
pub use options::Options;
pub use options::Verify;
pub use purge::Purged;
pub use read::ColumnChunks;
pub use read::ColumnRead;
pub use read::ColumnSummary;
pub use read::Fragment;
pub use read::ReadCost;
pub use read::ReadRequest;
pub use read::Rows;
pub use repair::Part as DamagedPart;
pub use repair::Repair;
pub use verify::Damage;
pub use verify::VerifyReport;
pub use view::NewView;
pub use view::OpenView;
pub use view::ViewRows;
pub use write::Appended;
pub use write::Appender;
pub use write::Writer;
