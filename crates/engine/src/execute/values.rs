//! A query's values as a column stores them.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewBuilder;
use arrow::array::FixedSizeListArray;
use arrow::array::ListArray;
use arrow::array::StructArray;
use arrow::array::UInt64Array;
use arrow::array::new_null_array;
use arrow::buffer::OffsetBuffer;
use arrow::compute::CastOptions;
use arrow::compute::cast_with_options;
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt64Type;
use arrow::util::display::array_value_to_string;
use arrow_schema::Field;
use lakebed_codec::media::encode_png;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::TensorArray;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;

use crate::error::Error;
use crate::error::Result;

const CHECKED: CastOptions =
    CastOptions { safe: false, format_options: arrow::util::display::FormatOptions::new() };

/// Values of a query as those of a column: class names become codes, numbers are converted where
/// nothing of them is lost, fixed shapes become ragged ones and back.
///
/// # Errors
/// [`Error::Planning`] with both types, or the value that does not fit.
pub(super) fn fitted(array: &ArrayRef, field: &Field, column: &Column) -> Result<ArrayRef> {
    let stored = converted_like(array, field, column)?;
    check_codes(&stored, column)?;
    Ok(stored)
}

fn converted_like(array: &ArrayRef, field: &Field, column: &Column) -> Result<ArrayRef> {
    let wanted = TensorType::from_column(column);
    let given = TensorType::from_field(field);
    if *array.data_type() == DataType::Null {
        return Ok(new_null_array(&wanted.data_type(), array.len()));
    }
    let Some(given) = given else {
        let reason = format!("{} is no value of a dataset", field.data_type());
        return Err(refuse(column, &reason));
    };
    let mismatch = || refuse(column, &format!("{given} is given where {wanted} is stored"));
    if let (Some(a), Some(b)) = (given.box_format, wanted.box_format)
        && a != b
    {
        let reason = format!("boxes are given as {} and stored as {}", a.name(), b.name());
        return Err(refuse(column, &reason));
    }
    let recoded = match column.classes.is_empty() {
        true => Ok(Arc::clone(array)),
        // The same names may have other codes where the values come from.
        false => lakebed_dataset::classes::recoded(array, &given.classes, column),
    };
    let array = &recoded.map_err(|error| refuse(column, &error.to_string()))?;
    let same_shape = given.layout != Layout::Fixed || given.dims == wanted.dims;
    if *array.data_type() == wanted.data_type() && same_shape {
        return Ok(Arc::clone(array));
    }
    match (&given.layout, &wanted.layout) {
        (Layout::Scalar, Layout::Scalar) => scalar(array, &given, column),
        (Layout::Fixed | Layout::Ragged, Layout::Fixed | Layout::Ragged)
            if given.ndim() == wanted.ndim() =>
        {
            if is_text(&given.dtype) != is_text(&wanted.dtype) {
                return Err(mismatch());
            }
            tensor(array, given, &wanted, column)
        }
        (Layout::Fixed | Layout::Ragged, Layout::Encoded)
            if given.dtype == DType::U8 && given.ndim() == 3 =>
        {
            pictures(array, given, &wanted, column)
        }
        (Layout::Sequence(inner), Layout::Ragged) if inner.is_scalar() && wanted.ndim() == 1 => {
            vectors(array, inner, &wanted, column)
        }
        (Layout::Scalar, Layout::Fixed | Layout::Ragged) if !is_text(&wanted.dtype) => {
            let reason = format!(
                "{given} is given where {wanted} is stored: write the elements as an array, \
                 [a, b], or set a part, {}[0] = a",
                column.name
            );
            Err(refuse(column, &reason))
        }
        _ => Err(mismatch()),
    }
}

fn scalar(array: &ArrayRef, given: &TensorType, column: &Column) -> Result<ArrayRef> {
    if !column.classes.is_empty() && given.dtype == DType::Text {
        let names = converted(array, &DataType::Utf8View, column)?;
        let codes = names.as_string_view().iter().map(|name| match name {
            Some(name) => column.class_code(name).map(Some),
            None => Ok(None),
        });
        let codes = codes
            .collect::<Result<UInt64Array, _>>()
            .map_err(|error| refuse(column, &error.to_string()))?;
        let codes: ArrayRef = Arc::new(codes);
        return converted(&codes, &column.dtype.to_arrow(), column);
    }
    // Text is not read as a number behind somebody's back, nor a number written as text.
    if is_text(&given.dtype) != is_text(&column.dtype) {
        let wanted = TensorType::from_column(column);
        return Err(refuse(column, &format!("{given} is given where {wanted} is stored")));
    }
    converted(array, &column.dtype.to_arrow(), column)
}

