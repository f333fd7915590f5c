//! What text functions of SQL read of a value in TQL: the name of a class, the text of JSON.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringViewBuilder;
use datafusion_expr::Expr;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::DType;
use serde_json::Value as Json;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::json::Documents;
use crate::labels;
use crate::value::Value;

/// A class label as its name and JSON as what it says; any other value as it is.
#[derive(Debug)]
pub struct Readable {
    /// One value a row, as functions of texts take it, which else would read an array's print.
    single: bool,
}

/// Of any value.
pub static READABLE: Readable = Readable { single: false };
/// Of single values.
pub static SINGLE: Readable = Readable { single: true };

static READABLE_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_readable",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_readable(x) -> text, or x",
    help: "What SQL's functions read of a value in TQL: the name of a class label, the text of a JSON text, the JSON of other JSON; anything else as it is.",
    example: "SELECT tensor_readable(json_get('{\"stain\": \"Wright\"}', 'stain')) AS stain",
};

static SINGLE_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_readable_text",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_readable_text(x) -> text, or x",
    help: "As tensor_readable, of one value a row: arrays and sequences are an error.",
    example: "SELECT tensor_readable_text('cell') AS cell",
};

impl Readable {
    fn changes(arg: &Arg) -> bool {
        arg.is_json() || (arg.scalar_dtype().is_some() && arg.classes().is_some())
    }
}

impl TensorFunction for Readable {
    fn entry(&self) -> &'static Entry {
        if self.single { &SINGLE_ENTRY } else { &READABLE_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [x] = args else { return Err(self.wrong_types(args, "one argument is needed")) };
        if self.single && x.ty.as_ref().is_some_and(|ty| !ty.is_scalar()) {
            return Err(self.wrong_types(
                args,
                "it takes one text a row: take an element, such as x[0]; SHAPE(x) counts elements",
            ));
        }
        if Self::changes(x) {
            return Ok(Output::scalar(DType::Text, true));
        }
        Ok(Output::from_field(&x.field))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        if !Self::changes(&x.arg) {
            return Ok(Arc::clone(&x.array));
        }
        let mut texts = StringViewBuilder::with_capacity(rows);
        if x.nulls(rows).is_some_and(|nulls| nulls.null_count() == rows) {
            (0..rows).for_each(|_| texts.append_null());
        } else if x.arg.is_json() {
            let documents = Documents::try_new(x)?;
            for row in 0..rows {
                match if x.is_null(row) { Json::Null } else { documents.get(row)? } {
                    Json::Null => texts.append_null(),
                    Json::String(text) => texts.append_value(text),
                    other => texts.append_value(other.to_string()),
                }
            }
        } else {
            let numbers = x.numbers()?;
            let names = labels::names(&numbers)?;
            for row in 0..rows {
                let name = names.get(numbers.range(row).start).copied().flatten();
                texts.append_option(name.filter(|_| !numbers.is_null(row)));
            }
        }
        Ok(Arc::new(texts.finish()))
    }

    fn simplify(
        &self,
        mut exprs: Vec<Expr>,
        args: &[Arg],
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let same = args.iter().all(|arg| !Self::changes(arg) && !arg.is_untyped_null());
        Ok(match exprs.pop() {
            Some(expr) if same => ExprSimplifyResult::Simplified(expr),
            other => ExprSimplifyResult::Original(other.into_iter().collect()),
        })
    }
}
