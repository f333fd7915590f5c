//! `UNGROUP BY` in the tree that DataFusion's planner reads: a table function over a subquery.

use std::sync::Arc;

use datafusion::common::Diagnostic;
use datafusion::common::Location;
use datafusion::common::Result;
use datafusion::common::Span;
use datafusion::logical_expr::Extension;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::planner::PlannedRelation;
use datafusion::logical_expr::planner::RelationPlanner;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::planner::RelationPlanning;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Function;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::TableAlias;
use datafusion::sql::sqlparser::ast::TableFactor;
use datafusion::sql::sqlparser::ast::Value;
use datafusion::sql::sqlparser::ast::ValueWithSpan;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;

use super::How;
use super::node::Ungroup;
use crate::lower::syntax;
use crate::lower::walk;

const NAME: &str = "__tql_ungroup";
const PARTS: &str = "parts";
const LENGTHS: &str = "lengths";

/// `query` taken apart, as a table of that alias.
pub(crate) fn factor(query: Query, how: &How, span: SourceSpan, alias: TableAlias) -> TableFactor {
    let number = |n: &usize| syntax::number(*n);
    let mut arguments = vec![Expr::Subquery(Box::new(query))];
    match how {
        How::Split => {}
        How::Parts(parts) => {
            arguments.extend([syntax::text(PARTS, span), number(parts)]);
        }
        How::Lengths(lengths) => {
            arguments.push(syntax::text(LENGTHS, span));
            arguments.extend(lengths.iter().map(number));
        }
    }
    TableFactor::TableFunction { expr: syntax::call(NAME, span, arguments), alias: Some(alias) }
}

/// The query and the way, if this is such a call.
fn read(call: &Function) -> Option<(Query, How)> {
    if walk::function_name(call).as_deref() != Some(NAME) {
        return None;
    }
    let arguments = walk::plain_arguments(call);
    let (first, rest) = arguments.split_first()?;
    let Expr::Subquery(query) = first else { return None };
    let how = match rest.split_first() {
        None => How::Split,
        Some((
            Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(kind), .. }),
            numbers,
        )) => {
            let numbers = numbers.iter().map(|number| match number {
                Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => {
                    digits.parse().ok()
                }
                _ => None,
            });
            let numbers: Vec<usize> = numbers.collect::<Option<_>>()?;
            match (kind.as_str(), numbers.as_slice()) {
                (PARTS, [parts]) => How::Parts(*parts),
                _ => How::Lengths(numbers),
            }
        }
        Some(_) => return None,
    };
    Some((query.as_ref().clone(), how))
}

/// The planner's hook.
#[derive(Debug)]
pub(crate) struct UngroupRelations;

impl RelationPlanner for UngroupRelations {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::TableFunction { expr: Expr::Function(call), alias } = &relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let Some((query, how)) = read(call) else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let input = TableFactor::Derived {
            lateral: false,
            subquery: Box::new(query),
            alias: Some(syntax::table_alias("__grouped")),
            sample: None,
        };
        let input = context.plan(input)?;
        let node = Ungroup::try_new(input, how).map_err(|error| {
            let message = crate::error::plain_message(&error);
            error.with_diagnostic(Diagnostic::new_error(message, place(call)))
        })?;
        let plan = LogicalPlan::Extension(Extension { node: Arc::new(node) });
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias.clone()))))
    }
}

/// Where the clause stands in the text.
fn place(call: &Function) -> Option<Span> {
    let span = call.name.0.first()?.as_ident()?.span;
    if span == SourceSpan::empty() {
        return None;
    }
    let at = |location: datafusion::sql::sqlparser::tokenizer::Location| Location {
        line: location.line,
        column: location.column,
    };
    Some(Span::new(at(span.start), at(span.end)))
}
