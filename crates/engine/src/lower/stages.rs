//! A SELECT with clauses of TQL's own, one clause after another: WHERE, EXPAND, ORDER, LIMIT,
//! SAMPLE, GROUP, HAVING, UNGROUP, SELECT, ARRANGE (rule 3). Each turns rows into rows; see [`Step`].

use datafusion::sql::sqlparser::ast::Distinct;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::LimitClause;
use datafusion::sql::sqlparser::ast::OrderBy;
use datafusion::sql::sqlparser::ast::OrderByKind;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::Spanned;
use lakebed_grammar::Clauses;
use lakebed_grammar::Span;

use super::Lowering;
use super::block::Kind;
use super::expression::Clause;
use super::expression::Place;
use super::expression::RowNumber;
use super::from::From;
use super::items::Item;
use super::limit::Limit;
use super::query::Carry;
use super::query::Lowered;
use super::query::Prepared;
use super::rename::Rename;
use super::sample::WEIGHT;
use super::scope::Scope;
use super::step::Step;
use super::syntax;
use crate::error::Error;
use crate::error::Result;

/// ORDER BY and LIMIT as written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tail<'a> {
    pub order: Option<&'a OrderBy>,
    pub limit: Option<&'a LimitClause>,
}

impl Lowering<'_> {
    /// Lowers one SELECT with all the clauses behind it.
    pub(crate) fn select(
        &mut self,
        select: &Select,
        prepared: Option<Prepared>,
        clauses: &Clauses,
        tail: Tail,
        outer: Option<&Scope>,
        carry: Carry,
    ) -> Result<Lowered> {
        let replaced = super::constants::replaced(select, tail.order, tail.limit)?;
        let (select, order) = match &replaced {
            Some((select, order)) => (select, order.as_ref()),
            None => (select, tail.order),
        };
        let tail = Tail { order, ..tail };
        let kind = self.kind(select, tail.order)?;
        let on = match &select.distinct {
            Some(Distinct::On(keys)) => keys.as_slice(),
            _ => &[],
        };
        if clauses.is_empty() && !kind.collected && on.is_empty() {
            return self.block(select, prepared, kind, tail, outer, carry);
        }
        if kind.sql {
            return self.sql_block_in_stages(select, prepared, clauses, kind, tail, outer, carry);
        }
        self.tql_block_in_stages(select, prepared, clauses, tail, outer, carry)
    }

    /// Rows first, then groups and what stands behind them.
    fn tql_block_in_stages(
        &mut self,
        select: &Select,
        prepared: Option<Prepared>,
        clauses: &Clauses,
        tail: Tail,
        outer: Option<&Scope>,
        carry: Carry,
    ) -> Result<Lowered> {
        if let Some(qualify) = &select.qualify {
            return Err(Error::Unsupported {
                what: "QUALIFY together with a clause of TQL's own or DISTINCT ON".into(),
                span: Span::from_sqlparser(qualify.span()),
                help: Some("write QUALIFY in a subquery, and select from it".into()),
            });
        }
        let limit = tail.limit;
        let (scope, from) = self.source(select, prepared, tail.order, outer, carry)?;
        let mut items = self.items(select, &scope, false, carry == Carry::Nothing)?;
        let source = (scope.clone(), from);
        let names = Rename::new(&scope, &items);
        for item in &mut items {
            names.columns(&mut item.expr);
        }
        let keys: Vec<Expr> =
            super::groups::keys(select)?.iter().map(|key| names.resolved(key)).collect();
        let having = select.having.as_ref().map(|having| names.resolved(having));
        let weight = clauses.sample.as_ref().map(|sample| names.resolved(&sample.weight));
        let arranged: Vec<Expr> = clauses.arrange.iter().map(|key| names.resolved(key)).collect();
        let order = order_without_aliases(tail.order, &names);
        let on: Vec<Expr> = match &select.distinct {
            Some(Distinct::On(keys)) => keys.iter().map(|key| names.resolved(key)).collect(),
            _ => Vec::new(),
        };
        // DISTINCT comes before LIMIT.
        let (tail, late) = match on.is_empty() {
            true => (tail, None),
            false => (Tail { limit: None, ..tail }, rows_only(tail, clauses)),
        };

        let mut step = match &clauses.expand {
            Some(expand) => {
                let selection = select.selection.as_ref();
                let step = self.expanded(selection, source, expand, &names)?;
                // The keys were written for the tables of FROM; what expands is one table.
                let order = order_renamed(order, &names);
                let all = syntax::select(Vec::new(), Vec::new());
                let tail = Tail { order: order.as_ref(), limit: rows_only(tail, clauses) };
                self.everything(&all, Some(step.prepared()), tail, outer, carry)?
            }
            None => {
                let tail = Tail { order: order.as_ref(), limit: rows_only(tail, clauses) };
                self.everything_of(select.selection.as_ref(), source, tail)?
            }
        };
        if !on.is_empty() {
            step = self.first_of_each(step, &on)?;
            let tail = Tail { limit: late, ..Tail::default() };
            let all = syntax::select(Vec::new(), Vec::new());
            step = self.everything(&all, Some(step.prepared()), tail, outer, carry)?;
        }
        if clauses.limit_percent {
            step = self.percent(step, limit)?;
        }
        if let (Some(sample), Some(weight)) = (&clauses.sample, &weight) {
            let kept = items.iter().any(|item| item.name == WEIGHT);
            step = self.sampled_with_weights(step, sample, weight, kept)?;
        }
        if !keys.is_empty() {
            step = self.collected(step, &keys, clauses.across)?;
        }
        if let Some(having) = having {
            let filter = Select { selection: Some(having), ..syntax::select(vec![], vec![]) };
            let tail = Tail::default();
            step = self.everything(&filter, Some(step.prepared()), tail, outer, carry)?;
        }
        if let Some(ungroup) = &clauses.ungroup {
            let star = select.projection.iter().any(is_star);
            step = self.ungrouped(step, ungroup, &mut items, star, &arranged)?;
        }
        if !arranged.is_empty() {
            step = self.arranged(step, &arranged)?;
        }
        let projection = items.into_iter().map(Item::written).collect();
        let last = syntax::select(projection, Vec::new());
        let kind = self.kind(&last, None)?;
        self.block(&last, Some(step.prepared()), kind, Tail::default(), outer, carry)
    }

    /// ORDER BY and LIMIT act on the result of an SQL block; so do the clauses behind them.
    #[expect(clippy::too_many_arguments, reason = "a SELECT with all that stands behind it")]
    fn sql_block_in_stages(
        &mut self,
        select: &Select,
        prepared: Option<Prepared>,
        clauses: &Clauses,
        kind: Kind,
        tail: Tail,
        outer: Option<&Scope>,
        carry: Carry,
    ) -> Result<Lowered> {
        // The weights are there when the rows of the block were drawn.
        let mut inner = select.clone();
        inner.projection.retain(|item| !is_weight(item));
        let kept = inner.projection.len() < select.projection.len();
        let select = &inner;
        let numbers = Carry::Position { dense: true };
        let rows = Tail { order: tail.order, limit: rows_only(tail, clauses) };
        let lowered = match &clauses.expand {
            Some(expand) => {
                let (scope, from) = self.source(select, prepared, tail.order, outer, carry)?;
                let items = self.items(select, &scope, true, carry == Carry::Nothing)?;
                let source = (scope.clone(), from);
                let names = Rename::new(&scope, &items);
                let step = self.expanded(select.selection.as_ref(), source, expand, &names)?;
                let order = order_renamed(tail.order.cloned(), &names);
                let mut inner = names.select(select, &items);
                inner.from = Vec::new();
                inner.selection = None;
                let rows = Tail { order: order.as_ref(), ..rows };
                self.block(&inner, Some(step.prepared()), kind, rows, outer, numbers)?
            }
            None => self.block(select, prepared, kind, rows, outer, numbers)?,
        };
        let alias = self.fresh();
        let mut step = Step::new(lowered, alias)?;
        if clauses.limit_percent {
            step = self.percent(step, tail.limit)?;
        }
        if let Some(sample) = &clauses.sample {
            step = self.sampled_with_weights(step, sample, &sample.weight, kept)?;
        }
        let star = SelectItem::Wildcard(Default::default());
        if let Some(ungroup) = &clauses.ungroup {
            let select = syntax::select(vec![star.clone()], Vec::new());
            let prepared = Some(step.clone().prepared());
            let (scope, _) = self.source(&select, prepared, None, outer, carry)?;
            let mut items = self.items(&select, &scope, false, carry == Carry::Nothing)?;
            step = self.ungrouped(step, ungroup, &mut items, true, &clauses.arrange)?;
        }
        if !clauses.arrange.is_empty() {
            step = self.arranged(step, &clauses.arrange)?;
        }
        let all = syntax::select(vec![star], Vec::new());
        let kind = self.kind(&all, None)?;
        self.block(&all, Some(step.prepared()), kind, Tail::default(), outer, carry)
    }

    /// Every column of FROM for the rows that WHERE, ORDER BY and LIMIT choose.
    fn everything(
        &mut self,
        select: &Select,
        prepared: Option<Prepared>,
        tail: Tail,
        outer: Option<&Scope>,
        carry: Carry,
    ) -> Result<Step> {
        let source = self.source(select, prepared, tail.order, outer, carry)?;
        self.everything_of(select.selection.as_ref(), source, tail)
    }

    /// As [`Lowering::everything`], of a FROM that was lowered before.
    pub(crate) fn everything_of(
        &mut self,
        selection: Option<&Expr>,
        (scope, from): (Scope, From),
        tail: Tail,
    ) -> Result<Step> {
        let alias = match scope.relations.as_slice() {
            [only] => only.alias.clone(),
            _ => self.fresh(),
        };
        let items = Item::all_of(&scope)?;
        let filter =
            Select { selection: selection.cloned(), ..syntax::select(Vec::new(), Vec::new()) };
        let limit = Limit::read(tail.limit)?;
        let carry = Carry::Position { dense: true };
        let rows = Kind::default();
        let lowered =
            self.block_of(&filter, scope, from, items, rows, (tail.order, limit), carry)?;
        Step::new(lowered, alias)
    }
}

