//! `STD` and `VAR` (rule 15: they divide by n).

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
use crate::lanes;
use crate::lanes::Element;
use crate::numbers::few;
use crate::numbers::not_numbers;
use crate::numbers::with_few_numbers;
use crate::value::Value;

/// The variance, or its root.
#[derive(Debug)]
pub struct Spread {
    root: bool,
}

/// `STD`.
pub static STD: Spread = Spread { root: true };
/// `VAR`.
pub static VAR: Spread = Spread { root: false };

static STD_ENTRY: Entry = Entry {
    tql: &["STD"],
    udf: "tensor_std",
    aliases: &[],
    parameters: &["x", "axis", "keepdims"],
    signature: "tensor_std(x[, axis[, keepdims]]) -> f64",
    help: "The standard deviation of all elements, or along one axis or an array of them: the root of the mean squared distance from the mean. It divides by n, where SQL's STDDEV divides by n - 1; 0 if there are no elements.",
    example: "SELECT STD(ARRAY[1, 3]) AS deviation",
};

static VAR_ENTRY: Entry = Entry {
    tql: &["VAR"],
    udf: "tensor_var",
    aliases: &[],
    parameters: &["x", "axis", "keepdims"],
    signature: "tensor_var(x[, axis[, keepdims]]) -> f64",
    help: "The variance, under the rules of tensor_std.",
    example: "SELECT tensor_var(ARRAY[1, 5]) AS variance",
};

impl TensorFunction for Spread {
    fn entry(&self) -> &'static Entry {
        if self.root { &STD_ENTRY } else { &VAR_ENTRY }
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
        let elements = x.elements_as(&few(&x.ty().dtype))?;
        let root = |mut variances: Vec<f64>| {
            if self.root {
                variances.iter_mut().for_each(|variance| *variance = variance.sqrt());
            }
            variances
        };
        with_few_numbers!(elements, T, values => match axes {
            None => {
                let variances = root(each(&x, values, rows, &Variance));
                Ok(number_rows::<Float64Type>(variances, x.nulls(rows)))
            }
            Some(axes) => {
                let (variances, ends) =
                    along((&x, values), &axes, ty, rows, 0.0, &|line| Variance.of(line));
                ends.finish(primitive::<Float64Type>(root(variances)), &x, &axes, ty)
            }
        }, else Err(not_numbers(elements.data_type())))
    }
}

struct Variance;

impl<E: Element> OfRow<E> for Variance {
    type Answer = f64;

    #[inline(always)]
    fn of(&self, row: &[E]) -> f64 {
        if row.is_empty() {
            return 0.0;
        }
        let count = row.len() as f64;
        let mean = lanes::sum_of(row, |value| value) / count;
        lanes::sum_of(row, |value| (value - mean) * (value - mean)) / count
    }
}
