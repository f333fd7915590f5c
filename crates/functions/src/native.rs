//! Calls that mean the same as an expression of DataFusion's own, so that TQL and SQL plan alike.

use arrow::datatypes::DataType;
use datafusion_common::ScalarValue;
use datafusion_expr::BinaryExpr;
use datafusion_expr::Cast;
use datafusion_expr::Expr;
use datafusion_expr::Operator;
use datafusion_expr::type_coercion::binary::BinaryTypeCoercer;

use crate::function::Arg;

/// True if DataFusion compares the two as TQL does: plain scalars, and no NaN can be among them,
/// which Arrow orders.
pub fn comparable(args: &[Arg]) -> bool {
    let floats = |arg: &&Arg| arg.scalar_dtype().is_some_and(|dtype| dtype.is_float());
    let finite = |arg: &Arg| match &arg.literal {
        Some(ScalarValue::Float64(Some(x))) => x.is_finite(),
        Some(ScalarValue::Float32(Some(x))) => x.is_finite(),
        _ => false,
    };
    // An integer column against 2.5 has no NaN; a float column may.
    args.iter().all(|arg| is_plain(arg) && !arg.is_json()) && args.iter().filter(floats).all(finite)
}

/// True for a scalar of a type that DataFusion knows by itself.
pub fn is_plain(arg: &Arg) -> bool {
    match &arg.ty {
        Some(ty) => ty.is_scalar(),
        None => !arg.field.data_type().is_nested(),
    }
}

/// `left op right` with the casts that DataFusion's planner would have written; `None` where it
/// knows no such operation.
pub fn binary(left: Expr, op: Operator, right: Expr, args: &[Arg]) -> Option<Expr> {
    let [a, b] = args else { return None };
    let (left, right) = (typed(left, a), typed(right, b));
    let (from, to) = (a.field.data_type(), b.field.data_type());
    let (x, y) = BinaryTypeCoercer::new(from, &op, to).get_input_types().ok()?;
    let left = cast(left, from, x);
    let right = cast(right, to, y);
    Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
}

/// `expr` as `to`, unless it is that already.
pub fn cast(expr: Expr, from: &DataType, to: DataType) -> Expr {
    if from == &to {
        return expr;
    }
    Expr::Cast(Cast::new(Box::new(expr), to))
}

/// NULL literals take the type that the call gave them; class names their codes.
fn typed(expr: Expr, arg: &Arg) -> Expr {
    match (&expr, &arg.literal) {
        (Expr::Literal(..), Some(literal)) => Expr::Literal(literal.clone(), None),
        _ => expr,
    }
}
