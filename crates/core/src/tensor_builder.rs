//! Building a tensor column row by row.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::array::BooleanArray;
use arrow::array::FixedSizeListArray;
use arrow::array::Int32Array;
use arrow::array::ListArray;
use arrow::array::PrimitiveArray;
use arrow::array::StructArray;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::ArrowNativeType;
use arrow_schema::DataType;
use arrow_schema::Field;

use crate::error::Error;
use crate::error::Result;
use crate::shape::Shape;
use crate::tensor_type::Layout;
use crate::tensor_type::TensorType;

/// Collects flat elements with a shape a row, for any numeric [`Layout`] but encoded ones.
///
/// `T` is the native element; bools are collected as `bool`.
#[derive(Debug)]
pub struct TensorBuilder<T> {
    elements: Vec<T>,
    offsets: Vec<i32>,
    sizes: Vec<i32>,
    valid: Vec<bool>,
    ndim: usize,
}

impl<T: Copy + Default> TensorBuilder<T> {
    /// A builder for rows of `ndim` dimensions.
    pub fn new(ndim: usize) -> TensorBuilder<T> {
        TensorBuilder {
            elements: Vec::new(),
            offsets: vec![0],
            sizes: Vec::new(),
            valid: Vec::new(),
            ndim,
        }
    }

    /// Where the elements of the next row go; end it with [`TensorBuilder::finish_row`].
    pub fn elements_mut(&mut self) -> &mut Vec<T> {
        &mut self.elements
    }

    /// Ends a row whose elements were pushed onto [`TensorBuilder::elements_mut`].
    ///
    /// # Errors
    /// [`Error::WrongType`] if the shape does not hold the elements pushed, or the batch is full
    /// (2^31 - 1 elements).
    pub fn finish_row(&mut self, shape: &[usize]) -> Result<()> {
        let begin = self.offsets.last().copied().unwrap_or(0);
        let end = i32::try_from(self.elements.len()).map_err(|_| Error::WrongType {
            expected: "at most 2^31 - 1 elements in one batch".into(),
            found: self.elements.len().to_string(),
        })?;
        let pushed = usize::try_from(end - begin).unwrap_or(0);
        let product = shape.iter().try_fold(1usize, |p, &d| p.checked_mul(d));
        if shape.len() != self.ndim || product != Some(pushed) {
            return Err(Error::WrongType {
                expected: format!("{} dimensions and {pushed} elements", self.ndim),
                found: Shape::new(shape).unwrap_or_default().to_string(),
            });
        }
        self.offsets.push(end);
        self.sizes.extend(shape.iter().map(|&d| i32::try_from(d).unwrap_or(i32::MAX)));
        self.valid.push(true);
        Ok(())
    }

    /// Adds a row.
    ///
    /// # Errors
    /// As [`TensorBuilder::finish_row`].
    pub fn push(&mut self, elements: &[T], shape: &[usize]) -> Result<()> {
        self.elements.extend_from_slice(elements);
        self.finish_row(shape)
    }

    /// Adds a null row. `elements` is how many a fixed shape holds; 0 for ragged rows.
    ///
    /// # Errors
    /// As [`TensorBuilder::finish_row`].
    pub fn push_null(&mut self, shape: Option<&Shape>) -> Result<()> {
        match shape {
            Some(shape) => {
                self.elements.resize(self.elements.len() + shape.elements(), T::default());
                self.finish_row(shape)?;
            }
            None => {
                let zeros = [0usize; crate::MAX_NDIM];
                if self.ndim == 0 {
                    self.elements.push(T::default());
                }
                self.finish_row(&zeros[..self.ndim])?;
            }
        }
        if let Some(last) = self.valid.last_mut() {
            *last = false;
        }
        Ok(())
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.valid.len()
    }

