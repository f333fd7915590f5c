//! Values of text formats, checked one by one and put together a batch at a time.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::BinaryViewBuilder;
use arrow::array::ListArray;
use arrow::array::StringArray;
use arrow::array::StringViewArray;
use arrow::array::StringViewBuilder;
use arrow::array::StructArray;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow::compute::CastOptions;
use arrow::compute::cast_with_options;
use arrow::datatypes as types;
use arrow_schema::DataType;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use half::f16;
use lakebed_core::Column;
use lakebed_core::Compression;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::Limits;
use lakebed_core::Shape;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;
use serde_json::Value;

use crate::error::Result;
use crate::media::EncodedImage;

/// One value, of the type of its column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Integers(Vec<i128>, Vec<usize>),
    Floats(Vec<f64>, Vec<usize>),
    Bools(Vec<bool>, Vec<usize>),
    /// Text, JSON, and what is cast from text: dates, times, decimals.
    Text(String),
    Texts(Vec<String>),
    Bytes(Vec<u8>),
    Image(Vec<u8>, [i32; 3]),
}

impl Cell {
    /// Bytes that the value takes until its batch is whole.
    pub fn bytes(&self) -> usize {
        16 + match self {
            Cell::Null => 0,
            Cell::Integers(values, _) => values.len() * 16,
            Cell::Floats(values, _) => values.len() * 8,
            Cell::Bools(values, _) => values.len(),
            Cell::Text(text) => text.len(),
            Cell::Texts(texts) => texts.iter().map(|text| text.len() + 24).sum(),
            Cell::Bytes(bytes) | Cell::Image(bytes, _) => bytes.len(),
        }
    }

    /// A JSON value as a value of `column`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn new(column: &Column, value: &Value, limits: &Limits) -> Result<Cell, String> {
        if value.is_null() {
            return match column.nullable {
                true => Ok(Cell::Null),
                false => Err("it is null, and the column has no nulls".into()),
            };
        }
        if column.sequence {
            let list = value.as_array().ok_or_else(|| wrong("a list", value))?;
            let texts = list.iter().map(|value| {
                let text = text_of(value);
                check_text(&column.dtype, &text)?;
                Ok(text)
            });
            return Ok(Cell::Texts(texts.collect::<Result<_, String>>()?));
        }
        if column.compression == Compression::Encoded {
            return image(value, limits);
        }
        match &column.dtype {
            DType::Text => value
                .as_str()
                .map(|text| Cell::Text(text.into()))
                .ok_or_else(|| wrong("text", value)),
            DType::Json => Ok(Cell::Text(value.to_string())),
            DType::Bytes => base64_of(value).map(Cell::Bytes),
            dtype if dtype.is_tensor_element() => tensor(column, value),
            dtype => {
                let text = text_of(value);
                check_text(dtype, &text)?;
                Ok(Cell::Text(text))
            }
        }
    }
}

fn wrong(expected: &str, value: &Value) -> String {
    let mut text = value.to_string();
    if text.len() > 60 {
        let end = (0..=60).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str("...");
    }
    format!("{text} is not {expected}")
}

/// Text as it is, other scalars as they are written.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// Checks that a text can be cast to the column's type.
fn check_text(dtype: &DType, text: &str) -> Result<(), String> {
    if matches!(dtype, DType::Text) {
        return Ok(());
    }
    let one: ArrayRef = Arc::new(StringArray::from(vec![text]));
    cast(&one, &dtype.to_arrow()).map(drop).map_err(|_| format!("'{text}' is not {dtype}"))
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, arrow_schema::ArrowError> {
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })
}

fn base64_of(value: &Value) -> Result<Vec<u8>, String> {
    // As it is written, and as other programs may have it.
    let text = value.get("base64").unwrap_or(value).as_str();
    let text = text.ok_or_else(|| wrong("base64", value))?;
    STANDARD.decode(text).map_err(|e| format!("it is not base64: {e}"))
}

fn image(value: &Value, limits: &Limits) -> Result<Cell, String> {
    let bytes = base64_of(value)?;
    let shape = image_shape(&bytes, limits)?;
    Ok(Cell::Image(bytes, shape))
}

/// Decodes an image once: (height, width, channels).
pub(super) fn image_shape(bytes: &[u8], limits: &Limits) -> Result<[i32; 3], String> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    Limits::check("an image's length in bytes", length, limits.max_page_bytes, "max_page_bytes")
        .map_err(|e| e.to_string())?;
    let info = lakebed_codec::media::verify_complete(bytes, limits).map_err(|e| e.to_string())?;
    let size = |size: u32| i32::try_from(size).map_err(|e| e.to_string());
    Ok([size(info.height)?, size(info.width)?, size(info.channels)?])
}

