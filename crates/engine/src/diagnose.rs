//! Errors of DataFusion's planner as errors with a place in the query.

use std::ops::ControlFlow;

use datafusion::common::DataFusionError;
use datafusion::common::SchemaError;
use datafusion::execution::SessionState;
use datafusion::sql::parser::Statement as DataFusionStatement;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::GroupByExpr;
use datafusion::sql::sqlparser::ast::OrderByKind;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::ast::TableWithJoins;
use datafusion::sql::sqlparser::ast::Visit;
use datafusion::sql::sqlparser::ast::Visitor;
use lakebed_core::nearest::nearest;
use lakebed_grammar::Span;

use crate::error::Error;
use crate::error::plain_message;
use crate::lower::walk;

/// Expressions that are planned alone in search of the one at fault.
const MOST_TRIALS: usize = 500;

/// Signs of the operators' functions.
const SIGNS: [(&str, &str); 15] = [
    ("tensor_eq", "=="),
    ("tensor_ne", "!="),
    ("tensor_lt", "<"),
    ("tensor_le", "<="),
    ("tensor_gt", ">"),
    ("tensor_ge", ">="),
    ("tensor_add", "+"),
    ("tensor_sub", "-"),
    ("tensor_mul", "*"),
    ("tensor_div", "/"),
    ("tensor_mod", "%"),
    ("tensor_pow", "^"),
    ("tensor_and", "AND"),
    ("tensor_or", "OR"),
    ("tensor_not", "NOT"),
];

/// The error for a tree that the planner refused.
pub(crate) async fn planning(error: DataFusionError, tree: &Query, state: &SessionState) -> Error {
    if let Some(found) = missing_column(&error) {
        return found;
    }
    if let Some(diagnostic) = error.diagnostic() {
        let span = diagnostic.span.map(|span| {
            Span::new(span.start.line, span.start.column, span.end.line, span.end.column)
        });
        let help = diagnostic
            .helps
            .first()
            .map(|help| help.message.clone())
            .or_else(|| diagnostic.notes.first().map(|note| note.message.clone()));
        return Error::Planning { message: sentence(&diagnostic.message), span, help };
    }
    let message = plain_message(&error);
    let span = fault(&message, tree, state).await;
    with_advice(message, span)
}

/// The error of a rule, after planning: no place is known any more.
pub(crate) fn late(error: DataFusionError) -> Error {
    match error.find_root() {
        DataFusionError::Plan(_) | DataFusionError::SchemaError(..) => {
            with_advice(plain_message(&error), None)
        }
        _ => Error::execution(error),
    }
}

fn with_advice(message: String, span: Option<Span>) -> Error {
    let help = if message.contains("must be part of the GROUP BY")
        || message.contains("must appear in the GROUP BY")
    {
        Some("add it to GROUP BY, or collect its values with ARRAY_AGG".to_string())
    } else if message.contains("Cannot create filter with non-boolean predicate") {
        Some("reduce an array to one truth value: tensor_any(...) or tensor_all(...)".to_string())
    } else {
        None
    };
    Error::Planning { message: spoken(&message), span, help }
}

/// Names of functions as people write them.
fn spoken(message: &str) -> String {
    let Some((name, rest)) = message.split_once(' ') else { return sentence(message) };
    let plain = name.trim_end_matches(':');
    let colon = if plain.len() == name.len() { "" } else { ":" };
    if let Some((_, sign)) = SIGNS.iter().find(|(udf, _)| *udf == plain) {
        return format!("{sign}{colon} {rest}");
    }
    let entry = lakebed_functions::catalogue().iter().find(|entry| entry.udf == plain);
    match entry.and_then(|entry| entry.tql.first()) {
        Some(name) => format!("{name}{colon} {rest}"),
        None => sentence(message),
    }
}

/// Without the prefixes that say which layer speaks.
fn sentence(message: &str) -> String {
    let mut text = message;
    for prefix in ["Error during planning: ", "Execution error: ", "Schema error: "] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    text.to_string()
}

fn missing_column(error: &DataFusionError) -> Option<Error> {
    let DataFusionError::SchemaError(schema, _) = error.find_root() else { return None };
    let SchemaError::FieldNotFound { field, valid_fields } = schema.as_ref() else { return None };
    let names = valid_fields.iter().map(|field| field.name.as_str());
    let help = nearest(&field.name, names).map(|near| format!("did you mean '{near}'?"));
    let span = field.spans().first().or_else(|| error.diagnostic().and_then(|d| d.span));
    let span = span
        .map(|span| Span::new(span.start.line, span.start.column, span.end.line, span.end.column));
    Some(Error::Planning { message: format!("no column '{}'", field.name), span, help })
}

/// The place of the smallest expression that alone fails in the same way.
///
/// DataFusion's errors about types carry no place; planning each expression over the same FROM
/// finds it, and costs only where a query has failed already.
async fn fault(message: &str, tree: &Query, state: &SessionState) -> Option<Span> {
    let mut trials = 0;
    for (from, exprs) in blocks(tree) {
        for expr in exprs {
            for part in inside_out(&expr) {
                let Some(span) = Span::from_sqlparser(part.span()) else { continue };
                trials += 1;
                if trials > MOST_TRIALS {
                    return None;
                }
                let trial = crate::lower::select_one(part.clone(), from.clone());
                let planned = state
                    .statement_to_plan(DataFusionStatement::Statement(Box::new(Statement::Query(
                        Box::new(trial),
                    ))))
                    .await;
                if planned.is_err_and(|error| plain_message(&error) == message) {
                    return Some(span);
                }
            }
        }
    }
    None
}

/// The expression and all in it, the innermost first.
fn inside_out(expr: &Expr) -> Vec<&Expr> {
    let mut all = Vec::new();
    let mut open = vec![expr];
    while let Some(next) = open.pop() {
        all.push(next);
        open.extend(walk::children(next));
    }
    all.reverse();
    all
}

/// FROM and the expressions of every SELECT, the innermost first.
fn blocks(tree: &Query) -> Vec<(Vec<TableWithJoins>, Vec<Expr>)> {
    struct Blocks {
        found: Vec<(Vec<TableWithJoins>, Vec<Expr>)>,
    }
    impl Visitor for Blocks {
        type Break = ();
        fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            if let SetExpr::Select(select) = query.body.as_ref() {
                let mut exprs = of_select(select);
                if let Some(order) = &query.order_by
                    && let OrderByKind::Expressions(keys) = &order.kind
                {
                    exprs.extend(keys.iter().map(|key| key.expr.clone()));
                }
                self.found.push((select.from.clone(), exprs));
            }
            ControlFlow::Continue(())
        }
    }
    let mut blocks = Blocks { found: Vec::new() };
    let _ = tree.visit(&mut blocks);
    blocks.found
}

fn of_select(select: &Select) -> Vec<Expr> {
    let mut exprs = Vec::new();
    for item in &select.projection {
        if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
            exprs.push(expr.clone());
        }
    }
    exprs.extend(select.selection.clone());
    if let GroupByExpr::Expressions(keys, _) = &select.group_by {
        exprs.extend(keys.iter().cloned());
    }
    exprs.extend(select.having.clone());
    exprs
}
