//! Reading columns for rows that were chosen before: a node of plans.
//!
//! [`node`] is the logical node, [`planner`] turns it into [`exec`], which reads. [`mod@table`] does
//! without the node where the planner is not ours.

pub(crate) mod exec;
pub(crate) mod node;
pub(crate) mod planner;
pub(crate) mod reader;
pub(crate) mod table;

pub(crate) use node::Fetch;
pub(crate) use node::FetchedColumn;
