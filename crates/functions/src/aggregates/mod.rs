//! Functions over many rows: those that TQL's own clauses are made of (what a group holds, and what
//! is drawn; they take the place of a row as an argument, so that neither threads nor batches
//! matter), and TQL's forms of DataFusion's own.

mod collect;
mod draw;
mod extreme;
mod total;

use std::sync::Arc;

use datafusion_expr::AggregateUDF;

pub use collect::Collect;
pub use draw::Draw;

/// What an aggregate of DataFusion is in TQL; `None` if it is the same.
pub fn in_tql(of: &Arc<AggregateUDF>) -> Option<AggregateUDF> {
    extreme::Extreme::of(of).or_else(|| total::Total::of(of))
}

/// Every aggregate of this crate, ready to be registered in a session.
pub fn aggregates() -> Vec<AggregateUDF> {
    vec![AggregateUDF::new_from_impl(Collect::new()), AggregateUDF::new_from_impl(Draw::new())]
}

#[cfg(test)]
mod tests;
