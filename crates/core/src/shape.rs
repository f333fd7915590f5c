//! The shape of one sample.

use std::fmt;
use std::ops::Deref;

/// The most dimensions that a sample may have.
pub const MAX_NDIM: usize = 8;

/// Sizes of the dimensions of one sample, at most [`MAX_NDIM`], without allocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Shape {
    dims: [usize; MAX_NDIM],
    ndim: u8,
}

impl Shape {
    /// The shape of a scalar.
    pub const SCALAR: Shape = Shape { dims: [0; MAX_NDIM], ndim: 0 };

    /// A shape from its sizes; `None` if there are more than [`MAX_NDIM`].
    pub fn new(dims: &[usize]) -> Option<Shape> {
        let mut shape = Shape::SCALAR;
        for &dim in dims {
            shape.push(dim)?;
        }
        Some(shape)
    }

    /// Adds a last dimension; `None` if the shape is full.
    pub fn push(&mut self, dim: usize) -> Option<()> {
        *self.dims.get_mut(usize::from(self.ndim))? = dim;
        self.ndim += 1;
        Some(())
    }

    /// Number of dimensions.
    pub fn ndim(&self) -> usize {
        usize::from(self.ndim)
    }

    /// Number of elements, 1 for a scalar; `None` if it does not fit in `usize`.
    pub fn checked_elements(&self) -> Option<usize> {
        self.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim))
    }

    /// Number of elements, saturating.
    pub fn elements(&self) -> usize {
        self.checked_elements().unwrap_or(usize::MAX)
    }

    /// Elements between neighbours along each dimension, last dimension 1 (row-major order).
    pub fn strides(&self) -> Shape {
        let mut strides = *self;
        let mut step = 1usize;
        for axis in (0..self.ndim()).rev() {
            strides.dims[axis] = step;
            step = step.saturating_mul(self.dims[axis]);
        }
        strides
    }
}

impl Deref for Shape {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.dims[..self.ndim()]
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Written `[480, 640, 3]`.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, dim) in self.iter().enumerate() {
            if axis > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{dim}")?;
        }
        f.write_str("]")
    }
}
