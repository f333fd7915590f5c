//! Lakebed: an open tensor lakehouse with a query engine. Versioned datasets of tensors on any
//! object store, queried in TQL and in SQL.
//!
//! This crate re-exports the others and joins them where none of them may know the next, as in
//! [`materialize`]. Read first: [`dataset`] (write, read, commit), [`engine`] (TQL and SQL),
//! [`convert`] (from other formats), [`loader`] (batches to train on). Programs without an asynchronous runtime begin with
//! [`blocking`]; numbers that lie in `ndarray` arrays go through `arrays`.

#[cfg(feature = "ndarray")]
pub mod arrays;
pub mod blocking;
pub mod materialize;
pub mod words;

pub use lakebed_codec as codec;
pub use lakebed_convert as convert;
pub use lakebed_core as core;
pub use lakebed_dataset as dataset;
pub use lakebed_engine as engine;
pub use lakebed_format as format;
pub use lakebed_functions as functions;
pub use lakebed_grammar as grammar;
pub use lakebed_loader as loader;
pub use lakebed_store as store;
