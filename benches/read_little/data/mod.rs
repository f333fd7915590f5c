//! Generated data: every value is a pure function of a seed and a row, so that each engine can be
//! given the same rows without keeping them.

pub mod boxes;
pub mod raw;
pub mod table;
pub mod vectors;

/// A number that looks random for every (seed, n): the finalizer of SplitMix64.
pub fn mix(seed: u64, n: usize) -> u64 {
    let mut z = (n as u64).wrapping_add(seed.wrapping_mul(0xD1B5_4A32_D192_ED03));
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// As [`mix`], uniform from 0 to 1.
pub fn unit(seed: u64, n: usize) -> f64 {
    (mix(seed, n) >> 11) as f64 / (1u64 << 53) as f64
}

/// So many distinct rows of `0..rows`, ascending.
pub fn chosen_rows(seed: u64, count: usize, rows: usize) -> Vec<usize> {
    let mut chosen = std::collections::BTreeSet::new();
    let mut n = 0;
    while chosen.len() < count.min(rows) {
        chosen.insert(mix(seed, n) as usize % rows);
        n += 1;
    }
    chosen.into_iter().collect()
}

/// `0..rows` in pieces of at most `size`.
pub fn pieces(rows: usize, size: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..rows).step_by(size).map(move |start| start..(start + size).min(rows))
}
