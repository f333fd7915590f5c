//! `L1_NORM`, `L2_NORM` and `LINF_NORM` over all elements of a value.

use arrow::array::ArrayRef;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;

use crate::assemble::number_rows;
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
                signature: concat!($udf, "(x) -> f32 of f16 and f32, else f64"),
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
    "SELECT L2_NORM(ARRAY[3, -4]) AS length"
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
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes numbers"));
        };
        let small = matches!(ty.dtype, DType::F16 | DType::F32);
        let dtype = if small { DType::F32 } else { DType::F64 };
        Ok(Output::scalar(dtype, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let x = x.numbers()?;
        let elements = x.native()?;
        let norms = with_numbers!(elements, T, values => match self.power {
            Power::One => each(&x, values, rows, &Magnitudes),
            Power::Two => each(&x, values, rows, &Length),
            Power::Infinity => each(&x, values, rows, &Largest),
        }, else return Err(not_numbers(elements.data_type())));
        let nulls = x.nulls(rows);
        Ok(match out.ty()?.dtype {
            DType::F32 => number_rows::<Float32Type>(rounded(&norms), nulls),
            _ => number_rows::<Float64Type>(norms, nulls),
        })
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
