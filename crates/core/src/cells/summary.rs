//! One line a value, for a table on a terminal.

use crate::TensorArray;
use crate::human;
use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use arrow::util::display::ArrayFormatter;
use arrow::util::display::FormatOptions;
use arrow_schema::DataType;

use super::Cells;
use super::Form;
use super::class_name;
use super::is_label;
use super::json::format_name;

/// Elements of a vector that are shown in full.
const SHOWN_ELEMENTS: usize = 8;
/// Characters of a text that are shown.
const SHOWN_CHARACTERS: usize = 60;

/// The row in one line.
pub(super) fn summary(cells: &Cells, row: usize) -> String {
    if row >= cells.len() || cells.is_null(row) {
        return "null".to_string();
    }
    match &cells.form {
        Form::Tensor(tensor) => tensor_summary(tensor, row),
        Form::Scalar => shown(&cells.array, row),
        Form::Label(codes) => match (&cells.ty, codes.as_primitive_opt::<UInt64Type>()) {
            (Some(ty), Some(codes)) => class_name(ty, codes.value(row)),
            _ => shown(&cells.array, row),
        },
        Form::Text(texts) => {
            shortened(texts.as_string_view_opt().map_or("", |texts| texts.value(row)))
        }
        Form::Bytes(bytes) => format!("bytes {}", size(bytes.value(row))),
        Form::Encoded(files, sizes) => {
            let file = files.value(row);
            let shape = sizes.get(row * 3..row * 3 + 3).unwrap_or_default();
            let shape: Vec<String> = shape.iter().map(ToString::to_string).collect();
            format!("{} u8[{}] {}", format_name(file), shape.join("×"), size(file))
        }
        Form::Sequence(offsets, inner) => {
            let begin = offsets.get(row).copied().unwrap_or(0);
            let end = offsets.get(row + 1).copied().unwrap_or(begin);
            let parts = (begin..end).take(SHOWN_ELEMENTS).map(|at| summary(inner, at));
            listed(parts.collect(), end - begin)
        }
        Form::Other => shortened(&shown(&cells.array, row)),
    }
}

/// Arrow's own text of a value.
pub(super) fn shown(array: &ArrayRef, row: usize) -> String {
    let options = FormatOptions::default();
    match ArrayFormatter::try_new(array.as_ref(), &options) {
        Ok(formatter) => formatter.value(row).to_string(),
        Err(_) => array.data_type().to_string(),
    }
}

fn listed(mut parts: Vec<String>, count: usize) -> String {
    if count > parts.len() {
        parts.push(format!("… {count} in all"));
    }
    format!("[{}]", parts.join(", "))
}

fn tensor_summary(tensor: &TensorArray, row: usize) -> String {
    let range = tensor.range(row);
    let shape = tensor.shape(row);
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let ty = tensor.ty();
    let head = format!("{}[{}]", ty.dtype, sizes.join("×"));
    if range.is_empty() {
        return format!("{head} empty");
    }
    let elements = tensor.elements().slice(range.start, range.len());
    if shape.ndim() <= 1 {
        if is_label(ty) {
            let names = elements.slice(0, elements.len().min(SHOWN_ELEMENTS));
            if let Ok(codes) = cast(&names, &DataType::UInt64) {
                let codes = codes.as_primitive::<UInt64Type>().values();
                let names = codes.iter().map(|code| class_name(ty, *code)).collect();
                return listed(names, elements.len());
            }
        }
        if elements.len() <= SHOWN_ELEMENTS {
            let parts = (0..elements.len()).map(|at| shown(&elements, at)).collect();
            return listed(parts, elements.len());
        }
    }
    format!("{head} {}", range_of(&elements))
}

/// Least, greatest and mean element; NaN apart.
fn range_of(elements: &ArrayRef) -> String {
    if elements.data_type() == &DataType::Boolean {
        return format!("{} true", elements.as_boolean().true_count());
    }
    let Ok(floats) = cast(elements, &DataType::Float64) else { return String::new() };
    let floats = floats.as_primitive::<Float64Type>();
    let mut sum = 0.0;
    let mut count = 0u32;
    let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in floats.values().iter().filter(|value| !value.is_nan()) {
        sum += value;
        count = count.saturating_add(1);
        least = least.min(*value);
        greatest = greatest.max(*value);
    }
    let nans = floats.len() - usize::try_from(count).unwrap_or(0);
    if count == 0 {
        return format!("{nans} NaN");
    }
    let exact = exact_range(elements);
    let (least, greatest) = exact.unwrap_or_else(|| (short(least), short(greatest)));
    let mut text = format!("min {least} max {greatest} mean {}", short(sum / f64::from(count)));
    if nans > 0 {
        text.push_str(&format!(" and {nans} NaN"));
    }
    text
}

/// Least and greatest of integers, which may not fit a float.
fn exact_range(elements: &ArrayRef) -> Option<(String, String)> {
    if elements.data_type() == &DataType::UInt64 {
        let values = elements.as_primitive::<UInt64Type>().values();
        return Some((values.iter().min()?.to_string(), values.iter().max()?.to_string()));
    }
    if !elements.data_type().is_integer() {
        return None;
    }
    let wide = cast(elements, &DataType::Int64).ok()?;
    let values = wide.as_primitive::<Int64Type>().values();
    Some((values.iter().min()?.to_string(), values.iter().max()?.to_string()))
}

/// Four significant digits or so.
fn short(value: f64) -> String {
    let size = value.abs();
    let text = if size == 0.0 || (0.001..100_000.0).contains(&size) {
        let digits = if size >= 100.0 {
            1
        } else if size >= 1.0 {
            3
        } else {
            5
        };
        let text = format!("{value:.digits$}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        format!("{value:.3e}")
    };
    if text == "-0" { "0".to_string() } else { text }
}

fn shortened(text: &str) -> String {
    let mut line: String =
        text.chars().take(SHOWN_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(SHOWN_CHARACTERS).is_some() {
        line.push('…');
    }
    line
}

fn size(file: &[u8]) -> String {
    human::bytes(u64::try_from(file.len()).unwrap_or(u64::MAX))
}
