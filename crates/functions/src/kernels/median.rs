//! `MEDIAN`.

use arrow::array::ArrayRef;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::along::along;
use crate::assemble::number_rows;
use crate::assemble::primitive;
use crate::axes;
use crate::by_row::OfRow;
use crate::by_row::each;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::slice_of;
use crate::value::Value;

/// The middle of all elements in order.
#[derive(Debug)]
pub struct Median;

static ENTRY: Entry = Entry {
    tql: &["MEDIAN"],
    udf: "tensor_median",
    aliases: &[],
    parameters: &["x", "axis", "keepdims"],
    signature: "tensor_median(x[, axis[, keepdims]]) -> f64",
    help: "The middle of all elements in order, or the mean of the two in the middle, or along one axis or an array of them; 0 if there are none, NaN if one is NaN.",
    example: "SELECT tensor_median(ARRAY[5, 1, 2]) AS middle",
};

impl TensorFunction for Median {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 3)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it reduces numbers"));
        };
        let dims = axes::planned(ty, args).map_err(|reason| self.wrong_argument(reason))?;
        Ok(Output::tensor(TensorType::tensor(DType::F64, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let ((x, axes), ty) = (axes::operand(self, args)?, out.ty()?);
        let elements = x.elements_as(&arrow::datatypes::DataType::Float64)?;
        let values = slice_of::<Float64Type>(&elements)?;
        match axes {
            None => Ok(number_rows::<Float64Type>(each(&x, values, rows, &Middle), x.nulls(rows))),
            Some(axes) => {
                let (middles, ends) = along((&x, values), &axes, ty, rows, 0.0, &median);
                ends.finish(primitive::<Float64Type>(middles), &x, &axes, ty)
            }
        }
    }
}

struct Middle;

impl OfRow<f64> for Middle {
    type Answer = f64;

    #[inline(always)]
    fn of(&self, row: &[f64]) -> f64 {
        median(row)
    }
}

fn median(row: &[f64]) -> f64 {
    if row.is_empty() {
        return 0.0;
    }
    if row.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let mut sorted = row.to_vec();
    let half = sorted.len() / 2;
    let even = sorted.len().is_multiple_of(2);
    let (below, middle, _) = sorted.select_nth_unstable_by(half, f64::total_cmp);
    match below.iter().copied().reduce(f64::max) {
        Some(other) if even => f64::midpoint(other, *middle),
        _ => *middle,
    }
}
