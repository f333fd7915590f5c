//! What the engine gave, and Arrow's cells as [`Value`]s.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use arrow::record_batch::RecordBatch;
use arrow::util::display::ArrayFormatter;
use arrow::util::display::FormatOptions;
use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::Schema;
use lakebed::codec::media;
use lakebed::core::DType;
use lakebed::core::HType;
use lakebed::core::Layout;
use lakebed::core::Limits;
use lakebed::core::TensorArray;
use lakebed::core::TensorType;

use super::Result;
use super::value::Value;

/// How a query ended.
#[derive(Debug, Clone)]
pub enum Answer {
    Rows {
        columns: Vec<String>,
        rows: Vec<Vec<Value>>,
    },
    Error {
        message: String,
        /// True if it points at a part of the query.
        in_query: bool,
    },
    /// A thread panicked, whatever came of it.
    Panic(String),
    /// No answer within the time that a query has.
    Timeout,
    /// The runner cannot ask for this yet.
    NotRun(String),
}

impl Answer {
    /// The rows of batches.
    ///
    /// # Errors
    /// An array that is not of its field's type, or a picture that does not decode.
    pub fn of_batches(schema: &Schema, batches: &[RecordBatch]) -> Result<Answer> {
        let columns = schema.fields().iter().map(|field| field.name().clone()).collect();
        let mut rows = Vec::new();
        for batch in batches {
            let first = rows.len();
            rows.resize_with(first + batch.num_rows(), Vec::new);
            for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
                let cells = cells(field, array)?;
                rows[first..].iter_mut().zip(cells).for_each(|(row, cell)| row.push(cell));
            }
        }
        Ok(Answer::Rows { columns, rows })
    }
}

/// Every cell of a column.
fn cells(field: &Field, array: &ArrayRef) -> Result<Vec<Value>> {
    let plain = match array.data_type() {
        DataType::Dictionary(_, values) => Some(values.as_ref().clone()),
        DataType::LargeList(item) => Some(DataType::List(item.clone())),
        _ => None,
    };
    if let Some(plain) = plain {
        let field = field.clone().with_data_type(plain.clone());
        return cells(&field, &cast(array, &plain)?);
    }
    let valid = |row: usize, value: Value| if array.is_null(row) { Value::Null } else { value };
    let Some(ty) = TensorType::from_field(field) else {
        return if let Some(list) = array.as_list_opt::<i32>() {
            let DataType::List(item) = array.data_type() else { return Ok(Vec::new()) };
            let inner = cells(item, list.values())?;
            lists(list.offsets(), &inner, valid)
        } else {
            shown(array)
        };
    };
    match &ty.layout {
        Layout::Encoded => {
            let files = array.as_struct().column(0).as_binary_view();
            (0..array.len())
                .map(|row| match array.is_null(row) {
                    true => Ok(Value::Null),
                    false => picture(files.value(row)),
                })
                .collect()
        }
        Layout::Sequence(_) => {
            let DataType::List(item) = field.data_type() else { return shown(array) };
            let list = array.as_list::<i32>();
            let item = item.as_ref().clone();
            let inner = cells(&inherit(item, field), list.values())?;
            lists(list.offsets(), &inner, valid)
        }
        Layout::Scalar => {
            let scalars = scalars(&ty, array)?;
            Ok((0..array.len()).zip(scalars).map(|(row, value)| valid(row, value)).collect())
        }
        Layout::Fixed | Layout::Ragged => {
            let tensors = TensorArray::try_new(ty.clone(), array)?;
            let elements = scalars(&TensorType::scalar(ty.dtype.clone()), tensors.elements())?;
            let named = elements.into_iter().map(|value| named(&ty, value)).collect::<Vec<_>>();
            let row = |row: usize| {
                Value::Tensor(tensors.shape(row).to_vec(), named[tensors.range(row)].to_vec())
            };
            Ok((0..array.len())
                .map(|at| if array.is_null(at) { Value::Null } else { row(at) })
                .collect())
        }
    }
}

/// A sequence of classes says so at the list, its items perhaps not.
fn inherit(item: Field, outer: &Field) -> Field {
    let mut metadata = item.metadata().clone();
    for (key, value) in outer.metadata() {
        if key.starts_with("lakebed.") {
            metadata.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    item.with_metadata(metadata)
}

fn lists(
    offsets: &[i32],
    inner: &[Value],
    valid: impl Fn(usize, Value) -> Value,
) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    for (row, ends) in offsets.windows(2).enumerate() {
        let (begin, end) = (usize::try_from(ends[0])?, usize::try_from(ends[1])?);
        rows.push(valid(row, Value::List(inner[begin..end].to_vec())));
    }
    Ok(rows)
}

/// One element a row.
fn scalars(ty: &TensorType, array: &ArrayRef) -> Result<Vec<Value>> {
    let rows = 0..array.len();
    Ok(match &ty.dtype {
        DType::Bool => {
            let bools = array.as_boolean();
            rows.map(|row| Value::Bool(bools.value(row))).collect()
        }
        DType::Text | DType::Json => {
            let texts = cast(array, &DataType::Utf8View)?;
            let texts = texts.as_string_view();
            if ty.dtype == DType::Text {
                return Ok(rows.map(|row| Value::Text(texts.value(row).to_string())).collect());
            }
            let document = |row| match texts.is_null(row) {
                true => Ok(Value::Null),
                false => Ok(Value::from_json(&serde_json::from_str(texts.value(row))?)),
            };
            return rows.map(document).collect();
        }
        DType::Bytes => {
            let bytes = cast(array, &DataType::BinaryView)?;
            let bytes = bytes.as_binary_view();
            rows.map(|row| Value::Bytes(bytes.value(row).len())).collect()
        }
        dtype if dtype.is_float() => {
            let floats = cast(array, &DataType::Float64)?;
            floats.as_primitive::<Float64Type>().values().iter().map(|x| Value::Float(*x)).collect()
        }
        DType::U64 => {
            let codes = array.as_primitive::<UInt64Type>().values().iter();
            codes.map(|x| named(ty, Value::Int((*x).into()))).collect()
        }
        _ if array.data_type().is_integer() => {
            let wide = cast(array, &DataType::Int64)?;
            let values = wide.as_primitive::<Int64Type>().values().iter();
            values.map(|x| named(ty, Value::Int((*x).into()))).collect()
        }
        _ => return shown(array),
    })
}

/// A code with its name, if it is of a class.
fn named(ty: &TensorType, value: Value) -> Value {
    let (true, Value::Int(code)) = (ty.htype == HType::ClassLabel, &value) else { return value };
    let name = usize::try_from(*code).ok().and_then(|code| ty.classes.get(code));
    match (u64::try_from(*code), name) {
        (Ok(code), Some(name)) => Value::Label(code, name.clone()),
        _ => value,
    }
}

fn picture(file: &[u8]) -> Result<Value> {
    let (shape, pixels) = media::decode(file, &Limits::default())?;
    let pixels = pixels.into_iter().map(|pixel| Value::Int(pixel.into())).collect();
    Ok(Value::Tensor(shape.to_vec(), pixels))
}

/// Dates and other types that no record writes as numbers, as Arrow's text.
fn shown(array: &ArrayRef) -> Result<Vec<Value>> {
    if array.data_type() == &DataType::Null {
        return Ok(vec![Value::Null; array.len()]);
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
    Ok((0..array.len())
        .map(|row| match array.is_null(row) {
            true => Value::Null,
            false => Value::Text(formatter.value(row).to_string()),
        })
        .collect())
}