fn is_text(dtype: &DType) -> bool {
    matches!(dtype, DType::Text | DType::Json)
}

fn converted(array: &ArrayRef, to: &DataType, column: &Column) -> Result<ArrayRef> {
    let cast = |array: &ArrayRef, to: &DataType| {
        cast_with_options(array, to, &CHECKED).map_err(|error| refuse(column, &error.to_string()))
    };
    let done = cast(array, to)?;
    // A cast cuts fractions off, and takes every number for a bool.
    let cuts = array.data_type().is_floating() && to.is_integer()
        || array.data_type().is_numeric() && *to == DataType::Boolean;
    if cuts {
        let (given, kept) = (cast(array, &DataType::Float64)?, cast(&done, &DataType::Float64)?);
        let given = given.as_primitive::<Float64Type>();
        let kept = kept.as_primitive::<Float64Type>();
        let is_cut = |at: &usize| array.is_valid(*at) && given.value(*at) != kept.value(*at);
        if let Some(at) = (0..array.len()).find(is_cut) {
            let value = array_value_to_string(array, at).unwrap_or_default();
            return Err(refuse(
                column,
                &format!("{value} is not {}; round it first", column.dtype),
            ));
        }
    }
    Ok(done)
}

/// Every code is that of a class.
fn check_codes(array: &ArrayRef, column: &Column) -> Result<()> {
    if column.classes.is_empty() {
        return Ok(());
    }
    let failed = |reason: &dyn std::fmt::Display| refuse(column, &reason.to_string());
    let tensors =
        TensorArray::try_new(TensorType::from_column(column), array).map_err(|e| failed(&e))?;
    let codes = cast_with_options(tensors.elements(), &DataType::UInt64, &CHECKED)
        .map_err(|e| failed(&e))?;
    let codes = codes.as_primitive::<UInt64Type>();
    let live = (0..tensors.len()).filter(|row| !tensors.is_null(*row));
    let classes = column.classes.len();
    for code in live.flat_map(|row| tensors.range(row)).map(|at| codes.value(at)) {
        if usize::try_from(code).map_or(true, |code| code >= classes) {
            return Err(refuse(column, &format!("no class has code {code}: there are {classes}")));
        }
    }
    Ok(())
}

/// Pixels as pictures are stored: as PNG, which loses nothing of what was changed.
fn pictures(
    array: &ArrayRef,
    given: TensorType,
    wanted: &TensorType,
    column: &Column,
) -> Result<ArrayRef> {
    let failed = |reason: &dyn std::fmt::Display| refuse(column, &reason.to_string());
    let tensors = TensorArray::try_new(given, array).map_err(|e| failed(&e))?;
    let pixels = tensors.elements().as_primitive_opt::<UInt8Type>();
    let pixels = pixels.ok_or_else(|| refuse(column, "it stores pixels of 8 bits"))?.values();
    let mut files = BinaryViewBuilder::with_capacity(tensors.len());
    let mut sizes = Vec::with_capacity(tensors.len() * 3);
    for row in 0..tensors.len() {
        if tensors.is_null(row) {
            files.append_value([]);
            sizes.extend([0; 3]);
            continue;
        }
        let shape = tensors.shape(row);
        let file = encode_png(&shape, pixels.get(tensors.range(row)).unwrap_or(&[]));
        files.append_value(file.map_err(|e| failed(&e))?);
        sizes.extend(shape.iter().map(|size| i32::try_from(*size).unwrap_or(i32::MAX)));
    }
    let DataType::Struct(fields) = wanted.data_type() else {
        return Err(refuse(column, "it stores no pictures"));
    };
    let shapes = shape_array(sizes, 3, tensors.len()).map_err(|e| failed(&e))?;
    let parts: Vec<ArrayRef> = vec![Arc::new(files.finish()), shapes];
    let stored = StructArray::try_new(fields, parts, tensors.nulls().cloned());
    Ok(Arc::new(stored.map_err(|e| failed(&e))?))
}

