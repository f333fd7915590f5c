//! The scan: a `DataSource` that reads parts of columns, filters on narrow columns first, and
//! gives out batches in position order.
//!
//! Read in this order: [`description`] (what a scan is, as data), [`planning`] (what is read at
//! all, and in which pieces), [`mod@unit`] (one piece), [`running`] (pieces side by side), [`source`]
//! (how DataFusion sees it).

pub mod bound;
pub mod budget;
pub mod conjunct;
pub mod cost;
pub mod description;
pub mod estimate;
pub mod late;
pub mod layout;
pub mod metrics;
pub mod part;
pub mod planning;
pub mod queue;
pub mod read;
pub mod rows;
pub mod running;
pub mod source;
pub mod statistics;
pub mod unit;

use datafusion::common::DataFusionError;

/// An error of the dataset, as DataFusion carries it.
pub(crate) fn failed(error: lakebed_dataset::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
