//! The part of a sample that a subscript selects.

use crate::shape::MAX_NDIM;
use crate::shape::Shape;

/// Positions along one dimension: `count` of them from `start`, `step` apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AxisRange {
    /// First position.
    pub start: usize,
    /// How many positions.
    pub count: usize,
    /// Distance between positions; negative runs backwards; never 0.
    pub step: i64,
    /// False if an integer index dropped the dimension from the result.
    pub keep: bool,
}

impl AxisRange {
    /// All positions of a dimension of `size`.
    pub fn whole(size: usize) -> AxisRange {
        AxisRange { start: 0, count: size, step: 1, keep: true }
    }

    /// The positions, in order.
    pub fn positions(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |i| self.at(i))
    }

    /// The `i`-th position.
    pub fn at(self, i: usize) -> usize {
        let offset = i64::try_from(i).unwrap_or(i64::MAX).saturating_mul(self.step);
        self.start.saturating_add_signed(isize::try_from(offset).unwrap_or(isize::MAX))
    }

    /// The smallest half-open range that holds all positions.
    pub fn bounds(self) -> std::ops::Range<usize> {
        match self.count {
            0 => 0..0,
            n => {
                let (a, b) = (self.start, self.at(n - 1));
                a.min(b)..a.max(b) + 1
            }
        }
    }
}

/// A rectangular selection of one sample, one [`AxisRange`] for each of its dimensions; without
/// allocation, because a read of ragged samples makes one for each.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Region {
    axes: [AxisRange; MAX_NDIM],
    ndim: usize,
}

impl std::fmt::Debug for Region {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.axes()).finish()
    }
}

/// Consecutive elements of a sample in row-major order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// First element, counted from the start of the sample.
    pub start: usize,
    /// How many elements.
    pub len: usize,
}

impl Region {
    /// A region from its axes, at most [`crate::MAX_NDIM`] of them.
    pub fn new(axes: impl IntoIterator<Item = AxisRange>) -> Region {
        let mut region = Region { axes: [AxisRange::whole(0); MAX_NDIM], ndim: 0 };
        for (slot, axis) in region.axes.iter_mut().zip(axes) {
            *slot = axis;
            region.ndim += 1;
        }
        region
    }

    /// All of a sample.
    pub fn whole(shape: &Shape) -> Region {
        Region::new(shape.iter().map(|&dim| AxisRange::whole(dim)))
    }

    /// The selection along each dimension of the sample.
    pub fn axes(&self) -> &[AxisRange] {
        &self.axes[..self.ndim]
    }

    /// The shape of the result: dropped dimensions are gone.
    pub fn shape(&self) -> Shape {
        let mut shape = Shape::SCALAR;
        for axis in self.axes().iter().filter(|axis| axis.keep) {
            // A region has at most as many axes as a shape can hold.
            let _ = shape.push(axis.count);
        }
        shape
    }

    /// Elements of the result.
    pub fn elements(&self) -> usize {
        self.axes().iter().map(|axis| axis.count).product()
    }

    /// True if the region is all of a sample of `shape`, in order.
    pub fn is_whole(&self, shape: &Shape) -> bool {
        self.axes().iter().zip(shape.iter()).all(|(axis, &dim)| {
            axis.start == 0 && axis.count == dim && (axis.step == 1 || dim <= 1)
        })
    }

    /// The runs of consecutive elements that make up the result, in the order of the result.
    ///
    /// `shape` is the sample's. Neighbouring dimensions that are taken whole are one run.
    pub fn runs(&self, shape: &Shape) -> Vec<Run> {
        let mut runs = Vec::new();
        self.for_each_run(shape, |run| runs.push(run));
        runs
    }

    /// Gives `each` what [`Region::runs`] lists.
    pub fn for_each_run(&self, shape: &Shape, mut each: impl FnMut(Run)) {
        let axes = self.axes();
        if axes.iter().any(|axis| axis.count == 0) {
            return;
        }
        let strides = shape.strides();
        // From the last dimension backwards, as far as all is taken in order, is one block.
        let mut block = 1;
        let mut outer = axes.len();
        while outer > 0 {
            let axis = axes[outer - 1];
            if axis.step != 1 && axis.count > 1 {
                break;
            }
            block = strides[outer - 1] * axis.count;
            outer -= 1;
            if axis.count != shape[outer] {
                break;
            }
        }
        let inner_start: usize = (outer..axes.len()).map(|i| axes[i].start * strides[i]).sum();
        let total: usize = axes[..outer].iter().map(|axis| axis.count).product();
        let mut counter = [0usize; MAX_NDIM];
        for _ in 0..total {
            let start = inner_start
                + (0..outer).map(|i| axes[i].at(counter[i]) * strides[i]).sum::<usize>();
            each(Run { start, len: block });
            for i in (0..outer).rev() {
                counter[i] += 1;
                if counter[i] < axes[i].count {
                    break;
                }
                counter[i] = 0;
            }
        }
    }

    /// Copies the region out of a sample's bytes, `width` bytes an element, onto the end of `out`.
    ///
    /// `sample` must hold the whole sample; runs outside it are left out, which a caller that
    /// checked the sample's length never sees.
    pub fn copy(&self, sample: &[u8], shape: &Shape, width: usize, out: &mut Vec<u8>) {
        self.for_each_run(shape, |run| {
            if let Some(bytes) = sample.get(run.start * width..(run.start + run.len) * width) {
                out.extend_from_slice(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subscript;

    fn copied(text: &str, dims: &[usize]) -> Vec<u8> {
        let shape = Shape::new(dims).unwrap();
        let sample: Vec<u8> = (0..shape.elements()).map(|i| u8::try_from(i).unwrap()).collect();
        let region = subscript::resolve(&subscript::parse_list(text).unwrap(), &shape).unwrap();
        let mut out = Vec::new();
        region.copy(&sample, &shape, 1, &mut out);
        assert_eq!(out.len(), region.elements());
        out
    }

    #[test]
    fn copies_what_the_subscript_says() {
        assert_eq!(copied("1", &[2, 3]), [3, 4, 5]);
        assert_eq!(copied(":, 1", &[2, 3]), [1, 4]);
        assert_eq!(copied("::-1, 1:", &[2, 3]), [4, 5, 1, 2]);
        assert_eq!(copied(":, ::2", &[2, 3]), [0, 2, 3, 5]);
        assert_eq!(copied("..., 0:2", &[2, 2, 3]), [0, 1, 3, 4, 6, 7, 9, 10]);
        assert_eq!(copied("...", &[2, 2]), [0, 1, 2, 3]);
        assert_eq!(copied("2:2", &[3]), Vec::<u8>::new());
    }

    #[test]
    fn whole_dimensions_join_into_one_run() {
        let shape = Shape::new(&[4, 5, 3]).unwrap();
        let region = subscript::resolve(&subscript::parse_list("1:3").unwrap(), &shape).unwrap();
        assert_eq!(region.runs(&shape), [Run { start: 15, len: 30 }]);
        let crop = subscript::resolve(&subscript::parse_list("1:3, 2:4").unwrap(), &shape).unwrap();
        assert_eq!(crop.runs(&shape), [Run { start: 21, len: 6 }, Run { start: 36, len: 6 }]);
    }
}
