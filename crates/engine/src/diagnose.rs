//! Errors of DataFusion's planner as errors with a place in the query.

use std::ops::ControlFlow;

use datafusion::common::DataFusionError;
use datafusion::common::SchemaError;
use datafusion::common::plan_err;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as DataFusionStatement;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::GroupByExpr;
use datafusion::sql::sqlparser::ast::JoinConstraint;
use datafusion::sql::sqlparser::ast::JoinOperator;
use datafusion::sql::sqlparser::ast::OrderByKind;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::ast::TableWithJoins;
use datafusion::sql::sqlparser::ast::Visitor;
use lakebed_core::nearest::nearest;
use lakebed_grammar::Language;
use lakebed_grammar::MAX_SUBQUERIES;
use lakebed_grammar::Span;
use lakebed_grammar::visit;

use crate::branches;
use crate::error::Error;
use crate::error::plain_message;
use crate::lower::walk;
use crate::places::Places;
use crate::spoken::spoken;
use crate::types;

/// Expressions that are planned alone in search of the one at fault.
const MOST_TRIALS: usize = 500;

/// The error for a tree that the planner refused.
pub(crate) async fn planning(
    error: DataFusionError,
    tree: &Query,
    state: &SessionState,
    language: Language,
) -> Error {
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
        let (message, advice) = spoken(&diagnostic.message, language);
        return Error::Planning { message, span, help: help.or(advice) };
    }
    let message = plain_message(&error);
    let span = fault(&message, tree, state, language).await;
    let places = Places::of(tree, language);
    let span = span.or_else(|| places.find(&message)).or_else(|| places.whole());
    with_advice(&message, span, language)
}

/// The error of a rule, after planning.
pub(crate) fn late(error: DataFusionError, places: &Places) -> Error {
    match error.find_root() {
        DataFusionError::Plan(_) | DataFusionError::SchemaError(..) => {
            let message = plain_message(&error);
            let span = places.find(&message).or_else(|| places.whole());
            with_advice(&message, span, places.language())
        }
        _ => Error::execution(error).placed(places),
    }
}

fn with_advice(message: &str, span: Option<Span>, language: Language) -> Error {
    let advice = if message.contains("must be part of the GROUP BY")
        || message.contains("must appear in the GROUP BY")
    {
        Some("add it to GROUP BY, or collect its values with ARRAY_AGG".to_string())
    } else if message.contains("Cannot create filter with non-boolean predicate") {
        Some("reduce an array to one truth value: tensor_any(...) or tensor_all(...)".to_string())
    } else {
        None
    };
    let (message, help) = spoken(message, language);
    Error::Planning { message, span, help: help.or(advice) }
}

/// A plan whose types have been looked at. Some of them only the analyzer looks at; it runs here
/// for its errors, while the tree with its places is at hand.
///
/// # Errors
/// Those of planning.
pub(crate) async fn checked(
    statement: Statement,
    state: &SessionState,
    language: Language,
) -> Result<LogicalPlan, DataFusionError> {
    let statement = DataFusionStatement::Statement(Box::new(statement));
    let plan = state.statement_to_plan(statement).await?;
    if nested(&plan) > MAX_SUBQUERIES {
        return plan_err!(
            "subqueries nest more than {MAX_SUBQUERIES} deep in expressions, through those that \
             WITH gave a name; join the inner ones, or run them first and pass their answers as \
             parameters"
        );
    }
    let plan = if language == Language::Tql { branches::meet(plan)? } else { plan };
    types::check(&plan, language)?;
    state.analyzer().execute_and_check(plan.clone(), state.config_options(), |_, _| {})?;
    Ok(plan)
}

/// How deep subqueries stand within subqueries of expressions.
fn nested(plan: &LogicalPlan) -> usize {
    let mut most = 0;
    let _ = plan.apply(|node| {
        node.apply_subqueries(|inner| {
            most = most.max(1 + nested(inner));
            Ok(TreeNodeRecursion::Continue)
        })
    });
    most
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
async fn fault(
    message: &str,
    tree: &Query,
    state: &SessionState,
    language: Language,
) -> Option<Span> {
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
                let trial = Statement::Query(Box::new(trial));
                let planned = checked(trial, state, language).await;
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
                let (from, mut conditions) = without_conditions(&select.from);
                conditions.append(&mut exprs);
                self.found.push((from, conditions));
            }
            ControlFlow::Continue(())
        }
    }
    let mut blocks = Blocks { found: Vec::new() };
    let _ = visit::query(tree, &mut blocks);
    blocks.found
}

/// The same tables joined without condition, and the conditions: one of them may be at fault.
fn without_conditions(from: &[TableWithJoins]) -> (Vec<TableWithJoins>, Vec<Expr>) {
    let (mut from, mut conditions) = (from.to_vec(), Vec::new());
    for join in from.iter_mut().flat_map(|table| &mut table.joins) {
        let on = match &join.join_operator {
            JoinOperator::Join(JoinConstraint::On(on))
            | JoinOperator::Inner(JoinConstraint::On(on))
            | JoinOperator::Left(JoinConstraint::On(on))
            | JoinOperator::LeftOuter(JoinConstraint::On(on))
            | JoinOperator::Right(JoinConstraint::On(on))
            | JoinOperator::RightOuter(JoinConstraint::On(on))
            | JoinOperator::FullOuter(JoinConstraint::On(on)) => on.clone(),
            _ => continue,
        };
        conditions.push(on);
        join.join_operator = JoinOperator::CrossJoin(JoinConstraint::None);
    }
    (from, conditions)
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
