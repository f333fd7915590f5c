//! Pruning: which rows of a fragment a filter can match, as far as statistics tell.
//!
//! A filter becomes a [`Predicate`]: tests of single columns joined by AND, OR and NOT. For every
//! chunk a test has a set of possible [`Outcomes`]; sets join by the rules of three-valued logic,
//! so NOT needs no rules of its own and nothing that might match is ever left out. What is not
//! understood may have any outcome.

pub mod compare;
pub mod compile;
pub mod contains;
pub mod facts;
pub mod in_list;
pub mod like;
pub mod literal;
pub mod nonzero;
pub mod null;
pub mod order;
pub mod outcomes;
pub mod predicate;
pub mod spans;
pub mod steps;
pub mod values;

#[cfg(test)]
mod tests;

pub use compile::compile;
pub use facts::ColumnFacts;
pub use facts::Facts;
pub use outcomes::Outcomes;
pub use predicate::Predicate;
pub use spans::Spans;
