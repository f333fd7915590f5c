//! `NONZERO(x)` (rule 11).

use arrow::array::ArrayRef;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::primitive;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::value::Value;

use super::any::truths;

/// Where the elements are that are not zero.
#[derive(Debug)]
pub struct Nonzero;

static ENTRY: Entry = Entry {
    tql: &["NONZERO"],
    udf: "nonzero",
    aliases: &[],
    parameters: &["x"],
    signature: "nonzero(x) -> i64[count] of a number or vector, i64[count, dimensions] of more dimensions",
    help: "The places of the elements that are true or not zero, in order.",
    example: "SELECT NONZERO(ARRAY[5, 0, 7]) AS places",
};

impl TensorFunction for Nonzero {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes numbers or bools"));
        };
        // A number counts as a vector of one element.
        let dims = match ty.ndim() {
            0 | 1 => vec![None],
            ndim => vec![None, u32::try_from(ndim).ok()],
        };
        Ok(Output::tensor(TensorType::tensor(DType::I64, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let (x, ty) = (x.numbers()?, out.ty()?);
        let flags = truths(&x)?;
        let mut places: Vec<i64> = Vec::new();
        let mut layout = Layouter::new(ty.ndim(), rows);
        for row in 0..rows {
            if x.is_null(row) {
                layout.push_null(places.len())?;
                continue;
            }
            let shape = x.shape(row);
            let strides = shape.strides();
            let flags = flags.get(x.range(row)).unwrap_or(&[]);
            let mut count = 0;
            for at in flags.iter().enumerate().filter(|(_, flag)| **flag).map(|(at, _)| at) {
                count += 1;
                if strides.is_empty() {
                    places.push(as_i64(at));
                }
                places.extend(
                    strides
                        .iter()
                        .zip(shape.iter())
                        .map(|(stride, size)| as_i64(at / stride % size)),
                );
            }
            let shape = Shape::new(&[count, shape.ndim()]).unwrap_or_default();
            layout.push(places.len(), &shape)?;
        }
        assemble(ty, primitive::<Int64Type>(places), layout, x.nulls(rows))
    }
}

fn as_i64(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
