//! What comes out.

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::array::AsArray;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;

use crate::sample::Sample;
use crate::state::State;

/// Samples for one step of training.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The columns in the order in which they were asked for.
    pub columns: Vec<BatchColumn>,
    /// The place of each sample in the epoch's order, ascending; skipped ones are missing.
    pub places: Vec<u64>,
    /// The position of each sample in the dataset's version.
    pub rows: Vec<u64>,
    /// The weight of each sample, if the view has weights.
    pub weights: Option<Vec<f64>>,
    /// Samples that were left out because they are bad.
    pub skipped: Vec<Skipped>,
    /// Where the epoch stands once all ranks have taken this step: what a checkpoint keeps.
    pub state: State,
}

impl Batch {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if all samples of the batch were bad and skipped.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&BatchColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The tensor of a stacked or padded column.
    pub fn tensor(&self, name: &str) -> Option<&Tensor> {
        match &self.column(name)?.values {
            Values::Tensor(tensor) | Values::Padded { tensor, .. } => Some(tensor),
            Values::List(_) => None,
        }
    }

    /// Bytes of memory of all columns.
    pub fn memory(&self) -> usize {
        let of = |column: &BatchColumn| match &column.values {
            Values::Tensor(tensor) => tensor.elements.get_buffer_memory_size(),
            Values::Padded { tensor, mask } => {
                tensor.elements.get_buffer_memory_size() + mask.inner().len()
            }
            Values::List(samples) => {
                samples.iter().map(|s| s.elements().get_buffer_memory_size()).sum()
            }
        };
        self.columns.iter().map(of).sum()
    }
}

/// One column of a batch.
#[derive(Debug, Clone)]
pub struct BatchColumn {
    /// Its name.
    pub name: String,
    /// Its samples.
    pub values: Values,
    /// Which samples are not null; `None` if all are. Null ones are zeros in a tensor.
    pub valid: Option<BooleanBuffer>,
}

/// The samples of a column, collated.
#[derive(Debug, Clone)]
pub enum Values {
    /// All in one tensor.
    Tensor(Tensor),
    /// All in one tensor, as large as the largest in each dimension, zeros behind the smaller ones.
    Padded {
        /// The samples with what was added.
        tensor: Tensor,
        /// One bit for each element of the tensor: set where it is the sample's own.
        mask: BooleanBuffer,
    },
    /// Each by itself.
    List(Vec<Sample>),
}

/// A contiguous row-major tensor whose first dimension is the sample.
#[derive(Debug, Clone)]
pub struct Tensor {
    /// Sizes; the first is the number of samples.
    pub shape: Vec<usize>,
    /// As many elements as the sizes say, without nulls.
    pub elements: ArrayRef,
}

impl Tensor {
    /// The type of the elements.
    pub fn data_type(&self) -> &DataType {
        self.elements.data_type()
    }

    /// The elements as numbers of a type; `None` if they are of another.
    pub fn values<T: ArrowPrimitiveType>(&self) -> Option<&[T::Native]> {
        self.elements.as_primitive_opt::<T>().map(|array| &array.values()[..])
    }
}

/// A sample that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The row's position in the dataset's version.
    pub row: u64,
    /// The column, or what names a transform of whole rows.
    pub column: String,
    /// Why.
    pub cause: String,
}
