//! Rows that were read together, for several batches.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::UInt8Array;
use lakebed_codec::media;
use lakebed_core::Error as CoreError;
use lakebed_core::Limits;
use lakebed_core::TensorArray;

use crate::builder::PlannedColumn;
use crate::error::Cause;
use crate::error::Result;
use crate::images;
use crate::images::Images;
use crate::pool::Pool;
use crate::sample::Sample;

/// What was read of a column.
enum Stored {
    Encoded(Images),
    /// Anything else.
    Tensors(TensorArray),
}

/// Distinct rows that were read together, by position.
pub(crate) struct Group {
    /// As they were read.
    arrays: Vec<ArrayRef>,
    columns: Vec<Stored>,
    /// Rows that cannot be read, and why.
    bad: BTreeMap<u64, String>,
    /// Bytes of memory.
    memory: usize,
    /// Bytes of each row once it is decoded, if all rows are of one size.
    row_bytes: Option<usize>,
}

/// One batch's share of a group.
pub(crate) struct Task {
    /// Its number in this rank's epoch, from where the epoch was started or resumed.
    pub nth: u64,
    /// Places in the epoch's order.
    pub places: Range<u64>,
    /// Rows in the base order.
    pub rows: Vec<u64>,
    /// Where each of them is in the group; `None` for one that could not be read.
    pub found: Vec<Option<usize>>,
    /// The group that has them.
    pub group: Arc<Group>,
    /// Room among the batches that wait, given back with the batch.
    pub room: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl Group {
    /// Rows that were read, an array for each column, those in `bad` missing, from a store that may
    /// be `remote`.
    pub fn new(
        arrays: &[ArrayRef],
        columns: &[PlannedColumn],
        bad: BTreeMap<u64, String>,
        remote: bool,
        pool: &Arc<Pool>,
    ) -> Result<Group> {
        let mut group = Group {
            arrays: Vec::with_capacity(arrays.len()),
            columns: Vec::with_capacity(arrays.len()),
            bad,
            memory: 0,
            row_bytes: Some(0),
        };
        for (column, array) in columns.iter().zip(arrays) {
            let (array, stored, row_bytes) = if column.is_encoded() {
                let array =
                    images::compact(array, remote, pool).unwrap_or_else(|| Arc::clone(array));
                let images = Images::new(&array).ok_or_else(|| CoreError::WrongType {
                    expected: column.ty.to_string(),
                    found: array.data_type().to_string(),
                })?;
                let row_bytes = images.common().and_then(|shape| shape.checked_elements());
                (array, Stored::Encoded(images), row_bytes)
            } else {
                let tensors = TensorArray::try_new(column.ty.clone(), array)?;
                let width = element_bytes(&tensors);
                let row_bytes = tensors.stride().and_then(|count| count.checked_mul(width));
                (Arc::clone(array), Stored::Tensors(tensors), row_bytes)
            };
            group.memory = group.memory.saturating_add(array.get_array_memory_size());
            group.row_bytes = group.row_bytes.zip(row_bytes).and_then(|(a, b)| a.checked_add(b));
            group.arrays.push(array);
            group.columns.push(stored);
        }
        Ok(group)
    }

    /// The rows of several groups in one, those of the first before those of the next.
    /// `None` if a column has more elements than fit into one array.
    pub fn merged(
        groups: &[&Group],
        columns: &[PlannedColumn],
        pool: &Arc<Pool>,
    ) -> Result<Option<Group>> {
        let mut arrays = Vec::with_capacity(columns.len());
        for nth in 0..columns.len() {
            // Joined lists count their elements in 32 bits, and panic beyond.
            let elements = groups.iter().filter_map(|group| group.elements(nth));
            if i32::try_from(elements.fold(0, usize::saturating_add)).is_err() {
                return Ok(None);
            }
            let of_column = groups.iter().filter_map(|group| group.arrays.get(nth));
            let of_column: Vec<&dyn Array> = of_column.map(|array| &**array).collect();
            arrays.push(arrow::compute::concat(&of_column)?);
        }
        // What a remote store sent has been copied already.
        Group::new(&arrays, columns, BTreeMap::new(), false, pool).map(Some)
    }

    /// Elements of a column of tensors.
    fn elements(&self, column: usize) -> Option<usize> {
        match self.columns.get(column)? {
            Stored::Tensors(tensors) => Some(tensors.elements().len()),
            Stored::Encoded(_) => None,
        }
    }

    /// Bytes of memory of what was read.
    pub fn memory(&self) -> usize {
        self.memory
    }

    /// Why a position is not among them.
    pub fn why_not(&self, position: u64) -> Cause {
        match self.bad.get(&position) {
            Some(cause) => cause.clone().into(),
            None => "it was not read".into(),
        }
    }

    /// Bytes of rows once they are decoded.
    pub fn decoded_bytes(&self, rows: &[Option<usize>]) -> usize {
        if let Some(bytes) = self.row_bytes {
            return bytes.saturating_mul(rows.len());
        }
        let of = |row: usize| {
            self.columns.iter().fold(0, |sum: usize, column| {
                sum.saturating_add(match column {
                    Stored::Encoded(images) => images.decoded_bytes(row),
                    Stored::Tensors(tensors) => tensors.range(row).len() * element_bytes(tensors),
                })
            })
        };
        rows.iter().flatten().map(|row| of(*row)).fold(0, usize::saturating_add)
    }

    /// A row's sample of a column, decoded.
    pub fn sample(&self, column: usize, row: usize, limits: &Limits) -> Result<Sample, Cause> {
        match self.columns.get(column) {
            None => Err("it was not read".into()),
            Some(Stored::Encoded(images)) => {
                if images.is_null(row) {
                    return Ok(Sample::null_of(&arrow::datatypes::DataType::UInt8, 3));
                }
                let (shape, pixels) = match images.file(row) {
                    [[], file] => media::decode(file, limits)?,
                    pieces => media::decode(&pieces.concat(), limits)?,
                };
                Ok(Sample::known(Arc::new(UInt8Array::from(pixels)), shape))
            }
            Some(Stored::Tensors(tensors)) => {
                let elements = tensors.elements();
                if tensors.is_null(row) {
                    return Ok(Sample::null_of(elements.data_type(), tensors.ty().ndim()));
                }
                let range = tensors.range(row);
                let elements = elements.slice(range.start, range.len());
                Ok(Sample::known(elements, tensors.shape(row)))
            }
        }
    }

    /// The encoded images of a column.
    pub fn images(&self, column: usize) -> Option<&Images> {
        match self.columns.get(column)? {
            Stored::Encoded(images) => Some(images),
            Stored::Tensors(_) => None,
        }
    }

    /// One element a row of a column, with no row null: what needs no sample of its own.
    pub fn scalars(&self, column: usize) -> Option<&ArrayRef> {
        match self.columns.get(column)? {
            Stored::Tensors(tensors) if tensors.ty().is_scalar() && tensors.nulls().is_none() => {
                Some(tensors.elements())
            }
            _ => None,
        }
    }
}

fn element_bytes(tensors: &TensorArray) -> usize {
    tensors.ty().dtype.width().unwrap_or(16)
}
