//! Numbers that look random and are functions of their inputs.

use rand::RngCore;

/// The step of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014): odd, and far from any pattern in binary.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Spreads every bit of `x` over all bits: the finalizer of SplitMix64, a bijection.
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// One key of several numbers, whose order matters.
pub(crate) fn key(parts: &[u64]) -> u64 {
    parts.iter().fold(STEP, |key, part| mix(key.wrapping_add(STEP) ^ mix(*part)))
}

/// The randomness of one sample in one epoch, for transforms: the same whatever the number of
/// workers and ranks, the size of batches, and where the epoch was resumed.
///
/// It is SplitMix64, seeded by (seed, epoch, place in the epoch's order): good for augmenting, not
/// for secrets.
#[derive(Debug, Clone)]
pub struct SampleRng {
    state: u64,
}

impl SampleRng {
    /// The randomness of the sample at `place` in the order of an epoch.
    pub fn new(seed: u64, epoch: u64, place: u64) -> SampleRng {
        SampleRng { state: key(&[seed, epoch, place, 0x7472_616e_7366]) }
    }
}

impl RngCore for SampleRng {
    fn next_u32(&mut self) -> u32 {
        u32::try_from(self.next_u64() >> 32).unwrap_or(0)
    }

    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            let random = self.next_u64().to_le_bytes();
            part.copy_from_slice(&random[..part.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn samples_have_their_own_randomness_each_time_the_same() {
        let draw = |place| SampleRng::new(1, 2, place).random::<u64>();
        assert_eq!(draw(3), draw(3));
        let distinct: std::collections::BTreeSet<u64> = (0..1000).map(draw).collect();
        assert_eq!(distinct.len(), 1000);
        assert_ne!(key(&[1, 2]), key(&[2, 1]));
    }

    #[test]
    fn bytes_that_end_within_a_word_are_filled() {
        let mut bytes = [0; 13];
        SampleRng::new(0, 0, 0).fill_bytes(&mut bytes);
        assert_ne!(bytes[8..], [0; 5]);
    }
}