    /// True if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.valid.is_empty()
    }

    fn finish_with(
        self,
        ty: &TensorType,
        flat: impl FnOnce(Vec<T>) -> ArrayRef,
    ) -> Result<ArrayRef> {
        let nulls = NullBuffer::from(self.valid);
        let rows = nulls.len();
        let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
        let flat = flat(self.elements);
        let wrong = |e: arrow_schema::ArrowError| Error::WrongType {
            expected: ty.to_string(),
            found: e.to_string(),
        };
        if flat.data_type() != &ty.dtype.to_arrow() {
            return Err(Error::WrongType {
                expected: ty.dtype.to_string(),
                found: flat.data_type().to_string(),
            });
        }
        let item = Arc::new(Field::new_list_field(flat.data_type().clone(), false));
        Ok(match &ty.layout {
            Layout::Scalar => {
                let data = flat.to_data().into_builder().nulls(nulls).build().map_err(wrong)?;
                arrow::array::make_array(data)
            }
            Layout::Fixed => {
                let DataType::FixedSizeList(_, size) = ty.data_type() else {
                    return Err(Error::WrongType {
                        expected: "a fixed shape".into(),
                        found: ty.to_string(),
                    });
                };
                Arc::new(
                    FixedSizeListArray::try_new_with_length(item, size, flat, nulls, rows)
                        .map_err(wrong)?,
                )
            }
            Layout::Ragged => {
                let offsets = OffsetBuffer::new(self.offsets.into());
                let data = ListArray::try_new(item, offsets, flat, None).map_err(wrong)?;
                let shape = shape_array(self.sizes, self.ndim, rows)?;
                let DataType::Struct(fields) = ty.data_type() else {
                    return Err(Error::WrongType {
                        expected: "a ragged type".into(),
                        found: ty.to_string(),
                    });
                };
                Arc::new(
                    StructArray::try_new(fields, vec![Arc::new(data), shape], nulls)
                        .map_err(wrong)?,
                )
            }
            Layout::Sequence(inner) if inner.is_scalar() => {
                let DataType::List(item) = ty.data_type() else {
                    return Err(Error::WrongType {
                        expected: "a list".into(),
                        found: ty.to_string(),
                    });
                };
                let offsets = OffsetBuffer::new(self.offsets.into());
                Arc::new(ListArray::try_new(item, offsets, flat, nulls).map_err(wrong)?)
            }
            Layout::Sequence(_) | Layout::Encoded => {
                return Err(Error::WrongType {
                    expected: "a tensor".into(),
                    found: ty.to_string(),
                });
            }
        })
    }
}

impl<T: ArrowNativeType> TensorBuilder<T> {
    /// The Arrow array of type `ty`, whose elements are of Arrow type `P`.
    ///
    /// # Errors
    /// [`Error::WrongType`] if `ty` is not the type of the rows pushed.
    pub fn finish<P: ArrowPrimitiveType<Native = T>>(self, ty: &TensorType) -> Result<ArrayRef> {
        let data_type = ty.dtype.to_arrow();
        self.finish_with(ty, |elements| {
            let array = PrimitiveArray::<P>::new(elements.into(), None);
            if array.data_type().primitive_width() == data_type.primitive_width()
                && PrimitiveArray::<P>::is_compatible(&data_type)
            {
                return Arc::new(array.with_data_type(data_type));
            }
            Arc::new(array)
        })
    }
}

impl TensorBuilder<bool> {
    /// The Arrow array of type `ty`.
    ///
    /// # Errors
    /// [`Error::WrongType`] if `ty` is not the type of the rows pushed.
    pub fn finish_bool(self, ty: &TensorType) -> Result<ArrayRef> {
        self.finish_with(ty, |elements| {
            Arc::new(BooleanArray::new(BooleanBuffer::from(elements), None))
        })
    }
}

/// The `shape` child of a ragged or encoded column: `ndim` sizes a row.
///
/// # Errors
/// [`Error::WrongType`] if there are not `rows * ndim` sizes.
pub fn shape_array(sizes: Vec<i32>, ndim: usize, rows: usize) -> Result<ArrayRef> {
    shared_shape_array(sizes.into(), ndim, rows)
}

/// As [`shape_array`], of sizes that another array may hold too.
///
/// # Errors
/// As [`shape_array`].
pub fn shared_shape_array(sizes: ScalarBuffer<i32>, ndim: usize, rows: usize) -> Result<ArrayRef> {
    let wrong = |found: String| Error::WrongType { expected: format!("{rows} shapes"), found };
    let item = Arc::new(Field::new_list_field(DataType::Int32, false));
    let size = i32::try_from(ndim).map_err(|e| wrong(e.to_string()))?;
    let values = Arc::new(Int32Array::new(sizes, None));
    Ok(Arc::new(
        FixedSizeListArray::try_new_with_length(item, size, values, None, rows)
            .map_err(|e| wrong(e.to_string()))?,
    ))
}
