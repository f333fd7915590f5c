//! Embeddings around 64 centres, of lengths from 0.5 to 1.5.

use super::mix;
use super::unit;

/// Elements of a vector.
pub const SIZE: usize = 384;
const CENTRES: usize = 64;

/// About normal: the sum of four uniform numbers, scaled to a variance of 1.
fn normal(seed: u64, n: usize) -> f32 {
    let z = mix(seed, n);
    let sum: u64 = (0..4).map(|at| (z >> (at * 16)) & 0xFFFF).sum();
    (sum as f32 / 65536.0 - 2.0) * 3.0f32.sqrt()
}

/// The vector of a row.
pub fn embedding(row: usize, into: &mut Vec<f32>) {
    let centre = mix(31, row) as usize % CENTRES;
    let begin = into.len();
    let mut squares = 0.0;
    for at in 0..SIZE {
        let x = normal(32, centre * SIZE + at) + 1.5 * normal(33, row * SIZE + at);
        squares += x * x;
        into.push(x);
    }
    let scale = (0.5 + unit(34, row)) as f32 / squares.sqrt();
    into[begin..].iter_mut().for_each(|x| *x *= scale);
}

/// What is searched for: near one of the centres.
pub fn wanted() -> Vec<f32> {
    (0..SIZE).map(|at| normal(32, 7 * SIZE + at) + normal(35, at)).collect()
}

/// The vector as text, in brackets.
pub fn as_text(vector: &[f32]) -> String {
    let numbers: Vec<String> = vector.iter().map(ToString::to_string).collect();
    format!("[{}]", numbers.join(", "))
}
