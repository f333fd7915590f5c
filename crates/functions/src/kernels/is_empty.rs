//! `IS_EMPTY(x)` (rule 8).

use arrow::array::ArrayRef;
use lakebed_core::DType;

use crate::assemble::bool_rows;
use crate::emptiness::empty_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::value::Value;

/// Has a value no elements? Reads shapes only: encoded images stay encoded.
#[derive(Debug)]
pub struct IsEmpty;

static ENTRY: Entry = Entry {
    tql: &["IS_EMPTY"],
    udf: "is_empty",
    aliases: &[],
    parameters: &["x"],
    signature: "is_empty(x) -> bool",
    help: "True if a value has no elements: an array with a dimension of 0, an empty text. Null for null.",
    example: "SELECT IS_EMPTY('') AS empty_text, IS_EMPTY(ARRAY[0]) AS one_zero",
};

impl TensorFunction for IsEmpty {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        Ok(Output::scalar(DType::Bool, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        Ok(bool_rows(empty_rows(x, rows)?, x.nulls(rows)))
    }
}
