//! `COSINE_SIMILARITY(a, b)`.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
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
use crate::numbers::slice_of;
use crate::value::Value;
use crate::vectors;
use crate::vectors::OfPair;

use super::reduce::rounded;

/// The cosine of the angle between two vectors.
#[derive(Debug)]
pub struct CosineSimilarity;

static ENTRY: Entry = Entry {
    tql: &["COSINE_SIMILARITY"],
    udf: "cosine_similarity",
    aliases: &[],
    parameters: &["a", "b"],
    signature: "cosine_similarity(a, b) -> f32 or f64, or one for every row of a matrix",
    help: "The cosine of the angle between two vectors of one length, from -1 to 1; 0 if one of them is all zeros. Of a matrix and a vector, row by row. Beside a column of f32 a constant vector is rounded to f32.",
    example: "SELECT COSINE_SIMILARITY(ARRAY[1, 0], ARRAY[1, 1]) AS likeness",
};

impl TensorFunction for CosineSimilarity {
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
                (Some(a), Some(b)) => vectors::float_of(a, b),
                _ => DType::F64,
            },
            _ => DType::F64,
        };
        Ok(Output::tensor(TensorType::tensor(dtype, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [a, b] = args else { return Err(self.wrong_types(&[], "two arguments are needed")) };
        let (a, b, ty) = (a.numbers()?, b.numbers()?, out.ty()?);
        if ty.dtype == DType::F32 || vectors::meet_in_f32(&a, &b) {
            let (x, y) = (a.elements_as(&DataType::Float32)?, b.elements_as(&DataType::Float32)?);
            let (x, y) = (slice_of::<Float32Type>(&x)?, slice_of::<Float32Type>(&y)?);
            return self.pairs((&a, x), (&b, y), ty, rows)?.finish(ty, |values| match ty.dtype {
                DType::F32 => primitive::<Float32Type>(rounded(&values)),
                _ => primitive::<Float64Type>(values),
            });
        }
        let (x, y) = (a.elements_as(&DataType::Float64)?, b.elements_as(&DataType::Float64)?);
        let (x, y) = (slice_of::<Float64Type>(&x)?, slice_of::<Float64Type>(&y)?);
        self.pairs((&a, x), (&b, y), ty, rows)?.finish(ty, primitive::<Float64Type>)
    }
}

impl CosineSimilarity {
    fn pairs<E: Element>(
        &self,
        a: (&Numbers, &[E]),
        b: (&Numbers, &[E]),
        ty: &TensorType,
        rows: usize,
    ) -> Result<vectors::Pairs<f64>> {
        let cosine = Cosine { x: constant_length(a), y: constant_length(b) };
        vectors::pairs(a, b, rows, fixed(ty), &cosine)?
            .map_err(|(row, p, q)| self.wrong_row(row, format!("shapes {p} and {q} do not pair")))
    }
}

/// The length of a vector that is the same in every row.
fn constant_length<E: Element>((of, elements): (&Numbers, &[E])) -> Option<f64> {
    if !of.is_constant() || of.ty().ndim() != 1 {
        return None;
    }
    let vector = elements.get(of.range(0))?;
    Some(lanes::sum_of(vector, |value| value * value).sqrt())
}

/// The cosine of two vectors, with the lengths that are known before.
struct Cosine {
    x: Option<f64>,
    y: Option<f64>,
}

impl<E: Element> OfPair<E> for Cosine {
    type Answer = f64;

    #[inline(always)]
    fn of(&self, _row: usize, x: &[E], y: &[E]) -> Result<f64> {
        let (product, lengths) = match (self.x, self.y) {
            (None, Some(length)) => {
                let [product, squares, _] = lanes::products(x, y);
                (product, squares.sqrt() * length)
            }
            (Some(length), None) => {
                let [product, squares, _] = lanes::products(y, x);
                (product, length * squares.sqrt())
            }
            _ => {
                let [product, own, other] = lanes::products(x, y);
                (product, own.sqrt() * other.sqrt())
            }
        };
        if lengths == 0.0 {
            return Ok(0.0);
        }
        let cosine = product / lengths;
        // Rounding may leave the range by one bit; NaN stays.
        Ok(if cosine.is_nan() { cosine } else { cosine.clamp(-1.0, 1.0) })
    }
}
