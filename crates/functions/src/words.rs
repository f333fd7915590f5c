//! Integers as words of 64 bits.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::buffer::NullBuffer;
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::DataType;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use lakebed_core::DType;

use crate::assemble::primitive;
use crate::error::Result;
use crate::function::Arg;
use crate::numbers::Numbers;
use crate::numbers::not_numbers;
use crate::numbers::slice_of;
use crate::numbers::to_type;
use crate::value::Value;

/// Integers as their 64 bits, two's complement.
///
/// # Errors
/// Those of Arrow's casts.
pub fn all_bits(array: &ArrayRef) -> Result<ArrayRef> {
    if array.data_type() == &DataType::UInt64 {
        return Ok(Arc::clone(array));
    }
    let wide = to_type(array, &DataType::Int64)?;
    let values = slice_of::<Int64Type>(&wide)?;
    Ok(primitive::<UInt64Type>(values.iter().map(|value| value.cast_unsigned()).collect()))
}

/// True for one integer a row.
pub fn is_integer(arg: &Arg) -> bool {
    arg.scalar_dtype().is_some_and(DType::is_integer)
}

/// Positions or seeds: the 64 bits of one integer a row.
#[derive(Debug)]
pub struct Words {
    numbers: Numbers,
    words: ScalarBuffer<u64>,
}

impl Words {
    /// Looks at an argument.
    ///
    /// # Errors
    /// As [`Numbers::try_new`].
    pub fn try_new(value: &Value) -> Result<Words> {
        let numbers = value.numbers()?;
        let words = all_bits(numbers.elements())?;
        let words = words.as_primitive_opt::<UInt64Type>().map(|words| words.values().clone());
        let words = words.ok_or_else(|| not_numbers(numbers.elements().data_type()))?;
        Ok(Words { numbers, words })
    }

    /// The word of a row.
    pub fn get(&self, row: usize) -> u64 {
        self.words.get(self.numbers.range(row).start).copied().unwrap_or(0)
    }

    /// Null rows.
    pub fn nulls(&self, rows: usize) -> Option<NullBuffer> {
        self.numbers.nulls(rows)
    }
}
