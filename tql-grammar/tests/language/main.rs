//! The language front through its public API.

mod conformance;
mod corpus;
mod errors;
mod robustness;
mod trees;
