//! One row of an operand, stretched to the shape that it broadcasts to.

use lakebed_core::MAX_NDIM;
use lakebed_core::Shape;

/// Room for a stretched row, used again for the next one.
#[derive(Debug)]
pub struct Stretched<E> {
    elements: Vec<E>,
}

impl<E> Default for Stretched<E> {
    fn default() -> Stretched<E> {
        Stretched { elements: Vec::new() }
    }
}

impl<E: Copy> Stretched<E> {
    /// The elements of a row of shape `from` as those of shape `to`, which it broadcasts to.
    pub fn of<'a>(&'a mut self, row: &'a [E], from: &Shape, to: &Shape) -> &'a [E] {
        let total = to.elements();
        if row.len() == total {
            return row;
        }
        self.elements.clear();
        if let &[one] = row {
            self.elements.resize(total, one);
            return &self.elements;
        }
        let Some(&last) = to.last().filter(|_| total > 0) else { return &self.elements };
        let ndim = to.ndim();
        let missing = ndim - from.ndim();
        let strides = from.strides();
        let mut steps = [0usize; MAX_NDIM];
        for axis in (0..from.ndim()).filter(|axis| from[*axis] != 1) {
            steps[missing + axis] = strides[axis];
        }
        let mut counter = [0usize; MAX_NDIM];
        for _ in 0..total / last {
            let start: usize = (0..ndim - 1).map(|axis| counter[axis] * steps[axis]).sum();
            let line = (0..last).filter_map(|at| row.get(start + at * steps[ndim - 1]));
            self.elements.extend(line.copied());
            for axis in (0..ndim - 1).rev() {
                counter[axis] += 1;
                if counter[axis] < to[axis] {
                    break;
                }
                counter[axis] = 0;
            }
        }
        &self.elements
    }
}
