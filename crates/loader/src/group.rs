//! Rows that were read together, for several batches.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::array::RecordBatch;
use arrow::array::UInt8Array;
use arrow::datatypes::Int32Type;
use lakebed_codec::media;
use lakebed_core::Error as CoreError;
use lakebed_core::Limits;
use lakebed_core::Shape;
use lakebed_core::TensorArray;

use crate::builder::PlannedColumn;
use crate::error::Cause;
use crate::error::Result;
use crate::sample::Sample;

/// What was read of a column.
enum Stored {
    /// Encoded images, and their decoded shapes.
    Encoded { files: BinaryViewArray, shapes: ArrayRef, rows: ArrayRef },
    /// Anything else.
    Tensors(TensorArray),
}

/// Distinct rows that were read together.
pub(crate) struct Group {
    /// Their positions, ascending.
    positions: Vec<u64>,
    columns: Vec<Stored>,
    /// Rows that cannot be read, and why.
    bad: BTreeMap<u64, String>,
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
    /// Rows that were read, `positions` without those in `bad`.
    pub fn new(
        positions: Vec<u64>,
        batch: &RecordBatch,
        columns: &[PlannedColumn],
        bad: BTreeMap<u64, String>,
    ) -> Result<Group> {
        let stored = columns.iter().zip(batch.columns()).map(|(column, array)| {
            if !column.is_encoded() {
                return Ok(Stored::Tensors(TensorArray::try_new(column.ty.clone(), array)?));
            }
            let wrong = || CoreError::WrongType {
                expected: column.ty.to_string(),
                found: array.data_type().to_string(),
            };
            let parts = array.as_struct_opt().filter(|p| p.num_columns() == 2).ok_or_else(wrong)?;
            let files = parts.column(0).as_binary_view_opt().ok_or_else(wrong)?.clone();
            let shapes = parts.column(1).as_fixed_size_list_opt().ok_or_else(wrong)?;
            let shapes = Arc::clone(shapes.values());
            shapes.as_primitive_opt::<Int32Type>().ok_or_else(wrong)?;
            Ok(Stored::Encoded { files, shapes, rows: Arc::clone(array) })
        });
        Ok(Group { positions, columns: stored.collect::<Result<_>>()?, bad })
    }

    /// The places of positions among the rows that were read. They often follow one another.
    pub fn find(&self, positions: impl Iterator<Item = u64>) -> Vec<Option<usize>> {
        let mut next = 0;
        positions
            .map(|position| {
                let found = match self.positions.get(next) {
                    Some(known) if *known == position => Some(next),
                    _ => self.positions.binary_search(&position).ok(),
                };
                next = found.map_or(next, |found| found + 1);
                found
            })
            .collect()
    }

    /// Why a position is not among them.
    pub fn why_not(&self, position: u64) -> Cause {
        match self.bad.get(&position) {
            Some(cause) => cause.clone().into(),
            None => "it was not read".into(),
        }
    }

    /// Bytes of a row once it is decoded.
    pub fn decoded_bytes(&self, row: usize) -> usize {
        let of = |column: &Stored| match column {
            Stored::Encoded { shapes, .. } => {
                let sizes = shapes.as_primitive_opt::<Int32Type>().map(|sizes| &sizes.values()[..]);
                let sizes = sizes.and_then(|sizes| sizes.get(row * 3..row * 3 + 3));
                let size = |size: &i32| usize::try_from(*size).unwrap_or(0);
                sizes.map_or(0, |s| s.iter().map(size).fold(1usize, usize::saturating_mul))
            }
            Stored::Tensors(tensors) => {
                tensors.range(row).len() * tensors.ty().dtype.width().unwrap_or(16)
            }
        };
        self.columns.iter().map(of).fold(0, usize::saturating_add)
    }

    /// A row's sample of a column, decoded.
    pub fn sample(&self, column: usize, row: usize, limits: &Limits) -> Result<Sample, Cause> {
        match self.columns.get(column) {
            None => Err("it was not read".into()),
            Some(Stored::Encoded { files, rows, .. }) => {
                if rows.is_null(row) {
                    return Ok(Sample::null_of(&arrow::datatypes::DataType::UInt8, 3));
                }
                let (shape, pixels) = media::decode(files.value(row), limits)?;
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

    /// The one shape that encoded images of these rows have; `None` if a row is null, or if the
    /// shapes differ.
    pub fn shape_of(&self, column: usize, rows: impl Iterator<Item = usize>) -> Option<Shape> {
        let Stored::Encoded { shapes, rows: samples, .. } = self.columns.get(column)? else {
            return None;
        };
        let sizes = shapes.as_primitive_opt::<Int32Type>()?.values();
        let mut common: Option<&[i32]> = None;
        for row in rows {
            let of_row = sizes.get(row * 3..row * 3 + 3)?;
            if samples.is_null(row) || *common.get_or_insert(of_row) != of_row {
                return None;
            }
        }
        let sizes: Option<Vec<usize>> =
            common?.iter().map(|size| usize::try_from(*size).ok()).collect();
        Shape::new(&sizes?)
    }

    /// Decodes a row's image of the shape that [`Group::shape_of`] gave.
    pub fn decode_into(
        &self,
        column: usize,
        row: usize,
        limits: &Limits,
        shape: &Shape,
        out: &mut [u8],
    ) -> Result<(), Cause> {
        match self.columns.get(column) {
            Some(Stored::Encoded { files, .. }) => {
                Ok(media::decode_into(files.value(row), limits, shape, out)?)
            }
            _ => Err("it was not read".into()),
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
