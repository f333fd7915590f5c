//! One SELECT: which kind of block it is, what it sees, and the order of its rows.

use datafusion::sql::sqlparser::ast::Distinct;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::OrderBy;
use datafusion::sql::sqlparser::ast::OrderByExpr;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_grammar::Span;

use super::Lowering;
use super::POSITION;
use super::call::Reach;
use super::call::is_row_number;
use super::expression::Clause;
use super::expression::Place;
use super::expression::RowNumber;
use super::from::From;
use super::groups;
use super::items;
use super::items::Item;
use super::limit::Limit;
use super::order;
use super::query::Carry;
use super::query::Lowered;
use super::query::Prepared;
use super::scope::Scope;
use super::stages::Tail;
use super::step::Step;
use super::step::numbered;
use super::step::selected;
use super::syntax;
use super::walk;
use crate::error::Error;
use crate::error::Result;

/// What a SELECT does with its rows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kind {
    /// SUM and AVG aggregate rows.
    pub sql: bool,
    /// Its rows are groups.
    pub(super) grouped: bool,
    pub(super) distinct: bool,
    /// Its columns become sequences, one a group.
    pub collected: bool,
}

impl Lowering<'_> {
    /// Lowers one SELECT with the ORDER BY and LIMIT behind it.
    pub(crate) fn block(
        &mut self,
        select: &Select,
        prepared: Option<Prepared>,
        kind: Kind,
        tail: Tail,
        outer: Option<&Scope>,
        carry: Carry,
    ) -> Result<Lowered> {
        refuse(select)?;
        let limit = Limit::read(tail.limit)?;
        let (scope, from) = self.source(select, prepared, tail.order, outer, carry)?;
        let items = self.items(select, &scope, kind.sql, carry == Carry::Nothing)?;
        self.block_of(select, scope, from, items, kind, (tail.order, limit), carry)
    }

    /// What FROM provides, or what stands for it.
    pub(crate) fn source<'s>(
        &mut self,
        select: &Select,
        prepared: Option<Prepared>,
        order_by: Option<&OrderBy>,
        outer: Option<&'s Scope<'s>>,
        carry: Carry,
    ) -> Result<(Scope<'s>, From)> {
        let numbered = |expr: &Expr| walk::any(expr, &is_row_number);
        let dense = select.selection.as_ref().is_some_and(numbered)
            || order::written(order_by)?.iter().any(|key| numbered(&key.expr));
        let mut scope = Scope { outer, ..Scope::default() };
        let from = match prepared {
            Some(prepared) => Self::from_prepared(prepared, &mut scope),
            None if !select.from.is_empty() => self.from(&select.from, &mut scope, dense)?,
            None => match self.current {
                Some(current) if carry != Carry::Nothing || uses_columns(select) => {
                    self.current_dataset(current, &mut scope)?
                }
                _ => From::default(),
            },
        };
        Ok((scope, from))
    }

    /// Lowers one SELECT of these columns over what FROM provides.
    #[expect(clippy::too_many_arguments, reason = "the parts of a SELECT")]
    pub(crate) fn block_of(
        &mut self,
        select: &Select,
        mut scope: Scope,
        from: From,
        items: Vec<Item>,
        kind: Kind,
        (order_by, limit): (Option<&OrderBy>, Limit),
        carry: Carry,
    ) -> Result<Lowered> {
        if select.qualify.is_some() && carry == (Carry::Position { dense: true }) {
            // Positions are counted before QUALIFY leaves rows out, so they are counted again.
            let gaps = Carry::Position { dense: false };
            let rows = self.block_of(select, scope, from, items, kind, (order_by, limit), gaps)?;
            return self.numbered_again(rows);
        }
        scope.aliases = items.iter().filter(|i| !i.plain).map(|i| i.name.clone()).collect();
        let scope = scope;
        let place = Place {
            scope: &scope,
            clause: Clause::Where,
            sql_block: kind.sql,
            in_aggregate: false,
            in_condition: false,
            row_number: source_row_number(&scope),
        };
        let selection = match &select.selection {
            Some(selection) => Some(self.predicate(selection, &place)?),
            None => None,
        };
        let mut lowered = syntax::select(Vec::new(), from.tables);
        lowered.selection = selection;
        lowered.named_window = select.named_window.clone();
        if let Some(qualify) = &select.qualify {
            let place = Place { clause: Clause::Having, ..place.clone() };
            lowered.qualify = Some(self.predicate(qualify, &place)?);
        }
        let block = Block { select: lowered, join_keys: from.join_keys, items, limit, carry };
        let place = Place { clause: Clause::OrderBy, ..place };
        if kind.grouped || kind.distinct {
            self.grouped(select, block, kind, order_by, &place)
        } else {
            self.rows_of(block, order_by, &place)
        }
    }

    /// What a SELECT with these sort keys does.
    pub(crate) fn kind(&self, select: &Select, order: Option<&OrderBy>) -> Result<Kind> {
        let mut exprs: Vec<&Expr> = Vec::new();
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    exprs.push(expr);
                }
                _ => {}
            }
        }
        exprs.extend(select.having.iter());
        exprs.extend(order::written(order)?.iter().map(|key| &key.expr));
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(Distinct::On(_)) => false,
        };
        let reaches = |wanted: &dyn Fn(Reach, bool) -> bool| {
            exprs.iter().any(|expr| {
                walk::any(expr, &|inner| match inner {
                    Expr::Function(call) => wanted(self.reach(call), call.over.is_some()),
                    _ => false,
                })
            })
        };
        let sql = distinct || reaches(&|reach, _| reach == Reach::Rows);
        let aggregated = reaches(&|reach, over| match reach {
            Reach::Rows => !over,
            Reach::Either => sql && !distinct,
            Reach::Row => false,
        });
        let keys = groups::keys(select)?;
        if let (Some(key), false) = (keys.iter().find(|key| groups::is_sets(key)), sql) {
            return Err(Error::planning(
                "ROLLUP, CUBE and GROUPING SETS group what aggregates over rows, and there is none",
                Span::from_sqlparser(key.span()),
            )
            .with_help(
                "select an aggregate over rows, such as COUNT(*) AS n, or name the keys alone",
            ));
        }
        let grouped = aggregated || !keys.is_empty();
        if let (Some(having), false) = (&select.having, grouped) {
            return Err(Error::planning(
                "HAVING filters groups, and there are none",
                Span::from_sqlparser(having.span()),
            )
            .with_help("use WHERE to filter rows"));
        }
        if let (Some(Distinct::On(on)), true) = (&select.distinct, grouped) {
            return Err(Error::Unsupported {
                what: "DISTINCT ON together with groups or aggregates".into(),
                span: on.first().and_then(|expr| Span::from_sqlparser(expr.span())),
                help: Some("select DISTINCT ON from a subquery that groups".into()),
            });
        }
        if let (Some(qualify), true) = (&select.qualify, distinct || (grouped && !sql)) {
            let what = if distinct { "DISTINCT" } else { "groups that become sequences" };
            return Err(Error::Unsupported {
                what: format!("QUALIFY together with {what}"),
                span: Span::from_sqlparser(qualify.span()),
                help: Some("write QUALIFY in a subquery, and select from it".into()),
            });
        }
        let collected = grouped && !sql;
        Ok(Kind { sql, grouped: grouped && sql, distinct, collected })
    }

    /// A SELECT whose rows are rows of FROM.
    fn rows_of(
        &mut self,
        block: Block,
        order_by: Option<&OrderBy>,
        place: &Place,
    ) -> Result<Lowered> {
        let Block { mut select, join_keys, items, limit, carry } = block;
        let scope = place.scope;
        let keys = self.order_keys(order_by, place)?;
        let positions = || scope.relations.iter().filter_map(|relation| relation.position());
        let complete = keys.complete(&join_keys, positions());
        let shown = Place {
            clause: Clause::Select,
            row_number: RowNumber::Refused("ROW_NUMBER() depends on itself here"),
            ..place.clone()
        };
        let mut lowered =
            self.lowered_items(&items, &shown, |expr| !walk::any(expr, &is_row_number))?;
        let named = named_items(&items, &lowered);
        let total = order::substituted(&complete, scope, &named);

        let qualifies = select.qualify.is_some();
        let untouched = select.selection.is_none() && !keys.written;
        let number = match scope.relations.as_slice() {
            [only] if untouched && only.dense => only
                .position()
                .map(|position| syntax::minus(syntax::as_integer(position), limit.offset)),
            _ => None,
        };
        let number = number
            .unwrap_or_else(|| syntax::row_number(total.clone(), limit.offset.saturating_add(1)));
        let shown = Place { row_number: counted(number, qualifies), ..shown };
        for (item, place_of) in items.iter().zip(&mut lowered) {
            if place_of.is_none() {
                *place_of = Some(self.value(&item.expr, &shown)?);
            }
        }
        let columns: Vec<String> = items.iter().map(|item| item.name.clone()).collect();
        let exprs: Vec<Expr> = lowered.into_iter().flatten().collect();

        let sorts = carry == Carry::Result || !limit.is_none();
        let computed: Vec<&str> =
            items.iter().filter(|item| !item.plain).map(|item| item.name.as_str()).collect();
        if carry == Carry::Result && order::shadowed(&complete, &computed) {
            return Ok(self.sorted_outside(select, exprs, columns, total, limit));
        }
        select.projection = projection(&items, &exprs);
        let mut position = false;
        if let Carry::Position { dense } = carry {
            let carried = match scope.relations.as_slice() {
                [only]
                    if !keys.written
                        && (!dense || (only.dense && untouched && limit.is_none())) =>
                {
                    only.position()
                }
                _ if total.is_empty() => None,
                _ => Some(syntax::row_number(total.clone(), limit.offset.saturating_add(1))),
            };
            if let Some(carried) = carried {
                select.projection.push(syntax::aliased(carried, POSITION, SourceSpan::empty()));
                position = true;
            }
        }
        let mut query = syntax::query(SetExpr::Select(Box::new(select)));
        if sorts {
            query.order_by = if position {
                syntax::order_by(vec![syntax::sort_key(
                    Expr::Identifier(syntax::made(POSITION)),
                    true,
                    true,
                )])
            } else {
                syntax::order_by(complete)
            };
        }
        query.limit_clause = limit.clause();
        Ok(Lowered { query, columns: Some(columns), position })
    }

    /// The same rows with positions that have no gaps.
    fn numbered_again(&mut self, lowered: Lowered) -> Result<Lowered> {
        let columns = lowered.columns.clone();
        let step = Step::new(lowered, self.fresh())?;
        let order = syntax::sort_key(step.column(POSITION), true, true);
        let mut items = step.items();
        items.push(numbered(syntax::row_number(vec![order], 1)));
        Ok(Lowered { query: selected(items, step.from()), columns, position: true })
    }

    /// The items and keys under names of their own inside, sorted and named outside.
    fn sorted_outside(
        &mut self,
        mut select: Select,
        exprs: Vec<Expr>,
        columns: Vec<String>,
        keys: Vec<OrderByExpr>,
        limit: Limit,
    ) -> Lowered {
        let inner = self.fresh();
        let empty = SourceSpan::empty();
        let mut shown = Vec::with_capacity(exprs.len());
        for (at, (expr, name)) in exprs.into_iter().zip(&columns).enumerate() {
            let hidden = format!("__c{at}");
            select.projection.push(syntax::aliased(expr, &hidden, empty));
            shown.push(syntax::aliased(syntax::column(&inner, &hidden, empty), name, empty));
        }
        let mut sorted = Vec::with_capacity(keys.len());
        for (at, key) in keys.into_iter().enumerate() {
            let hidden = format!("__k{at}");
            select.projection.push(syntax::aliased(key.expr, &hidden, empty));
            sorted.push(OrderByExpr { expr: syntax::column(&inner, &hidden, empty), ..key });
        }
        let inside = syntax::query(SetExpr::Select(Box::new(select)));
        let table = syntax::derived(inside, syntax::table_alias(&inner));
        let outside = syntax::select(shown, syntax::from_one(table));
        let mut query = syntax::query(SetExpr::Select(Box::new(outside)));
        query.order_by = syntax::order_by(sorted);
        query.limit_clause = limit.clause();
        Lowered { query, columns: Some(columns), position: false }
    }

    /// The items that `now` chooses; the others wait.
    pub(super) fn lowered_items(
        &mut self,
        items: &[Item],
        place: &Place,
        now: impl Fn(&Expr) -> bool,
    ) -> Result<Vec<Option<Expr>>> {
        items
            .iter()
            .map(
                |item| {
                    if now(&item.expr) { self.value(&item.expr, place).map(Some) } else { Ok(None) }
                },
            )
            .collect()
    }
}

