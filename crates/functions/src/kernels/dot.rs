//! `DOT(a, b)`.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes;
use crate::lanes::Element;
use crate::numbers::Numbers;
use crate::numbers::meet;
use crate::numbers::slice_of;
use crate::value::Value;
use crate::vectors;
use crate::vectors::OfPair;

use super::reduce::rounded;

/// The dot product.
#[derive(Debug)]
pub struct Dot;

static ENTRY: Entry = Entry {
    tql: &["DOT"],
    udf: "dot",
    aliases: &[],
    parameters: &["a", "b"],
    signature: "dot(a, b) -> number, or one for every row of a matrix",
    help: "The sum of the products of two vectors of one length; of a matrix and a vector, row by row. Beside a column of f32 a constant vector is rounded to f32. Integers compute in 64 bits, and leaving them is an error.",
    example: "SELECT DOT(ARRAY[1, 2, 3], ARRAY[4, 5, 6]) AS product",
};

impl TensorFunction for Dot {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let dims = vectors::paired(args).map_err(|reason| self.wrong_types(args, reason))?;
        let dtype = match args {
            [a, b] => match (a.numeric(), b.numeric()) {
                (Some(a), Some(b)) => meet(&a.dtype, &b.dtype),
                _ => DType::F64,
            },
            _ => DType::F64,
        };
        let dtype = if dtype == DType::F16 { DType::F32 } else { dtype };
        Ok(Output::tensor(TensorType::tensor(dtype, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [a, b] = args else { return Err(self.wrong_types(&[], "two arguments are needed")) };
        let (a, b, ty) = (a.numbers()?, b.numbers()?, out.ty()?);
        let data_type = ty.dtype.to_arrow();
        if data_type == DataType::Float64 && vectors::meet_in_f32(&a, &b) {
            let (x, y) = (a.elements_as(&DataType::Float32)?, b.elements_as(&DataType::Float32)?);
            let (x, y) = (slice_of::<Float32Type>(&x)?, slice_of::<Float32Type>(&y)?);
            return self.pairs((&a, x), (&b, y), ty, rows, &Floats, primitive::<Float64Type>);
        }
        let (x, y) = (a.elements_as(&data_type)?, b.elements_as(&data_type)?);
        match data_type {
            DataType::Float32 => {
                let (x, y) = (slice_of::<Float32Type>(&x)?, slice_of::<Float32Type>(&y)?);
                self.pairs((&a, x), (&b, y), ty, rows, &Floats, |products| {
                    primitive::<Float32Type>(rounded(&products))
                })
            }
            DataType::Float64 => {
                let (x, y) = (slice_of::<Float64Type>(&x)?, slice_of::<Float64Type>(&y)?);
                self.pairs((&a, x), (&b, y), ty, rows, &Floats, primitive::<Float64Type>)
            }
            DataType::UInt64 => {
                let (x, y) = (slice_of::<UInt64Type>(&x)?, slice_of::<UInt64Type>(&y)?);
                self.pairs((&a, x), (&b, y), ty, rows, &Integers, primitive::<UInt64Type>)
            }
            _ => {
                let (x, y) = (slice_of::<Int64Type>(&x)?, slice_of::<Int64Type>(&y)?);
                self.pairs((&a, x), (&b, y), ty, rows, &Integers, primitive::<Int64Type>)
            }
        }
    }
}

impl Dot {
    fn pairs<E, F: OfPair<E>>(
        &self,
        a: (&Numbers, &[E]),
        b: (&Numbers, &[E]),
        ty: &TensorType,
        rows: usize,
        product: &F,
        array: impl FnOnce(Vec<F::Answer>) -> ArrayRef,
    ) -> Result<ArrayRef> {
        match vectors::pairs(a, b, rows, fixed(ty), product)? {
            Ok(pairs) => pairs.finish(ty, array),
            Err((row, p, q)) => Err(self.wrong_row(row, format!("shapes {p} and {q} do not pair"))),
        }
    }
}

struct Floats;

impl<E: Element> OfPair<E> for Floats {
    type Answer = f64;

    #[inline(always)]
    fn of(&self, _row: usize, x: &[E], y: &[E]) -> Result<f64> {
        let [product, ..] = lanes::products(x, y);
        Ok(product)
    }
}

struct Integers;

impl<E: Element + TryFrom<i128>> OfPair<E> for Integers {
    type Answer = E;

    #[inline(always)]
    fn of(&self, row: usize, x: &[E], y: &[E]) -> Result<E> {
        // 128 bits hold any sum of products of 64 on the way.
        let sum = x
            .iter()
            .zip(y)
            .try_fold(0i128, |sum, (x, y)| sum.checked_add(x.to_i128().checked_mul(y.to_i128())?));
        sum.and_then(|sum| E::try_from(sum).ok()).ok_or_else(|| {
            Dot.wrong_row(row, "the result does not fit in 64 bits: cast a vector to a float")
        })
    }
}
