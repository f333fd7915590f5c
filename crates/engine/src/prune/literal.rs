//! Constants, as statistics keep elements.

use datafusion::common::ScalarValue;
use lakebed_core::DType;
use lakebed_core::TensorType;
use lakebed_core::schema::class_code;
use lakebed_dataset::Scalar;

/// A constant beside a value of some type.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// One that compares with it.
    Value(Scalar),
    /// Not a number.
    NaN,
}

/// The constant `value` beside a value of type `ty`; `None` if that says nothing sure.
///
/// Numbers compare with numbers by value; temporal and decimal constants only with the very same
/// unit or scale; a text beside class codes is the code of that class.
pub fn literal(value: &ScalarValue, ty: &TensorType) -> Option<Literal> {
    let number = is_number(&ty.dtype);
    let int = |value: i64, fits: bool| fits.then_some(Literal::Value(Scalar::Int(value)));
    match value {
        ScalarValue::Boolean(Some(v)) => number.then_some(Literal::Value(Scalar::Bool(*v))),
        ScalarValue::Int8(Some(v)) => int(i64::from(*v), number),
        ScalarValue::Int16(Some(v)) => int(i64::from(*v), number),
        ScalarValue::Int32(Some(v)) => int(i64::from(*v), number),
        ScalarValue::Int64(Some(v)) => int(*v, number),
        ScalarValue::UInt8(Some(v)) => int(i64::from(*v), number),
        ScalarValue::UInt16(Some(v)) => int(i64::from(*v), number),
        ScalarValue::UInt32(Some(v)) => int(i64::from(*v), number),
        ScalarValue::UInt64(Some(v)) => number.then_some(Literal::Value(Scalar::UInt(*v))),
        ScalarValue::Float16(Some(v)) => float(f64::from(v.to_f32()), number),
        ScalarValue::Float32(Some(v)) => float(f64::from(*v), number),
        ScalarValue::Float64(Some(v)) => float(*v, number),
        ScalarValue::Utf8(Some(v))
        | ScalarValue::LargeUtf8(Some(v))
        | ScalarValue::Utf8View(Some(v)) => text(v, ty),
        ScalarValue::Date32(Some(v)) => int(i64::from(*v), ty.dtype == DType::Date),
        ScalarValue::Time64Microsecond(Some(v)) => int(*v, ty.dtype == DType::Time),
        ScalarValue::Decimal128(Some(v), _, scale) => match ty.dtype {
            DType::Decimal(_, own) if own == *scale => Some(Literal::Value(Scalar::Decimal(*v))),
            _ => None,
        },
        ScalarValue::TimestampSecond(Some(v), _)
        | ScalarValue::TimestampMillisecond(Some(v), _)
        | ScalarValue::TimestampMicrosecond(Some(v), _)
        | ScalarValue::TimestampNanosecond(Some(v), _)
        | ScalarValue::DurationSecond(Some(v))
        | ScalarValue::DurationMillisecond(Some(v))
        | ScalarValue::DurationMicrosecond(Some(v))
        | ScalarValue::DurationNanosecond(Some(v)) => {
            int(*v, value.data_type() == ty.dtype.to_arrow())
        }
        ScalarValue::Dictionary(_, value) => literal(value, ty),
        _ => None,
    }
}

/// Half precision rounds constants in its own way, so it takes part only beside its own kind.
fn is_number(dtype: &DType) -> bool {
    dtype.is_integer() || dtype.is_float() || *dtype == DType::Bool
}

fn float(value: f64, fits: bool) -> Option<Literal> {
    fits.then_some(if value.is_nan() { Literal::NaN } else { Literal::Value(Scalar::Float(value)) })
}

fn text(text: &str, ty: &TensorType) -> Option<Literal> {
    if ty.dtype == DType::Text {
        return Some(Literal::Value(Scalar::Text(text.to_string())));
    }
    if ty.classes.is_empty() {
        return None;
    }
    Some(Literal::Value(Scalar::UInt(class_code(&ty.classes, text).ok()?)))
}
