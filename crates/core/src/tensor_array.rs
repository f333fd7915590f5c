//! One way to look at every Arrow form of a tensor column.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::ListArray;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::Int32Type;

use crate::error::Error;
use crate::error::Result;
use crate::shape::Shape;
use crate::tensor_type::Layout;
use crate::tensor_type::TensorType;

/// A batch of decoded samples: flat elements, and where each row's begin and what shape they have.
///
/// Rows that are null have an unspecified range and shape; ask [`TensorArray::is_null`] first.
#[derive(Debug, Clone)]
pub struct TensorArray {
    ty: TensorType,
    len: usize,
    nulls: Option<NullBuffer>,
    elements: ArrayRef,
    rows: Rows,
    shapes: Shapes,
}

#[derive(Debug, Clone)]
enum Rows {
    /// Row i begins at i times this many elements.
    Stride(usize),
    Offsets(OffsetBuffer<i32>),
}

#[derive(Debug, Clone)]
enum Shapes {
    Uniform(Shape),
    /// `ndim` sizes a row.
    PerRow(usize, ScalarBuffer<i32>),
    /// One dimension: the row's number of elements.
    Length,
}

impl TensorArray {
    /// Looks at an Arrow array of type `ty`.
    ///
    /// Encoded images must be decoded first. A sequence of scalars is a one-dimensional tensor;
    /// a sequence of tensors is not one tensor a row and is refused.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the array does not have that type.
    pub fn try_new(ty: TensorType, array: &ArrayRef) -> Result<TensorArray> {
        let wrong =
            || Error::WrongType { expected: ty.to_string(), found: array.data_type().to_string() };
        let len = array.len();
        let nulls = array.nulls().cloned();
        let (elements, rows, shapes) = match &ty.layout {
            Layout::Scalar => (Arc::clone(array), Rows::Stride(1), Shapes::Uniform(Shape::SCALAR)),
            Layout::Fixed => {
                let list = array.as_fixed_size_list_opt().ok_or_else(wrong)?;
                let dims: Vec<usize> = ty
                    .dims
                    .iter()
                    .map(|dim| dim.and_then(|d| usize::try_from(d).ok()))
                    .collect::<Option<_>>()
                    .ok_or_else(wrong)?;
                let shape = Shape::new(&dims).ok_or_else(wrong)?;
                let stride = usize::try_from(list.value_length()).map_err(|_| wrong())?;
                if shape.checked_elements() != Some(stride) {
                    return Err(wrong());
                }
                (Arc::clone(list.values()), Rows::Stride(stride), Shapes::Uniform(shape))
            }
            Layout::Ragged => {
                let parts = array.as_struct_opt().ok_or_else(wrong)?;
                if parts.num_columns() != 2 {
                    return Err(wrong());
                }
                let data: &ListArray = parts.column(0).as_list_opt::<i32>().ok_or_else(wrong)?;
                let shape = parts.column(1).as_fixed_size_list_opt().ok_or_else(wrong)?;
                let ndim = usize::try_from(shape.value_length()).map_err(|_| wrong())?;
                let sizes = shape.values().as_primitive_opt::<Int32Type>().ok_or_else(wrong)?;
                if ndim != ty.dims.len() || ndim > crate::MAX_NDIM {
                    return Err(wrong());
                }
                (
                    Arc::clone(data.values()),
                    Rows::Offsets(data.offsets().clone()),
                    Shapes::PerRow(ndim, sizes.values().clone()),
                )
            }
            Layout::Sequence(inner) if inner.is_scalar() => {
                let list: &ListArray = array.as_list_opt::<i32>().ok_or_else(wrong)?;
                (Arc::clone(list.values()), Rows::Offsets(list.offsets().clone()), Shapes::Length)
            }
            Layout::Sequence(_) | Layout::Encoded => return Err(wrong()),
        };
        let array = TensorArray { ty, len, nulls, elements, rows, shapes };
        array.check_shapes()?;
        Ok(array)
    }

