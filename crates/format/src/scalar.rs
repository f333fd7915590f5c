//! One element, as statistics keep it.

use std::cmp::Ordering;

use lakebed_core::DType;

use crate::error::Error;
use crate::error::Result;
use crate::frame::read_u64;

/// One element of a column: of a tensor, or the scalar itself. Temporal types are their integers.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Of bool columns.
    Bool(bool),
    /// Of signed integers, dates, times, timestamps and durations.
    Int(i64),
    /// Of unsigned integers.
    UInt(u64),
    /// Of f16, f32 and f64; never NaN.
    Float(f64),
    /// Of decimals, in units of the column's scale.
    Decimal(i128),
    /// Of text.
    Text(String),
}

impl Scalar {
    /// Order among scalars of one column; `None` between different kinds.
    pub fn compare(&self, other: &Scalar) -> Option<Ordering> {
        match (self, other) {
            (Scalar::Bool(a), Scalar::Bool(b)) => Some(a.cmp(b)),
            (Scalar::Int(a), Scalar::Int(b)) => Some(a.cmp(b)),
            (Scalar::UInt(a), Scalar::UInt(b)) => Some(a.cmp(b)),
            (Scalar::Float(a), Scalar::Float(b)) => a.partial_cmp(b),
            (Scalar::Decimal(a), Scalar::Decimal(b)) => Some(a.cmp(b)),
            (Scalar::Text(a), Scalar::Text(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }

    /// The bytes at rest: 1 for bool, 8 for numbers, 16 for decimals, the text itself.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Scalar::Bool(value) => vec![u8::from(*value)],
            Scalar::Int(value) => value.to_le_bytes().to_vec(),
            Scalar::UInt(value) => value.to_le_bytes().to_vec(),
            Scalar::Float(value) => value.to_le_bytes().to_vec(),
            Scalar::Decimal(value) => value.to_le_bytes().to_vec(),
            Scalar::Text(text) => text.as_bytes().to_vec(),
        }
    }

    /// Reads the bytes of a scalar of a column of type `dtype`.
    pub(crate) fn from_bytes(dtype: &DType, bytes: &[u8]) -> Result<Scalar> {
        let wrong =
            || Error::damaged("a statistic", format!("{} bytes for a {dtype}", bytes.len()));
        let word = || match bytes.len() {
            8 => Ok(read_u64(bytes)),
            _ => Err(wrong()),
        };
        Ok(match dtype {
            DType::Bool => match bytes {
                [0] => Scalar::Bool(false),
                [1] => Scalar::Bool(true),
                _ => return Err(wrong()),
            },
            DType::U8 | DType::U16 | DType::U32 | DType::U64 => Scalar::UInt(word()?),
            DType::F16 | DType::F32 | DType::F64 => Scalar::Float(f64::from_bits(word()?)),
            DType::Decimal(..) => {
                Scalar::Decimal(i128::from_le_bytes(bytes.try_into().map_err(|_| wrong())?))
            }
            DType::Text | DType::Json | DType::Bytes => {
                Scalar::Text(String::from_utf8(bytes.to_vec()).map_err(|_| wrong())?)
            }
            _ => Scalar::Int(i64::from_le_bytes(word()?.to_le_bytes())),
        })
    }
}
