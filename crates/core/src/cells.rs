//! Cells of a column for people and for other programs: a one-line summary, JSON, CSV.
//!
//! A [`Cells`] looks at one column of one batch. JSON holds full values:
//!
//! | value | JSON |
//! |---|---|
//! | numbers, bools, text | the same; `"NaN"`, `"Infinity"`, `"-Infinity"` for floats JSON has not |
//! | class label | its name |
//! | tensor | nested lists of its shape |
//! | sequence | a list |
//! | JSON document | the document |
//! | bytes | `{"base64": "..."}` |
//! | encoded image | `{"format": "jpeg", "shape": [480, 640, 3], "base64": "..."}`, the file as stored |
//! | date, time, timestamp, duration, decimal | text |
//! | null | `null` |
//!
//! CSV holds the same, tensors and documents as JSON text, text without quotes, null as nothing.

mod base64;
mod json;
mod summary;

use std::sync::Arc;

use crate::DType;
use crate::HType;
use crate::Layout;
use crate::TensorArray;
use crate::TensorType;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::compute::cast;
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use arrow_schema::DataType;
use arrow_schema::Field;

use crate::error::Error;
use crate::error::Result;

/// One column of a batch, ready to be shown.
#[derive(Debug)]
pub struct Cells {
    array: ArrayRef,
    ty: Option<TensorType>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Numbers and bools with a shape a row.
    Tensor(TensorArray),
    /// One number, bool, date or similar.
    Scalar,
    /// One class a row: the codes.
    Label(ArrayRef),
    /// Text and JSON, as UTF-8 views.
    Text(ArrayRef),
    Bytes(BinaryViewArray),
    /// Files of pictures, and the three sizes of each.
    Encoded(BinaryViewArray, Vec<i32>),
    /// Where each row's values begin, and the values.
    Sequence(Vec<usize>, Box<Cells>),
    /// Arrow types that no column has.
    Other,
}

impl Cells {
    /// The cells of a column.
    ///
    /// # Errors
    /// [`Error::WrongType`] if the array does not have the type of its field.
    pub fn new(field: &Field, array: &ArrayRef) -> Result<Cells> {
        let (field, array) = plain(field, array)?;
        let ty = TensorType::from_field(&field);
        let form = match &ty {
            Some(ty) => form(ty, &field, &array)?,
            None => Form::Other,
        };
        Ok(Cells { array, ty, form })
    }

    /// The cells of every column of a batch.
    ///
    /// # Errors
    /// As [`Cells::new`].
    pub fn of_batch(batch: &RecordBatch) -> Result<Vec<Cells>> {
        let schema = batch.schema();
        schema.fields().iter().zip(batch.columns()).map(|(f, a)| Cells::new(f, a)).collect()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.array.len()
    }

    /// True if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.array.is_empty()
    }

    /// True if the row is null.
    pub fn is_null(&self, row: usize) -> bool {
        // Arrow's null array says that none of its rows is null.
        self.array.data_type() == &DataType::Null || self.array.is_null(row)
    }

    /// One line for a person: small values in full, large ones by type, shape and range.
    pub fn summary(&self, row: usize) -> String {
        summary::summary(self, row)
    }

    /// The full value as JSON.
    pub fn json(&self, row: usize) -> serde_json::Value {
        json::json(self, row)
    }

    /// The full value as a field of a CSV file, without quoting.
    pub fn csv(&self, row: usize) -> String {
        // The quotes of a document that is a text are a part of it.
        let is_json = self.ty.as_ref().is_some_and(|ty| ty.dtype == DType::Json);
        match self.json(row) {
            serde_json::Value::Null if row >= self.len() || self.is_null(row) => String::new(),
            serde_json::Value::String(text) if !is_json => text,
            other => other.to_string(),
        }
    }
}

/// Dictionaries as their values, wide lists as 32-bit ones.
fn plain(field: &Field, array: &ArrayRef) -> Result<(Field, ArrayRef)> {
    let data_type = match array.data_type() {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        DataType::LargeList(item) => DataType::List(Arc::clone(item)),
        other if other == field.data_type() => return Ok((field.clone(), Arc::clone(array))),
        other => other.clone(),
    };
    let array = cast(array, &data_type).map_err(|error| Error::WrongType {
        expected: data_type.to_string(),
        found: error.to_string(),
    })?;
    Ok((field.clone().with_data_type(data_type), array))
}

fn form(ty: &TensorType, field: &Field, array: &ArrayRef) -> Result<Form> {
    let wrong =
        || Error::WrongType { expected: ty.to_string(), found: array.data_type().to_string() };
    let to = |data_type: DataType| cast(array, &data_type).map_err(|_| wrong());
    Ok(match &ty.layout {
        Layout::Encoded => {
            let parts = array.as_struct_opt().ok_or_else(wrong)?;
            let files = parts.column(0).as_binary_view_opt().ok_or_else(wrong)?;
            let shapes = parts.column(1).as_fixed_size_list_opt().ok_or_else(wrong)?;
            let sizes = shapes.values().as_primitive_opt::<Int32Type>().ok_or_else(wrong)?;
            Form::Encoded(files.clone(), sizes.values().to_vec())
        }
        Layout::Sequence(inner) if !(inner.is_scalar() && inner.is_numeric()) => {
            let list = array.as_list_opt::<i32>().ok_or_else(wrong)?;
            let DataType::List(item) = field.data_type() else { return Err(wrong()) };
            let offsets =
                list.offsets().iter().map(|at| usize::try_from(*at).unwrap_or(0)).collect();
            Form::Sequence(offsets, Box::new(Cells::new(item, list.values())?))
        }
        Layout::Scalar => match &ty.dtype {
            DType::Text | DType::Json => Form::Text(to(DataType::Utf8View)?),
            DType::Bytes => {
                let bytes = to(DataType::BinaryView)?;
                Form::Bytes(bytes.as_binary_view_opt().ok_or_else(wrong)?.clone())
            }
            _ if is_label(ty) => Form::Label(to(DataType::UInt64)?),
            _ => Form::Scalar,
        },
        _ => Form::Tensor(TensorArray::try_new(ty.clone(), array)?),
    })
}

/// True if the numbers are codes with names.
fn is_label(ty: &TensorType) -> bool {
    ty.htype == HType::ClassLabel && !ty.classes.is_empty()
}

/// The name of a class, or its code if it has none.
fn class_name(ty: &TensorType, code: u64) -> String {
    let name = usize::try_from(code).ok().and_then(|at| ty.classes.get(at));
    name.cloned().unwrap_or_else(|| code.to_string())
}
