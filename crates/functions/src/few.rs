//! A few numbers a row that say what to do with the rest: a window, a size, a mean a channel.

use arrow::array::AsArray;
use arrow::buffer::NullBuffer;
use arrow::buffer::ScalarBuffer;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use datafusion_common::ScalarValue;
use lakebed_core::BoxFormat;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::boxes;
use crate::error::Result;
use crate::function::Arg;
use crate::numbers::Numbers;
use crate::numbers::not_numbers;
use crate::value::Value;

/// An argument of a few numbers a row, as f64.
#[derive(Debug)]
pub struct Few {
    numbers: Numbers,
    elements: ScalarBuffer<f64>,
}

impl Few {
    /// Looks at an argument.
    ///
    /// # Errors
    /// As [`Numbers::try_new`].
    pub fn try_new(value: &Value) -> Result<Few> {
        let numbers = value.numbers()?;
        let elements = numbers.elements_as(&DataType::Float64)?;
        let values = elements.as_primitive_opt::<Float64Type>();
        let values = values.ok_or_else(|| not_numbers(elements.data_type()))?.values().clone();
        Ok(Few { numbers, elements: values })
    }

    /// The numbers of a row.
    pub fn row(&self, row: usize) -> &[f64] {
        self.elements.get(self.numbers.range(row)).unwrap_or(&[])
    }

    /// Null rows.
    pub fn nulls(&self, rows: usize) -> Option<NullBuffer> {
        self.numbers.nulls(rows)
    }

    /// True if every row has the same numbers.
    pub fn is_constant(&self) -> bool {
        self.numbers.is_constant()
    }

    /// The window `[x, y, w, h]` of a row: one box, in the convention of its column. `None` if it
    /// does not have four numbers.
    pub fn window(&self, row: usize) -> Option<Window> {
        let four = <[f64; 4]>::try_from(self.row(row)).ok()?;
        let [x, y, w, h] = match boxes::format_of(self.numbers.ty()) {
            // Not by way of the other corner, which rounds.
            BoxFormat::Ltwh => four,
            format => BoxFormat::Ltwh.from_ltrb(format.to_ltrb(four)),
        };
        Some(Window { x, y, w, h })
    }
}

/// Left, top, width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Left.
    pub x: f64,
    /// Top.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

/// True for an argument of `count` numbers a row, or of a number that only the rows know.
pub fn holds(arg: &Arg, count: u32) -> bool {
    let fits = |ty: &TensorType| {
        ty.ndim() == 1 && ty.dims.first().copied().flatten().is_none_or(|size| size == count)
    };
    arg.numeric().is_some_and(fits)
}

/// A constant integer that is not negative.
pub fn constant_size(arg: &Arg) -> Option<u32> {
    let literal =
        arg.literal.as_ref().filter(|_| arg.scalar_dtype().is_some_and(DType::is_integer))?;
    match literal.cast_to(&DataType::UInt32).ok()? {
        ScalarValue::UInt32(size) => size,
        _ => None,
    }
}
