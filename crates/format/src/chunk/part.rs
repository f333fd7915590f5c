//! What of a column's samples a reader wants.

use std::sync::Arc;

use arrow_schema::DataType;
use arrow_schema::Field;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::Subscript;
use lakebed_core::TensorType;
use lakebed_core::subscript;

use crate::error::Result;

/// What becomes of a row that an integer index does not exist in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// An error that names the row.
    Error,
    /// A null.
    Null,
}

/// The part of each sample that is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// The sample as it is stored; encoded images stay encoded.
    Whole,
    /// As [`Part::Whole`], with encoded images in two pieces as their chunk stores them: what many of
    /// its images begin with is there once, and nothing is copied. A struct of `head` and `rest`,
    /// byte strings of which either may be empty, and `shape`.
    Pieces,
    /// The sample with encoded images decoded.
    Decoded,
    /// The sizes of its dimensions, i32 as they are stored; reads no payload.
    Shape,
    /// The size of one dimension, i32; reads no payload. Sequences have none.
    Size {
        /// Which dimension, from 0.
        axis: usize,
    },
    /// What constant subscripts select, decoded.
    Slice {
        /// The subscripts.
        subscripts: Vec<Subscript>,
        /// What becomes of rows that an index does not exist in.
        missing: Missing,
    },
}

impl Part {
    /// The tensor type of this part of a column's samples, and whether it may be null. The array is
    /// of [`Part::data_type`].
    ///
    /// # Errors
    /// A subscript that the column's type does not have, or a part of a sequence.
    pub fn result_type(&self, column: &Column) -> Result<(TensorType, bool)> {
        let ty = TensorType::from_column(column);
        Ok(match self {
            Part::Whole => (ty, column.nullable),
            Part::Pieces => {
                refuse_sequence(&ty)?;
                (ty, column.nullable)
            }
            Part::Decoded => (ty.decoded(), column.nullable),
            Part::Shape => (shape_result_type(&ty), column.nullable),
            Part::Size { axis } => {
                refuse_sequence(&ty)?;
                if *axis >= ty.ndim() {
                    let reason = format!("there is no dimension {axis} in {ty}");
                    return Err(lakebed_core::Error::InvalidSubscript { reason }.into());
                }
                (TensorType::scalar(DType::I32), column.nullable)
            }
            Part::Slice { subscripts, missing } => {
                refuse_sequence(&ty)?;
                let result = subscript::result_type(&ty.decoded(), subscripts)?;
                let may_miss = *missing == Missing::Null
                    && subscripts.iter().any(|s| matches!(s, Subscript::Index(_)));
                (result, column.nullable || may_miss)
            }
        })
    }

    /// The Arrow field of this part under a name.
    ///
    /// # Errors
    /// As [`Part::result_type`].
    pub fn field(&self, column: &Column, name: &str) -> Result<Field> {
        let (ty, nullable) = self.result_type(column)?;
        match self.pieces_of(&ty) {
            Some(pieces) => Ok(Field::new(name, pieces, nullable)),
            None => Ok(ty.to_field(name, nullable)),
        }
    }

    /// The Arrow type of this part.
    ///
    /// # Errors
    /// As [`Part::result_type`].
    pub fn data_type(&self, column: &Column) -> Result<DataType> {
        let (ty, _) = self.result_type(column)?;
        Ok(self.data_type_of(&ty))
    }

    /// The Arrow type of this part, which has a tensor type.
    pub(crate) fn data_type_of(&self, ty: &TensorType) -> DataType {
        self.pieces_of(ty).unwrap_or_else(|| ty.data_type())
    }

    fn pieces_of(&self, ty: &TensorType) -> Option<DataType> {
        let DataType::Struct(whole) = ty.data_type() else { return None };
        let (_, shape) = whole.find("shape").filter(|_| *self == Part::Pieces)?;
        let bytes = |name| Arc::new(Field::new(name, DataType::BinaryView, false));
        Some(DataType::Struct([bytes("head"), bytes("rest"), Arc::clone(shape)].into()))
    }
}

fn refuse_sequence(ty: &TensorType) -> Result<()> {
    match ty.layout {
        Layout::Sequence(_) => Err(lakebed_core::Error::InvalidSubscript {
            reason: format!("a part of a {ty} cannot be read alone: read it whole"),
        }
        .into()),
        _ => Ok(()),
    }
}

/// The type of `SHAPE(x)`: `i32[ndim]`, or an empty ragged vector where x has no dimensions.
pub fn shape_result_type(ty: &TensorType) -> TensorType {
    let dims = match u32::try_from(ty.ndim()) {
        Ok(0) | Err(_) => vec![None],
        Ok(ndim) => vec![Some(ndim)],
    };
    TensorType::tensor(DType::I32, dims)
}

/// The list type with a non-null item, as tensors use it.
pub(crate) fn list_item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new_list_field(data_type, false))
}