/// A SELECT on its way.
pub(super) struct Block {
    pub select: Select,
    join_keys: Vec<OrderByExpr>,
    pub items: Vec<Item>,
    pub limit: Limit,
    pub carry: Carry,
}

/// What `ROW_NUMBER()` means in SELECT, where this counts the rows before QUALIFY.
pub(super) fn counted(number: Expr, qualifies: bool) -> RowNumber {
    if qualifies {
        return RowNumber::Refused(
            "ROW_NUMBER() without OVER counts the rows before QUALIFY leaves some out: \
             write QUALIFY in a subquery, and ROW_NUMBER() around it",
        );
    }
    RowNumber::Is(Box::new(number))
}

pub(super) fn named_items(items: &[Item], lowered: &[Option<Expr>]) -> Vec<(String, Expr)> {
    let pairs = items.iter().zip(lowered);
    pairs.filter_map(|(item, expr)| Some((item.name.clone(), expr.clone()?))).collect()
}

pub(super) fn projection(items: &[Item], exprs: &[Expr]) -> Vec<SelectItem> {
    items
        .iter()
        .zip(exprs)
        .map(|(item, expr)| {
            if item.plain {
                SelectItem::UnnamedExpr(expr.clone())
            } else {
                syntax::aliased(expr.clone(), &item.name, item.span)
            }
        })
        .collect()
}

