//! `TRANSPOSE(x[, axes])`.

use arrow::array::ArrayRef;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::axes::Axes;
use crate::axes::Integers;
use crate::axes::dimension;
use crate::axes::integers;
use crate::axes::integers_of_row;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::function::given;
use crate::numbers::few;
use crate::numbers::not_numbers;
use crate::numbers::with_few_numbers;
use crate::permute::Walk;
use crate::value::Value;

/// The dimensions in another order.
#[derive(Debug)]
pub struct Transpose;

static ENTRY: Entry = Entry {
    tql: &["TRANSPOSE"],
    udf: "transpose",
    aliases: &[],
    parameters: &["x", "axes"],
    signature: "transpose(x[, axes]) -> tensor; axes is an array of dimensions or a text such as '2, 0, 1'",
    help: "The value with its dimensions in another order, reversed if none is given.",
    example: "SELECT TRANSPOSE(ARRAY[[1, 2, 3], [4, 5, 6]]) AS columns",
};

/// The order as places, each dimension once.
fn order(list: &[i64], ndim: usize) -> Result<Vec<usize>, String> {
    if list.len() != ndim {
        return Err(format!("{} axes of a value of {ndim} dimensions", list.len()));
    }
    Axes::new(list, ndim, false)?;
    list.iter().map(|axis| dimension(*axis, ndim)).collect()
}

impl TensorFunction for Transpose {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes tensors of numbers"));
        };
        let fail = |reason: String| self.wrong_argument(reason);
        let dims = match given(args, 1).map(integers).transpose().map_err(fail)? {
            None => ty.dims.iter().rev().copied().collect(),
            Some(Integers::Known(list)) => {
                let order = order(&list, ty.ndim()).map_err(fail)?;
                order.iter().map(|axis| ty.dims.get(*axis).copied().flatten()).collect()
            }
            Some(Integers::Later(_))
                if given(args, 1).is_some_and(|it| it.scalar_dtype().is_some()) =>
            {
                return Err(fail("axes must be constant".into()));
            }
            Some(Integers::Later(_)) => vec![None; ty.ndim()],
        };
        Ok(Output::tensor(TensorType::tensor(ty.dtype.clone(), dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        let (x, ty) = (x.numbers()?, out.ty()?);
        let ndim = x.ty().ndim();
        let order = match args.get(1) {
            None => (0..ndim).rev().collect(),
            Some(axes) if axes.constant => integers_of_row(axes, 0)
                .and_then(|list| order(&list, ndim))
                .map_err(|reason| self.wrong_argument(reason))?,
            Some(_) => return Err(self.wrong_argument("axes must be constant")),
        };
        let elements = x.elements_as(&few(&x.ty().dtype))?;
        with_few_numbers!(elements, T, values => {
            let mut permuted = Vec::with_capacity(x.window(rows).len());
            let mut layout = Layouter::new(ty.ndim(), rows);
            for row in 0..rows {
                if x.is_null(row) {
                    permuted.resize(permuted.len() + fixed(ty), Default::default());
                    layout.push_null(permuted.len())?;
                    continue;
                }
                let shape = x.shape(row);
                let values = values.get(x.range(row)).unwrap_or(&[]);
                Walk::new(&shape, &order).copy(values, &mut permuted);
                let sizes: Vec<usize> = order.iter().map(|axis| shape[*axis]).collect();
                layout.push(permuted.len(), &Shape::new(&sizes).unwrap_or_default())?;
            }
            assemble(ty, primitive::<T>(permuted), layout, x.nulls(rows))
        }, else Err(not_numbers(elements.data_type())))
    }
}
