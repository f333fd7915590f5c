//! `ALL(x)` and `ALL_STRICT(x)`.

use arrow::array::ArrayRef;
use lakebed_core::DType;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::value::Value;

use super::any::by_row;

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
    signature: "tensor_all(x) -> bool",
    help: "True if every element is true or not zero; true for an empty value.",
    example: "SELECT ALL(ARRAY[1, 2, 3] > 0) AS positive",
};

static STRICT_ENTRY: Entry = Entry {
    tql: &["ALL_STRICT"],
    udf: "tensor_all_strict",
    aliases: &["all_strict"],
    signature: "tensor_all_strict(x) -> bool",
    help: "True if there are elements and every one is true or not zero.",
    example: "SELECT ALL_STRICT(ARRAY[1, 2, 3] > 0) AS positive",
};

impl TensorFunction for All {
    fn entry(&self) -> &'static Entry {
        if self.of_empty { &ALL_ENTRY } else { &STRICT_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        match args {
            [x] if x.numeric().is_some() => Ok(Output::scalar(DType::Bool, any_nullable(args))),
            _ => Err(self.wrong_types(
                args,
                "it takes bools or numbers: write a comparison, such as ALL(x > 0)",
            )),
        }
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        by_row(
            &x.numbers()?,
            rows,
            |bits, row| {
                if row.is_empty() { self.of_empty } else { bits.all(row) }
            },
        )
    }
}
