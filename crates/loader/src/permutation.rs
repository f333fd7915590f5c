//! A shuffle of 0..n that is computed place by place, without a list.
//!
//! A Feistel network permutes numbers of an even number of bits; where that gives a number of n or
//! more it is applied again, until it falls below n ("cycle walking", Black and Rogaway, "Ciphers
//! with arbitrary finite domains", 2002). The network's domain is less than four times n, so that
//! this takes fewer than four steps on average.

use crate::random;
use crate::random::mix;

/// Rounds of the network; from six on, neighbours are as far apart as chance has it, see the tests.
const ROUNDS: usize = 8;

/// A permutation of 0..n chosen by a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permutation {
    len: u64,
    /// Bits of one half.
    half: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The permutation of 0..`len` that `key` names.
    pub fn new(len: u64, key: u64) -> Permutation {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        let mut round = 0;
        let keys = [(); ROUNDS].map(|()| {
            round += 1;
            random::key(&[key, round])
        });
        Permutation { len, half: bits.div_ceil(2).max(1), keys }
    }

    /// What stands at a place below n. Constant time on average; nothing is allocated.
    pub fn at(&self, place: u64) -> u64 {
        if self.len < 2 {
            return place;
        }
        let mut x = self.network(place);
        // A place below n lies on a cycle that comes back below n, at the latest to itself.
        while x >= self.len {
            x = self.network(x);
        }
        x
    }

    fn network(&self, x: u64) -> u64 {
        let mask = (1u64 << self.half) - 1;
        let (mut left, mut right) = (x >> self.half, x & mask);
        for key in self.keys {
            let f = mix(key ^ right);
            (left, right) = (right, (left ^ f) & mask);
        }
        (left << self.half) | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_comes_once() {
        for len in (0..300).chain([1 << 10, (1 << 12) + 1, 50_000]) {
            for key in 0..4 {
                let permutation = Permutation::new(len, mix(key));
                let mut seen: Vec<u64> = (0..len).map(|place| permutation.at(place)).collect();
                seen.sort_unstable();
                assert!(seen.into_iter().eq(0..len), "0..{len} by key {key}");
            }
        }
    }

    #[test]
    fn places_of_the_largest_domain_fit() {
        let permutation = Permutation::new(1 << 62, 5);
        assert!(permutation.at((1 << 62) - 1) < 1 << 62);
    }

    /// Over many keys each number stands at each place equally often: chi-square of n x n counts,
    /// whose mean is (n - 1)^2 and whose deviation is about sqrt(2) (n - 1).
    #[test]
    fn no_place_prefers_a_number() {
        for n in [5u64, 10, 16, 33] {
            let keys = 20_000u64;
            let mut counts = vec![0f64; usize::try_from(n * n).unwrap()];
            for key in 0..keys {
                let permutation = Permutation::new(n, mix(key + 1));
                for place in 0..n {
                    counts[usize::try_from(place * n + permutation.at(place)).unwrap()] += 1.0;
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let (n, keys) = (n as f64, keys as f64);
            let expected = keys / n;
            let chi: f64 = counts.iter().map(|c| (c - expected).powi(2) / expected).sum();
            let (mean, deviation) = ((n - 1.0).powi(2), 2f64.sqrt() * (n - 1.0));
            assert!((chi - mean).abs() < 5.0 * deviation, "n = {n}: {chi} for {mean}");
        }
    }
}