/// A number or nested lists of numbers.
fn tensor(column: &Column, value: &Value) -> Result<Cell, String> {
    let mut shape = Vec::new();
    let mut at = value;
    while let Some(list) = at.as_array() {
        shape.push(list.len());
        let Some(first) = list.first() else { break };
        at = first;
    }
    let ndim = column.dims.len();
    if shape.last() == Some(&0) && shape.len() < ndim {
        // Nothing says how an empty list would go on.
        let rest = column.dims.iter().skip(shape.len());
        shape.extend(rest.map(|dim| dim.and_then(|d| usize::try_from(d).ok()).unwrap_or(0)));
    }
    if shape.len() != ndim {
        return Err(match ndim {
            0 => wrong(&column.dtype.to_string(), value),
            _ => format!("it has {} dimensions, not {ndim}", shape.len()),
        });
    }
    for (size, dim) in shape.iter().zip(&column.dims) {
        if dim.is_some_and(|dim| usize::try_from(dim) != Ok(*size)) {
            return Err(format!("its shape is {shape:?}, not {}", TensorType::from_column(column)));
        }
    }
    let mut leaves = Vec::new();
    flatten(value, &shape, &mut leaves)
        .map_err(|cause| format!("{cause}: give --type {}=json", column.name))?;
    let dtype = &column.dtype;
    let not = |value: &&Value| wrong(&dtype.to_string(), value);
    if *dtype == DType::Bool {
        let values = leaves.iter().map(|v| v.as_bool().ok_or_else(|| not(v)));
        return Ok(Cell::Bools(values.collect::<Result<_, _>>()?, shape));
    }
    if dtype.is_float() {
        let values = leaves.iter().map(|v| float(v).ok_or_else(|| not(v)));
        return Ok(Cell::Floats(values.collect::<Result<_, _>>()?, shape));
    }
    let (least, most) = range(dtype);
    let values = leaves.iter().map(|v| {
        let value = v.as_i64().map(i128::from).or_else(|| v.as_u64().map(i128::from));
        value.filter(|value| (least..=most).contains(value)).ok_or_else(|| not(v))
    });
    Ok(Cell::Integers(values.collect::<Result<_, _>>()?, shape))
}

/// All values of nested lists of one shape, in order.
fn flatten<'a>(
    value: &'a Value,
    shape: &[usize],
    leaves: &mut Vec<&'a Value>,
) -> Result<(), String> {
    match (shape.split_first(), value.as_array()) {
        (None, None) => leaves.push(value),
        (Some((size, rest)), Some(list)) if list.len() == *size => {
            for value in list {
                flatten(value, rest, leaves)?;
            }
        }
        _ => return Err("its lists are of different lengths, so that it is no tensor".into()),
    }
    Ok(())
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        other => other.as_f64(),
    }
}

/// The least and the largest value of an integer type.
fn range(dtype: &DType) -> (i128, i128) {
    match dtype {
        DType::I8 => (i8::MIN.into(), i8::MAX.into()),
        DType::I16 => (i16::MIN.into(), i16::MAX.into()),
        DType::I32 => (i32::MIN.into(), i32::MAX.into()),
        DType::I64 => (i64::MIN.into(), i64::MAX.into()),
        DType::U8 => (0, u8::MAX.into()),
        DType::U16 => (0, u16::MAX.into()),
        DType::U32 => (0, u32::MAX.into()),
        _ => (0, u64::MAX.into()),
    }
}

