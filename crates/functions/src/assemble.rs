//! Flat elements and a shape a row, as the Arrow array of a tensor type.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::array::BooleanArray;
use arrow::array::FixedSizeListArray;
use arrow::array::ListArray;
use arrow::array::PrimitiveArray;
use arrow::array::StructArray;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use lakebed_core::Error as CoreError;
use lakebed_core::Layout;
use lakebed_core::Shape;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;

use crate::error::FunctionError;
use crate::error::Result;

/// Where the rows of flat elements begin and what shapes they have.
#[derive(Debug, Clone)]
pub struct Layouter {
    offsets: Vec<i32>,
    sizes: Vec<i32>,
    ndim: usize,
}

impl Layouter {
    /// No rows yet, of `ndim` dimensions each.
    pub fn new(ndim: usize, rows: usize) -> Layouter {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Layouter { offsets, sizes: Vec::with_capacity(rows * ndim), ndim }
    }

    /// Adds a row that ends at element `end`.
    ///
    /// # Errors
    /// [`CoreError::WrongType`] if the batch holds more than 2^31 - 1 elements.
    pub fn push(&mut self, end: usize, shape: &Shape) -> Result<()> {
        self.offsets.push(small(end)?);
        for axis in 0..self.ndim {
            self.sizes.push(small(shape.get(axis).copied().unwrap_or(1))?);
        }
        Ok(())
    }

    /// Adds a null row without elements.
    ///
    /// # Errors
    /// As [`Layouter::push`].
    pub fn push_null(&mut self, end: usize) -> Result<()> {
        self.offsets.push(small(end)?);
        self.sizes.resize(self.sizes.len() + self.ndim, 0);
        Ok(())
    }

    /// The elements of a row.
    pub fn range(&self, row: usize) -> std::ops::Range<usize> {
        let at = |i: usize| self.offsets.get(i).and_then(|o| usize::try_from(*o).ok()).unwrap_or(0);
        at(row)..at(row + 1)
    }

    /// The shape of a row.
    pub fn shape(&self, row: usize) -> Shape {
        let mut shape = Shape::SCALAR;
        for size in self.sizes.get(row * self.ndim..(row + 1) * self.ndim).unwrap_or(&[]) {
            // A result has at most as many dimensions as a shape can hold.
            let _ = shape.push(usize::try_from(*size).unwrap_or(0));
        }
        shape
    }
}

fn small(n: usize) -> Result<i32> {
    i32::try_from(n).map_err(|_| {
        FunctionError::Core(CoreError::WrongType {
            expected: "at most 2^31 - 1 elements in one batch".into(),
            found: n.to_string(),
        })
    })
}

/// The array of `ty` over `elements`. Scalars and fixed shapes hold as many elements in every row,
/// null rows included; `rows` tells the others where their elements are.
///
/// # Errors
/// Arrow's, if the parts do not fit together.
pub fn assemble(
    ty: &TensorType,
    elements: ArrayRef,
    rows: Layouter,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let elements = if elements.data_type() == &ty.dtype.to_arrow() {
        elements
    } else {
        cast(&elements, &ty.dtype.to_arrow())?
    };
    let unexpected = || {
        FunctionError::Core(CoreError::WrongType {
            expected: "a tensor".into(),
            found: ty.to_string(),
        })
    };
    Ok(match (&ty.layout, ty.data_type()) {
        (Layout::Scalar, _) => {
            let data = elements.to_data().into_builder().nulls(nulls).build()?;
            arrow::array::make_array(data)
        }
        (Layout::Fixed, DataType::FixedSizeList(item, size)) => {
            let count = rows.offsets.len() - 1;
            Arc::new(FixedSizeListArray::try_new_with_length(item, size, elements, nulls, count)?)
        }
        (Layout::Ragged, DataType::Struct(fields)) => {
            let Some(DataType::List(item)) = fields.first().map(|field| field.data_type()) else {
                return Err(unexpected());
            };
            let count = rows.offsets.len() - 1;
            let offsets = OffsetBuffer::new(rows.offsets.into());
            let data = ListArray::try_new(Arc::clone(item), offsets, elements, None)?;
            let shape = shape_array(rows.sizes, rows.ndim, count)?;
            Arc::new(StructArray::try_new(fields, vec![Arc::new(data), shape], nulls)?)
        }
        (Layout::Sequence(inner), DataType::List(item)) if inner.is_scalar() => {
            let offsets = OffsetBuffer::new(rows.offsets.into());
            Arc::new(ListArray::try_new(item, offsets, elements, nulls)?)
        }
        _ => return Err(unexpected()),
    })
}

/// Native numbers as an array.
pub fn primitive<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), None))
}

/// Bools as an array.
pub fn bools(values: &[bool]) -> ArrayRef {
    Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(values.len(), |i| values[i]), None))
}

/// One bool a row, with nulls.
pub fn bool_rows(values: BooleanBuffer, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(BooleanArray::new(values, nulls.filter(|nulls| nulls.null_count() > 0)))
}

/// One number a row, with nulls.
pub fn number_rows<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls.filter(|nulls| nulls.null_count() > 0)))
}

/// How many numbers a null row holds in a fixed form.
pub fn fixed(ty: &TensorType) -> usize {
    match ty.layout {
        Layout::Scalar => 1,
        Layout::Fixed => ty
            .dims
            .iter()
            .map(|dim| dim.and_then(|d| usize::try_from(d).ok()).unwrap_or(0))
            .product(),
        _ => 0,
    }
}
