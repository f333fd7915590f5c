//! `x BETWEEN low AND high`.

use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion_expr::Expr;
use datafusion_expr::Operator;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::numbers::Numbers;
use crate::shapes;
use crate::value::Value;

use super::compare::Compare;
use super::compare::GE;
use super::compare::LE;
use super::logic::AND;

/// Is the value within bounds, both included?
#[derive(Debug)]
pub struct Between;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_between",
    aliases: &[],
    parameters: &["x", "low", "high"],
    signature: "tensor_between(x, low, high) -> bool of the shape of x; in TQL: x BETWEEN low AND high",
    help: "True where an element is at least low and at most high, under the rules of tensor_ge and tensor_le.",
    example: "SELECT tensor_between(ARRAY[1, 2, 3], 2, 3) AS within",
};

impl TensorFunction for Between {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (3, 3)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [x, low, high] = args else {
            return Err(self.wrong_types(args, "three arguments are needed"));
        };
        let above = GE.result(&[x.clone(), low.clone()])?;
        let below = LE.result(&[x.clone(), high.clone()])?;
        let (dims, may_differ) = shapes::compared(above.ty()?, below.ty()?);
        let nullable = may_differ || above.field.is_nullable() || below.field.is_nullable();
        Ok(Output::tensor(TensorType::tensor(DType::Bool, dims), nullable))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x, low, high] = args else {
            return Err(self.wrong_types(&[], "three arguments are needed"));
        };
        let above = side(&GE, x, low, rows)?;
        let below = side(&LE, x, high, rows)?;
        AND.zip(&above, &below, out.ty()?, rows)
    }

    fn simplify(
        &self,
        exprs: Vec<Expr>,
        args: &[Arg],
        context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let ([x, low, high], [a, b, c]) = (args, exprs.as_slice()) else {
            return Ok(ExprSimplifyResult::Original(exprs));
        };
        let one = |compare: &Compare, bound: &Arg, expr: &Expr| {
            compare.simplify(vec![a.clone(), expr.clone()], &[x.clone(), bound.clone()], context)
        };
        Ok(match (one(&GE, low, b)?, one(&LE, high, c)?) {
            (ExprSimplifyResult::Simplified(above), ExprSimplifyResult::Simplified(below)) => {
                ExprSimplifyResult::Simplified(Expr::BinaryExpr(datafusion_expr::BinaryExpr::new(
                    Box::new(above),
                    Operator::And,
                    Box::new(below),
                )))
            }
            _ => ExprSimplifyResult::Original(exprs),
        })
    }
}

fn side(compare: &Compare, x: &Value, bound: &Value, rows: usize) -> Result<Numbers> {
    let out = compare.result(&[x.arg.clone(), bound.arg.clone()])?;
    let array = compare.evaluate(&[x.clone(), bound.clone()], &out, rows)?;
    Numbers::try_new(&Value { arg: Arg::new(Arc::new(out.field), None), array, constant: false })
}
