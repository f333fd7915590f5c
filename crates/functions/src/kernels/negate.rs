//! `-x`.

use std::ops::Neg;

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
use crate::numbers::slice_of;
use crate::value::Value;

/// The opposite of every element.
#[derive(Debug)]
pub struct Negate;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_neg",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_neg(x) -> number of the shape of x; in TQL: -x",
    help: "The opposite of every element: i64 of integers and bools, floats as they are.",
    example: "SELECT -ARRAY[1, 2] AS opposite",
};

impl TensorFunction for Negate {
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
            return Err(self.wrong_types(args, "only numbers have a sign"));
        };
        let dtype = if ty.dtype.is_float() { ty.dtype.clone() } else { DType::I64 };
        Ok(Output::tensor(TensorType::tensor(dtype, ty.dims.clone()), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let (x, ty) = (x.numbers()?, out.ty()?);
        match ty.dtype {
            DType::I64 => {
                let elements = x.elements_as(&DataType::Int64)?;
                let values = slice_of::<Int64Type>(&elements)?;
                let mut bad = false;
                let built = map(&x, values, ty, rows, |value| {
                    bad |= value == i64::MIN;
                    value.wrapping_neg()
                })?;
                if bad && let Some(row) = built.find_row(rows, |value| *value == i64::MIN) {
                    return Err(self.wrong_row(row, "the result does not fit in 64 bits"));
                }
                built.finish(ty, primitive::<Int64Type>)
            }
            DType::F64 => map_floats::<Float64Type>(&x, ty, rows, Neg::neg),
            _ => map_floats::<Float32Type>(&x, ty, rows, Neg::neg),
        }
    }
}
