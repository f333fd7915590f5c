//! Class names and their codes.

use arrow::array::Array;
use arrow::array::StringViewArray;
use arrow::datatypes::DataType;
use datafusion_common::ScalarValue;
use lakebed_core::TensorType;
use lakebed_core::schema::class_code;

use crate::error::Result;
use crate::numbers::Numbers;

/// The code of a class name, in the type of the column's codes.
///
/// # Errors
/// [`lakebed_core::Error::UnknownClass`] with the nearest name.
pub fn code(ty: &TensorType, name: &str) -> Result<ScalarValue> {
    let code = class_code(&ty.classes, name)?;
    Ok(ScalarValue::UInt64(Some(code)).cast_to(&ty.dtype.to_arrow())?)
}

/// The name of every element; `None` for a code without one.
pub fn names(of: &Numbers) -> Result<Vec<Option<&str>>> {
    let classes = &of.ty().classes;
    let codes = of.elements_as(&DataType::UInt64)?;
    use arrow::array::AsArray;
    let codes = codes.as_primitive::<arrow::datatypes::UInt64Type>();
    Ok(codes
        .values()
        .iter()
        .map(|code| classes.get(usize::try_from(*code).ok()?).map(String::as_str))
        .collect())
}

/// The texts of an array as the names of classes.
pub fn texts(array: &StringViewArray) -> Vec<Option<&str>> {
    (0..array.len()).map(|i| array.is_valid(i).then(|| array.value(i))).collect()
}
