//! Full values as JSON.

use crate::TensorArray;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use arrow_schema::DataType;
use serde_json::Value;
use serde_json::json;

use super::Cells;
use super::Form;
use super::base64;
use super::class_name;
use super::is_label;
use super::summary::shown;

/// The value of a row.
pub(super) fn json(cells: &Cells, row: usize) -> Value {
    if row >= cells.len() || cells.is_null(row) {
        return Value::Null;
    }
    match &cells.form {
        Form::Tensor(tensor) => tensor_value(tensor, row),
        Form::Scalar => {
            number(&cells.array, row).unwrap_or_else(|| shown(&cells.array, row).into())
        }
        Form::Label(codes) => match (&cells.ty, codes.as_primitive_opt::<UInt64Type>()) {
            (Some(ty), Some(codes)) => class_name(ty, codes.value(row)).into(),
            _ => Value::Null,
        },
        Form::Text(texts) => {
            let text = texts.as_string_view_opt().map_or("", |texts| texts.value(row));
            let is_json = cells.ty.as_ref().is_some_and(|ty| ty.dtype == crate::DType::Json);
            if is_json {
                serde_json::from_str(text).unwrap_or_else(|_| text.into())
            } else {
                text.into()
            }
        }
        Form::Bytes(bytes) => json!({ "base64": base64::encode(bytes.value(row)) }),
        Form::Encoded(files, sizes) => {
            let shape = sizes.get(row * 3..row * 3 + 3).unwrap_or_default();
            let file = files.value(row);
            json!({ "format": format_name(file), "shape": shape, "base64": base64::encode(file) })
        }
        Form::Sequence(offsets, inner) => {
            let begin = offsets.get(row).copied().unwrap_or(0);
            let end = offsets.get(row + 1).copied().unwrap_or(begin);
            (begin..end).map(|at| json(inner, at)).collect::<Vec<_>>().into()
        }
        Form::Other => shown(&cells.array, row).into(),
    }
}

/// What the first bytes of a file promise.
pub(super) fn format_name(file: &[u8]) -> &'static str {
    if file.starts_with(&[0xff, 0xd8, 0xff]) {
        "jpeg"
    } else if file.starts_with(b"\x89PNG") {
        "png"
    } else {
        "image"
    }
}

fn tensor_value(tensor: &TensorArray, row: usize) -> Value {
    let range = tensor.range(row);
    let elements = tensor.elements().slice(range.start, range.len());
    let ty = tensor.ty();
    let flat: Vec<Value> = if is_label(ty) {
        match cast(&elements, &DataType::UInt64) {
            Ok(codes) => codes
                .as_primitive::<UInt64Type>()
                .values()
                .iter()
                .map(|code| class_name(ty, *code).into())
                .collect(),
            Err(_) => Vec::new(),
        }
    } else {
        numbers(&elements).unwrap_or_default()
    };
    let shape: Vec<usize> = tensor.shape(row).to_vec();
    nested(&mut flat.into_iter(), &shape)
}

fn nested(flat: &mut impl Iterator<Item = Value>, shape: &[usize]) -> Value {
    match shape.split_first() {
        None => flat.next().unwrap_or(Value::Null),
        Some((size, rest)) => (0..*size).map(|_| nested(flat, rest)).collect::<Vec<_>>().into(),
    }
}

/// A number or bool; `None` for other types.
fn number(array: &ArrayRef, at: usize) -> Option<Value> {
    numbers(&array.slice(at, 1))?.pop()
}

/// Numbers or bools, converted together; `None` for other types.
fn numbers(array: &ArrayRef) -> Option<Vec<Value>> {
    let null = Value::Null;
    Some(match array.data_type() {
        DataType::Boolean => {
            let values = array.as_boolean().iter();
            values.map(|value| value.map_or(null.clone(), Value::from)).collect()
        }
        DataType::UInt64 => {
            let values = array.as_primitive::<UInt64Type>().iter();
            values.map(|value| value.map_or(null.clone(), Value::from)).collect()
        }
        data_type if data_type.is_integer() => {
            let wide = cast(array, &DataType::Int64).ok()?;
            let values = wide.as_primitive::<Int64Type>().iter();
            values.map(|value| value.map_or(null.clone(), Value::from)).collect()
        }
        DataType::Float16 | DataType::Float32 => {
            let wide = cast(array, &DataType::Float32).ok()?;
            let values = wide.as_primitive::<Float32Type>().iter();
            // Through the shortest text, so that f32 0.1 stays 0.1.
            let short = |value: f32| value.to_string().parse().unwrap_or_else(|_| f64::from(value));
            values.map(|value| value.map_or(null.clone(), |v| float(short(v)))).collect()
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().iter();
            values.map(|value| value.map_or(null.clone(), float)).collect()
        }
        _ => return None,
    })
}

/// A float; text if it is none that JSON has a number for.
fn float(value: f64) -> Value {
    match serde_json::Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}
