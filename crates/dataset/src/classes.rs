//! Class codes under another list of names.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::PrimitiveArray;
use arrow::array::downcast_primitive_array;
use arrow::array::make_array;
use arrow::datatypes::ArrowNativeType;
use arrow::datatypes::ArrowPrimitiveType;
use arrow::datatypes::DataType;
use lakebed_core::Column;

use crate::error::Error;
use crate::error::Result;

/// Codes of the classes `before` as codes of `now`'s, in scalars, tensors and sequences. A code
/// without a name stays, unless `now` gives it one.
///
/// # Errors
/// A name that `now` does not have, or a code that has no name before and one now.
pub fn recoded(array: &ArrayRef, before: &[String], now: &Column) -> Result<ArrayRef> {
    if now.classes.starts_with(before) {
        return Ok(array.clone());
    }
    let wrong = |reason: String| Error::SchemaMismatch {
        reason: format!("column '{}': {reason}", now.name),
    };
    let codes = before
        .iter()
        .map(|name| now.class_code(name).map_err(Error::from))
        .collect::<Result<Vec<u64>>>()?;
    mapped(array, &|code| {
        let place = usize::try_from(code).unwrap_or(usize::MAX);
        match codes.get(place) {
            Some(code) => Ok(*code),
            None if place >= now.classes.len() => Ok(code),
            None => Err(wrong(format!(
                "class code {code} has no name in one list and one in the other"
            ))),
        }
    })
}

/// The array with every unsigned integer in it mapped, whatever it is nested in.
fn mapped(array: &ArrayRef, map: &dyn Fn(u64) -> Result<u64>) -> Result<ArrayRef> {
    let data = array.to_data();
    match array.data_type() {
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => {
            let array: &dyn Array = &**array;
            downcast_primitive_array!(
                array => scalars(array, map),
                other => Err(Error::SchemaMismatch { reason: format!("{other} holds no class codes") })
            )
        }
        DataType::Struct(_) => {
            // A ragged tensor: its elements come first, sizes behind them.
            let parts = array.as_struct();
            let (fields, mut columns, nulls) = parts.clone().into_parts();
            if let Some(first) = columns.first_mut() {
                *first = mapped(first, map)?;
            }
            Ok(std::sync::Arc::new(arrow::array::StructArray::try_new(fields, columns, nulls)?))
        }
        DataType::List(_) | DataType::FixedSizeList(_, _) => {
            let children = data
                .child_data()
                .iter()
                .map(|child| Ok(mapped(&make_array(child.clone()), map)?.to_data()))
                .collect::<Result<Vec<_>>>()?;
            Ok(make_array(data.into_builder().child_data(children).build()?))
        }
        _ => Ok(array.clone()),
    }
}

fn scalars<T: ArrowPrimitiveType>(
    array: &PrimitiveArray<T>,
    map: &dyn Fn(u64) -> Result<u64>,
) -> Result<ArrayRef> {
    let mut values = Vec::with_capacity(array.len());
    for (row, value) in array.values().iter().enumerate() {
        if array.is_null(row) {
            values.push(T::Native::default());
            continue;
        }
        let code = u64::try_from(value.as_usize()).unwrap_or(u64::MAX);
        let place = usize::try_from(map(code)?).ok();
        let code = place.and_then(T::Native::from_usize).filter(|new| {
            // from_usize wraps where the type is too narrow.
            Some(new.as_usize()) == place
        });
        values.push(code.ok_or_else(|| Error::SchemaMismatch {
            reason: format!("there are more classes than {} counts", array.data_type()),
        })?);
    }
    let array = PrimitiveArray::<T>::new(values.into(), array.nulls().cloned());
    Ok(std::sync::Arc::new(array))
}
