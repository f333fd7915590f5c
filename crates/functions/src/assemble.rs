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
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use lakebed_core::Error as CoreError;
use lakebed_core::Layout;
use lakebed_core::Shape;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shared_shape_array;

use crate::error::FunctionError;
use crate::error::Result;
use crate::numbers::Numbers;

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
}

/// The rows of flat elements, ready for an array.
#[derive(Debug, Clone)]
pub enum Rows {
    /// So many rows, each with as many elements as the type says.
    Fixed(usize),
    /// Rows with sizes of their own.
    Apart {
        /// Where each row begins, and the last one ends.
        offsets: OffsetBuffer<i32>,
        /// The sizes of all rows, one after another.
        sizes: ScalarBuffer<i32>,
    },
}

impl From<Layouter> for Rows {
    fn from(layouter: Layouter) -> Rows {
        Rows::Apart {
            offsets: OffsetBuffer::new(layouter.offsets.into()),
            sizes: layouter.sizes.into(),
        }
    }
}

impl Rows {
    /// The rows of an operand whose elements, from the first of its window on, became those of
    /// `out`. What the operand stores of its rows is shared, not copied.
    ///
    /// # Errors
    /// As [`Layouter::push`].
    pub fn like(of: &Numbers, out: &TensorType, rows: usize) -> Result<Rows> {
        if matches!(out.layout, Layout::Scalar | Layout::Fixed) {
            return Ok(Rows::Fixed(rows));
        }
        let stored = of.offsets().zip(of.sizes());
        if let Some((offsets, sizes)) = stored
            && offsets.len() == rows + 1
            && of.ty().ndim() == out.ndim()
        {
            let base = offsets.first().copied().unwrap_or(0);
            let offsets = match base {
                0 => offsets.clone(),
                _ => OffsetBuffer::new(offsets.iter().map(|end| end.wrapping_sub(base)).collect()),
            };
            return Ok(Rows::Apart { offsets, sizes });
        }
        let base = of.window(rows).start;
        let mut layout = Layouter::new(out.ndim(), rows);
        for row in 0..rows {
            layout.push(of.range(row).end - base, &of.shape(row))?;
        }
        Ok(layout.into())
    }

    fn count(&self) -> usize {
        match self {
            Rows::Fixed(rows) => *rows,
            Rows::Apart { offsets, .. } => offsets.len() - 1,
        }
    }

    /// The elements of a row, of `total` in all.
    pub fn range(&self, row: usize, total: usize) -> std::ops::Range<usize> {
        match self {
            Rows::Fixed(rows) => {
                let stride = total.checked_div(*rows).unwrap_or(0);
                row * stride..(row + 1) * stride
            }
            Rows::Apart { offsets, .. } => {
                let at = |i: usize| offsets.get(i).and_then(|o| usize::try_from(*o).ok());
                at(row).unwrap_or(0)..at(row + 1).unwrap_or(0)
            }
        }
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
    rows: impl Into<Rows>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let rows = rows.into();
    let count = rows.count();
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
    Ok(match (&ty.layout, ty.data_type(), rows) {
        (Layout::Scalar, _, _) => {
            if nulls.is_none() && elements.null_count() == 0 {
                return Ok(elements);
            }
            let data = elements.to_data().into_builder().nulls(nulls).build()?;
            arrow::array::make_array(data)
        }
        (Layout::Fixed, DataType::FixedSizeList(item, size), _) => {
            Arc::new(FixedSizeListArray::try_new_with_length(item, size, elements, nulls, count)?)
        }
        (Layout::Ragged, DataType::Struct(fields), Rows::Apart { offsets, sizes }) => {
            let Some(DataType::List(item)) = fields.first().map(|field| field.data_type()) else {
                return Err(unexpected());
            };
            let data = ListArray::try_new(Arc::clone(item), offsets, elements, None)?;
            let shape = shared_shape_array(sizes, ty.ndim(), count)?;
            Arc::new(StructArray::try_new(fields, vec![Arc::new(data), shape], nulls)?)
        }
        (Layout::Sequence(inner), DataType::List(item), Rows::Apart { offsets, .. })
            if inner.is_scalar() =>
        {
            Arc::new(ListArray::try_new(item, offsets, elements, nulls)?)
        }
        _ => return Err(unexpected()),
    })
}

/// The elements with whatever stands where they are null: the rows of a tensor say what is null.
///
/// # Errors
/// Arrow's, for an array that breaks its own rules.
pub fn without_nulls(elements: ArrayRef) -> Result<ArrayRef> {
    if elements.null_count() == 0 {
        return Ok(elements);
    }
    Ok(arrow::array::make_array(elements.to_data().into_builder().nulls(None).build()?))
}

/// Native numbers as an array.
pub fn primitive<T: ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), None))
}

/// Bits as an array.
pub fn bools(bits: BooleanBuffer) -> ArrayRef {
    Arc::new(BooleanArray::new(bits, None))
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
