//! `UNGROUP BY`: sequences become rows. A node of plans.
//!
//! The lowering writes it as a table function over a subquery; [`relation`] turns that into
//! [`node`], the logical node, and [`planner`] turns the node into [`exec`], which runs.

pub(crate) mod exec;
pub(crate) mod node;
pub(crate) mod planner;
pub(crate) mod relation;

/// The column that an ungrouped table has beside its own: which part of its row a row is, from 0.
pub(crate) const FRAME: &str = "__frame";

/// How sequences become rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
pub(crate) enum How {
    /// One row for each element.
    Split,
    /// That many rows, each with a part of the sequence; the first parts are longer by one where
    /// it does not divide.
    Parts(usize),
    /// Row i in parts of the i-th length; rows beyond are left out.
    Lengths(Vec<usize>),
}
