//! Bytes by (object, range): local folders, memory and S3 behind one trait, with create-if-absent,
//! coalesced reads, a cache of blocks, retries and metering.
//!
//! This crate never knows what the bytes mean: no tensors, no chunks, no entries. It never lists to
//! find out what exists; listing serves only deletion and verification. It never reports that a
//! write failed when the write may have landed.
//!
//! Read first: [`store`] (the trait and its promises), [`local`] (what makes a local write durable),
//! [`resolve`] (how a commit survives a lost answer).
//!
//! Every call needs a Tokio runtime. A future that is dropped halfway leaves the outcome of its
//! write open.

pub mod aligned;
pub mod blocks;
pub mod cached;
mod cloud;
pub mod coalesce;
pub mod error;
pub mod faulty;
pub mod key;
pub mod local;
pub mod metered;
pub mod objects;
pub mod open;
pub mod operation;
mod pool;
pub mod resolve;
pub mod retrying;
pub mod store;
pub mod throttled;

pub use blocks::BlockCache;
pub use cached::Cached;
pub use error::Error;
pub use error::Result;
pub use faulty::Fault;
pub use faulty::Faulty;
pub use faulty::Rule;
pub use local::LocalEvent;
pub use local::LocalStore;
pub use metered::Counts;
pub use metered::Meter;
pub use metered::Metered;
pub use objects::ObjectStoreBackend;
pub use open::open;
pub use open::open_mapped;
pub use open::open_metered;
pub use open::open_with;
pub use operation::Operation;
pub use resolve::Outcome;
pub use resolve::create_resolved;
pub use retrying::RetryPolicy;
pub use retrying::Retrying;
pub use store::ObjectInfo;
pub use store::ObjectWriter;
pub use store::Store;
pub use throttled::Throttle;
pub use throttled::Throttled;
