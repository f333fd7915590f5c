//! Which samples have no elements.

use arrow::array::Array;
use arrow::array::AsArray;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::Int32Type;
use lakebed_core::Error as CoreError;
use lakebed_core::Layout;

use crate::error::Result;
use crate::value::Value;

/// True for the rows without elements: arrays with a dimension of 0, empty text, empty sequences.
/// Reads shapes only, so that encoded images stay encoded. Null rows may be either.
///
/// # Errors
/// [`CoreError::WrongType`] if the array is not what its type says.
pub fn empty_rows(value: &Value, rows: usize) -> Result<BooleanBuffer> {
    let found = value.array.data_type().clone();
    let wrong = || CoreError::WrongType { expected: "a tensor".into(), found: found.to_string() };
    if value.arg.is_text() {
        let texts = value.texts()?;
        return Ok(BooleanBuffer::collect_bool(rows, |row| texts.value(value.row(row)).is_empty()));
    }
    if let Some(list) = value.array.as_list_opt::<i32>() {
        return Ok(BooleanBuffer::collect_bool(rows, |row| list.value_length(value.row(row)) == 0));
    }
    match value.arg.ty.as_ref().map(|ty| &ty.layout) {
        Some(Layout::Ragged | Layout::Encoded) => {
            let parts = value.array.as_struct_opt().ok_or_else(wrong)?;
            let shape = parts.columns().get(1).ok_or_else(wrong)?;
            let shape = shape.as_fixed_size_list_opt().ok_or_else(wrong)?;
            let ndim = usize::try_from(shape.value_length()).map_err(|_| wrong())?;
            let sizes = shape.values().as_primitive_opt::<Int32Type>().ok_or_else(wrong)?.values();
            Ok(BooleanBuffer::collect_bool(rows, |row| {
                let row = value.row(row);
                sizes.get(row * ndim..(row + 1) * ndim).is_some_and(|sizes| sizes.contains(&0))
            }))
        }
        _ => Ok(BooleanBuffer::new_unset(rows)),
    }
}
