//! `ARGMIN` and `ARGMAX`.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::axes;
use crate::axes::Axes;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::given;
use crate::lanes::Element;
use crate::numbers::Numbers;
use crate::numbers::few;
use crate::numbers::not_numbers;
use crate::numbers::with_few_numbers;
use crate::permute::Walk;
use crate::value::Value;

/// Where the smallest or largest element is.
#[derive(Debug)]
pub struct ArgExtreme {
    largest: bool,
}

/// `ARGMIN`.
pub static ARGMIN: ArgExtreme = ArgExtreme { largest: false };
/// `ARGMAX`.
pub static ARGMAX: ArgExtreme = ArgExtreme { largest: true };

static MIN_ENTRY: Entry = Entry {
    tql: &["ARGMIN"],
    udf: "argmin",
    aliases: &[],
    parameters: &["x", "axis", "keepdims"],
    signature: "argmin(x[, axis[, keepdims]]) -> i64",
    help: "The place of the smallest element among all in row-major order, or along one axis; the first of equals, the first NaN if there is one, null if there are no elements.",
    example: "SELECT ARGMIN(ARRAY[3, 1, 2]) AS place",
};

static MAX_ENTRY: Entry = Entry {
    tql: &["ARGMAX"],
    udf: "argmax",
    aliases: &[],
    parameters: &["x", "axis", "keepdims"],
    signature: "argmax(x[, axis[, keepdims]]) -> i64",
    help: "The place of the largest element, under the rules of argmin.",
    example: "SELECT ARGMAX(ARRAY[[1, 9], [7, 2]], 1) AS places",
};

impl TensorFunction for ArgExtreme {
    fn entry(&self) -> &'static Entry {
        if self.largest { &MAX_ENTRY } else { &MIN_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (1, 3)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes numbers"));
        };
        let several =
            given(args, 1).is_some_and(|axis| !matches!(&axis.ty, Some(ty) if ty.is_scalar()));
        if several {
            return Err(self.wrong_argument("it works along one axis: write an integer"));
        }
        let dims = axes::planned(ty, args).map_err(|reason| self.wrong_argument(reason))?;
        Ok(Output::tensor(TensorType::tensor(DType::I64, dims), true))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        let (x, ty) = (x.numbers()?, out.ty()?);
        let axes = axes::running(x.ty(), args).map_err(|reason| self.wrong_argument(reason))?;
        let axes = axes.unwrap_or(Axes::all(false));
        let elements = x.elements_as(&few(&x.ty().dtype))?;
        with_few_numbers!(elements, T, values => self.places(&x, values, &axes, ty, rows),
            else Err(not_numbers(elements.data_type())))
    }
}

impl ArgExtreme {
    fn places<E: Element>(
        &self,
        x: &Numbers,
        values: &[E],
        axes: &Axes,
        ty: &TensorType,
        rows: usize,
    ) -> Result<ArrayRef> {
        let order = axes.reduced_last(x.ty().ndim());
        let mut places: Vec<i64> = Vec::with_capacity(rows);
        let mut layout = Layouter::new(ty.ndim(), rows);
        let mut valid = Vec::with_capacity(rows);
        let mut lined_up = Vec::new();
        for row in 0..rows {
            let shape = x.shape(row);
            let left = axes.left(&shape);
            let row_values = values.get(x.range(row)).unwrap_or(&[]);
            // A line without elements has no place.
            let found = !x.is_null(row) && (left.elements() == 0 || !row_values.is_empty());
            valid.push(found);
            if !found {
                places.resize(places.len() + fixed(ty), 0);
                layout.push_null(places.len())?;
                continue;
            }
            let walk = Walk::new(&shape, &order);
            let lines = if walk.is_straight() {
                row_values
            } else {
                lined_up.clear();
                walk.copy(row_values, &mut lined_up);
                &lined_up[..]
            };
            if let Some(size) = lines.len().checked_div(left.elements()).filter(|size| *size > 0) {
                places.extend(lines.chunks_exact(size).map(|line| self.place(line)));
            }
            layout.push(places.len(), &left)?;
        }
        assemble(ty, primitive::<Int64Type>(places), layout, Some(NullBuffer::from(valid)))
    }

    fn place<E: Element>(&self, line: &[E]) -> i64 {
        let Some(first) = line.first() else { return 0 };
        let best = if self.largest {
            E::best(*first, line, |a, b| a > b)
        } else {
            E::best(*first, line, |a, b| a < b)
        };
        // The best of a line with a NaN is a NaN, which equals nothing.
        let same =
            |value: &E| *value == best || (best.is_not_a_number() && value.is_not_a_number());
        line.iter().position(same).and_then(|at| i64::try_from(at).ok()).unwrap_or(0)
    }
}
