//! What every importer is.

use std::pin::Pin;

use arrow::record_batch::RecordBatch;
use futures::Stream;
use lakebed_core::Schema;

use crate::error::Problem;
use crate::error::Result;
use crate::options::ImportOptions;

/// What a source yields, in order. After an error nothing follows.
pub type BatchStream = Pin<Box<dyn Stream<Item = Result<Event>> + Send>>;

/// One step of an import.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// Rows, in the Arrow forms of [`lakebed_core::tensor_type`], columns in the schema's order.
    Batch(RecordBatch),
    /// Something odd in a file whose row is kept.
    Warning(Problem),
    /// A row that was left out; only under [`crate::OnError::Skip`].
    Skipped(Problem),
}

/// A folder in some outside format, listed and ready to be read.
pub trait Source: Send {
    /// The format's name, for people.
    fn format(&self) -> &'static str;

    /// The columns, class names included.
    fn schema(&self) -> &Schema;

    /// Rows that will be yielded if none is skipped; known from the listing.
    fn rows(&self) -> u64;

    /// True if types are a guess that [`ImportOptions::types`] may overrule: worth a look.
    fn is_inferred(&self) -> bool {
        false
    }

    /// Reads everything. Must be polled inside a tokio runtime.
    ///
    /// Memory is bounded by two batches, `parallel` files and, while each is checked, its decoded
    /// pixels; whatever the source's size.
    fn batches(self: Box<Self>, options: &ImportOptions) -> BatchStream;
}
