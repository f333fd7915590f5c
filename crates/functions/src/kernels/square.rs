//! `SQUARE(x)`.

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::primitive;
use crate::elementwise::Item;
use crate::elementwise::map;
use crate::elementwise::map_floats;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::Numbers;
use crate::numbers::slice_of;
use crate::value::Value;

/// Every element times itself.
#[derive(Debug)]
pub struct Square;

static ENTRY: Entry = Entry {
    tql: &["SQUARE"],
    udf: "square",
    aliases: &[],
    parameters: &["x"],
    signature: "square(x) -> number of the shape of x",
    help: "Every element times itself, under the rules of tensor_mul.",
    example: "SELECT SQUARE(ARRAY[-3, 2]) AS squares",
};

impl TensorFunction for Square {
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
            DType::I64 => {
                self.integers::<Int64Type>(&x, ty, rows, |value| value.overflowing_mul(value))
            }
            DType::U64 => {
                self.integers::<UInt64Type>(&x, ty, rows, |value| value.overflowing_mul(value))
            }
            DType::F64 => map_floats::<Float64Type>(&x, ty, rows, |value| value * value),
            _ => map_floats::<Float32Type>(&x, ty, rows, |value| value * value),
        }
    }
}

impl Square {
    fn integers<T: ArrowPrimitiveType>(
        &self,
        x: &Numbers,
        ty: &TensorType,
        rows: usize,
        square: impl Fn(T::Native) -> (T::Native, bool),
    ) -> Result<ArrayRef>
    where
        T::Native: Item<Many = Vec<T::Native>>,
    {
        let elements = x.elements_as(&T::DATA_TYPE)?;
        let values = slice_of::<T>(&elements)?;
        let mut bad = false;
        let built = map(x, values, ty, rows, |value| {
            let (squared, overflow) = square(value);
            bad |= overflow;
            squared
        })?;
        if bad {
            // Null rows may hold anything; only what somebody reads is an error.
            let failed = map(x, values, ty, rows, |value| u8::from(square(value).1))?;
            if let Some(row) = failed.find_row(rows, |failed| *failed != 0) {
                let reason = "the result does not fit in 64 bits: cast the column to a float";
                return Err(self.wrong_row(row, reason));
            }
        }
        built.finish(ty, primitive::<T>)
    }
}
