//! What a dataset must survive: kills, failing requests, damaged bytes, many writers, random
//! histories. Each trial is a function that says in figures what happened; the tests of
//! `lakebed-dataset` hold them to none lost, and the example `survive` prints them.
//!
//! Nothing but tests and that example may use this crate. Read [`figures`] first, then [`process`],
//! then any trial.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "that is how a trial stops that cannot go on"
)]
#![allow(clippy::print_stdout, reason = "children tell their parents, and trials their figures")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

pub mod attempt;
pub mod bank;
pub mod copies;
pub mod costs;
pub mod damage;
pub mod faults;
pub mod figures;
pub mod fuzz;
pub mod kill;
pub mod model;
pub mod order;
pub mod process;
pub mod survive;
pub mod varied;
pub mod writers;

pub use figures::Figures;
pub use figures::Scale;
