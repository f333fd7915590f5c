//! Full values as JSON.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use arrow_schema::DataType;
use lakebed_codec::media::MediaKind;
use lakebed_core::TensorArray;
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
            let is_json = cells.ty.as_ref().is_some_and(|ty| ty.dtype == lakebed_core::DType::Json);
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
    match MediaKind::detect(file) {
        Some(MediaKind::Jpeg) => "jpeg",
        Some(MediaKind::Png) => "png",
        _ => "image",
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
        (0..elements.len()).map(|at| number(&elements, at).unwrap_or(Value::Null)).collect()
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
    if array.is_null(at) {
        return Some(Value::Null);
    }
    let one = array.slice(at, 1);
    match array.data_type() {
        DataType::Boolean => Some(one.as_boolean().value(0).into()),
        DataType::UInt64 => Some(one.as_primitive::<UInt64Type>().value(0).into()),
        data_type if data_type.is_integer() => {
            let wide = cast(&one, &DataType::Int64).ok()?;
            Some(wide.as_primitive::<Int64Type>().value(0).into())
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            // Through the shortest text, so that f32 0.1 stays 0.1.
            let wide = cast(&one, &DataType::Float64).ok()?;
            let exact = wide.as_primitive::<Float64Type>().value(0);
            if exact.is_nan() {
                return Some("NaN".into());
            }
            if exact.is_infinite() {
                return Some(if exact > 0.0 { "Infinity" } else { "-Infinity" }.into());
            }
            let short = shown(&one, 0).parse().unwrap_or(exact);
            Some(serde_json::Number::from_f64(short).map_or(Value::Null, Value::Number))
        }
        _ => None,
    }
}
