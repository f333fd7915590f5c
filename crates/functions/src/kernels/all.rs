//! `ALL(x)` and `ALL_STRICT(x)`.

use arrow::array::ArrayRef;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::axes;
use crate::by_row::OfRow;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::value::Value;

use super::any::by_row;
use super::any::judged_along;

/// True if every element of a row is true, or not zero.
#[derive(Debug)]
pub struct All {
    of_empty: bool,
}

/// True for an empty value.
pub static ALL: All = All { of_empty: true };
/// False for an empty value.
pub static ALL_STRICT: All = All { of_empty: false };

static ALL_ENTRY: Entry = Entry {
    tql: &["ALL"],
    udf: "tensor_all",
    aliases: &[],
    parameters: &["x", "axis", "keepdims"],
    signature: "tensor_all(x[, axis[, keepdims]]) -> bool",
    help: "True if every element is true or not zero, among all or along one axis or an array of them; true for an empty value.",
    example: "SELECT ALL(ARRAY[1, 2, 3] > 0) AS positive",
};

static STRICT_ENTRY: Entry = Entry {
    tql: &["ALL_STRICT"],
    udf: "tensor_all_strict",
    aliases: &["all_strict"],
    parameters: &["x", "axis", "keepdims"],
    signature: "tensor_all_strict(x[, axis[, keepdims]]) -> bool",
    help: "True if there are elements and every one is true or not zero.",
    example: "SELECT ALL_STRICT(ARRAY[1, 2, 3] > 0) AS positive",
};

impl TensorFunction for All {
    fn entry(&self) -> &'static Entry {
        if self.of_empty { &ALL_ENTRY } else { &STRICT_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (1, 3)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(
                args,
                "it takes bools or numbers: write a comparison, such as ALL(x > 0)",
            ));
        };
        let dims = axes::planned(ty, args).map_err(|reason| self.wrong_argument(reason))?;
        Ok(Output::tensor(TensorType::tensor(DType::Bool, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let (x, axes) = axes::operand(self, args)?;
        match axes {
            None => by_row(
                &x,
                rows,
                |bits, row| {
                    if row.is_empty() { self.of_empty } else { bits.all(row) }
                },
            ),
            Some(axes) => judged_along(&x, &axes, out.ty()?, rows, self),
        }
    }
}

impl OfRow<bool> for All {
    type Answer = bool;

    #[inline(always)]
    fn of(&self, row: &[bool]) -> bool {
        if row.is_empty() { self.of_empty } else { !row.contains(&false) }
    }
}
