//! What comes first: the keys of ORDER BY, then positions, so that no two rows tie.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::OrderBy;
use datafusion::sql::sqlparser::ast::OrderByExpr;
use datafusion::sql::sqlparser::ast::OrderByKind;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::VisitorMut;
use lakebed_grammar::Span;
use lakebed_grammar::visit;
use std::ops::ControlFlow;

use super::Lowering;
use super::expression::Place;
use super::scope::Scope;
use super::syntax;
use crate::error::Error;
use crate::error::Result;

/// The keys that a query writes.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// Lowered, without constants.
    pub keys: Vec<OrderByExpr>,
    /// The direction in which ties fall.
    pub ascending: bool,
    /// True if the query has an ORDER BY at all.
    pub written: bool,
}

/// The expressions of ORDER BY.
pub(crate) fn written(order: Option<&OrderBy>) -> Result<&[OrderByExpr]> {
    match order {
        None => Ok(&[]),
        Some(OrderBy { kind: OrderByKind::Expressions(keys), interpolate: None }) => Ok(keys),
        Some(other) => Err(Error::Unsupported {
            what: "ORDER BY ALL".into(),
            span: Span::from_sqlparser(other.span()),
            help: Some("name the columns to sort by".into()),
        }),
    }
}

impl Lowering<'_> {
    /// Lowers the keys: nulls come first in ASC and last in DESC, a constant sorts nothing. What a
    /// key's type means for the order is `tensor_sort_key`'s business; in an SQL block it is SQL's.
    pub(crate) fn order_keys(&mut self, order: Option<&OrderBy>, place: &Place) -> Result<Keys> {
        let written = written(order)?;
        let mut keys = Vec::with_capacity(written.len());
        let mut ascending = true;
        for key in written {
            if key.with_fill.is_some() {
                return Err(Error::Unsupported {
                    what: "WITH FILL".into(),
                    span: Span::from_sqlparser(key.expr.span()),
                    help: None,
                });
            }
            ascending = key.options.asc.unwrap_or(true);
            if is_constant(&key.expr) {
                continue;
            }
            let nulls_first = key.options.nulls_first.unwrap_or(ascending);
            let mut expr = self.value(&key.expr, place)?;
            if !place.sql_block {
                expr = syntax::call("tensor_sort_key", key.expr.span(), vec![expr]);
            }
            keys.push(syntax::sort_key(expr, ascending, nulls_first));
        }
        Ok(Keys { keys, ascending, written: !written.is_empty() })
    }
}

impl Keys {
    /// The keys, then what makes the order total.
    pub fn complete(
        &self,
        join_keys: &[OrderByExpr],
        positions: impl Iterator<Item = Expr>,
    ) -> Vec<OrderByExpr> {
        let mut all = self.keys.clone();
        if !self.written {
            all.extend(join_keys.iter().cloned());
        }
        // A row without partner has no position there and comes last.
        all.extend(
            positions.map(|position| syntax::sort_key(position, self.ascending, !self.ascending)),
        );
        all
    }
}

/// True for a literal: it sorts nothing.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) => true,
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => is_constant(inner),
        _ => false,
    }
}

/// True if a key uses a column of FROM whose name this block gives to something else; the planner
/// cannot tell the two apart in one projection.
pub(crate) fn shadowed(keys: &[OrderByExpr], computed: &[&str]) -> bool {
    struct Search<'a> {
        computed: &'a [&'a str],
    }
    impl VisitorMut for Search<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            match expr {
                Expr::CompoundIdentifier(parts)
                    if parts
                        .last()
                        .is_some_and(|last| self.computed.contains(&last.value.as_str())) =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    keys.iter().any(|key| {
        let mut expr = key.expr.clone();
        visit::expr_mut(&mut expr, &mut Search { computed }).is_break()
    })
}

/// The keys with every name that AS gives replaced by what it stands for.
pub(crate) fn substituted(
    keys: &[OrderByExpr],
    scope: &Scope,
    items: &[(String, Expr)],
) -> Vec<OrderByExpr> {
    struct Substitute<'a> {
        scope: &'a Scope<'a>,
        items: &'a [(String, Expr)],
    }
    impl VisitorMut for Substitute<'_> {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Identifier(ident) = expr
                && self.scope.find(ident).is_err()
                && let Some((_, meant)) = self.items.iter().find(|(name, _)| *name == ident.value)
            {
                *expr = Expr::Nested(Box::new(meant.clone()));
            }
            ControlFlow::Continue(())
        }
    }
    let mut keys = keys.to_vec();
    for key in &mut keys {
        let _ = visit::expr_mut(&mut key.expr, &mut Substitute { scope, items });
    }
    keys
}
