//! Functions over many rows that TQL's own clauses are made of: what a group holds, and what is
//! drawn. They take the place of a row as an argument, so that neither threads nor batches matter.

mod collect;
mod draw;

use datafusion_expr::AggregateUDF;

pub use collect::Collect;
pub use draw::Draw;

/// Every aggregate of this crate, ready to be registered in a session.
pub fn aggregates() -> Vec<AggregateUDF> {
    vec![AggregateUDF::new_from_impl(Collect::new()), AggregateUDF::new_from_impl(Draw::new())]
}

#[cfg(test)]
mod tests;
