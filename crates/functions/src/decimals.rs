//! Decimals as f64 where a function of floats meets them.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::datatypes::DataType;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::error::Result;
use crate::function::Arg;
use crate::numbers::to_type;
use crate::value::Value;

fn is_decimal(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..)
    )
}

/// The type of an argument of numbers; a decimal counts as f64.
pub fn number_type(arg: &Arg) -> Option<Cow<'_, TensorType>> {
    match arg.numeric() {
        Some(ty) => Some(Cow::Borrowed(ty)),
        None if is_decimal(arg.field.data_type()) => {
            Some(Cow::Owned(TensorType::scalar(DType::F64)))
        }
        None => None,
    }
}

/// The argument, with decimals as f64.
///
/// # Errors
/// Those of Arrow's cast.
pub fn as_floats(value: &Value) -> Result<Cow<'_, Value>> {
    if !is_decimal(value.array.data_type()) {
        return Ok(Cow::Borrowed(value));
    }
    let field = TensorType::scalar(DType::F64).to_field(value.arg.field.name(), true);
    Ok(Cow::Owned(Value {
        arg: Arg::new(Arc::new(field), None),
        array: to_type(&value.array, &DataType::Float64)?,
        constant: value.constant,
    }))
}
