//! The works, one file a group. Each makes its data, measures, and removes its data.

mod boxes;
mod curve;
mod fetches;
mod filters;
pub mod memory;
mod narrow;
mod overlaps;
mod relations;
mod remote;
mod slices;
mod storage;
mod vectors;

use crate::bench::Bench;

/// All groups, in the order of the table.
pub const ALL: [fn(&mut Bench); 7] =
    [narrow::run, fetches::run, slices::run, vectors::run, overlaps::run, curve::run, storage::run];
