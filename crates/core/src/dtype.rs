//! Element types.

use std::fmt;
use std::str::FromStr;

use arrow_schema::DataType;
use arrow_schema::TimeUnit;
use serde::Deserialize;
use serde::Serialize;

use crate::error::Error;
use crate::error::Result;

/// The type of one element of a sample.
///
/// `Text`, `Bytes`, `Json` and the temporal and decimal types appear as scalars and inside
/// sequences; the numeric types and `Bool` also as tensors of up to eight dimensions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DType {
    /// True or false; one byte an element in raw payloads, one bit in Arrow.
    Bool,
    /// 8-bit signed integer.
    I8,
    /// 16-bit signed integer.
    I16,
    /// 32-bit signed integer.
    I32,
    /// 64-bit signed integer.
    I64,
    /// 8-bit unsigned integer.
    U8,
    /// 16-bit unsigned integer.
    U16,
    /// 32-bit unsigned integer.
    U32,
    /// 64-bit unsigned integer.
    U64,
    /// IEEE half precision.
    F16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
    /// UTF-8 text.
    Text,
    /// Bytes without meaning to the engine.
    Bytes,
    /// One JSON document a sample.
    Json,
    /// Days since 1970-01-01.
    Date,
    /// Time of day in microseconds.
    Time,
    /// Moments since 1970-01-01T00:00 in a unit; with a zone they are UTC shown in that zone.
    Timestamp(TimeUnit, Option<String>),
    /// A span of time in a unit.
    Duration(TimeUnit),
    /// Decimal with (precision, scale), 128 bits.
    Decimal(u8, i8),
}

impl DType {
    /// Bytes of one element in a raw payload; `None` for text, bytes and JSON.
    pub fn width(&self) -> Option<usize> {
        Some(match self {
            DType::Bool | DType::I8 | DType::U8 => 1,
            DType::I16 | DType::U16 | DType::F16 => 2,
            DType::I32 | DType::U32 | DType::F32 | DType::Date => 4,
            DType::I64
            | DType::U64
            | DType::F64
            | DType::Time
            | DType::Timestamp(..)
            | DType::Duration(_) => 8,
            DType::Decimal(..) => 16,
            DType::Text | DType::Bytes | DType::Json => return None,
        })
    }

    /// True for the integer, float and bool types: those that may have dimensions.
    pub fn is_tensor_element(&self) -> bool {
        self.is_integer() || self.is_float() || matches!(self, DType::Bool)
    }

    /// True for the eight integer types.
    pub fn is_integer(&self) -> bool {
        self.is_signed_integer() || self.is_unsigned_integer()
    }

    /// True for i8, i16, i32 and i64.
    pub fn is_signed_integer(&self) -> bool {
        matches!(self, DType::I8 | DType::I16 | DType::I32 | DType::I64)
    }

    /// True for u8, u16, u32 and u64.
    pub fn is_unsigned_integer(&self) -> bool {
        matches!(self, DType::U8 | DType::U16 | DType::U32 | DType::U64)
    }

    /// True for f16, f32 and f64.
    pub fn is_float(&self) -> bool {
        matches!(self, DType::F16 | DType::F32 | DType::F64)
    }

    /// True for text, bytes and JSON: samples of any length.
    pub fn is_variable_width(&self) -> bool {
        self.width().is_none()
    }

    /// The Arrow type of one element.
    pub fn to_arrow(&self) -> DataType {
        match self {
            DType::Bool => DataType::Boolean,
            DType::I8 => DataType::Int8,
            DType::I16 => DataType::Int16,
            DType::I32 => DataType::Int32,
            DType::I64 => DataType::Int64,
            DType::U8 => DataType::UInt8,
            DType::U16 => DataType::UInt16,
            DType::U32 => DataType::UInt32,
            DType::U64 => DataType::UInt64,
            DType::F16 => DataType::Float16,
            DType::F32 => DataType::Float32,
            DType::F64 => DataType::Float64,
            DType::Text | DType::Json => DataType::Utf8View,
            DType::Bytes => DataType::BinaryView,
            DType::Date => DataType::Date32,
            DType::Time => DataType::Time64(TimeUnit::Microsecond),
            DType::Timestamp(unit, zone) => {
                DataType::Timestamp(*unit, zone.as_deref().map(Into::into))
            }
            DType::Duration(unit) => DataType::Duration(*unit),
            DType::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
        }
    }