/// Lists of numbers or of class names as vectors.
fn vectors(
    array: &ArrayRef,
    item: &TensorType,
    wanted: &TensorType,
    column: &Column,
) -> Result<ArrayRef> {
    let failed = |reason: &dyn std::fmt::Display| refuse(column, &reason.to_string());
    let Some(lists) = array.as_list_opt::<i32>() else {
        return Err(refuse(column, "it stores vectors"));
    };
    if lists.values().null_count() > 0 {
        return Err(refuse(column, "an array that is stored holds no null"));
    }
    let codes = scalar(lists.values(), item, column)?;
    let DataType::Struct(fields) = wanted.data_type() else {
        return Err(refuse(column, "it stores no vectors"));
    };
    let DataType::List(element) = fields[0].data_type() else {
        return Err(refuse(column, "it stores no numbers"));
    };
    let lengths: Vec<i32> = (0..lists.len())
        .map(|row| if lists.is_null(row) { 0 } else { lists.value_length(row) })
        .collect();
    let data = ListArray::try_new(Arc::clone(element), lists.offsets().clone(), codes, None);
    let shapes = shape_array(lengths, 1, lists.len()).map_err(|e| failed(&e))?;
    let parts: Vec<ArrayRef> = vec![Arc::new(data.map_err(|e| failed(&e))?), shapes];
    let stored = StructArray::try_new(fields, parts, lists.nulls().cloned());
    Ok(Arc::new(stored.map_err(|e| failed(&e))?))
}

/// Tensors with elements of another type, or another layout.
fn tensor(
    array: &ArrayRef,
    given: TensorType,
    wanted: &TensorType,
    column: &Column,
) -> Result<ArrayRef> {
    let failed = |reason: &dyn std::fmt::Display| refuse(column, &reason.to_string());
    let tensors = TensorArray::try_new(given, array).map_err(|e| failed(&e))?;
    let (mut picks, mut lengths, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..tensors.len() {
        if tensors.is_null(row) {
            let fixed = column.fixed_elements().unwrap_or(0);
            // What lies under a null is never read; it only has to be there.
            let any = if tensors.elements().is_empty() { 0 } else { fixed };
            picks.extend(std::iter::repeat_n(0u64, any));
            lengths.push(any);
            sizes.extend(column.dims.iter().map(|dim| dim.unwrap_or(0)));
            continue;
        }
        let shape = tensors.shape(row);
        for (size, dim) in shape.iter().zip(&column.dims) {
            let size = u32::try_from(*size).unwrap_or(u32::MAX);
            if dim.is_some_and(|dim| dim != size) {
                let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
                return Err(refuse(
                    column,
                    &format!(
                        "a value of shape [{}] is given where {wanted} is stored",
                        shape.join(", ")
                    ),
                ));
            }
            sizes.push(size);
        }
        let range = tensors.range(row);
        lengths.push(range.len());
        picks.extend(range.map(|at| u64::try_from(at).unwrap_or(u64::MAX)));
    }
    let elements =
        take(tensors.elements(), &UInt64Array::from(picks), None).map_err(|e| failed(&e))?;
    let elements = converted(&elements, &column.dtype.to_arrow(), column)?;
    let nulls = tensors.nulls().cloned();
    let rows = tensors.len();
    match wanted.data_type() {
        DataType::FixedSizeList(item, size) => {
            if elements.len() != rows * usize::try_from(size).unwrap_or(0) {
                return Err(refuse(column, "a null stands beside no value"));
            }
            let list = FixedSizeListArray::try_new_with_length(item, size, elements, nulls, rows);
            Ok(Arc::new(list.map_err(|e| failed(&e))?))
        }
        DataType::Struct(fields) => {
            let DataType::List(item) = fields[0].data_type() else {
                return Err(refuse(column, "it stores no numbers"));
            };
            let offsets = OffsetBuffer::from_lengths(lengths);
            let list = ListArray::try_new(Arc::clone(item), offsets, elements, None);
            let sizes = sizes.into_iter().map(|size| i32::try_from(size).unwrap_or(i32::MAX));
            let shapes =
                shape_array(sizes.collect(), column.ndim(), rows).map_err(|e| failed(&e))?;
            let list: ArrayRef = Arc::new(list.map_err(|e| failed(&e))?);
            let array = StructArray::try_new(fields, vec![list, shapes], nulls);
            Ok(Arc::new(array.map_err(|e| failed(&e))?))
        }
        other => Err(refuse(column, &format!("it is stored as {other}"))),
    }
}

fn refuse(column: &Column, reason: &str) -> Error {
    Error::planning(format!("column '{}': {reason}", column.name), None)
}
