//! Boxes as x, y, width, height: any number a row, and pairs that overlap.

use std::ops::Range;

use super::mix;
use super::unit;

/// A box.
pub type Four = [f32; 4];

/// The width that about one row in twenty has a box above.
pub const WIDE: f32 = 11.9;
/// The number of boxes that about one row in seventy has more of.
pub const MANY: usize = 10;

const MEAN: f64 = 5.0;
const MOST: usize = 20;

/// How many boxes a row has: Poisson of mean 5, at most 20, sometimes none.
pub fn count(row: usize) -> usize {
    let mut left = unit(11, row);
    let mut chance = (-MEAN).exp();
    for n in 0..MOST {
        if left < chance {
            return n;
        }
        left -= chance;
        chance *= MEAN / (n + 1) as f64;
    }
    MOST
}

fn some(seed: u64, n: usize) -> Four {
    let z = mix(seed, n);
    let part = |at: u32| ((z >> (at * 16)) & 0xFFFF) as f32 / 65536.0;
    [part(0) * 20.0, part(1) * 20.0, 1.0 + part(2) * 11.0, 1.0 + part(3) * 11.0]
}

/// Box `at` of a row.
pub fn of_row(row: usize, at: usize) -> Four {
    some(12, row * MOST + at)
}

/// The boxes of some rows end to end, and how many each row has.
pub fn of_rows(rows: Range<usize>) -> (Vec<usize>, Vec<Four>) {
    let counts: Vec<usize> = rows.clone().map(count).collect();
    let boxes = rows.zip(&counts).flat_map(|(row, n)| (0..*n).map(move |at| of_row(row, at)));
    let boxes = boxes.collect();
    (counts, boxes)
}

/// Two boxes that mostly overlap.
pub fn pair(row: usize) -> (Four, Four) {
    let a = some(13, row);
    let z = mix(14, row);
    let shift = |at: u32| (((z >> (at * 16)) & 0xFFFF) as f32 / 65536.0 - 0.5) * 4.0;
    let b =
        [a[0] + shift(0), a[1] + shift(1), (a[2] + shift(2)).max(0.5), (a[3] + shift(3)).max(0.5)];
    (a, b)
}

/// Intersection over union; 0 where the boxes do not meet.
pub fn overlap(a: &Four, b: &Four) -> f64 {
    let [ax, ay, aw, ah] = a.map(f64::from);
    let [bx, by, bw, bh] = b.map(f64::from);
    let wide = ((ax + aw).min(bx + bw) - ax.max(bx)).max(0.0);
    let high = ((ay + ah).min(by + bh) - ay.max(by)).max(0.0);
    let shared = wide * high;
    shared / (aw * ah + bw * bh - shared)
}
