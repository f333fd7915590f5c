//! `ISNAN`, `ISINF` and `ISFINITE`, element by element.

use arrow::array::ArrayRef;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::bools;
use crate::decimals::as_floats;
use crate::decimals::number_type;
use crate::elementwise::map;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes::Element;
use crate::numbers::not_numbers;
use crate::numbers::with_numbers;
use crate::value::Value;

/// A question about every element.
#[derive(Debug)]
pub struct Predicate {
    holds: fn(f64) -> bool,
    entry: Entry,
}

macro_rules! predicate {
    ($name:ident, $tql:literal, $udf:literal, $of:ident, $example:literal, $help:literal) => {
        /// The question of this name.
        pub static $name: Predicate = Predicate {
            holds: f64::$of,
            entry: Entry {
                tql: &[$tql],
                udf: $udf,
                aliases: &[],
                parameters: &["x"],
                signature: concat!($udf, "(x) -> bool of the shape of x"),
                help: $help,
                example: $example,
            },
        };
    };
}

predicate!(
    ISNAN,
    "ISNAN",
    "tensor_isnan",
    is_nan,
    "SELECT ISNAN(SQRT(ARRAY[-1, 4])) AS missing",
    "True where the element is NaN; never of integers."
);
predicate!(
    ISINF,
    "ISINF",
    "tensor_isinf",
    is_infinite,
    "SELECT ISINF(ARRAY[1, 2] / 0) AS endless",
    "True where the element is infinite; never of integers."
);
predicate!(
    ISFINITE,
    "ISFINITE",
    "tensor_isfinite",
    is_finite,
    "SELECT ISFINITE(ARRAY[1, 2] / 0) AS sound",
    "True where the element is neither NaN nor infinite; always of integers."
);

impl TensorFunction for Predicate {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(number_type) else {
            return Err(self.wrong_types(args, "it takes numbers"));
        };
        let ty = TensorType::tensor(DType::Bool, ty.dims.clone());
        Ok(Output::tensor(ty, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let (x, ty) = (as_floats(x)?.numbers()?, out.ty()?);
        let elements = x.native()?;
        with_numbers!(elements, T, values => {
            map(&x, values, ty, rows, |value| (self.holds)(value.to_f64()))?.finish(ty, bools)
        }, else Err(not_numbers(elements.data_type())))
    }
}
