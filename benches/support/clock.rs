//! Times and medians.

use std::time::Duration;
use std::time::Instant;

/// How long some work takes.
pub fn timed(work: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    work();
    begin.elapsed()
}

/// The median of so many measurements.
pub fn median(repeats: usize, work: impl FnMut(usize) -> Duration) -> Duration {
    middle((0..repeats).map(work).collect())
}

/// The middle one of some times; zero of none.
pub fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Milliseconds.
pub fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
