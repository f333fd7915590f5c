//! The values of rows that were written before their column was added.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringArray;
use arrow::array::UInt32Array;
use arrow::array::new_null_array;
use arrow::compute::take;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Limits;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_format::ChunkBuilder;
use lakebed_format::ChunkPlan;
use lakebed_format::Directory;
use lakebed_format::Part;
use lakebed_format::RowSet;
use lakebed_format::Verification;
use serde_json::Value;

use crate::error::Error;
use crate::error::Result;

/// `rows` times the fill value of a column, or null, as `part` of it.
pub(crate) fn rows_of(
    column: &Column,
    part: &Part,
    rows: usize,
    limits: &Limits,
) -> Result<ArrayRef> {
    let one = one_row(column)?;
    let nullable = Column { nullable: true, ..column.clone() };
    // Through a chunk in memory, so that every part means what it means for stored rows.
    let mut builder = ChunkBuilder::new(nullable.clone(), 1);
    let mut chunk = None;
    builder.push(&one, |full| {
        chunk = Some(full);
        Ok(())
    })?;
    let chunk = match chunk {
        Some(chunk) => chunk,
        None => builder.finish()?,
    };
    let directory = Directory::from_bytes(&chunk.directory.into(), &nullable, limits)?;
    let plan = ChunkPlan::new(Arc::new(directory), &nullable, RowSet::Range(0..1), part.clone())?;
    let payload = bytes::Bytes::from(chunk.payload);
    let mut fetched = Vec::new();
    for range in plan.ranges() {
        let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        fetched.push(payload.slice(at(range.start)..at(range.end)));
    }
    let value = plan.assemble(&fetched, limits, Verification::Never)?;
    Ok(take(&value, &UInt32Array::from(vec![0; rows]), None)?)
}

/// Checks that a column's fill value can be read.
pub(crate) fn check(column: &Column, limits: &Limits) -> Result<()> {
    rows_of(column, &Part::Whole, 1, limits).map(drop)
}

fn one_row(column: &Column) -> Result<ArrayRef> {
    let ty = TensorType::from_column(column);
    let Some(fill) = &column.fill else { return Ok(new_null_array(&ty.data_type(), 1)) };
    let wrong = |reason: String| {
        Error::Core(lakebed_core::Error::InvalidColumn {
            column: column.name.clone(),
            reason: format!("the fill value {fill} is no {ty}: {reason}"),
        })
    };
    if column.sequence || column.compression == lakebed_core::Compression::Encoded {
        return Err(wrong(
            "sequences and encoded images have no fill value: make the column nullable".into(),
        ));
    }
    if column.ndim() == 0 {
        return scalar(column, fill, &wrong);
    }
    let (mut numbers, mut shape) = (Vec::new(), Vec::new());
    flatten(fill, 0, &mut shape, &mut numbers).map_err(&wrong)?;
    let mut builder = TensorBuilder::<f64>::new(shape.len());
    builder.push(&numbers, &shape)?;
    let f64_type =
        TensorType { dtype: DType::F64, ..TensorType::tensor(DType::F64, column.dims.clone()) };
    let array = builder.finish::<arrow::datatypes::Float64Type>(&f64_type)?;
    let plain = TensorType::tensor(column.dtype.clone(), column.dims.clone());
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    arrow::compute::cast_with_options(&array, &plain.data_type(), &options)
        .map_err(|e| wrong(e.to_string()))
}

fn scalar(column: &Column, fill: &Value, wrong: &dyn Fn(String) -> Error) -> Result<ArrayRef> {
    let text = match fill {
        Value::String(name) if !column.classes.is_empty() => column.class_code(name)?.to_string(),
        _ if column.dtype == DType::Json => fill.to_string(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => fill.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(wrong("write a text, a number or true and false".into()));
        }
    };
    let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
    let options = arrow::compute::CastOptions { safe: false, ..Default::default() };
    arrow::compute::cast_with_options(&array, &column.dtype.to_arrow(), &options)
        .map_err(|e| wrong(e.to_string()))
}

/// Numbers of nested lists in row-major order, and the lists' lengths.
fn flatten(
    value: &Value,
    depth: usize,
    shape: &mut Vec<usize>,
    numbers: &mut Vec<f64>,
) -> std::result::Result<(), String> {
    match value {
        Value::Array(list) => {
            if depth == shape.len() {
                shape.push(list.len());
            } else if shape[depth] != list.len() {
                return Err("its lists have different lengths".into());
            }
            list.iter().try_for_each(|item| flatten(item, depth + 1, shape, numbers))
        }
        Value::Number(_) | Value::Bool(_) if depth != shape.len() => {
            Err("its lists have different depths".into())
        }
        Value::Number(number) => {
            numbers.push(number.as_f64().ok_or("a number is too large")?);
            Ok(())
        }
        Value::Bool(value) => {
            numbers.push(if *value { 1.0 } else { 0.0 });
            Ok(())
        }
        other => Err(format!("{other} is no number")),
    }
}
