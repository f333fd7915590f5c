//! `bm25_length(text)`.

use arrow::array::ArrayRef;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;

use crate::assemble::number_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::tokens::Terms;
use crate::value::Value;

/// How many tokens a text has.
#[derive(Debug)]
pub struct Bm25Length;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "bm25_length",
    aliases: &[],
    parameters: &["text"],
    signature: "bm25_length(text) -> i64",
    help: "How many tokens a text has: runs of letters and digits. Its mean over the rows is one of the statistics of bm25_score.",
    example: "SELECT bm25_length('deep learning on a data lake') AS tokens",
};

impl TensorFunction for Bm25Length {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        if !args.iter().all(Arg::is_text) {
            return Err(self.wrong_types(args, "it takes text"));
        }
        Ok(Output::scalar(DType::I64, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [text] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let texts = text.texts()?;
        let mut none = Terms::default();
        let length = |row: usize| match text.is_null(row) {
            true => 0,
            false => {
                let (_, length) = none.count(texts.value(text.row(row)));
                i64::try_from(length).unwrap_or(i64::MAX)
            }
        };
        Ok(number_rows::<Int64Type>((0..rows).map(length).collect(), text.nulls(rows)))
    }
}
