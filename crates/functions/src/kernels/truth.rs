//! Truth of any value, as WHERE sees it (rule 6).

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::buffer::BooleanBuffer;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::Operator;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::DType;
use lakebed_core::Layout;

use crate::assemble::bool_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::json;
use crate::json::Documents;
use crate::numbers::not_numbers;
use crate::numbers::with_numbers;
use crate::value::Value;

/// The truth of a value, never null.
#[derive(Debug)]
pub struct Truth;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_truth",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_truth(x) -> bool",
    help: "What a condition makes of a value: null is false, a number is true if it is not zero, an array counts by its first element, text and JSON objects are false. Never null.",
    example: "SELECT tensor_truth(ARRAY[0, 1]) AS first_is_true",
};

impl TensorFunction for Truth {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn strict(&self) -> bool {
        false
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let known = args.first().and_then(|arg| arg.ty.as_ref()).is_some_and(|ty| {
            let simple = match &ty.layout {
                Layout::Sequence(inner) => inner.is_scalar(),
                _ => true,
            };
            ty.is_numeric() || (simple && matches!(ty.dtype, DType::Text | DType::Json))
        });
        if !known {
            return Err(self.wrong_types(args, "it is no condition: write a comparison"));
        }
        Ok(Output::scalar(DType::Bool, false))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        if x.arg.is_json() {
            let mut answers = vec![false; rows];
            let nulls = x.nulls(rows);
            if nulls.as_ref().is_none_or(|nulls| nulls.null_count() < rows) {
                let documents = Documents::try_new(x)?;
                for (row, answer) in answers.iter_mut().enumerate() {
                    *answer = !x.is_null(row) && json::truth(&documents.get(row)?);
                }
            }
            return Ok(bool_rows(BooleanBuffer::from(answers), None));
        }
        if x.arg.numeric().is_none() {
            return Ok(bool_rows(BooleanBuffer::new_unset(rows), None));
        }
        // Only the first elements are looked at; a list may hold nulls further on.
        let x = crate::numbers::Numbers::try_new_with_null_elements(x)?;
        let first = |row: usize| {
            let range = x.range(row);
            (!x.is_null(row) && !range.is_empty() && x.elements().is_valid(range.start))
                .then_some(range.start)
        };
        let answers = if let Some(bools) = x.elements().as_boolean_opt() {
            BooleanBuffer::collect_bool(rows, |row| first(row).is_some_and(|at| bools.value(at)))
        } else {
            with_numbers!(x.elements(), T, values => {
                let zero = <T as arrow::datatypes::ArrowPrimitiveType>::Native::default();
                BooleanBuffer::collect_bool(rows, |row| {
                    first(row).and_then(|at| values.get(at)).is_some_and(|value| *value != zero)
                })
            }, else return Err(not_numbers(x.elements().data_type())))
        };
        Ok(bool_rows(answers, None))
    }

    fn simplify(
        &self,
        mut exprs: Vec<Expr>,
        args: &[Arg],
        context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let dtype = args.first().and_then(Arg::scalar_dtype).cloned();
        let Some(expr) = exprs.pop() else { return Ok(ExprSimplifyResult::Original(exprs)) };
        let condition = match dtype {
            Some(DType::Bool) => expr,
            Some(dtype) if dtype.is_integer() => {
                let zero = ScalarValue::new_zero(&dtype.to_arrow())?;
                Expr::BinaryExpr(datafusion_expr::BinaryExpr::new(
                    Box::new(expr),
                    Operator::NotEq,
                    Box::new(Expr::Literal(zero, None)),
                ))
            }
            _ => return Ok(ExprSimplifyResult::Original(vec![expr])),
        };
        let nullable = context.nullable(&condition)?;
        Ok(ExprSimplifyResult::Simplified(if nullable {
            Expr::IsTrue(Box::new(condition))
        } else {
            condition
        }))
    }
}
