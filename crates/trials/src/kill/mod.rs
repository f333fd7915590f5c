//! Processes that are killed: at random moments of every kind of commit, and at each step of each
//! operation. What was told to be committed is there, what is there is whole, and the next commit
//! succeeds.

mod deadly;
mod random;
mod steps;
mod worker;

pub use random::random;
pub use steps::Often;
pub use steps::steps;

/// Where a child finds its dataset.
const URL: &str = "LAKEBED_TRIALS_KILL_URL";

/// The roles of the children.
pub(crate) const WORKER: &str = "work until killed";
pub(crate) const STEP: &str = "die at a step";

/// Plays the child of [`random`].
pub(crate) fn work() {
    worker::work();
}

/// Plays the child of [`steps`].
pub(crate) fn step() {
    steps::child();
}
