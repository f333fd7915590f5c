//! `ABS(x)`.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::primitive;
use crate::elementwise::map;
use crate::elementwise::map_floats;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes::Real;
use crate::numbers::slice_of;
use crate::value::Value;

/// The magnitude of every element.
#[derive(Debug)]
pub struct Abs;

static ENTRY: Entry = Entry {
    tql: &["ABS"],
    udf: "tensor_abs",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_abs(x) -> number of the shape of x",
    help: "The magnitude of every element: i64 of signed integers and bools, unsigned integers and floats as they are.",
    example: "SELECT ABS(ARRAY[-1.5, 2]) AS magnitude",
};

impl TensorFunction for Abs {
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
        let keep = ty.dtype.is_float() || ty.dtype == DType::U64;
        let dtype = if keep { ty.dtype.clone() } else { DType::I64 };
        Ok(Output::tensor(TensorType::tensor(dtype, ty.dims.clone()), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let (x, ty) = (x.numbers()?, out.ty()?);
        match ty.dtype {
            DType::U64 => {
                let elements = x.elements_as(&DataType::UInt64)?;
                let values = slice_of::<arrow::datatypes::UInt64Type>(&elements)?;
                map(&x, values, ty, rows, |value| value)?
                    .finish(ty, primitive::<arrow::datatypes::UInt64Type>)
            }
            DType::I64 => {
                let elements = x.elements_as(&DataType::Int64)?;
                let values = slice_of::<Int64Type>(&elements)?;
                let built = map(&x, values, ty, rows, i64::wrapping_abs)?;
                if let Some(row) = built.find_row(rows, |value| *value == i64::MIN) {
                    return Err(self.wrong_row(row, "the result does not fit in 64 bits"));
                }
                built.finish(ty, primitive::<Int64Type>)
            }
            DType::F64 => map_floats::<Float64Type>(&x, ty, rows, Real::magnitude),
            _ => map_floats::<Float32Type>(&x, ty, rows, Real::magnitude),
        }
    }
}
