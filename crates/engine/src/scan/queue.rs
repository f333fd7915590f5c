//! The units of a scan, handed to its partitions one by one as they want work.
//!
//! Units are handed out in position order, so each partition stays in that order whoever is fast.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::description::Unit;

/// The units that nobody has taken yet.
#[derive(Debug)]
pub struct Queue {
    units: Arc<[Unit]>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next: usize,
    started: Vec<bool>,
}

impl Queue {
    /// All units, for so many partitions.
    pub fn new(units: Arc<[Unit]>, partitions: usize) -> Queue {
        let state = State { next: 0, started: vec![false; partitions] };
        Queue { units, state: Mutex::new(state) }
    }

    /// The next unit for a partition. Some are kept for partitions that have not come yet: what
    /// they do above the scan would else be done by one alone.
    pub fn take(&self, partition: usize) -> Option<Unit> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.units.len() - state.next;
        let first =
            state.started.get_mut(partition).is_some_and(|done| !std::mem::replace(done, true));
        let kept = state.started.iter().filter(|started| !**started).count();
        if left == 0 || (!first && left <= kept) {
            return None;
        }
        state.next += 1;
        self.units.get(state.next - 1).cloned()
    }
}

/// Where a partition's units come from.
#[derive(Debug)]
pub enum Units {
    /// Those that belong to it.
    Own(std::vec::IntoIter<Unit>),
    /// Whatever is left of all.
    Shared(Arc<Queue>, usize),
}

impl Iterator for Units {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        match self {
            Units::Own(units) => units.next(),
            Units::Shared(queue, partition) => queue.take(*partition),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_partition_takes_more_and_leaves_one_for_each_that_has_not_come() {
        let units: Arc<[Unit]> = (0..5).map(|n| Unit { fragment: n, rows: 0..1 }).collect();
        let queue = Arc::new(Queue::new(units, 3));
        let fragments = |partition, count| -> Vec<usize> {
            let units = Units::Shared(Arc::clone(&queue), partition);
            units.take(count).map(|unit| unit.fragment).collect()
        };
        assert_eq!(fragments(0, 9), [0, 1, 2]);
        assert_eq!(fragments(2, 1), [3]);
        assert!(fragments(0, 9).is_empty());
        assert_eq!(fragments(1, 9), [4]);
    }
}
