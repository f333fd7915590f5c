//! Calls that ask about all rows of FROM, as subqueries: `DATA(column, i)` is one row's value,
//! `BM25_SIMILARITY(text, 'words')` needs to know how often the words are used.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::Array;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Function;
use datafusion::sql::sqlparser::ast::LimitClause;
use datafusion::sql::sqlparser::ast::OrderBy;
use datafusion::sql::sqlparser::ast::OrderByKind;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::TableWithJoins;
use datafusion::sql::sqlparser::ast::VisitorMut;
use lakebed_functions::tokens::query_terms;
use lakebed_grammar::Span;
use lakebed_grammar::subscript;
use lakebed_grammar::subscript::Item;
use lakebed_grammar::visit;

use super::expression::integer_literal;
use super::expression::text_literal;
use super::items;
use super::limit::Limit;
use super::stages;
use super::syntax;
use super::walk;
use crate::error::Error;
use crate::error::Result;

const DATA: &str = "data";
const BM25: &str = "bm25_similarity";

/// The SELECT and its ORDER BY with every such call replaced; `None` if there is none.
///
/// # Errors
/// Arguments that the calls do not take.
pub(crate) fn replaced(
    select: &Select,
    order: Option<&OrderBy>,
    limit: Option<&LimitClause>,
) -> Result<Option<(Select, Option<OrderBy>)>> {
    let mut replace = Replace { from: &select.from, depth: 0, found: false, error: None };
    let (mut changed, mut order) = (select.clone(), order.cloned());
    if limit.is_some()
        && let Some(score) = best_first(order.as_ref())
    {
        // A search for the best leaves out what does not match at all (rule 24).
        let matches = syntax::binary(score.clone(), BinaryOperator::Gt, syntax::number(0));
        changed.selection = Some(match changed.selection {
            None => matches,
            Some(selection) => {
                syntax::binary(Expr::Nested(Box::new(selection)), BinaryOperator::And, matches)
            }
        });
    }
    let _ = visit::select_mut(&mut changed, &mut order, &mut replace);
    if let Some(error) = replace.error {
        return Err(error);
    }
    Ok(replace.found.then_some((changed, order)))
}

/// The score of `ORDER BY BM25_SIMILARITY(...) DESC`.
fn best_first(order: Option<&OrderBy>) -> Option<&Expr> {
    let OrderByKind::Expressions(keys) = &order?.kind else { return None };
    let [key] = keys.as_slice() else { return None };
    let Expr::Function(call) = &key.expr else { return None };
    let is_score = walk::function_name(call).as_deref() == Some(BM25);
    (is_score && key.options.asc == Some(false)).then_some(&key.expr)
}

struct Replace<'a> {
    from: &'a [TableWithJoins],
    depth: usize,
    found: bool,
    error: Option<Error>,
}

impl Replace<'_> {
    /// `SELECT expr` over FROM.
    fn over_all(&self, expr: Expr) -> Query {
        let span = expr.span();
        let alias = syntax::quoted("__value", span);
        let item = SelectItem::ExprWithAlias { expr, alias };
        syntax::query(stages::body(syntax::select(vec![item], self.from.to_vec())))
    }

    fn data(&self, call: &Function) -> Result<Expr> {
        let arguments = walk::plain_arguments(call);
        let row = match arguments.as_slice() {
            [column, row] if items::column_name(column).is_some() => {
                integer_literal(row).and_then(|row| u64::try_from(row).ok())
            }
            _ => None,
        };
        let (Some(row), Some(column)) = (row, arguments.first()) else {
            return Err(Error::planning(
                "DATA takes a column and the number of a row, counted from 0",
                Span::from_sqlparser(call.name.span()),
            )
            .with_help("write DATA(column, 0)"));
        };
        let mut query = self.over_all((*column).clone());
        query.limit_clause = Limit { offset: row, rows: Some(1) }.clause();
        // Without such a row the query has none.
        let value = Expr::Subquery(Box::new(query));
        Ok(syntax::call("tensor_nullable", call.name.span(), vec![value]))
    }

    fn score(&self, call: &Function) -> Result<Expr> {
        let arguments = walk::plain_arguments(call);
        let words = match arguments.as_slice() {
            [_, words] => text_literal(words),
            _ => None,
        };
        let (Some(words), [text, query]) = (words, arguments.as_slice()) else {
            return Err(Error::planning(
                "BM25_SIMILARITY takes a text column and the words to look for, a constant text",
                Span::from_sqlparser(call.name.span()),
            )
            .with_help("write BM25_SIMILARITY(column, 'some words')"));
        };
        let span = call.name.span();
        let of = |name: &str, arguments: Vec<Expr>| syntax::call(name, span, arguments);
        let text = || (*text).clone();
        let mut statistics =
            vec![of("count", vec![text()]), of("avg", vec![of("bm25_length", vec![text()])])];
        for term in 0..query_terms(words).len() {
            let present = of("bm25_terms", vec![text(), (*query).clone()]);
            let item = Item::Index(syntax::number(term));
            statistics.push(of("sum", vec![subscript::subscript(present, vec![item], span)]));
        }
        // Of no text at all there is no mean.
        let statistics = statistics
            .into_iter()
            .map(|value| syntax::as_double(of("coalesce", vec![value, syntax::number(0)])))
            .collect();
        let all = self.over_all(Expr::Array(Array { elem: statistics, named: true }));
        let all = Expr::Subquery(Box::new(all));
        Ok(of("bm25_score", vec![text(), (*query).clone(), all]))
    }
}

impl VisitorMut for Replace<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Function(call) = expr else { return ControlFlow::Continue(()) };
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        let replacement = match walk::function_name(call).as_deref() {
            Some(DATA) => self.data(call),
            Some(BM25) => self.score(call),
            _ => return ControlFlow::Continue(()),
        };
        match replacement {
            Ok(replacement) => {
                *expr = replacement;
                self.found = true;
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}
