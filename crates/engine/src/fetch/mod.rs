//! Reading columns for rows that were chosen before: a node of plans.
//!
//! [`node`] is the logical node, [`planner`] turns it into [`exec`], which reads.

pub(crate) mod exec;
pub(crate) mod node;
pub(crate) mod planner;
pub(crate) mod reader;

pub(crate) use node::Fetch;
pub(crate) use node::FetchedColumn;
pub(crate) use planner::Planner;
