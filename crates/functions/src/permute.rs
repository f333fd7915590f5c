//! The elements of one row with its dimensions in another order.

use lakebed_core::MAX_NDIM;
use lakebed_core::Shape;

/// Elements between neighbours along each dimension that a walk takes, and how many there are.
#[derive(Debug, Clone, Copy)]
pub struct Walk {
    sizes: [usize; MAX_NDIM],
    strides: [usize; MAX_NDIM],
    ndim: usize,
}

impl Walk {
    /// A walk along the dimensions `order` of a shape, the last one fastest. What lies end to end
    /// is one dimension to the walk.
    pub fn new(shape: &Shape, order: &[usize]) -> Walk {
        let from = shape.strides();
        let mut walk = Walk { sizes: [1; MAX_NDIM], strides: [1; MAX_NDIM], ndim: 0 };
        for axis in order {
            let (Some(&size), Some(&stride)) = (shape.get(*axis), from.get(*axis)) else {
                continue;
            };
            if let Some(last) = walk.ndim.checked_sub(1)
                && walk.strides[last] == stride.saturating_mul(size)
            {
                walk.sizes[last] *= size;
                walk.strides[last] = stride;
                continue;
            }
            if walk.ndim < MAX_NDIM {
                walk.sizes[walk.ndim] = size;
                walk.strides[walk.ndim] = stride;
                walk.ndim += 1;
            }
        }
        walk
    }

    /// True if the walk takes the elements in the order in which they lie.
    pub fn is_straight(&self) -> bool {
        self.ndim == 0 || (self.ndim == 1 && self.strides[0] == 1)
    }

    /// Appends the elements in the order of the walk.
    pub fn copy<E: Copy>(&self, row: &[E], to: &mut Vec<E>) {
        if row.is_empty() {
            return;
        }
        if self.is_straight() {
            to.extend_from_slice(row);
            return;
        }
        let inner = self.ndim.min(2);
        let outer = self.ndim - inner;
        let sizes = [self.sizes[outer], self.sizes[self.ndim - 1]];
        let strides = [self.strides[outer], self.strides[self.ndim - 1]];
        let mut counter = [0usize; MAX_NDIM];
        let mut start = 0usize;
        loop {
            let tail = row.get(start..).unwrap_or(&[]);
            match inner {
                2 if strides[0] == 1 => turned(tail, sizes, strides[1], to),
                2 => (0..sizes[0])
                    .for_each(|i| line(tail.get(i * strides[0]..), sizes[1], strides[1], to)),
                _ => line(Some(tail), sizes[1], strides[1], to),
            }
            let mut axis = outer;
            loop {
                let Some(next) = axis.checked_sub(1) else { return };
                axis = next;
                counter[axis] += 1;
                start += self.strides[axis];
                if counter[axis] < self.sizes[axis] {
                    break;
                }
                start -= counter[axis] * self.strides[axis];
                counter[axis] = 0;
            }
        }
    }
}

fn line<E: Copy>(from: Option<&[E]>, size: usize, stride: usize, to: &mut Vec<E>) {
    let from = from.unwrap_or(&[]);
    match stride {
        1 => to.extend_from_slice(from.get(..size).unwrap_or(&[])),
        _ => to.extend(from.iter().step_by(stride).take(size)),
    }
}

/// Rows and columns of a tile that stays in the nearest cache on both sides.
const TILE: usize = 16;

/// A matrix whose lines lie `stride` apart, turned: `sizes` are those of the result. Tile by tile,
/// because a whole column of a wide matrix touches as many cache lines as it has elements.
fn turned<E: Copy>(from: &[E], sizes: [usize; 2], stride: usize, to: &mut Vec<E>) {
    let Some(first) = from.first() else { return };
    let [height, width] = sizes;
    let base = to.len();
    to.resize(base + height * width, *first);
    let Some(to) = to.get_mut(base..) else { return };
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            let right = (left + TILE).min(width);
            for i in top..(top + TILE).min(height) {
                let line = to.get_mut(i * width + left..i * width + right).unwrap_or(&mut []);
                for (j, slot) in (left..).zip(line) {
                    if let Some(value) = from.get(i + j * stride) {
                        *slot = *value;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_takes_every_element_once() {
        let shape = Shape::new(&[2, 3, 2]).unwrap();
        let row: Vec<usize> = (0..12).collect();
        let of = |order: &[usize]| {
            let mut to = Vec::new();
            Walk::new(&shape, order).copy(&row, &mut to);
            to
        };
        assert_eq!(of(&[0, 1, 2]), row);
        assert_eq!(of(&[1, 0, 2]), [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
        assert_eq!(of(&[2, 1, 0]), [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
        assert_eq!(of(&[2, 0, 1]), [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]);
        assert!(Walk::new(&shape, &[0, 1, 2]).is_straight());
        let shape = Shape::new(&[3, 40, 50]).unwrap();
        let row: Vec<usize> = (0..6000).collect();
        let mut to = vec![7];
        Walk::new(&shape, &[0, 2, 1]).copy(&row, &mut to);
        let at = |i: usize| (i / 2000) * 2000 + (i % 40) * 50 + i / 40 % 50;
        assert_eq!(to[1..], (0..6000).map(at).collect::<Vec<_>>());
    }
}