    /// Shapes that come from outside must agree with the offsets beside them.
    fn check_shapes(&self) -> Result<()> {
        let (Shapes::PerRow(ndim, sizes), Rows::Offsets(offsets)) = (&self.shapes, &self.rows)
        else {
            return Ok(());
        };
        if all_fit(*ndim, sizes, offsets) {
            return Ok(());
        }
        for row in (0..self.len).filter(|&row| !self.is_null(row)) {
            if self.shape(row).checked_elements() != Some(self.range(row).len()) {
                return Err(Error::WrongType {
                    expected: format!(
                        "{} elements for shape {}",
                        self.range(row).len(),
                        self.shape(row)
                    ),
                    found: format!("{} in row {row}", self.shape(row).elements()),
                });
            }
        }
        Ok(())
    }

    /// The tensor type.
    pub fn ty(&self) -> &TensorType {
        &self.ty
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Which rows are null.
    pub fn nulls(&self) -> Option<&NullBuffer> {
        self.nulls.as_ref()
    }

    /// True if the row is null.
    #[inline]
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// The elements of all rows; index them with [`TensorArray::range`].
    pub fn elements(&self) -> &ArrayRef {
        &self.elements
    }

    /// The elements of a row.
    #[inline]
    pub fn range(&self, row: usize) -> Range<usize> {
        match &self.rows {
            Rows::Stride(stride) => row * stride..(row + 1) * stride,
            Rows::Offsets(offsets) => {
                let at = |i: usize| usize::try_from(offsets[i]).unwrap_or(0);
                at(row)..at(row + 1)
            }
        }
    }

    /// The elements a row holds in a fixed form; `None` if rows differ.
    pub fn stride(&self) -> Option<usize> {
        match self.rows {
            Rows::Stride(stride) => Some(stride),
            Rows::Offsets(_) => None,
        }
    }

    /// Where rows begin and the last one ends; `None` in a fixed form.
    #[inline]
    pub fn offsets(&self) -> Option<&OffsetBuffer<i32>> {
        match &self.rows {
            Rows::Stride(_) => None,
            Rows::Offsets(offsets) => Some(offsets),
        }
    }

    /// The sizes of all rows, as many a row as there are dimensions; `None` if none are stored.
    pub fn sizes(&self) -> Option<&ScalarBuffer<i32>> {
        match &self.shapes {
            Shapes::PerRow(_, sizes) => Some(sizes),
            Shapes::Uniform(_) | Shapes::Length => None,
        }
    }

    /// The shape of a row.
    pub fn shape(&self, row: usize) -> Shape {
        match &self.shapes {
            Shapes::Uniform(shape) => *shape,
            Shapes::Length => Shape::new(&[self.range(row).len()]).unwrap_or_default(),
            Shapes::PerRow(ndim, sizes) => {
                let mut shape = Shape::SCALAR;
                for size in &sizes[row * ndim..(row + 1) * ndim] {
                    // ndim was checked against MAX_NDIM when the array was made.
                    let _ = shape.push(usize::try_from(*size).unwrap_or(0));
                }
                shape
            }
        }
    }
}

/// True if every shape, those of null rows too, holds what lies between its offsets. Without
/// branches for the usual numbers of dimensions, because every kernel asks it of every batch.
fn all_fit(ndim: usize, sizes: &[i32], offsets: &[i32]) -> bool {
    let lengths = offsets.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    match ndim {
        1 => sizes.iter().zip(lengths).fold(true, |fit, (size, length)| fit & (*size == length)),
        2 => sizes.as_chunks::<2>().0.iter().zip(lengths).fold(true, |fit, ([m, n], length)| {
            let product = i64::from(*m).wrapping_mul(i64::from(*n));
            fit & ((*m | *n) >= 0) & (product == i64::from(length))
        }),
        0 => false,
        _ => sizes.chunks_exact(ndim).zip(lengths).all(|(sizes, length)| {
            let product = sizes.iter().try_fold(1i32, |product, size| {
                Some(*size).filter(|size| *size >= 0).and_then(|size| product.checked_mul(size))
            });
            product == Some(length)
        }),
    }
}
