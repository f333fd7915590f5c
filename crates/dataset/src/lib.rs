//! Datasets: writing, committing, opening at any entry, reading, adding columns, checking.
//!
//! What is promised: readers see one committed entry, always complete; a commit is all or nothing
//! and durable when the call returns; two commits never both win the same number; bytes that are
//! not what was written are reported and never returned.
//!
//! This crate knows no query engine. It is the one place that reads, decodes and caches, for
//! queries and for loaders alike.
//!
//! Read first: [`dataset`] (open, create), [`commit`](mod@commit) (the log), [`read`] (rows to
//! requests to Arrow).

mod cache;
mod commit;
mod dataset;
mod error;
mod evolve;
mod fill;
mod head;
mod location;
mod log;
mod options;
pub mod read;
pub mod verify;
pub mod write;

pub use dataset::Dataset;
pub use error::Error;
pub use error::Result;
pub use lakebed_format::Missing;
pub use lakebed_format::Part;
pub use lakebed_format::Scalar;
pub use lakebed_format::Stats;
pub use location::Location;
pub use log::LogLine;
pub use options::Options;
pub use options::Verify;
pub use read::ColumnChunks;
pub use read::ColumnRead;
pub use read::Fragment;
pub use read::ReadCost;
pub use read::ReadRequest;
pub use read::Rows;
pub use verify::Damage;
pub use verify::VerifyReport;
pub use write::Writer;
