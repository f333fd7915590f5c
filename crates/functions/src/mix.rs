//! Random bits as a function of (seed, place): the same row gets the same bits whatever the threads
//! and batches.

/// 64 random bits for a place: the finalizer of splitmix64 (Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", 2014) over two rounds.
pub fn bits(seed: u64, place: u64) -> u64 {
    mixed(mixed(seed).wrapping_add(place))
}

/// A number in (0, 1), both ends left out.
pub fn unit(seed: u64, place: u64) -> f64 {
    // 53 bits are exact in f64; the half keeps 0 out.
    ((bits(seed, place) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
