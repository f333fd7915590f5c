//! Values of a JSON line as Arrow arrays of a column's type.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::array::BinaryViewArray;
use arrow::array::ListArray;
use arrow::array::RecordBatch;
use arrow::array::StringViewArray;
use arrow::array::StructArray;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use arrow::datatypes::UInt32Type;
use arrow_schema::DataType;
use arrow_schema::Schema;
use lakebed::codec::media::encode_png;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Layout;
use lakebed::core::Shape;
use lakebed::core::TensorBuilder;
use lakebed::core::TensorType;
use lakebed::core::tensor_builder::shape_array;
use serde_json::Map;
use serde_json::Value as Json;

use super::Result;

/// Rows as a batch that a writer takes.
///
/// # Errors
/// A value that is not of its column's type.
pub fn batch(columns: &[Column], rows: &[Map<String, Json>]) -> Result<RecordBatch> {
    let mut fields = Vec::new();
    let mut arrays = Vec::new();
    for column in columns {
        let ty = TensorType::from_column(column);
        let values = rows.iter().map(|row| row.get(&column.name).filter(|value| !value.is_null()));
        arrays.push(array(&ty, &values.collect::<Vec<_>>())?);
        fields.push(ty.to_field(&column.name, column.nullable));
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?)
}

fn array(ty: &TensorType, values: &[Option<&Json>]) -> Result<ArrayRef> {
    match (&ty.layout, &ty.dtype) {
        (Layout::Encoded, _) => images(ty, values),
        (Layout::Sequence(inner), _) => sequences(ty, inner, values),
        (_, DType::Text) => {
            let texts = values.iter().map(|value| value.and_then(Json::as_str));
            Ok(Arc::new(StringViewArray::from_iter(texts)))
        }
        (_, DType::Json) => {
            let texts = values.iter().map(|value| value.map(Json::to_string));
            Ok(Arc::new(StringViewArray::from_iter(texts)))
        }
        (_, DType::Bool) => {
            let builder = builder(ty, values, Json::as_bool)?;
            Ok(builder.finish_bool(ty)?)
        }
        (_, DType::I32) => numbers::<Int32Type>(ty, values, |v| v.as_i64()?.try_into().ok()),
        (_, DType::I64) => numbers::<Int64Type>(ty, values, Json::as_i64),
        (_, DType::U8) => numbers::<UInt8Type>(ty, values, |v| v.as_u64()?.try_into().ok()),
        (_, DType::U32) => numbers::<UInt32Type>(ty, values, |v| v.as_u64()?.try_into().ok()),
        #[expect(clippy::cast_possible_truncation, reason = "the value was written from an f32")]
        (_, DType::F32) => numbers::<Float32Type>(ty, values, |v| float(v).map(|v| v as f32)),
        (_, DType::F64) => numbers::<Float64Type>(ty, values, float),
        (_, other) => Err(format!("no dataset of the corpus has a column of {other}").into()),
    }
}

fn numbers<P: ArrowPrimitiveType>(
    ty: &TensorType,
    values: &[Option<&Json>],
    of: impl Fn(&Json) -> Option<P::Native>,
) -> Result<ArrayRef> {
    Ok(builder(ty, values, of)?.finish::<P>(ty)?)
}

fn builder<T: Copy + Default>(
    ty: &TensorType,
    values: &[Option<&Json>],
    of: impl Fn(&Json) -> Option<T>,
) -> Result<TensorBuilder<T>> {
    let mut builder = TensorBuilder::new(ty.ndim());
    for value in values {
        let Some(value) = value else {
            let fixed: Option<Vec<usize>> =
                ty.dims.iter().map(|dim| usize::try_from((*dim)?).ok()).collect();
            builder.push_null(fixed.and_then(|dims| Shape::new(&dims)).as_ref())?;
            continue;
        };
        let (data, shape) = parts(value);
        elements(data, &of, builder.elements_mut())?;
        builder.finish_row(&shape)?;
    }
    Ok(builder)
}

/// The data and shape of a tensor, or of a number or a list of numbers.
fn parts(value: &Json) -> (&Json, Vec<usize>) {
    let sizes = |shape: &Json| {
        let sizes = shape.as_array().into_iter().flatten();
        sizes.filter_map(|size| usize::try_from(size.as_u64()?).ok()).collect()
    };
    match (value.get("data"), value.get("shape")) {
        (Some(data), Some(shape)) => (data, sizes(shape)),
        _ => (value, value.as_array().map(Vec::len).into_iter().collect()),
    }
}

fn elements<T>(data: &Json, of: &impl Fn(&Json) -> Option<T>, into: &mut Vec<T>) -> Result<()> {
    match data {
        Json::Array(items) => items.iter().try_for_each(|item| elements(item, of, into)),
        one => {
            into.push(of(one).ok_or_else(|| format!("{one} is not of the column's type"))?);
            Ok(())
        }
    }
}

fn float(value: &Json) -> Option<f64> {
    match value.get("float").and_then(Json::as_str) {
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        Some(_) => Some(f64::NAN),
        None => value.as_f64(),
    }
}

fn sequences(ty: &TensorType, inner: &TensorType, values: &[Option<&Json>]) -> Result<ArrayRef> {
    let DataType::List(item) = ty.data_type() else { return Err("a sequence is a list".into()) };
    let lists = values.iter().map(|value| value.and_then(Json::as_array));
    let offsets = OffsetBuffer::from_lengths(lists.clone().map(|list| list.map_or(0, Vec::len)));
    let items: Vec<Option<&Json>> = lists.flatten().flatten().map(Some).collect();
    let nulls = NullBuffer::from_iter(values.iter().map(Option::is_some));
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    Ok(Arc::new(ListArray::try_new(item, offsets, array(inner, &items)?, nulls)?))
}

/// Pixels as PNG files.
fn images(ty: &TensorType, values: &[Option<&Json>]) -> Result<ArrayRef> {
    let mut files = Vec::new();
    let mut sizes = Vec::new();
    for value in values {
        let Some(value) = value else {
            files.push(Vec::new());
            sizes.extend([0; 3]);
            continue;
        };
        let (data, shape) = parts(value);
        let mut pixels = Vec::new();
        elements(data, &|pixel: &Json| u8::try_from(pixel.as_u64()?).ok(), &mut pixels)?;
        let shape = Shape::new(&shape).ok_or("an image has three dimensions")?;
        files.push(encode_png(&shape, &pixels)?);
        for size in shape.iter() {
            sizes.push(i32::try_from(*size)?);
        }
    }
    let DataType::Struct(fields) = ty.data_type() else { return Err("an image has parts".into()) };
    let parts: Vec<ArrayRef> = vec![
        Arc::new(BinaryViewArray::from_iter_values(&files)),
        shape_array(sizes, 3, values.len())?,
    ];
    let nulls = NullBuffer::from_iter(values.iter().map(Option::is_some));
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    Ok(Arc::new(StructArray::try_new(fields, parts, nulls)?))
}
