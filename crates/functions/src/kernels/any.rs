//! `ANY(x)`.

use std::ops::Range;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::buffer::BooleanBuffer;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::along::along;
use crate::assemble::bool_rows;
use crate::assemble::bools;
use crate::axes;
use crate::axes::Axes;
use crate::bits;
use crate::bits::Bits;
use crate::by_row::OfRow;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::Numbers;
use crate::numbers::not_numbers;
use crate::numbers::with_numbers;
use crate::value::Value;

/// True if any element of a row is true, or not zero.
#[derive(Debug)]
pub struct Any;

static ENTRY: Entry = Entry {
    tql: &["ANY"],
    udf: "tensor_any",
    aliases: &[],
    parameters: &["x", "axis", "keepdims"],
    signature: "tensor_any(x[, axis[, keepdims]]) -> bool",
    help: "True if any element is true or not zero, among all or along one axis or an array of them; false for an empty value.",
    example: "SELECT ANY(ARRAY[1, 2, 3] == 2) AS found",
};

impl TensorFunction for Any {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 3)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(
                args,
                "it takes bools or numbers: write a comparison, such as ANY(x == 3)",
            ));
        };
        let dims = axes::planned(ty, args).map_err(|reason| self.wrong_argument(reason))?;
        Ok(Output::tensor(TensorType::tensor(DType::Bool, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let (x, axes) = axes::operand(self, args)?;
        match axes {
            None => by_row(&x, rows, |bits, row| bits.any(row)),
            Some(axes) => judged_along(&x, &axes, out.ty()?, rows, &AnyOf),
        }
    }
}

struct AnyOf;

impl OfRow<bool> for AnyOf {
    type Answer = bool;

    #[inline(always)]
    fn of(&self, row: &[bool]) -> bool {
        row.contains(&true)
    }
}

/// `judge` of the elements of every line along `axes`.
///
/// # Errors
/// As [`truths`].
pub fn judged_along(
    x: &Numbers,
    axes: &Axes,
    ty: &TensorType,
    rows: usize,
    judge: &impl OfRow<bool, Answer = bool>,
) -> Result<ArrayRef> {
    let flags = truths(x)?;
    let (answers, ends) = along((x, &flags), axes, ty, rows, false, &|line| judge.of(line));
    ends.finish(bools(answers.into()), x, axes, ty)
}

/// `judge` of the bits of every row, which say whether its elements are true.
///
/// # Errors
/// As [`truths`].
pub fn by_row(
    x: &Numbers,
    rows: usize,
    judge: impl Fn(Bits<'_>, Range<usize>) -> bool,
) -> Result<ArrayRef> {
    let window = x.window(rows);
    let base = window.start;
    let flags = flags(x, window)?;
    let bits = Bits::new(&flags);
    let answers = match x.offsets().map(|offsets| &offsets[..]) {
        Some(offsets) if offsets.len() > rows => BooleanBuffer::collect_bool(rows, |row| {
            let at = |row: usize| usize::try_from(offsets[row]).unwrap_or(0).saturating_sub(base);
            judge(bits, at(row)..at(row + 1))
        }),
        _ => BooleanBuffer::collect_bool(rows, |row| {
            let range = x.range(row);
            judge(bits, range.start.saturating_sub(base)..range.end.saturating_sub(base))
        }),
    };
    Ok(bool_rows(answers, x.nulls(rows)))
}

/// Every element as true or false; not zero is true.
///
/// # Errors
/// [`lakebed_core::Error::WrongType`] for elements that are no numbers.
pub fn truths(x: &Numbers) -> Result<Vec<bool>> {
    Ok(flags(x, 0..x.elements().len())?.iter().collect())
}

fn flags(x: &Numbers, window: Range<usize>) -> Result<BooleanBuffer> {
    if let Some(bools) = x.elements().as_boolean_opt() {
        return Ok(bools.values().slice(window.start, window.len()));
    }
    with_numbers!(x.elements(), T, values => {
        let zero = <T as arrow::datatypes::ArrowPrimitiveType>::Native::default();
        Ok(bits::map(values.get(window).unwrap_or(&[]), |value| value != zero))
    }, else Err(not_numbers(x.elements().data_type())))
}