/// What `ROW_NUMBER()` means before rows are chosen: the place in the source.
fn source_row_number(scope: &Scope) -> RowNumber {
    match scope.relations.as_slice() {
        [only] if only.dense => match only.position() {
            Some(position) => RowNumber::Is(Box::new(syntax::as_integer(position))),
            None => RowNumber::Refused("these rows have no position"),
        },
        [_] => {
            RowNumber::Refused("these rows have no position of their own: select from a subquery")
        }
        _ => RowNumber::Refused("ROW_NUMBER() in WHERE and ORDER BY needs one table in FROM"),
    }
}

/// True if a SELECT without FROM speaks of columns.
fn uses_columns(select: &Select) -> bool {
    select.projection.iter().any(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            walk::any(expr, &|inner| items::column_name(inner).is_some())
        }
        _ => true,
    })
}

fn refuse(select: &Select) -> Result<()> {
    let what = if select.top.is_some() {
        "TOP"
    } else if select.into.is_some() {
        "SELECT INTO"
    } else if select.prewhere.is_some() {
        "PREWHERE"
    } else if !select.lateral_views.is_empty() {
        "LATERAL VIEW"
    } else if !select.connect_by.is_empty() {
        "CONNECT BY"
    } else if !select.cluster_by.is_empty()
        || !select.distribute_by.is_empty()
        || !select.sort_by.is_empty()
    {
        "CLUSTER BY, DISTRIBUTE BY and SORT BY"
    } else if select.exclude.is_some() {
        "EXCLUDE behind the columns"
    } else {
        return Ok(());
    };
    Err(Error::Unsupported {
        what: what.into(),
        span: Span::from_sqlparser(select.span()),
        help: None,
    })
}
