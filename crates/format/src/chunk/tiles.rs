//! Cutting one large sample into tiles.

use lakebed_core::Shape;

/// The tiles that the smallest sample that is cut has at least: what a slice need not read.
pub(crate) const TILES_OF_THE_SMALLEST: usize = 8;

/// The tile shape for a sample: the largest dimensions are halved until a tile has at most
/// `target` bytes, so that tiles stay near square and trailing channels stay together.
pub(crate) fn tile_shape(shape: &Shape, width: usize, target: usize) -> Vec<usize> {
    let mut tile: Vec<usize> = shape.to_vec();
    while tile.iter().product::<usize>().saturating_mul(width) > target {
        let Some(largest) = tile.iter_mut().max() else { break };
        if *largest <= 1 {
            break;
        }
        *largest = largest.div_ceil(2);
    }
    // Round to multiples of 64, where that is small against the size, so that tiles line up.
    for size in &mut tile {
        if *size >= 256 {
            *size = size.next_multiple_of(64);
        }
    }
    tile
}

/// The grid of tiles over a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grid {
    shape: Shape,
    tile: Shape,
    counts: Shape,
}

/// One tile: where it begins in the sample and its own shape, smaller at the far edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tile {
    pub number: usize,
    pub origin: Shape,
    pub shape: Shape,
}

impl Grid {
    /// `None` if the shapes have different ranks or a tile has no elements.
    pub fn new(shape: Shape, tile: &[usize]) -> Option<Grid> {
        let tile = Shape::new(tile)?;
        if tile.ndim() != shape.ndim() || tile.contains(&0) {
            return None;
        }
        let mut counts = Shape::SCALAR;
        for (size, tile) in shape.iter().zip(tile.iter()) {
            counts.push(size.div_ceil(*tile))?;
        }
        counts.checked_elements()?;
        Some(Grid { shape, tile, counts })
    }

    /// Number of tiles.
    pub fn len(&self) -> usize {
        self.counts.elements()
    }

    /// The tile of a number; tiles are numbered in row-major order.
    pub fn tile(&self, number: usize) -> Tile {
        let mut place = [0usize; lakebed_core::MAX_NDIM];
        let mut rest = number;
        for axis in (0..self.counts.ndim()).rev() {
            place[axis] = rest % self.counts[axis];
            rest /= self.counts[axis];
        }
        let (mut origin, mut shape) = (Shape::SCALAR, Shape::SCALAR);
        for ((place, tile), size) in place.iter().zip(self.tile.iter()).zip(self.shape.iter()) {
            let from = place * tile;
            // Same rank as a shape that exists.
            let _ = origin.push(from);
            let _ = shape.push((*tile).min(size - from));
        }
        Tile { number, origin, shape }
    }

    /// The tiles that a box (one range of positions for each dimension) meets.
    pub fn meeting(&self, bounds: &[std::ops::Range<usize>]) -> Vec<Tile> {
        if bounds.iter().any(|range| range.is_empty()) {
            return Vec::new();
        }
        let first: Vec<usize> =
            bounds.iter().zip(self.tile.iter()).map(|(b, t)| b.start / t).collect();
        let last: Vec<usize> =
            bounds.iter().zip(self.tile.iter()).map(|(b, t)| (b.end - 1) / t).collect();
        let strides = self.counts.strides();
        let mut place = first.clone();
        let mut tiles = Vec::new();
        loop {
            let number = place.iter().zip(strides.iter()).map(|(p, s)| p * s).sum();
            tiles.push(self.tile(number));
            let mut axis = place.len();
            loop {
                if axis == 0 {
                    return tiles;
                }
                axis -= 1;
                if place[axis] < last[axis] {
                    place[axis] += 1;
                    break;
                }
                place[axis] = first[axis];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_images_get_square_tiles() {
        let shape = Shape::new(&[12_000, 12_000, 3]).unwrap();
        let tile = tile_shape(&shape, 1, 1 << 20);
        assert_eq!(tile[2], 3);
        assert!(tile.iter().product::<usize>() <= 3 << 19, "{tile:?}");
        assert!(tile[0] >= 256 && tile[1] >= 256, "{tile:?}");
    }

    #[test]
    fn tiles_cover_the_sample_once() {
        let shape = Shape::new(&[5, 7]).unwrap();
        let grid = Grid::new(shape, &[2, 3]).unwrap();
        let mut seen = [0; 35];
        for number in 0..grid.len() {
            let tile = grid.tile(number);
            for y in 0..tile.shape[0] {
                for x in 0..tile.shape[1] {
                    seen[(tile.origin[0] + y) * 7 + tile.origin[1] + x] += 1;
                }
            }
        }
        assert!(seen.iter().all(|n| *n == 1));
        let met: Vec<usize> = grid.meeting(&[1..3, 6..7]).iter().map(|t| t.number).collect();
        assert_eq!(met, [2, 5]);
    }
}