/// A place over the rows of a step.
pub(crate) fn place<'s>(scope: &'s Scope<'s>, clause: Clause) -> Place<'s> {
    let row_number = match scope.relations.first().and_then(super::scope::Relation::position) {
        Some(position) => RowNumber::Is(Box::new(syntax::as_integer(position))),
        None => RowNumber::Refused("these rows have no position"),
    };
    Place { scope, clause, sql_block: false, in_aggregate: false, in_condition: false, row_number }
}

/// The limit, unless it is one of percent.
fn rows_only<'a>(tail: Tail<'a>, clauses: &Clauses) -> Option<&'a LimitClause> {
    tail.limit.filter(|_| !clauses.limit_percent)
}

fn is_star(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}

fn is_weight(item: &SelectItem) -> bool {
    matches!(item, SelectItem::ExprWithAlias { alias, .. } if alias.value == WEIGHT)
}

/// The keys with the names that AS gives replaced by what they stand for.
fn order_without_aliases(order: Option<&OrderBy>, names: &Rename) -> Option<OrderBy> {
    changed(order.cloned(), |key| names.aliases(key))
}

/// The keys over one table instead of those of FROM.
fn order_renamed(order: Option<OrderBy>, names: &Rename) -> Option<OrderBy> {
    changed(order, |key| names.columns(key))
}

fn changed(order: Option<OrderBy>, change: impl Fn(&mut Expr)) -> Option<OrderBy> {
    let mut order = order?;
    if let OrderByKind::Expressions(keys) = &mut order.kind {
        for key in keys {
            change(&mut key.expr);
        }
    }
    Some(order)
}

/// The body `SELECT * FROM` of rows that were lowered before.
pub(crate) fn star_of() -> Select {
    syntax::select(vec![SelectItem::Wildcard(Default::default())], Vec::new())
}

/// A SELECT as the body of a query.
pub(crate) fn body(select: Select) -> SetExpr {
    SetExpr::Select(Box::new(select))
}
