//! `FLOOR`, `CEIL`, `TRUNC`, `ROUND` and `SIGN`, element by element.

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::DataType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::Rows;
use crate::assemble::assemble;
use crate::assemble::primitive;
use crate::assemble::without_nulls;
use crate::axes::Integers;
use crate::axes::integers;
use crate::decimals::as_floats;
use crate::decimals::number_type;
use crate::elementwise::map;
use crate::elementwise::map_floats;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::function::given;
use crate::lanes::Real;
use crate::numbers::Numbers;
use crate::numbers::slice_of;
use crate::value::Value;

/// A function that keeps the type of its numbers.
#[derive(Debug)]
pub struct Rounding {
    how: How,
    entry: Entry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Floor,
    Ceil,
    Trunc,
    Round,
    Sign,
}

macro_rules! rounding {
    ($name:ident, $how:ident, $tql:expr, $udf:literal, $parameters:expr, $called:literal, $example:literal, $help:literal) => {
        /// The function of this name.
        pub static $name: Rounding = Rounding {
            how: How::$how,
            entry: Entry {
                tql: $tql,
                udf: $udf,
                aliases: &[],
                parameters: $parameters,
                signature: concat!($udf, $called, " -> number of the shape of x"),
                help: $help,
                example: $example,
            },
        };
    };
}

rounding!(
    FLOOR,
    Floor,
    &["FLOOR"],
    "tensor_floor",
    &["x"],
    "(x)",
    "SELECT FLOOR(ARRAY[1.5, -1.5]) AS below",
    "The largest whole number that is not above the element. Integers and floats stay what they are."
);
rounding!(
    CEIL,
    Ceil,
    &["CEIL", "CEILING"],
    "tensor_ceil",
    &["x"],
    "(x)",
    "SELECT CEIL(ARRAY[1.5, -1.5]) AS above",
    "The smallest whole number that is not below the element. Integers and floats stay what they are."
);
rounding!(
    TRUNC,
    Trunc,
    &["TRUNC"],
    "tensor_trunc",
    &["x", "decimals"],
    "(x[, decimals])",
    "SELECT TRUNC(ARRAY[1.5, -1.5]) AS towards_zero",
    "The element cut to a number of decimals, 0 if none is given: towards zero."
);
rounding!(
    ROUND,
    Round,
    &["ROUND"],
    "tensor_round",
    &["x", "decimals"],
    "(x[, decimals])",
    "SELECT ROUND(ARRAY[1.25, 2.5], 1) AS short",
    "The element rounded to a number of decimals, 0 if none is given; a half goes away from zero, as in SQL. Negative decimals round to tens, hundreds and so on."
);
rounding!(
    SIGN,
    Sign,
    &["SIGN", "SIGNUM"],
    "tensor_sign",
    &["x"],
    "(x)",
    "SELECT SIGN(ARRAY[-2, 0, 3]) AS signs",
    "-1, 0 or 1; NaN of NaN. Integers and bools give i64."
);

impl Rounding {
    /// The constant number of decimals.
    fn decimals(&self, args: &[Arg]) -> Result<i32> {
        let Some(arg) = given(args, 1) else { return Ok(0) };
        match integers(arg).map_err(|reason| self.wrong_argument(reason))? {
            Integers::Known(list) => match list.as_slice() {
                [n] => Ok(i32::try_from((*n).clamp(-400, 400)).unwrap_or(0)),
                _ => Err(self.wrong_argument("decimals is one integer")),
            },
            Integers::Later(_) => Err(self.wrong_argument("decimals must be a constant integer")),
        }
    }
}

