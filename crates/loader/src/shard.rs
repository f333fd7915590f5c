//! Which places of an epoch's order are whose.
//!
//! The order is cut into *steps* of `world * batch` samples, and each step into one run of `batch`
//! for each rank: after any number of steps, what all ranks have taken is a prefix of the order,
//! which is all that has to be remembered. The last step is shared out evenly, so ranks differ by at
//! most one sample an epoch.

use std::ops::Range;

/// The share of one rank.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shard {
    pub rank: u64,
    pub world: u64,
    pub batch: u64,
    pub drop_last: bool,
}

impl Shard {
    fn step(&self) -> u64 {
        self.world.saturating_mul(self.batch)
    }

    /// Batches that this rank takes of `rows` samples from `start` on.
    pub fn batches(&self, start: u64, rows: u64) -> u64 {
        let left = rows.saturating_sub(start);
        let full = left / self.step();
        let last = self.places(full, start, rows);
        full + u64::from(!self.drop_last && !last.is_empty())
    }

    /// The places of this rank's batch number `nth` after `start`.
    pub fn places(&self, nth: u64, start: u64, rows: u64) -> Range<u64> {
        let begin = start.saturating_add(nth.saturating_mul(self.step())).min(rows);
        let left = (rows - begin).min(self.step());
        let share = |rank: u64| {
            let product = u128::from(left) * u128::from(rank) / u128::from(self.world.max(1));
            begin + u64::try_from(product).unwrap_or(left)
        };
        share(self.rank)..share(self.rank + 1)
    }

    /// The end of the step that this batch belongs to: where a resumed epoch goes on.
    pub fn position_after(&self, nth: u64, start: u64, rows: u64) -> u64 {
        start.saturating_add(nth.saturating_add(1).saturating_mul(self.step())).min(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_share_each_epoch_evenly() {
        for world in 1..=9 {
            for batch in 1..=7 {
                for rows in 0..60 {
                    let shares = (0..world).map(|rank| {
                        let shard = Shard { rank, world, batch, drop_last: false };
                        let batches = 0..shard.batches(0, rows);
                        batches.flat_map(|nth| shard.places(nth, 0, rows)).collect::<Vec<_>>()
                    });
                    let shares: Vec<Vec<u64>> = shares.collect();
                    let sizes = || shares.iter().map(Vec::len);
                    assert!(sizes().max().unwrap() - sizes().min().unwrap() <= 1);
                    let mut all: Vec<u64> = shares.concat();
                    all.sort_unstable();
                    assert!(all.into_iter().eq(0..rows));
                }
            }
        }
    }

    #[test]
    fn without_the_last_all_ranks_take_as_many_full_batches() {
        for rows in 0..60 {
            for rank in 0..4 {
                let shard = Shard { rank, world: 4, batch: 3, drop_last: true };
                assert_eq!(shard.batches(0, rows), rows / 12);
                for nth in 0..shard.batches(0, rows) {
                    assert_eq!(shard.places(nth, 0, rows).count(), 3);
                }
            }
        }
    }
}
