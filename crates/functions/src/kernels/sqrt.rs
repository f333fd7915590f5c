//! `SQRT(x)`.

use arrow::array::ArrayRef;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::elementwise::map_floats;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes::Real;
use crate::value::Value;

/// The square root of every element.
#[derive(Debug)]
pub struct Sqrt;

static ENTRY: Entry = Entry {
    tql: &["SQRT"],
    udf: "tensor_sqrt",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_sqrt(x) -> float of the shape of x",
    help: "The square root of every element: f64 of integers, floats as they are; NaN of what is below 0.",
    example: "SELECT SQRT(ARRAY[4, 9]) AS roots",
};

impl TensorFunction for Sqrt {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes numbers"));
        };
        let dtype = if ty.dtype.is_float() { ty.dtype.clone() } else { DType::F64 };
        Ok(Output::tensor(TensorType::tensor(dtype, ty.dims.clone()), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let (x, ty) = (x.numbers()?, out.ty()?);
        match ty.dtype {
            DType::F64 => map_floats::<Float64Type>(&x, ty, rows, Real::root),
            _ => map_floats::<Float32Type>(&x, ty, rows, Real::root),
        }
    }
}
