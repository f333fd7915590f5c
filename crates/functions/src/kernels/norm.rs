//! `L1_NORM`, `L2_NORM` and `LINF_NORM` over all elements of a value, or along some
//! of its dimensions.

use arrow::array::ArrayRef;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::along::along;
use crate::assemble::number_rows;
use crate::assemble::primitive;
use crate::axes;
use crate::axes::Axes;
use crate::by_row::OfRow;
use crate::by_row::each;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes;
use crate::lanes::Element;
use crate::numbers::Numbers;
use crate::numbers::not_numbers;
use crate::numbers::with_numbers;
use crate::value::Value;

use super::reduce::rounded;

/// A norm.
#[derive(Debug)]
pub struct Norm {
    power: Power,
    entry: Entry,
}

#[derive(Debug, Clone, Copy)]
enum Power {
    One,
    Two,
    Infinity,
}

macro_rules! norm {
    ($name:ident, $power:ident, $tql:literal, $udf:literal, $help:literal, $example:literal) => {
        /// The norm of this name.
        pub static $name: Norm = Norm {
            power: Power::$power,
            entry: Entry {
                tql: &[$tql],
                udf: $udf,
                aliases: &[],
                parameters: &["x", "axis", "keepdims"],
                signature: concat!($udf, "(x[, axis[, keepdims]]) -> f32 of f16 and f32, else f64"),
                help: $help,
                example: $example,
            },
        };
    };
}

norm!(
    L1,
    One,
    "L1_NORM",
    "l1_norm",
    "The sum of the magnitudes of all elements; 0 if there are none.",
    "SELECT L1_NORM(ARRAY[3, -4]) AS taxi"
);
norm!(
    L2,
    Two,
    "L2_NORM",
    "l2_norm",
    "The root of the sum of squares of all elements; 0 if there are none.",
    "SELECT L2_NORM(ARRAY[[3, -4], [0, 2]], 1) AS lengths"
);
norm!(
    LINF,
    Infinity,
    "LINF_NORM",
    "linf_norm",
    "The largest magnitude of all elements; 0 if there are none.",
    "SELECT LINF_NORM(ARRAY[3, -4]) AS largest"
);

impl TensorFunction for Norm {
    fn entry(&self) -> &'static Entry {
        match self.power {
            Power::One => &L1.entry,
            Power::Two => &L2.entry,
            Power::Infinity => &LINF.entry,
        }
    }

    fn arity(&self) -> (usize, usize) {
        (1, 3)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes numbers"));
        };
        let small = matches!(ty.dtype, DType::F16 | DType::F32);
        let dtype = if small { DType::F32 } else { DType::F64 };
        let dims = axes::planned(ty, args).map_err(|reason| self.wrong_argument(reason))?;
        Ok(Output::tensor(TensorType::tensor(dtype, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let ((x, axes), ty) = (axes::operand(self, args)?, out.ty()?);
        let call = Call { x: &x, axes, ty, rows };
        let elements = x.native()?;
        with_numbers!(elements, T, values => match self.power {
            Power::One => call.norms(values, &Magnitudes),
            Power::Two => call.norms(values, &Length),
            Power::Infinity => call.norms(values, &Largest),
        }, else Err(not_numbers(elements.data_type())))
    }
}

struct Call<'a> {
    x: &'a Numbers,
    axes: Option<Axes>,
    ty: &'a TensorType,
    rows: usize,
}

impl Call<'_> {
    fn norms<E: Copy, F: OfRow<E, Answer = f64>>(&self, values: &[E], f: &F) -> Result<ArrayRef> {
        let small = self.ty.dtype == DType::F32;
        let Some(axes) = &self.axes else {
            let norms = each(self.x, values, self.rows, f);
            let nulls = self.x.nulls(self.rows);
            return Ok(match small {
                true => number_rows::<Float32Type>(rounded(&norms), nulls),
                false => number_rows::<Float64Type>(norms, nulls),
            });
        };
        let (norms, ends) =
            along((self.x, values), axes, self.ty, self.rows, 0.0, &|line| f.of(line));
        let elements = match small {
            true => primitive::<Float32Type>(rounded(&norms)),
            false => primitive::<Float64Type>(norms),
        };
        ends.finish(elements, self.x, axes, self.ty)
    }
}

macro_rules! of_row {
    ($name:ident, $row:ident => $of:expr) => {
        struct $name;

        impl<E: Element> OfRow<E> for $name {
            type Answer = f64;

            #[inline(always)]
            fn of(&self, $row: &[E]) -> f64 {
                $of
            }
        }
    };
}
of_row!(Magnitudes, row => lanes::sum_of(row, f64::abs));
of_row!(Length, row => lanes::sum_of(row, |value| value * value).sqrt());
of_row!(Largest, row => lanes::largest_magnitude(row));
