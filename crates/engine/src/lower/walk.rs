//! Looking through expressions without entering their subqueries.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Function;
use datafusion::sql::sqlparser::ast::FunctionArg;
use datafusion::sql::sqlparser::ast::FunctionArgExpr;
use datafusion::sql::sqlparser::ast::FunctionArgumentClause;
use datafusion::sql::sqlparser::ast::FunctionArguments;
use datafusion::sql::sqlparser::ast::WindowType;

/// The expressions directly inside an expression.
pub(crate) fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Nested(inner)
        | Expr::IsFalse(inner)
        | Expr::IsNotFalse(inner)
        | Expr::IsTrue(inner)
        | Expr::IsNotTrue(inner)
        | Expr::IsNull(inner)
        | Expr::IsNotNull(inner)
        | Expr::IsUnknown(inner)
        | Expr::IsNotUnknown(inner)
        | Expr::UnaryOp { expr: inner, .. }
        | Expr::Cast { expr: inner, .. }
        | Expr::Extract { expr: inner, .. }
        | Expr::Ceil { expr: inner, .. }
        | Expr::Floor { expr: inner, .. }
        | Expr::Collate { expr: inner, .. }
        | Expr::InSubquery { expr: inner, .. } => vec![inner],
        Expr::IsDistinctFrom(left, right)
        | Expr::IsNotDistinctFrom(left, right)
        | Expr::BinaryOp { left, right, .. }
        | Expr::AnyOp { left, right, .. }
        | Expr::AllOp { left, right, .. } => vec![left, right],
        Expr::Like { expr, pattern, .. }
        | Expr::ILike { expr, pattern, .. }
        | Expr::SimilarTo { expr, pattern, .. }
        | Expr::RLike { expr, pattern, .. } => vec![expr, pattern],
        Expr::InList { expr, list, .. } => {
            let mut all = vec![expr.as_ref()];
            all.extend(list);
            all
        }
        Expr::Between { expr, low, high, .. } => vec![expr, low, high],
        Expr::Case { operand, conditions, else_result, .. } => {
            let mut all: Vec<&Expr> = operand.iter().map(AsRef::as_ref).collect();
            for when in conditions {
                all.push(&when.condition);
                all.push(&when.result);
            }
            all.extend(else_result.iter().map(AsRef::as_ref));
            all
        }
        Expr::Position { expr, r#in } => vec![expr, r#in],
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let mut all = vec![expr.as_ref()];
            all.extend(substring_from.iter().map(AsRef::as_ref));
            all.extend(substring_for.iter().map(AsRef::as_ref));
            all
        }
        Expr::Trim { expr, trim_what, .. } => {
            let mut all = vec![expr.as_ref()];
            all.extend(trim_what.iter().map(AsRef::as_ref));
            all
        }
        Expr::Function(function) => arguments(function),
        Expr::Tuple(all) => all.iter().collect(),
        Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => {
            sets.iter().flatten().collect()
        }
        Expr::Array(array) => array.elem.iter().collect(),
        _ => Vec::new(),
    }
}

/// The arguments of a call, its filter and its window's keys included.
fn arguments(function: &Function) -> Vec<&Expr> {
    let mut all = plain_arguments(function);
    if let FunctionArguments::List(list) = &function.args {
        for clause in &list.clauses {
            if let FunctionArgumentClause::OrderBy(keys) = clause {
                all.extend(keys.iter().map(|key| &key.expr));
            }
        }
    }
    all.extend(function.filter.iter().map(AsRef::as_ref));
    if let Some(WindowType::WindowSpec(window)) = &function.over {
        all.extend(&window.partition_by);
        all.extend(window.order_by.iter().map(|key| &key.expr));
    }
    all
}

/// The arguments between the parentheses of a call, `*` apart.
pub(crate) fn plain_arguments(function: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    list.args
        .iter()
        .filter_map(|argument| match argument {
            FunctionArg::Named { arg, .. }
            | FunctionArg::ExprNamed { arg, .. }
            | FunctionArg::Unnamed(arg) => match arg {
                FunctionArgExpr::Expr(expr) => Some(expr),
                _ => None,
            },
        })
        .collect()
}

/// True if the expression or anything in it satisfies `wanted`.
pub(crate) fn any(expr: &Expr, wanted: &dyn Fn(&Expr) -> bool) -> bool {
    let mut open = vec![expr];
    while let Some(next) = open.pop() {
        if wanted(next) {
            return true;
        }
        open.extend(children(next));
    }
    false
}

/// The lower-case name of a call, if it has one part.
pub(crate) fn function_name(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => part.as_ident().map(|ident| ident.value.to_lowercase()),
        _ => None,
    }
}
