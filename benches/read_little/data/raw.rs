//! Uncompressed images: a slope of brightness with noise on it.

use super::mix;

/// Side of the square that slices cut, from this row and column on.
pub const SLICE: usize = 100;
/// Where the slice begins.
pub const SLICE_FROM: usize = 100;

/// Elements of a slice.
pub const ELEMENTS: usize = SLICE * SLICE * 3;

/// The bytes of image `n`, `[side, side, 3]`.
pub fn image(n: usize, side: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(side * side * 3);
    let slope = 1 + n % 5;
    for y in 0..side {
        let base = ((y * slope / 4 + n) % 200) as u64 * 0x0101_0101_0101_0101;
        let row = bytes.len();
        let mut at = 0;
        while bytes.len() < row + side * 3 {
            let noise = mix(21 + y as u64, n * side + at) & 0x1F1F_1F1F_1F1F_1F1F;
            let word = base.wrapping_add(noise).to_le_bytes();
            let left = (row + side * 3 - bytes.len()).min(word.len());
            bytes.extend_from_slice(&word[..left]);
            at += 1;
        }
    }
    bytes
}

/// Bytes of an image before its slice, and from the slice's first byte to its last.
pub fn span(side: usize) -> (usize, usize) {
    let start = (SLICE_FROM * side + SLICE_FROM) * 3;
    (start, ((SLICE - 1) * side + SLICE) * 3)
}
