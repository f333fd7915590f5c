//! The meaning of every byte at rest: frames, buffer tables, statistics, chunks, manifests, tree
//! nodes and log entries. `SPEC.md` beside this crate says the same for people who write readers
//! in other languages.
//!
//! This crate never does I/O: what must be read is a plan of byte ranges, and what was read is
//! handed back to the plan.
//!
//! Read first: [`chunk`] (how samples become bytes and back), [`manifest`] (which chunks a fragment
//! has), [`entry`] (what one commit is).

pub mod buffers;
pub mod checksum;
pub mod chunk;
pub mod entry;
pub mod error;
pub mod frame;
pub mod manifest;
pub mod once;
pub mod patch;
pub mod refs;
pub mod scalar;
pub mod source;
pub mod stats;
pub mod tree;
pub mod view;
pub mod waiting;

pub use chunk::EncodedChunk;
pub use chunk::builder::ChunkBuilder;
pub use chunk::directory::Directory;
pub use chunk::directory::PageStats;
pub use chunk::part::Missing;
pub use chunk::part::Part;
pub use chunk::plan::ChunkPlan;
pub use chunk::plan::RowSet;
pub use chunk::plan::Verification;
pub use entry::Entry;
pub use error::Error;
pub use error::Result;
pub use manifest::ChunkAddress;
pub use manifest::ColumnSection;
pub use manifest::ManifestHeader;
pub use once::KeyNote;
pub use patch::Overlay;
pub use patch::PackPointer;
pub use patch::Patch;
pub use patch::PatchPointer;
pub use patch::Region;
pub use patch::Touched;
pub use refs::Refs;
pub use refs::ViewPointer;
pub use scalar::Scalar;
pub use source::Source;
pub use stats::Stats;
pub use tree::FragmentPointer;
pub use tree::NodePointer;
pub use tree::Totals;
pub use tree::Tree;
pub use view::View;
pub use waiting::Waiting;

/// The version of the format that this crate writes, and the newest that it reads.
pub const FORMAT_VERSION: u16 = 1;
/// What chunk payloads, directories and sections are aligned to within a pack.
pub const ALIGNMENT: u64 = 64;
/// The unit of verification in raw payloads.
pub const BLOCK: u64 = 16 * 1024;
/// Bytes of samples that a chunk aims for.
pub const CHUNK_TARGET: usize = 8 << 20;
