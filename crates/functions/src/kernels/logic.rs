//! AND, OR and NOT, element by element, outside conditions.

use arrow::array::ArrayRef;
use datafusion_expr::Expr;
use datafusion_expr::Operator;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::bools;
use crate::elementwise::Stretch;
use crate::elementwise::map;
use crate::elementwise::zip;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::Numbers;
use crate::shapes;
use crate::value::Value;

use super::any::truths;

/// AND or OR.
#[derive(Debug)]
pub struct Logic {
    and: bool,
}

/// Element-wise AND.
pub static AND: Logic = Logic { and: true };
/// Element-wise OR.
pub static OR: Logic = Logic { and: false };

static AND_ENTRY: Entry = Entry {
    tql: &["LOGICAL_AND"],
    udf: "tensor_and",
    aliases: &[],
    signature: "tensor_and(a, b) -> bool of the shape of a or b; in TQL: a AND b",
    help: "True where both elements are true or not zero. A single value meets every element of an array; two arrays need equal shapes, else the row is null.",
    example: "SELECT tensor_and(ARRAY[1, 2, 3] > 1, ARRAY[1, 2, 3] < 3) AS middle",
};

static OR_ENTRY: Entry = Entry {
    tql: &["LOGICAL_OR"],
    udf: "tensor_or",
    aliases: &[],
    signature: "tensor_or(a, b) -> bool of the shape of a or b; in TQL: a OR b",
    help: "True where one of the elements is true or not zero, under the rules of tensor_and.",
    example: "SELECT tensor_or(ARRAY[1, 2, 3] < 2, ARRAY[1, 2, 3] > 2) AS ends",
};

static NOT_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_not",
    aliases: &[],
    signature: "tensor_not(x) -> bool of the shape of x; in TQL: NOT x",
    help: "True where the element is false or zero.",
    example: "SELECT tensor_not(ARRAY[1, 0, 3]) AS zeros",
};

impl TensorFunction for Logic {
    fn entry(&self) -> &'static Entry {
        if self.and { &AND_ENTRY } else { &OR_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [a, b] = args else { return Err(self.wrong_types(args, "two operands are needed")) };
        let (Some(x), Some(y)) = (a.numeric(), b.numeric()) else {
            return Err(self.wrong_types(args, "it takes bools or numbers: write comparisons"));
        };
        let (dims, may_differ) = shapes::compared(x, y);
        let ty = TensorType::tensor(DType::Bool, dims);
        Ok(Output::tensor(ty, may_differ || any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [a, b] = args else { return Err(self.wrong_types(&[], "two operands are needed")) };
        let (a, b, ty) = (a.numbers()?, b.numbers()?, out.ty()?);
        self.zip(&a, &b, ty, rows)
    }

    fn simplify(
        &self,
        exprs: Vec<Expr>,
        args: &[Arg],
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        // Where nothing is null DataFusion's three values are two.
        let plain =
            args.iter().all(|arg| arg.scalar_dtype() == Some(&DType::Bool) && !arg.nullable());
        let operator = if self.and { Operator::And } else { Operator::Or };
        Ok(match exprs.as_slice() {
            [a, b] if plain => {
                ExprSimplifyResult::Simplified(Expr::BinaryExpr(datafusion_expr::BinaryExpr::new(
                    Box::new(a.clone()),
                    operator,
                    Box::new(b.clone()),
                )))
            }
            _ => ExprSimplifyResult::Original(exprs),
        })
    }
}

impl Logic {
    /// Both or either of two operands.
    ///
    /// # Errors
    /// As [`zip`].
    pub fn zip(&self, a: &Numbers, b: &Numbers, ty: &TensorType, rows: usize) -> Result<ArrayRef> {
        let (x, y) = (truths(a)?, truths(b)?);
        let (left, right) = ((a, &x[..]), (b, &y[..]));
        let built = if self.and {
            zip(left, right, ty, rows, Stretch::Never, |x, y| x & y)
        } else {
            zip(left, right, ty, rows, Stretch::Never, |x, y| x | y)
        }?;
        match built {
            Ok(built) => built.finish(ty, bools),
            Err(row) => Err(self.wrong_row(row, "the shapes differ")),
        }
    }
}

/// NOT.
#[derive(Debug)]
pub struct Not;

impl TensorFunction for Not {
    fn entry(&self) -> &'static Entry {
        &NOT_ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes bools or numbers: write a comparison"));
        };
        Ok(Output::tensor(TensorType::tensor(DType::Bool, ty.dims.clone()), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let (x, ty) = (x.numbers()?, out.ty()?);
        let flags = truths(&x)?;
        map(&x, &flags, ty, rows, |flag: bool| !flag)?.finish(ty, bools)
    }

    fn simplify(
        &self,
        mut exprs: Vec<Expr>,
        args: &[Arg],
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let plain = args.iter().all(|arg| arg.scalar_dtype() == Some(&DType::Bool));
        Ok(match exprs.pop() {
            Some(expr) if plain => ExprSimplifyResult::Simplified(Expr::Not(Box::new(expr))),
            other => ExprSimplifyResult::Original(other.into_iter().collect()),
        })
    }
}
