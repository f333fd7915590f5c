//! `ATAN2(y, x)`.

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::primitive;
use crate::decimals::as_floats;
use crate::decimals::number_type;
use crate::elementwise::Stretch;
use crate::elementwise::zip;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes::Real;
use crate::numbers::Numbers;
use crate::numbers::meet;
use crate::numbers::slice_of;
use crate::shapes;
use crate::value::Value;

/// The angle of a point.
#[derive(Debug)]
pub struct Atan2;

static ENTRY: Entry = Entry {
    tql: &["ATAN2"],
    udf: "tensor_atan2",
    aliases: &[],
    parameters: &["y", "x"],
    signature: "tensor_atan2(y, x) -> float of the broadcast shape",
    help: "The angle in radians, from -pi to pi, between the first axis and the point (x, y). Floats as they meet, f64 of integers.",
    example: "SELECT ATAN2(ARRAY[1, -1], 1) AS angles",
};

impl TensorFunction for Atan2 {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let (Some(y), Some(x)) =
            (args.first().and_then(number_type), args.get(1).and_then(number_type))
        else {
            return Err(self.wrong_types(args, "it takes numbers"));
        };
        let dims = shapes::broadcast(&y, &x)
            .map_err(|clash| self.wrong_types(args, shapes::clash(clash)))?;
        let met = meet(&y.dtype, &x.dtype);
        let dtype = if met.is_float() { met } else { DType::F64 };
        Ok(Output::tensor(TensorType::tensor(dtype, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [y, x] = args else { return Err(self.wrong_types(&[], "two operands are needed")) };
        let (y, x, ty) = (as_floats(y)?.numbers()?, as_floats(x)?.numbers()?, out.ty()?);
        match ty.dtype {
            DType::F64 => self.angles::<Float64Type>(&y, &x, ty, rows),
            _ => self.angles::<Float32Type>(&y, &x, ty, rows),
        }
    }
}

impl Atan2 {
    fn angles<T: ArrowPrimitiveType>(
        &self,
        y: &Numbers,
        x: &Numbers,
        ty: &TensorType,
        rows: usize,
    ) -> Result<ArrayRef>
    where
        T::Native: Real,
    {
        let (p, q) = (y.elements_as(&T::DATA_TYPE)?, x.elements_as(&T::DATA_TYPE)?);
        let (left, right) = ((y, slice_of::<T>(&p)?), (x, slice_of::<T>(&q)?));
        let built = zip(left, right, ty, rows, Stretch::Numpy, Real::angle)?;
        built
            .map_err(|row| self.wrong_row(row, shapes::unfit(&y.shape(row), &x.shape(row))))?
            .finish(ty, primitive::<T>)
    }
}
