//! Walks through trees for every visitor. `sqlparser` compiles its walk anew for each type that
//! visits, seconds each time; here it is compiled once, and calls the visitor through a table.

use std::ops::ControlFlow;

use sqlparser::ast::Expr;
use sqlparser::ast::OrderBy;
use sqlparser::ast::Query;
use sqlparser::ast::Select;
use sqlparser::ast::TableFactor;
use sqlparser::ast::Visit;
use sqlparser::ast::VisitMut;
use sqlparser::ast::Visitor;
use sqlparser::ast::VisitorMut;

struct Any<'a>(&'a mut dyn Visitor<Break = ()>);

impl Visitor for Any<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.0.pre_visit_query(query)
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.0.post_visit_query(query)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.0.pre_visit_select(select)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        self.0.pre_visit_table_factor(factor)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.0.pre_visit_expr(expr)
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.0.post_visit_expr(expr)
    }
}

struct AnyMut<'a>(&'a mut dyn VisitorMut<Break = ()>);

impl VisitorMut for AnyMut<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.0.pre_visit_query(query)
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.0.post_visit_query(query)
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        self.0.pre_visit_table_factor(factor)
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0.pre_visit_expr(expr)
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.0.post_visit_expr(expr)
    }
}

/// Shows a query, its selects, tables and expressions, at any depth, to a visitor. Only these:
/// values and statements are not asked about.
pub fn query(query: &Query, visitor: &mut dyn Visitor<Break = ()>) -> ControlFlow<()> {
    query.visit(&mut Any(visitor))
}

/// As [`query`], to be changed.
pub fn query_mut(query: &mut Query, visitor: &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()> {
    VisitMut::visit(query, &mut AnyMut(visitor))
}

/// As [`query_mut`], of one expression.
pub fn expr_mut(expr: &mut Expr, visitor: &mut dyn VisitorMut<Break = ()>) -> ControlFlow<()> {
    VisitMut::visit(expr, &mut AnyMut(visitor))
}

/// As [`query_mut`], of the expressions of one SELECT and of the ORDER BY behind it; FROM is left
/// out.
pub fn select_mut(
    select: &mut Select,
    order: &mut Option<OrderBy>,
    visitor: &mut dyn VisitorMut<Break = ()>,
) -> ControlFlow<()> {
    let visitor = &mut AnyMut(visitor);
    VisitMut::visit(&mut select.projection, visitor)?;
    VisitMut::visit(&mut select.selection, visitor)?;
    VisitMut::visit(&mut select.group_by, visitor)?;
    VisitMut::visit(&mut select.having, visitor)?;
    VisitMut::visit(order, visitor)
}