    /// The element type of an Arrow scalar type; `None` for types Lakebed does not store.
    pub fn from_arrow(data_type: &DataType) -> Option<DType> {
        Some(match data_type {
            DataType::Boolean => DType::Bool,
            DataType::Int8 => DType::I8,
            DataType::Int16 => DType::I16,
            DataType::Int32 => DType::I32,
            DataType::Int64 => DType::I64,
            DataType::UInt8 => DType::U8,
            DataType::UInt16 => DType::U16,
            DataType::UInt32 => DType::U32,
            DataType::UInt64 => DType::U64,
            DataType::Float16 => DType::F16,
            DataType::Float32 => DType::F32,
            DataType::Float64 => DType::F64,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DType::Text,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => DType::Bytes,
            DataType::Date32 => DType::Date,
            DataType::Time64(TimeUnit::Microsecond) => DType::Time,
            DataType::Timestamp(unit, zone) => {
                DType::Timestamp(*unit, zone.as_deref().map(str::to_string))
            }
            DataType::Duration(unit) => DType::Duration(*unit),
            DataType::Decimal128(precision, scale) => DType::Decimal(*precision, *scale),
            _ => return None,
        })
    }
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

fn unit_from_name(name: &str) -> Option<TimeUnit> {
    Some(match name {
        "s" => TimeUnit::Second,
        "ms" => TimeUnit::Millisecond,
        "us" => TimeUnit::Microsecond,
        "ns" => TimeUnit::Nanosecond,
        _ => return None,
    })
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DType::Bool => f.write_str("bool"),
            DType::I8 => f.write_str("i8"),
            DType::I16 => f.write_str("i16"),
            DType::I32 => f.write_str("i32"),
            DType::I64 => f.write_str("i64"),
            DType::U8 => f.write_str("u8"),
            DType::U16 => f.write_str("u16"),
            DType::U32 => f.write_str("u32"),
            DType::U64 => f.write_str("u64"),
            DType::F16 => f.write_str("f16"),
            DType::F32 => f.write_str("f32"),
            DType::F64 => f.write_str("f64"),
            DType::Text => f.write_str("text"),
            DType::Bytes => f.write_str("bytes"),
            DType::Json => f.write_str("json"),
            DType::Date => f.write_str("date"),
            DType::Time => f.write_str("time"),
            DType::Timestamp(unit, None) => write!(f, "timestamp({})", unit_name(*unit)),
            DType::Timestamp(unit, Some(zone)) => {
                write!(f, "timestamp({},{zone})", unit_name(*unit))
            }
            DType::Duration(unit) => write!(f, "duration({})", unit_name(*unit)),
            DType::Decimal(precision, scale) => write!(f, "decimal({precision},{scale})"),
        }
    }
}

impl FromStr for DType {
    type Err = Error;

    fn from_str(text: &str) -> Result<DType> {
        let unknown = || Error::UnknownDType { name: text.to_string() };
        let (name, args) = match text.split_once('(') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(')').ok_or_else(unknown)?)),
            None => (text, None),
        };
        let dtype = match (name, args) {
            ("bool", None) => DType::Bool,
            ("i8", None) => DType::I8,
            ("i16", None) => DType::I16,
            ("i32", None) => DType::I32,
            ("i64", None) => DType::I64,
            ("u8", None) => DType::U8,
            ("u16", None) => DType::U16,
            ("u32", None) => DType::U32,
            ("u64", None) => DType::U64,
            ("f16", None) => DType::F16,
            ("f32", None) => DType::F32,
            ("f64", None) => DType::F64,
            ("text", None) => DType::Text,
            ("bytes", None) => DType::Bytes,
            ("json", None) => DType::Json,
            ("date", None) => DType::Date,
            ("time", None) => DType::Time,
            ("timestamp", Some(args)) => {
                let (unit, zone) = match args.split_once(',') {
                    Some((unit, zone)) => (unit, Some(zone.to_string())),
                    None => (args, None),
                };
                DType::Timestamp(unit_from_name(unit).ok_or_else(unknown)?, zone)
            }
            ("duration", Some(unit)) => DType::Duration(unit_from_name(unit).ok_or_else(unknown)?),
            ("decimal", Some(args)) => {
                let (precision, scale) = args.split_once(',').ok_or_else(unknown)?;
                let precision: u8 = precision.parse().map_err(|_| unknown())?;
                let scale: i8 = scale.parse().map_err(|_| unknown())?;
                if !(1..=38).contains(&precision) {
                    return Err(unknown());
                }
                DType::Decimal(precision, scale)
            }
            _ => return Err(unknown()),
        };
        Ok(dtype)
    }
}

impl TryFrom<String> for DType {
    type Error = Error;

    fn try_from(text: String) -> Result<DType> {
        text.parse()
    }
}

impl From<DType> for String {
    fn from(dtype: DType) -> String {
        dtype.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let all = [
            DType::Bool,
            DType::I64,
            DType::F16,
            DType::Json,
            DType::Timestamp(TimeUnit::Nanosecond, Some("Europe/Berlin".into())),
            DType::Timestamp(TimeUnit::Second, None),
            DType::Duration(TimeUnit::Millisecond),
            DType::Decimal(38, -2),
        ];
        for dtype in all {
            assert_eq!(dtype.to_string().parse::<DType>().unwrap(), dtype);
        }
        assert!("decimal(0,0)".parse::<DType>().is_err());
        assert!("f128".parse::<DType>().is_err());
    }
}
