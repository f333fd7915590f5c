//! Reading: rows to chunks, chunks to byte ranges, ranges to Arrow.
//!
//! Metadata is read once and cached; the ranges of all columns and chunks of a request go out in
//! one call for each object, coalesced by the store; decoding runs on a bounded number of threads,
//! away from I/O.

mod directories;
mod fetch;
mod fragments;
mod manifest;
mod paced;
mod pages;
mod patched;
mod request;
mod summary;
mod take;

pub(crate) use fragments::Below;
pub(crate) use fragments::Part as TreePart;
pub use manifest::ColumnChunks;
pub(crate) use manifest::Section;
pub(crate) use paced::Paced;
pub(crate) use patched::CachedPatch;
pub(crate) use patched::offset;
pub(crate) use patched::select;
pub use request::ColumnRead;
pub use request::Fragment;
pub use request::ReadCost;
pub use request::ReadRequest;
pub use request::Rows;
pub use summary::ColumnSummary;
