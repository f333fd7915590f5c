//! Reading: rows to chunks, chunks to byte ranges, ranges to Arrow.
//!
//! Metadata is read once and cached; the ranges of all columns and chunks of a request go out in
//! one call for each object, coalesced by the store; decoding runs on a bounded number of threads,
//! away from I/O.

mod directories;
mod fetch;
mod manifest;
mod pages;
mod request;

pub use manifest::ColumnChunks;
pub(crate) use manifest::Section;
pub use request::ColumnRead;
pub use request::Fragment;
pub use request::ReadCost;
pub use request::ReadRequest;
pub use request::Rows;
