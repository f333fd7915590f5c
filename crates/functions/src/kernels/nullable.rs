//! `tensor_nullable(x)`: a value that may be missing.

use std::sync::Arc;

use arrow::array::ArrayRef;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::value::Value;

/// The same value, of a type that has null: of a query that may have no row.
#[derive(Debug)]
pub struct Nullable;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_nullable",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_nullable(x) -> x, or null",
    help: "The same value, which may be null: what DATA(column, row) makes of a row that there is not.",
    example: "SELECT tensor_nullable(1) AS one",
};

impl TensorFunction for Nullable {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        match args {
            [x] => Ok(Output::from_field(&x.field.as_ref().clone().with_nullable(true))),
            _ => Err(self.wrong_types(args, "one argument is needed")),
        }
    }

    fn evaluate(&self, args: &[Value], _out: &Output, _rows: usize) -> Result<ArrayRef> {
        match args {
            [x] => Ok(Arc::clone(&x.array)),
            _ => Err(self.wrong_types(&[], "one argument is needed")),
        }
    }
}
