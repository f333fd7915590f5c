#![doc = include_str!("../README.md")]
//!
//! This crate never knows a query engine, and reads through `lakebed_dataset` only. Read first:
//! [`LoaderBuilder`] (what can be said), `order` (the shuffle), `fetch` (what is read together).

mod batch;
mod batches;
mod builder;
mod collate;
mod decode;
mod error;
mod fetch;
mod group;
mod images;
mod kept;
mod loader;
mod order;
mod permutation;
mod pool;
mod queue;
mod random;
mod sample;
mod shard;
mod source;
mod state;

pub use batch::Batch;
pub use batch::BatchColumn;
pub use batch::Skipped;
pub use batch::Tensor;
pub use batch::Values;
pub use batches::Batches;
pub use builder::LoaderBuilder;
pub use builder::OnBadSample;
pub use builder::ToBatches;
pub use collate::Collate;
pub use error::Cause;
pub use error::Error;
pub use error::Result;
pub use loader::Loader;
pub use order::Shuffle;
pub use random::SampleRng;
pub use sample::Row;
pub use sample::Sample;
pub use state::State;
