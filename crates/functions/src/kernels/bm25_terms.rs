//! `bm25_terms(text, query)`.

use arrow::array::ArrayRef;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::row_writer::write;
use crate::tokens::Terms;
use crate::value::Value;
use crate::value::any_null;

/// Which terms of a query a text has.
#[derive(Debug)]
pub struct Bm25Terms;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "bm25_terms",
    aliases: &[],
    parameters: &["text", "query"],
    signature: "bm25_terms(text, query) -> i64[terms of the query]",
    help: "For each distinct token of the query, in order of first appearance, 1 if the text has it and 0 if not. The sums over the rows are statistics of bm25_score.",
    example: "SELECT bm25_terms('deep learning on a data lake', 'deep lake delta') AS present",
};

impl TensorFunction for Bm25Terms {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        if !args.iter().all(Arg::is_text) {
            return Err(self.wrong_types(args, "it takes a text and the text of a query"));
        }
        Ok(Output::tensor(TensorType::tensor(DType::I64, vec![None]), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [text, query] = args else {
            return Err(self.wrong_types(&[], "two arguments are needed"));
        };
        let (texts, queries) = (text.texts()?, query.texts()?);
        let mut terms: Option<Terms> = None;
        write::<Int64Type>(out.ty()?, rows, any_null(args, rows), |row, present| {
            if !query.constant {
                terms = None;
            }
            let terms = terms.get_or_insert_with(|| Terms::new(queries.value(query.row(row))));
            let (counts, _) = terms.count(texts.value(text.row(row)));
            present.extend(counts.iter().map(|count| i64::from(*count > 0)));
            Ok(Shape::new(&[counts.len()]).unwrap_or_default())
        })
    }
}