/// Values of one column as an Arrow array of its type.
pub(super) fn array(column: &Column, cells: Vec<Cell>) -> Result<ArrayRef> {
    let ty = TensorType::from_column(column);
    let fixed = match ty.layout {
        Layout::Fixed => {
            let dims = column.dims.iter().map(|dim| usize::try_from(dim.unwrap_or(0)).unwrap_or(0));
            Shape::new(&dims.collect::<Vec<_>>())
        }
        _ => None,
    };
    macro_rules! numbers {
        ($variant:ident, $native:ty, $convert:expr, $finish:expr) => {{
            let mut builder = TensorBuilder::<$native>::new(column.dims.len());
            for cell in cells {
                match cell {
                    Cell::$variant(values, shape) => {
                        builder.elements_mut().extend(values.into_iter().map($convert));
                        builder.finish_row(&shape)?;
                    }
                    _ => builder.push_null(fixed.as_ref())?,
                }
            }
            $finish(builder)?
        }};
    }
    // Every value was checked against its type's range when its cell was made.
    macro_rules! integers {
        ($native:ty, $arrow:ty) => {
            numbers!(
                Integers,
                $native,
                |value| <$native>::try_from(value).unwrap_or_default(),
                |builder: TensorBuilder<$native>| builder.finish::<$arrow>(&ty)
            )
        };
    }
    if column.sequence {
        return sequence(&ty, &column.dtype, cells);
    }
    if column.compression == Compression::Encoded {
        return images(&ty, cells);
    }
    Ok(match &column.dtype {
        DType::Bool => {
            numbers!(Bools, bool, |v| v, |b: TensorBuilder<bool>| b.finish_bool(&ty))
        }
        DType::I8 => integers!(i8, types::Int8Type),
        DType::I16 => integers!(i16, types::Int16Type),
        DType::I32 => integers!(i32, types::Int32Type),
        DType::I64 => integers!(i64, types::Int64Type),
        DType::U8 => integers!(u8, types::UInt8Type),
        DType::U16 => integers!(u16, types::UInt16Type),
        DType::U32 => integers!(u32, types::UInt32Type),
        DType::U64 => integers!(u64, types::UInt64Type),
        DType::F16 => numbers!(Floats, f16, f16::from_f64, |b: TensorBuilder<f16>| {
            b.finish::<types::Float16Type>(&ty)
        }),
        DType::F32 => numbers!(Floats, f32, narrow, |b: TensorBuilder<f32>| {
            b.finish::<types::Float32Type>(&ty)
        }),
        DType::F64 => numbers!(Floats, f64, |v| v, |b: TensorBuilder<f64>| {
            b.finish::<types::Float64Type>(&ty)
        }),
        DType::Bytes => {
            let mut builder = BinaryViewBuilder::new();
            for cell in &cells {
                match cell {
                    Cell::Bytes(bytes) => builder.append_value(bytes),
                    _ => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        DType::Text | DType::Json => Arc::new(texts(&cells)),
        dtype => {
            let texts: ArrayRef = Arc::new(texts(&cells));
            cast(&cast(&texts, &DataType::Utf8)?, &dtype.to_arrow())?
        }
    })
}

#[expect(clippy::cast_possible_truncation, reason = "to round to f32 is what is asked for")]
fn narrow(value: f64) -> f32 {
    value as f32
}

fn texts(cells: &[Cell]) -> StringViewArray {
    let mut builder = StringViewBuilder::new();
    for cell in cells {
        match cell {
            Cell::Text(text) => builder.append_value(text),
            _ => builder.append_null(),
        }
    }
    builder.finish()
}

fn sequence(ty: &TensorType, dtype: &DType, cells: Vec<Cell>) -> Result<ArrayRef> {
    let mut builder = StringViewBuilder::new();
    let mut lengths = Vec::with_capacity(cells.len());
    let valid: Vec<bool> = cells.iter().map(|cell| *cell != Cell::Null).collect();
    for cell in &cells {
        let Cell::Texts(texts) = cell else {
            lengths.push(0);
            continue;
        };
        texts.iter().for_each(|text| builder.append_value(text));
        lengths.push(texts.len());
    }
    let mut values: ArrayRef = Arc::new(builder.finish());
    if *dtype != DType::Text {
        values = cast(&cast(&values, &DataType::Utf8)?, &dtype.to_arrow())?;
    }
    let DataType::List(item) = ty.data_type() else {
        return Err(not_of(ty, "a sequence"));
    };
    let nulls = NullBuffer::from(valid);
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    Ok(Arc::new(ListArray::try_new(item, offsets, values, nulls)?))
}

fn images(ty: &TensorType, cells: Vec<Cell>) -> Result<ArrayRef> {
    let images = cells.into_iter().map(|cell| match cell {
        Cell::Image(bytes, shape) => Some(EncodedImage { bytes, shape }),
        _ => None,
    });
    image_array(ty, images)
}

/// A column of encoded images, `None` for null.
pub(super) fn image_array(
    ty: &TensorType,
    images: impl Iterator<Item = Option<EncodedImage>>,
) -> Result<ArrayRef> {
    let mut data = BinaryViewBuilder::new();
    let (mut sizes, mut valid) = (Vec::new(), Vec::new());
    for image in images {
        valid.push(image.is_some());
        let image = image.unwrap_or(EncodedImage { bytes: Vec::new(), shape: [0; 3] });
        data.append_value(&image.bytes);
        sizes.extend(image.shape);
    }
    let data: ArrayRef = Arc::new(data.finish());
    let shape = shape_array(sizes, 3, data.len())?;
    let DataType::Struct(fields) = ty.data_type() else {
        return Err(not_of(ty, "an encoded image"));
    };
    let nulls = NullBuffer::from(valid);
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    Ok(Arc::new(StructArray::try_new(fields, vec![data, shape], nulls)?))
}

pub(super) fn not_of(ty: &TensorType, expected: &str) -> crate::Error {
    crate::Error::Core(lakebed_core::Error::WrongType {
        expected: expected.to_string(),
        found: ty.to_string(),
    })
}
