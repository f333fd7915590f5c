//! Random numbers that are functions of a seed and a position (rule 5), so that threads and
//! batches do not change them.
//!
//! The mixer is SplitMix64's (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
//! Generators", 2014): position p of a seed is output p + 1 of the generator whose state begins at
//! the mixed seed and stream.

/// What random bits are for; streams of one seed have nothing to do with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// `RANDOM()`.
    Numbers,
    /// The keys of `SAMPLE BY ... REPLACE FALSE`.
    SampleKeys,
    /// The draws of `SAMPLE BY ... REPLACE TRUE`, one for each place of the result.
    Draws,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// 64 random bits.
#[inline]
pub fn bits(stream: Stream, seed: u64, position: u64) -> u64 {
    let stream = match stream {
        Stream::Numbers => 1,
        Stream::SampleKeys => 2,
        Stream::Draws => 3,
    };
    let start = mix(seed.wrapping_add(GOLDEN.wrapping_mul(stream)));
    mix(start.wrapping_add(GOLDEN.wrapping_mul(position.wrapping_add(1))))
}

/// A number above 0 and at most 1, of 53 random bits.
#[inline]
pub fn above_zero(bits: u64) -> f64 {
    ((bits >> 11) + 1) as f64 * (1.0 / (1u64 << 53) as f64)
}

#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixer_is_splitmix64() {
        // Outputs 1 to 3 of the published generator from state 1234567.
        let expected =
            [6_457_827_717_110_365_317u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        for (step, expected) in (1u64..).zip(expected) {
            assert_eq!(mix(1_234_567u64.wrapping_add(GOLDEN.wrapping_mul(step))), expected);
        }
    }

    #[test]
    fn seeds_positions_and_streams_are_apart() {
        let mut seen = std::collections::BTreeSet::new();
        for stream in [Stream::Numbers, Stream::SampleKeys, Stream::Draws] {
            for seed in 0..30 {
                for position in 0..100 {
                    assert!(seen.insert(bits(stream, seed, position)));
                }
            }
        }
        assert_eq!(above_zero(0), 1.0 / (1u64 << 53) as f64);
        assert_eq!(above_zero(u64::MAX), 1.0);
    }
}
