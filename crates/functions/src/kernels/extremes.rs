//! `MAXIMUM(a, b)` and `MINIMUM(a, b)`, element by element.

use arrow::array::ArrayRef;
use lakebed_core::TensorType;

use crate::assemble::primitive;
use crate::elementwise::Built;
use crate::elementwise::Item;
use crate::elementwise::Stretch;
use crate::elementwise::zip;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes::Element;
use crate::numbers::Numbers;
use crate::numbers::few;
use crate::numbers::join;
use crate::numbers::not_numbers;
use crate::numbers::slice_of;
use crate::numbers::with_few_numbers;
use crate::shapes;
use crate::value::Value;

/// The larger or the smaller of two.
#[derive(Debug)]
pub struct Extreme {
    pub(super) largest: bool,
}

/// `MAXIMUM`.
pub static MAXIMUM: Extreme = Extreme { largest: true };
/// `MINIMUM`.
pub static MINIMUM: Extreme = Extreme { largest: false };

static MAX_ENTRY: Entry = Entry {
    tql: &["MAXIMUM"],
    udf: "maximum",
    aliases: &[],
    parameters: &["a", "b"],
    signature: "maximum(a, b) -> number of the broadcast shape",
    help: "The larger of two elements; NaN if one is NaN. A type stays if both have it; else they meet as in tensor_add.",
    example: "SELECT MAXIMUM(ARRAY[1, 5, 3], 2) AS at_least_two",
};

static MIN_ENTRY: Entry = Entry {
    tql: &["MINIMUM"],
    udf: "minimum",
    aliases: &[],
    parameters: &["a", "b"],
    signature: "minimum(a, b) -> number of the broadcast shape",
    help: "The smaller of two elements, under the rules of maximum.",
    example: "SELECT MINIMUM(ARRAY[1, 5, 3], 2) AS at_most_two",
};

impl TensorFunction for Extreme {
    fn entry(&self) -> &'static Entry {
        if self.largest { &MAX_ENTRY } else { &MIN_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [a, b] = args else { return Err(self.wrong_types(args, "two operands are needed")) };
        let (Some(x), Some(y)) = (a.numeric(), b.numeric()) else {
            return Err(self.wrong_types(args, "it takes numbers"));
        };
        let dims = shapes::broadcast(x, y)
            .map_err(|clash| self.wrong_types(args, shapes::clash(clash)))?;
        Ok(Output::tensor(TensorType::tensor(join(&x.dtype, &y.dtype), dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [a, b] = args else { return Err(self.wrong_types(&[], "two operands are needed")) };
        let (a, b) = (a.numbers()?, b.numbers()?);
        match self.of(&a, &b, out.ty()?, rows)? {
            Ok(array) => Ok(array),
            Err(row) => Err(self.wrong_row(row, shapes::unfit(&a.shape(row), &b.shape(row)))),
        }
    }
}

impl Extreme {
    /// The larger or smaller of two; the inner error is the row whose shapes do not fit.
    ///
    /// # Errors
    /// Those of Arrow's casts.
    pub(super) fn of(
        &self,
        a: &Numbers,
        b: &Numbers,
        ty: &TensorType,
        rows: usize,
    ) -> Result<Result<ArrayRef, usize>> {
        let data_type = few(&ty.dtype);
        let (p, q) = (a.elements_as(&data_type)?, b.elements_as(&data_type)?);
        with_few_numbers!(p, T, left => {
            let right = slice_of::<T>(&q)?;
            match self.zip((a, left), (b, right), ty, rows)? {
                Ok(built) => built.finish(ty, primitive::<T>).map(Ok),
                Err(row) => Ok(Err(row)),
            }
        }, else Err(not_numbers(&data_type)))
    }

    fn zip<E: Element + Item>(
        &self,
        left: (&Numbers, &[E]),
        right: (&Numbers, &[E]),
        ty: &TensorType,
        rows: usize,
    ) -> Result<Result<Built<E>, usize>> {
        // What is not ordered is NaN, and NaN stays.
        let largest = self.largest;
        zip(left, right, ty, rows, Stretch::Numpy, |x: E, y: E| {
            let first = if largest { x > y } else { x < y };
            if first || x.is_not_a_number() { x } else { y }
        })
    }
}
