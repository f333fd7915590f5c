//! Arrays of other programs in the form of a column.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StructArray;
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow_schema::DataType;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::HType;
use lakebed_core::Layout;
use lakebed_core::Limits;
use lakebed_core::TensorType;

use super::BadRow;
use super::json::documents;
use super::json::is_nested;
use super::labels::are_texts;
use super::labels::codes;
use super::lists::tensors;
use crate::media::EncodedImage;
use crate::table::cells;

/// An array in the form of `column`; rows that cannot be are put into `bad`.
pub(super) fn turn(
    column: &Column,
    array: &ArrayRef,
    limits: &Limits,
    bad: &mut Vec<BadRow>,
) -> Result<ArrayRef, String> {
    let ty = TensorType::from_column(column);
    let target = ty.data_type();
    let coded;
    let array = if column.htype == HType::ClassLabel && are_texts(array.data_type()) {
        coded = codes(array, &column.classes, bad)?;
        &coded
    } else {
        array
    };
    if column.compression == Compression::Encoded && !column.sequence {
        return images(&ty, array, limits, bad);
    }
    match &ty.layout {
        Layout::Scalar if is_nested(array.data_type()) => {
            if column.dtype == DType::Json {
                return documents(array);
            }
            let (name, found) = (&column.name, array.data_type());
            Err(format!(
                "its type {found} holds no single values, and {} does: give --type {name}=json, or \
                 {name}=skip",
                column.dtype
            ))
        }
        Layout::Scalar => {
            let turned = cast(array, &target).map_err(|e| e.to_string())?;
            lost(array, &turned, &column.dtype, bad);
            Ok(turned)
        }
        Layout::Fixed | Layout::Ragged => {
            // A tensor of ours, or a canonical one, has its data in its first child.
            if let (Layout::Ragged, Some(parts)) = (&ty.layout, array.as_struct_opt()) {
                return ragged(&ty, parts);
            }
            tensors(&ty, column, array, bad)
        }
        Layout::Sequence(_) | Layout::Encoded => cast(array, &target).map_err(|e| e.to_string()),
    }
}

/// Rows that were there before a cast and are not after it.
fn lost(before: &ArrayRef, after: &ArrayRef, dtype: &DType, bad: &mut Vec<BadRow>) {
    // An array of nulls alone, and a dictionary with a null in it, have them in no buffer.
    let nulls = before.logical_nulls();
    if nulls.as_ref().map_or(0, NullBuffer::null_count) == after.null_count() {
        return;
    }
    let was_there = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    let rows = (0..before.len()).filter(|row| was_there(*row) && after.is_null(*row));
    bad.extend(rows.map(|row| (row, format!("its value is not {dtype}"))));
}

/// A struct of data and shape, its children in our types.
fn ragged(ty: &TensorType, parts: &StructArray) -> Result<ArrayRef, String> {
    let DataType::Struct(fields) = ty.data_type() else { return Err("it is no tensor".into()) };
    if parts.num_columns() != fields.len() {
        return Err("it is no tensor of data and shape".into());
    }
    let children = fields.iter().zip(parts.columns());
    let children = children
        .map(|(field, child)| cast(child, field.data_type()).map_err(|e| e.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    let array = StructArray::try_new(fields, children, parts.nulls().cloned());
    let array: ArrayRef = Arc::new(array.map_err(|e| e.to_string())?);
    // Shapes that lie must not enter.
    lakebed_core::TensorArray::try_new(ty.clone(), &array).map_err(|e| e.to_string())?;
    Ok(array)
}

fn images(
    ty: &TensorType,
    array: &ArrayRef,
    limits: &Limits,
    bad: &mut Vec<BadRow>,
) -> Result<ArrayRef, String> {
    // With a shape beside it, which is not believed.
    let (files, nulls) = match array.as_struct_opt() {
        Some(parts) => {
            let data = parts.columns().first().ok_or("it is no image")?;
            (Arc::clone(data), parts.nulls().cloned())
        }
        None => (Arc::clone(array), array.nulls().cloned()),
    };
    let files = cast(&files, &DataType::BinaryView).map_err(|e| e.to_string())?;
    let files = files.as_binary_view();
    let images = (0..files.len()).map(|row| {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) || files.is_null(row) {
            return None;
        }
        let bytes = files.value(row);
        match cells::image_shape(bytes, limits) {
            Ok(shape) => Some(EncodedImage { bytes: bytes.to_vec(), shape }),
            Err(cause) => {
                bad.push((row, cause));
                None
            }
        }
    });
    let images: Vec<_> = images.collect();
    cells::image_array(ty, images.into_iter()).map_err(|e| e.to_string())
}
