//! `x IS NULL` in TQL: null or empty (rule 8).

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::Operator;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::DType;

use crate::assemble::bool_rows;
use crate::emptiness::empty_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::value::Value;

/// Null or empty; never null itself. Reads shapes only: encoded images stay encoded.
#[derive(Debug)]
pub struct IsNull;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_is_null",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_is_null(x) -> bool; in TQL: x IS NULL",
    help: "True if a value is null or has no elements: an empty array, an empty text, a JSON null. IS_EMPTY tells the two apart. Never null.",
    example: "SELECT tensor_is_null('') AS nothing",
};

impl TensorFunction for IsNull {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn strict(&self) -> bool {
        false
    }

    fn result(&self, _args: &[Arg]) -> Result<Output> {
        Ok(Output::scalar(DType::Bool, false))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let mut answers = if x.arg.is_json() {
            let texts = x.texts()?;
            BooleanBuffer::collect_bool(rows, |row| {
                let row = x.row(row);
                texts.is_valid(row) && texts.value(row).trim() == "null"
            })
        } else {
            empty_rows(x, rows)?
        };
        if let Some(nulls) = x.nulls(rows) {
            answers = &answers | &!nulls.inner();
        }
        Ok(bool_rows(answers, None))
    }

    fn simplify(
        &self,
        mut exprs: Vec<Expr>,
        args: &[Arg],
        context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let dtype = match args {
            [arg] if arg.is_untyped_null() => None,
            [arg] => match (&arg.ty, arg.scalar_dtype()) {
                (None, _) if !arg.field.data_type().is_nested() => None,
                (_, Some(dtype)) if *dtype != DType::Json => Some(dtype),
                _ => return Ok(ExprSimplifyResult::Original(exprs)),
            },
            _ => return Ok(ExprSimplifyResult::Original(exprs)),
        };
        let Some(expr) = exprs.pop() else { return Ok(ExprSimplifyResult::Original(exprs)) };
        let null = Expr::IsNull(Box::new(expr.clone()));
        if dtype != Some(&DType::Text) {
            return Ok(ExprSimplifyResult::Simplified(null));
        }
        let empty =
            ScalarValue::Utf8(Some(String::new())).cast_to(&context.get_data_type(&expr)?)?;
        let empty = Expr::BinaryExpr(datafusion_expr::BinaryExpr::new(
            Box::new(expr),
            Operator::Eq,
            Box::new(Expr::Literal(empty, None)),
        ));
        // Never null: an empty text that is null is caught by the other half.
        Ok(ExprSimplifyResult::Simplified(null.or(Expr::IsTrue(Box::new(empty)))))
    }
}
