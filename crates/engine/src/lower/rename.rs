//! Expressions over the tables of FROM, written over one table that holds all their columns.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::GroupByExpr;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::VisitorMut;

use lakebed_grammar::visit;

use super::items::Item;
use super::scope::Found;
use super::scope::Scope;
use super::syntax;

/// What the names of one SELECT become.
#[derive(Debug)]
pub(crate) struct Rename<'a> {
    scope: &'a Scope<'a>,
    /// The names that AS gives, and what they stand for.
    aliases: Vec<(String, Expr)>,
}

/// The name of a column of one of several tables in the table that holds them all.
pub(crate) fn joined_name(relation: &str, column: &str) -> String {
    format!("{relation}.{column}")
}

impl<'a> Rename<'a> {
    /// For the tables of `scope` and the names of `items`.
    pub fn new(scope: &'a Scope<'a>, items: &[Item]) -> Rename<'a> {
        let named = items.iter().filter(|item| !item.plain);
        let aliases = named.map(|item| (item.name.clone(), item.expr.clone())).collect();
        Rename { scope, aliases }
    }

    /// The expression without aliases, over the one table.
    pub fn resolved(&self, expr: &Expr) -> Expr {
        let mut expr = expr.clone();
        self.aliases(&mut expr);
        self.columns(&mut expr);
        expr
    }

    /// Names that AS gives become what they stand for; a column of FROM of that name comes first.
    pub fn aliases(&self, expr: &mut Expr) {
        change(expr, &|expr| {
            if let Expr::Identifier(ident) = expr
                && self.scope.find(ident).is_err()
                && let Some((_, meant)) = self.aliases.iter().find(|(name, _)| *name == ident.value)
            {
                *expr = Expr::Nested(Box::new(meant.clone()));
            }
        });
    }

    /// Columns of several tables become columns of one. With one table nothing changes: it keeps
    /// its name.
    pub fn columns(&self, expr: &mut Expr) {
        if self.scope.relations.len() < 2 {
            return;
        }
        change(expr, &|expr| {
            let renamed = match expr {
                Expr::Identifier(ident) => match self.scope.find(ident) {
                    Ok(Found::Column(relation)) => {
                        Some((joined_name(&relation, &ident.value), ident.span))
                    }
                    _ => None,
                },
                Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                    [relation, column] if self.scope.check_qualified(relation, column).is_ok() => {
                        Some((self.column(relation, column), column.span))
                    }
                    _ => None,
                },
                _ => None,
            };
            if let Some((name, span)) = renamed {
                *expr = Expr::Identifier(syntax::quoted(&name, span));
            }
        });
    }

    fn column(&self, relation: &Ident, column: &Ident) -> String {
        if self.scope.merged.contains(&column.value) {
            column.value.clone()
        } else {
            joined_name(&relation.value, &column.value)
        }
    }

    /// A SELECT over the one table, with the columns it shows written out.
    pub fn select(&self, select: &Select, items: &[Item]) -> Select {
        let mut renamed = select.clone();
        renamed.projection = items
            .iter()
            .map(|item| {
                let mut item = item.clone();
                self.columns(&mut item.expr);
                item.written()
            })
            .collect();
        if let GroupByExpr::Expressions(keys, _) = &mut renamed.group_by {
            for key in keys {
                self.columns(key);
            }
        }
        if let Some(having) = &mut renamed.having {
            self.columns(having);
        }
        renamed
    }
}

/// Changes expressions from the inside out, those of subqueries apart.
fn change(expr: &mut Expr, change: &dyn Fn(&mut Expr)) {
    struct Change<'a> {
        change: &'a dyn Fn(&mut Expr),
        depth: usize,
    }
    impl VisitorMut for Change<'_> {
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
            if self.depth == 0 {
                (self.change)(expr);
            }
            ControlFlow::Continue(())
        }
    }
    let _ = visit::expr_mut(expr, &mut Change { change, depth: 0 });
}
