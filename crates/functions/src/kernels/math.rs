//! Functions of one float, element by element: `EXP`, `LOG`, `SIN` and their like.

use arrow::array::ArrayRef;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::decimals::as_floats;
use crate::decimals::number_type;
use crate::elementwise::map_floats;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::value::Value;

/// A function of one float.
#[derive(Debug)]
pub struct Math {
    single: fn(f32) -> f32,
    double: fn(f64) -> f64,
    entry: Entry,
}

macro_rules! math {
    ($name:ident, $tql:expr, $udf:literal, $of:ident, $example:literal, $help:literal) => {
        /// The function of this name.
        pub static $name: Math = Math {
            single: f32::$of,
            double: f64::$of,
            entry: described(
                $tql,
                $udf,
                concat!($udf, "(x) -> float of the shape of x"),
                $example,
                $help,
            ),
        };
    };
}

const fn described(
    tql: &'static [&'static str],
    udf: &'static str,
    signature: &'static str,
    example: &'static str,
    help: &'static str,
) -> Entry {
    Entry { tql, udf, aliases: &[], parameters: &["x"], signature, help, example }
}

math!(
    EXP,
    &["EXP"],
    "tensor_exp",
    exp,
    "SELECT EXP(ARRAY[0, 1]) AS powers",
    "e to the power of every element: f64 of integers, floats as they are."
);
math!(
    EXPM1,
    &["EXPM1"],
    "tensor_expm1",
    exp_m1,
    "SELECT EXPM1(0.001) AS growth",
    "EXP(x) - 1, exact for small x."
);
math!(
    LOG,
    &["LOG", "LN"],
    "tensor_log",
    ln,
    "SELECT LOG(ARRAY[1, 10]) AS logs",
    "The natural logarithm of every element; -infinity of 0, NaN of what is below."
);
math!(
    LOG2,
    &["LOG2"],
    "tensor_log2",
    log2,
    "SELECT LOG2(ARRAY[1, 8]) AS bits",
    "The logarithm to base 2."
);
math!(
    LOG10,
    &["LOG10"],
    "tensor_log10",
    log10,
    "SELECT LOG10(ARRAY[1, 1000]) AS digits",
    "The logarithm to base 10."
);
math!(
    LOG1P,
    &["LOG1P"],
    "tensor_log1p",
    ln_1p,
    "SELECT LOG1P(0.001) AS small",
    "LOG(1 + x), exact for small x."
);
math!(
    SIN,
    &["SIN"],
    "tensor_sin",
    sin,
    "SELECT SIN(ARRAY[0, 1.5]) AS sines",
    "The sine of every element, in radians."
);
math!(
    COS,
    &["COS"],
    "tensor_cos",
    cos,
    "SELECT COS(ARRAY[0, 1.5]) AS cosines",
    "The cosine of every element, in radians."
);
math!(
    TAN,
    &["TAN"],
    "tensor_tan",
    tan,
    "SELECT TAN(ARRAY[0, 1.5]) AS tangents",
    "The tangent of every element, in radians."
);
math!(
    ASIN,
    &["ASIN"],
    "tensor_asin",
    asin,
    "SELECT ASIN(ARRAY[0, 1]) AS angles",
    "The angle in radians whose sine is the element; NaN outside -1 to 1."
);
math!(
    ACOS,
    &["ACOS"],
    "tensor_acos",
    acos,
    "SELECT ACOS(ARRAY[0, 1]) AS angles",
    "The angle in radians whose cosine is the element; NaN outside -1 to 1."
);
math!(
    ATAN,
    &["ATAN"],
    "tensor_atan",
    atan,
    "SELECT ATAN(ARRAY[0, 1]) AS angles",
    "The angle in radians whose tangent is the element."
);
math!(
    SINH,
    &["SINH"],
    "tensor_sinh",
    sinh,
    "SELECT SINH(ARRAY[0, 1]) AS y",
    "The hyperbolic sine of every element."
);
math!(
    COSH,
    &["COSH"],
    "tensor_cosh",
    cosh,
    "SELECT COSH(ARRAY[0, 1]) AS y",
    "The hyperbolic cosine of every element."
);
math!(
    TANH,
    &["TANH"],
    "tensor_tanh",
    tanh,
    "SELECT TANH(ARRAY[0, 1]) AS y",
    "The hyperbolic tangent of every element."
);
math!(
    CBRT,
    &["CBRT"],
    "tensor_cbrt",
    cbrt,
    "SELECT CBRT(ARRAY[8, 27]) AS sides",
    "The cube root of every element."
);
math!(
    DEGREES,
    &["DEGREES"],
    "tensor_degrees",
    to_degrees,
    "SELECT DEGREES(ARRAY[0, 3.141592653589793]) AS angles",
    "Radians as degrees."
);
math!(
    RADIANS,
    &["RADIANS"],
    "tensor_radians",
    to_radians,
    "SELECT RADIANS(ARRAY[0, 180]) AS angles",
    "Degrees as radians."
);

/// `SIGMOID`.
pub static SIGMOID: Math = Math {
    single: |x| 1.0 / (1.0 + (-x).exp()),
    double: |x| 1.0 / (1.0 + (-x).exp()),
    entry: described(
        &["SIGMOID"],
        "sigmoid",
        "sigmoid(x) -> float of the shape of x",
        "SELECT SIGMOID(ARRAY[-2, 0, 2]) AS chances",
        "1 / (1 + EXP(-x)) of every element.",
    ),
};

impl TensorFunction for Math {
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
        let dtype = if ty.dtype.is_float() { ty.dtype.clone() } else { DType::F64 };
        Ok(Output::tensor(TensorType::tensor(dtype, ty.dims.clone()), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let (x, ty) = (as_floats(x)?.numbers()?, out.ty()?);
        match ty.dtype {
            DType::F64 => map_floats::<Float64Type>(&x, ty, rows, self.double),
            // f16 computes in f32 and is rounded at the end.
            _ => map_floats::<Float32Type>(&x, ty, rows, self.single),
        }
    }
}

#[cfg(test)]
#[path = "math_tests.rs"]
mod tests;
