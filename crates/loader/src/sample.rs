//! One decoded sample, on its way through transforms.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::array::AsArray;
use arrow::array::PrimitiveArray;
use arrow::datatypes::DataType;
use lakebed_core::Shape;

use crate::error::Cause;

/// A decoded sample: flat elements in row-major order, and their shape.
#[derive(Debug, Clone)]
pub struct Sample {
    shape: Shape,
    elements: ArrayRef,
    null: bool,
}

impl Sample {
    /// A sample of elements of any Arrow primitive type.
    ///
    /// # Errors
    /// A shape of too many dimensions, or that does not hold that many elements.
    pub fn new<T: ArrowPrimitiveType>(
        elements: Vec<T::Native>,
        shape: &[usize],
    ) -> Result<Sample, Cause>
    where
        PrimitiveArray<T>: From<Vec<T::Native>>,
    {
        let array = PrimitiveArray::<T>::from(elements);
        Sample::from_array(Arc::new(array), shape)
    }

    /// A sample of the elements of an Arrow array: numbers, bools, or texts.
    ///
    /// # Errors
    /// As [`Sample::new`].
    pub fn from_array(elements: ArrayRef, shape: &[usize]) -> Result<Sample, Cause> {
        let shape = Shape::new(shape).ok_or("a shape of too many dimensions")?;
        if shape.checked_elements() != Some(elements.len()) {
            return Err(
                format!("the shape {shape} does not hold {} elements", elements.len()).into()
            );
        }
        Ok(Sample { shape, elements, null: false })
    }

    pub(crate) fn known(elements: ArrayRef, shape: Shape) -> Sample {
        Sample { shape, elements, null: false }
    }

    /// Null: no elements, no shape of its own.
    pub(crate) fn null_of(data_type: &DataType, ndim: usize) -> Sample {
        let shape = Shape::new(&vec![0; ndim]).unwrap_or_default();
        Sample { shape, elements: arrow::array::new_empty_array(data_type), null: true }
    }

    /// The sizes of its dimensions; images are `[height, width, channels]`.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The type of its elements.
    pub fn data_type(&self) -> &DataType {
        self.elements.data_type()
    }

    /// True if the row has no value here. Transforms of samples are not called for these.
    pub fn is_null(&self) -> bool {
        self.null
    }

    /// The elements, row-major.
    pub fn elements(&self) -> &ArrayRef {
        &self.elements
    }

    /// The elements as numbers of a type; `None` if they are of another.
    pub fn values<T: ArrowPrimitiveType>(&self) -> Option<&[T::Native]> {
        self.elements.as_primitive_opt::<T>().map(|array| &array.values()[..])
    }

    /// The text of a sample that is one; `None` if it is none.
    pub fn text(&self) -> Option<&str> {
        self.elements.as_string_view_opt().filter(|a| a.len() == 1).map(|array| array.value(0))
    }
}

/// One row on its way through a transform: a sample for each column that is loaded.
#[derive(Debug)]
pub struct Row<'a> {
    pub(crate) names: &'a [String],
    pub(crate) samples: &'a mut [Sample],
    pub(crate) position: u64,
}

impl Row<'_> {
    /// The row's position in the dataset's version.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The sample of a column.
    ///
    /// # Errors
    /// A column that is not loaded.
    pub fn get(&self, column: &str) -> Result<&Sample, Cause> {
        let found = self.names.iter().position(|name| name == column);
        let found = found.and_then(|nth| self.samples.get(nth));
        found.ok_or_else(|| format!("there is no column '{column}' in what is loaded").into())
    }

    /// Replaces the sample of a column; its type must be the same in all rows.
    ///
    /// # Errors
    /// A column that is not loaded.
    pub fn set(&mut self, column: &str, sample: Sample) -> Result<(), Cause> {
        let found = self.names.iter().position(|name| name == column);
        let place = found.and_then(|nth| self.samples.get_mut(nth));
        *place.ok_or_else(|| format!("there is no column '{column}' in what is loaded"))? = sample;
        Ok(())
    }
}
