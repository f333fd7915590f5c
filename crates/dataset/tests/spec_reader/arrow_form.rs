//! Samples in the Arrow form that the program takes and gives.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayData;
use arrow::array::ArrayRef;
use arrow::array::BinaryViewArray;
use arrow::array::BooleanArray;
use arrow::array::FixedSizeListArray;
use arrow::array::ListArray;
use arrow::array::StringViewArray;
use arrow::array::StructArray;
use arrow::array::make_array;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow_schema::DataType;
use arrow_schema::Field;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;

use super::chunk::Value;

/// The array of a column's samples.
pub fn array_of(column: &Column, values: &[Value]) -> ArrayRef {
    of_type(&TensorType::from_column(column), values)
}

fn of_type(ty: &TensorType, values: &[Value]) -> ArrayRef {
    let nulls: NullBuffer = values.iter().map(|value| *value != Value::Null).collect();
    let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
    let bytes = || -> Vec<&[u8]> {
        values
            .iter()
            .map(|value| match value {
                Value::Bytes(bytes) | Value::Media(_, bytes) => bytes.as_slice(),
                _ => &[],
            })
            .collect()
    };
    match (&ty.layout, ty.data_type()) {
        (Layout::Sequence(inner), DataType::List(item)) => {
            let lists: Vec<&[Value]> = values
                .iter()
                .map(|value| match value {
                    Value::List(items) => items.as_slice(),
                    _ => &[],
                })
                .collect();
            let offsets = OffsetBuffer::from_lengths(lists.iter().map(|items| items.len()));
            let values = of_type(inner, &lists.concat());
            Arc::new(ListArray::try_new(item, offsets, values, nulls).unwrap())
        }
        (Layout::Encoded, DataType::Struct(fields)) => {
            let data = BinaryViewArray::from_iter_values(bytes());
            let shape = shapes(values, 3);
            Arc::new(StructArray::try_new(fields, vec![Arc::new(data), shape], nulls).unwrap())
        }
        (Layout::Ragged, DataType::Struct(fields)) => {
            let width = ty.dtype.width().unwrap();
            let all: Vec<u8> = values.iter().flat_map(|value| elements(value).1.to_vec()).collect();
            let lengths = values.iter().map(|value| elements(value).1.len() / width);
            let offsets = OffsetBuffer::from_lengths(lengths);
            let flat = flat(&ty.dtype, all, None);
            let item = Arc::new(Field::new_list_field(flat.data_type().clone(), false));
            let data = ListArray::try_new(item, offsets, flat, None).unwrap();
            let shape = shapes(values, ty.ndim());
            Arc::new(StructArray::try_new(fields, vec![Arc::new(data), shape], nulls).unwrap())
        }
        (Layout::Fixed, DataType::FixedSizeList(item, size)) => {
            let bytes = usize::try_from(size).unwrap() * ty.dtype.width().unwrap();
            let flat = flat(&ty.dtype, padded(values, bytes), None);
            Arc::new(FixedSizeListArray::try_new(item, size, flat, nulls).unwrap())
        }
        (_, DataType::Utf8View) => {
            let texts = bytes().into_iter().zip(values);
            let texts = texts.map(|(text, value)| {
                (*value != Value::Null).then(|| std::str::from_utf8(text).unwrap())
            });
            Arc::new(texts.collect::<StringViewArray>())
        }
        (_, DataType::BinaryView) => {
            let all = bytes().into_iter().zip(values);
            let all = all.map(|(bytes, value)| (*value != Value::Null).then_some(bytes));
            Arc::new(all.collect::<BinaryViewArray>())
        }
        _ => flat(&ty.dtype, padded(values, ty.dtype.width().unwrap()), nulls),
    }
}

fn elements(value: &Value) -> (&[usize], &[u8]) {
    match value {
        Value::Elements(shape, bytes) => (shape, bytes),
        _ => (&[], &[]),
    }
}

/// Elements of one size a value, zeros for nulls.
fn padded(values: &[Value], size: usize) -> Vec<u8> {
    let mut all = Vec::with_capacity(values.len() * size);
    for value in values {
        all.extend_from_slice(elements(value).1);
        all.resize(all.len().next_multiple_of(size), 0);
        if *value == Value::Null {
            all.resize(all.len() + size, 0);
        }
    }
    all
}

fn shapes(values: &[Value], ndim: usize) -> ArrayRef {
    let mut sizes = Vec::new();
    for value in values {
        let shape: &[usize] = match value {
            Value::Elements(shape, _) | Value::Media(shape, _) => shape,
            _ => &[0; 8][..ndim],
        };
        sizes.extend(shape.iter().map(|size| i32::try_from(*size).unwrap()));
    }
    shape_array(sizes, ndim, values.len()).unwrap()
}

fn flat(dtype: &DType, bytes: Vec<u8>, nulls: Option<NullBuffer>) -> ArrayRef {
    if *dtype == DType::Bool {
        return Arc::new(BooleanArray::new(bytes.iter().map(|b| *b != 0).collect(), nulls));
    }
    let count = bytes.len() / dtype.width().unwrap();
    let data = ArrayData::builder(dtype.to_arrow()).len(count).nulls(nulls);
    make_array(data.add_buffer(Buffer::from_vec(bytes)).align_buffers(true).build().unwrap())
}