impl TensorFunction for Rounding {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn arity(&self) -> (usize, usize) {
        (1, self.entry.parameters.len())
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(number_type) else {
            return Err(self.wrong_types(args, "it takes numbers"));
        };
        let decimals = self.decimals(args)?;
        let dtype = match &ty.dtype {
            dtype if dtype.is_float() => dtype.clone(),
            dtype if dtype.is_integer() && decimals >= 0 && self.how != How::Sign => dtype.clone(),
            _ => DType::I64,
        };
        Ok(Output::tensor(TensorType::tensor(dtype, ty.dims.clone()), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let decimals = self.decimals(&described)?;
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        let (x, ty) = (as_floats(x)?.numbers()?, out.ty()?);
        match ty.dtype {
            DType::F64 => self.floats::<Float64Type>(&x, ty, rows, decimals),
            DType::F32 | DType::F16 => self.floats::<Float32Type>(&x, ty, rows, decimals),
            DType::I64 if self.how == How::Sign || decimals < 0 => {
                self.whole(&x, ty, rows, decimals)
            }
            _ => {
                // Whole numbers are round already.
                let window = x.window(rows);
                let elements = without_nulls(x.elements().slice(window.start, window.len()))?;
                assemble(ty, elements, Rows::like(&x, ty, rows)?, x.nulls(rows))
            }
        }
    }
}

impl Rounding {
    fn floats<T: ArrowPrimitiveType>(
        &self,
        x: &Numbers,
        ty: &TensorType,
        rows: usize,
        decimals: i32,
    ) -> Result<ArrayRef>
    where
        T::Native: Real,
    {
        // Whole numbers need no scale; others are rounded in f64, where 10 to the n is exact to 22.
        let scale = 10f64.powi(decimals.abs());
        let scaled = |value: T::Native, round: fn(f64) -> f64| {
            let wide = value.wide();
            let rounded = match decimals {
                0 => round(wide),
                1.. => round(wide * scale) / scale,
                _ => round(wide / scale) * scale,
            };
            // What overflows on the way has no decimals to lose.
            T::Native::narrow(if rounded.is_finite() { rounded } else { wide })
        };
        match (self.how, decimals) {
            (How::Floor, _) => map_floats::<T>(x, ty, rows, Real::down),
            (How::Ceil, _) => map_floats::<T>(x, ty, rows, Real::up),
            (How::Trunc, 0) => map_floats::<T>(x, ty, rows, Real::towards_zero),
            (How::Trunc, _) => map_floats::<T>(x, ty, rows, |value| scaled(value, f64::trunc)),
            (How::Round, _) => map_floats::<T>(x, ty, rows, |value| scaled(value, f64::round)),
            (How::Sign, _) => map_floats::<T>(x, ty, rows, Real::sign),
        }
    }

    /// Signs, and integers rounded to tens and hundreds.
    fn whole(&self, x: &Numbers, ty: &TensorType, rows: usize, decimals: i32) -> Result<ArrayRef> {
        if self.how == How::Sign && x.ty().dtype == DType::U64 {
            let elements = x.elements_as(&DataType::UInt64)?;
            let values = slice_of::<arrow::datatypes::UInt64Type>(&elements)?;
            return map(x, values, ty, rows, |value| i64::from(value != 0))?
                .finish(ty, primitive::<Int64Type>);
        }
        let elements = x.elements_as(&DataType::Int64)?;
        let values = slice_of::<Int64Type>(&elements)?;
        if self.how == How::Sign {
            return map(x, values, ty, rows, i64::signum)?.finish(ty, primitive::<Int64Type>);
        }
        // Beyond 10 to the 19 everything is 0.
        let unit = 10i128.pow(decimals.unsigned_abs().min(20));
        let half = if self.how == How::Round { unit / 2 } else { 0 };
        let mut bad = false;
        let mut round = |value: i64| {
            let value = i128::from(value);
            let rounded = (value + value.signum() * half) / unit * unit;
            i64::try_from(rounded).unwrap_or_else(|_| {
                bad = true;
                i64::MAX
            })
        };
        let built = map(x, values, ty, rows, &mut round)?;
        if bad && let Some(row) = built.find_row(rows, |value| *value == i64::MAX) {
            return Err(self.wrong_row(row, "the result does not fit in 64 bits"));
        }
        built.finish(ty, primitive::<Int64Type>)
    }
}
