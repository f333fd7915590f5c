//! AND, OR, XOR and NOT, element by element, outside conditions.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
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

/// AND, OR or XOR.
#[derive(Debug)]
pub struct Logic {
    operation: Operation,
    /// Unequal shapes are an error (rule 10), not null: what a query shows must not hide them.
    strict: bool,
}

#[derive(Debug, Clone, Copy)]
enum Operation {
    And,
    Or,
    Xor,
}

/// Element-wise AND.
pub static AND: Logic = Logic { operation: Operation::And, strict: false };
/// Element-wise OR.
pub static OR: Logic = Logic { operation: Operation::Or, strict: false };
/// Element-wise XOR.
pub static XOR: Logic = Logic { operation: Operation::Xor, strict: false };
/// Element-wise AND of equal shapes.
pub static AND_STRICT: Logic = Logic { operation: Operation::And, strict: true };
/// Element-wise OR of equal shapes.
pub static OR_STRICT: Logic = Logic { operation: Operation::Or, strict: true };

static AND_ENTRY: Entry = Entry {
    tql: &["LOGICAL_AND"],
    udf: "tensor_and",
    aliases: &[],
    parameters: &["a", "b"],
    signature: "tensor_and(a, b) -> bool of the shape of a or b; in TQL: a AND b",
    help: "True where both elements are true or not zero. A single value meets every element of an array; two arrays need equal shapes, else the row is null.",
    example: "SELECT tensor_and(ARRAY[1, 2, 3] > 1, ARRAY[1, 2, 3] < 3) AS middle",
};

static AND_STRICT_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_and_strict",
    signature: "tensor_and_strict(a, b) -> bool of the shape of a or b; in TQL: a AND b outside of conditions",
    help: "As tensor_and, but arrays of unequal shapes are an error.",
    example: "SELECT tensor_and_strict(ARRAY[1, 2] > 1, ARRAY[1, 2] < 3) AS middle",
    ..AND_ENTRY
};

static OR_STRICT_ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_or_strict",
    signature: "tensor_or_strict(a, b) -> bool of the shape of a or b; in TQL: a OR b outside of conditions",
    help: "As tensor_or, but arrays of unequal shapes are an error.",
    example: "SELECT tensor_or_strict(ARRAY[1, 2] < 2, ARRAY[1, 2] > 2) AS ends",
    ..OR_ENTRY
};

static OR_ENTRY: Entry = Entry {
    tql: &["LOGICAL_OR"],
    udf: "tensor_or",
    aliases: &[],
    parameters: &["a", "b"],
    signature: "tensor_or(a, b) -> bool of the shape of a or b; in TQL: a OR b",
    help: "True where one of the elements is true or not zero, under the rules of tensor_and.",
    example: "SELECT tensor_or(ARRAY[1, 2, 3] < 2, ARRAY[1, 2, 3] > 2) AS ends",
};

static XOR_ENTRY: Entry = Entry {
    tql: &["LOGICAL_XOR"],
    udf: "tensor_xor",
    aliases: &[],
    parameters: &["a", "b"],
    signature: "tensor_xor(a, b) -> bool of the shape of a or b",
    help: "True where exactly one of the elements is true or not zero, under the rules of tensor_and.",
    example: "SELECT LOGICAL_XOR(ARRAY[1, 2, 3] > 1, ARRAY[1, 2, 3] < 3) AS ends",
};

static NOT_ENTRY: Entry = Entry {
    tql: &["LOGICAL_NOT"],
    udf: "tensor_not",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_not(x) -> bool of the shape of x; in TQL: NOT x",
    help: "True where the element is false or zero.",
    example: "SELECT tensor_not(ARRAY[1, 0, 3]) AS zeros",
};

impl TensorFunction for Logic {
    fn entry(&self) -> &'static Entry {
        match (self.operation, self.strict) {
            (Operation::And, false) => &AND_ENTRY,
            (Operation::And, true) => &AND_STRICT_ENTRY,
            (Operation::Or, false) => &OR_ENTRY,
            (Operation::Or, true) => &OR_STRICT_ENTRY,
            (Operation::Xor, _) => &XOR_ENTRY,
        }
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [a, b] = args else { return Err(self.wrong_types(args, "two operands are needed")) };
        let (Some(x), Some(y)) = (a.numeric(), b.numeric()) else {
            return Err(self.wrong_types(args, "it takes bools or numbers: write comparisons"));
        };
        let (dims, may_differ) = shapes::compared(x, y);
        let ty = TensorType::tensor(DType::Bool, dims);
        Ok(Output::tensor(ty, (may_differ && !self.strict) || any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [a, b] = args else { return Err(self.wrong_types(&[], "two operands are needed")) };
        let (a, b, ty) = (a.numbers()?, b.numbers()?, out.ty()?);
        if ty.dims.is_empty() {
            return self.of_single_values(&a, &b, rows);
        }
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
        let operator = match self.operation {
            Operation::And => Operator::And,
            Operation::Or => Operator::Or,
            Operation::Xor => Operator::NotEq,
        };
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
    /// Of one value a row as SQL has it: a null is unknown, and the other side may decide alone.
    fn of_single_values(&self, a: &Numbers, b: &Numbers, rows: usize) -> Result<ArrayRef> {
        let (x, y) = (truths(a)?, truths(b)?);
        let of = |numbers: &Numbers, flags: &[bool], row| match numbers.is_null(row) {
            true => None,
            false => flags.get(numbers.range(row).start).copied(),
        };
        let judge = |row| match (self.operation, of(a, &x, row), of(b, &y, row)) {
            (Operation::And, Some(false), _) | (Operation::And, _, Some(false)) => Some(false),
            (Operation::Or, Some(true), _) | (Operation::Or, _, Some(true)) => Some(true),
            (Operation::And, Some(x), Some(y)) => Some(x && y),
            (Operation::Or, Some(x), Some(y)) => Some(x || y),
            (Operation::Xor, Some(x), Some(y)) => Some(x ^ y),
            _ => None,
        };
        Ok(Arc::new((0..rows).map(judge).collect::<BooleanArray>()))
    }

    /// Both or either of two operands.
    ///
    /// # Errors
    /// As [`zip`].
    pub fn zip(&self, a: &Numbers, b: &Numbers, ty: &TensorType, rows: usize) -> Result<ArrayRef> {
        let (x, y) = (truths(a)?, truths(b)?);
        let (left, right) = ((a, &x[..]), (b, &y[..]));
        let never = if self.strict { Stretch::Refused } else { Stretch::Never };
        let built = match self.operation {
            Operation::And => zip(left, right, ty, rows, never, |x, y| x & y),
            Operation::Or => zip(left, right, ty, rows, never, |x, y| x | y),
            Operation::Xor => zip(left, right, ty, rows, never, |x, y| x ^ y),
        }?;
        match built {
            Ok(built) => built.finish(ty, bools),
            Err(row) => Err(self.wrong_row(row, shapes::differ(&a.shape(row), &b.shape(row)))),
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

    fn per_item(&self) -> bool {
        true
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
