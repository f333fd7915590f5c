//! Where in the query a function was called that failed while rows were computed.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::Visitor;
use lakebed_functions::aggregates::Draw;
use lakebed_grammar::Language;
use lakebed_grammar::Span;
use lakebed_grammar::visit;

use crate::expr_planner::function_of;
use crate::expr_planner::strict_function_of;
use crate::expr_planner::unmarked;
use crate::lower::column_name;
use crate::lower::walk;
use crate::lower::without_parentheses;

/// The calls and operators of a lowered query, each with the function that computes it.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    calls: Arc<[(String, Span)]>,
    whole: Option<Span>,
    language: Language,
}

impl Places {
    /// Those of a tree.
    pub fn of(tree: &Query, language: Language) -> Places {
        let mut found = Found { calls: Vec::new() };
        let _ = visit::query(tree, &mut found);
        Places { calls: found.calls.into(), whole: Span::from_sqlparser(tree.span()), language }
    }

    /// The query as a whole: what an error covers that no part of it is known to have made.
    pub fn whole(&self) -> Option<Span> {
        self.whole
    }

    /// What the query is written in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The stretch that covers every call of the function that a message begins with or names
    /// first; `None` if it names none of the query's.
    pub fn find(&self, message: &str) -> Option<Span> {
        // A scan that computes subscripts while it reads names the column.
        let column = message.strip_prefix("column '").and_then(|rest| rest.split('\'').next());
        let column = column.map(subscript_of).filter(|column| self.has(column));
        if let Some(column) = column {
            return self.cover(&column);
        }
        let words = message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        words.into_iter().find(|word| self.has(word)).and_then(|word| self.cover(word))
    }

    fn has(&self, name: &str) -> bool {
        self.calls.iter().any(|(other, _)| same(other, name))
    }

    fn cover(&self, name: &str) -> Option<Span> {
        let spans = self.calls.iter().filter(|(other, _)| same(other, name)).map(|(_, span)| *span);
        spans.reduce(|a, b| Span { start: a.start.min(b.start), end: a.end.max(b.end) })
    }
}

/// What the subscripts of a column go by.
fn subscript_of(column: &str) -> String {
    format!("{column}[]")
}

/// True for the functions of one operator: subscripts are computed by several.
fn same(a: &str, b: &str) -> bool {
    const SUBSCRIPTS: [&str; 4] =
        ["tensor_slice", "tensor_slice_or_null", "tensor_index", "tensor_index_or_null"];
    a == b || (SUBSCRIPTS.contains(&a) && SUBSCRIPTS.contains(&b))
}

struct Found {
    calls: Vec<(String, Span)>,
}

impl Visitor for Found {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let SetExpr::SetOperation { op, .. } = query.body.as_ref()
            && let Some(span) = Span::from_sqlparser(query.body.span())
        {
            self.calls.push((op.to_string(), span));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let names = match expr {
            Expr::Function(function) => {
                let name = walk::function_name(function);
                let also = match (name.as_deref(), walk::plain_arguments(function).first()) {
                    (Some("tensor_slice" | "tensor_index"), Some(of)) => {
                        column_name(without_parentheses(of)).map(|column| subscript_of(&column))
                    }
                    // What the draw is called in a query, and casts in Arrow.
                    (Some(Draw::NAME), _) => Some("SAMPLE".to_string()),
                    (Some("tensor_cast"), _) => Some("Cast".to_string()),
                    _ => None,
                };
                [name, also]
            }
            Expr::Subquery(_) => [Some("subquery".to_string()), None],
            Expr::Case { .. } => [Some("CASE".to_string()), None],
            Expr::BinaryOp { op, .. } => {
                let (op, strict) = unmarked(op);
                let shown = strict_function_of(&op).filter(|_| strict);
                [function_of(&op).map(str::to_string), shown.map(str::to_string)]
            }
            Expr::Cast { .. } => [Some("cast".to_string()), Some("Cast".to_string())],
            _ => [None, None],
        };
        if let Some(span) = Span::from_sqlparser(expr.span()) {
            self.calls.extend(names.into_iter().flatten().map(|name| (name, span)));
        }
        ControlFlow::Continue(())
    }
}
