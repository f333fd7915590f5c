//! `tensor_group_key(x)`: what a row is grouped by.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::take;
use datafusion_expr::Expr;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::value::Value;

/// A scalar as it is; anything with dimensions is refused while the query is planned.
#[derive(Debug)]
pub struct GroupKey;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_group_key",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_group_key(x) -> x",
    help: "The value that a row is grouped by: one value a row. A tensor is refused; reduce it first.",
    example: "SELECT tensor_group_key(3) AS key",
};

impl TensorFunction for GroupKey {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [x] = args else { return Err(self.wrong_types(args, "one argument is needed")) };
        if x.ty.as_ref().is_some_and(|ty| !ty.is_scalar()) {
            return Err(self.wrong_types(
                args,
                "GROUP BY takes one value a row: name an element such as x[0], or reduce the tensor",
            ));
        }
        Ok(Output::from_field(&x.field))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        if x.constant && rows != 1 {
            let first = arrow::array::UInt32Array::from(vec![0; rows]);
            return Ok(take(&x.array, &first, None)?);
        }
        Ok(Arc::clone(&x.array))
    }

    fn simplify(
        &self,
        mut exprs: Vec<Expr>,
        _args: &[Arg],
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        match (exprs.pop(), exprs.is_empty()) {
            (Some(key), true) => Ok(ExprSimplifyResult::Simplified(key)),
            (last, _) => Ok(ExprSimplifyResult::Original(exprs.into_iter().chain(last).collect())),
        }
    }
}
