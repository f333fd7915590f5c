//! One SELECT: which kind of block it is, what it sees, and the order of its rows.

use datafusion::sql::sqlparser::ast::Distinct;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::GroupByExpr;
use datafusion::sql::sqlparser::ast::LimitClause;
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
use super::items;
use super::items::Item;
use super::limit::Limit;
use super::order;
use super::query::Carry;
use super::query::Lowered;
use super::query::Prepared;
use super::scope::Scope;
use super::syntax;
use super::walk;
use crate::error::Error;
use crate::error::Result;

/// What a SELECT does with its rows.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// SUM and AVG aggregate rows.
    sql: bool,
    /// Its rows are groups.
    grouped: bool,
    distinct: bool,
}

impl Lowering<'_> {
    /// Lowers one SELECT with the ORDER BY and LIMIT behind it.
    pub(crate) fn block(
        &mut self,
        select: &Select,
        prepared: Option<Prepared>,
        order_by: Option<&OrderBy>,
        limit: Option<&LimitClause>,
        outer: Option<&Scope>,
        carry: Carry,
    ) -> Result<Lowered> {
        refuse(select)?;
        let limit = Limit::read(limit)?;
        let order_exprs: Vec<&Expr> =
            order::written(order_by)?.iter().map(|key| &key.expr).collect();
        let kind = self.kind(select, &order_exprs)?;
        let numbered = |expr: &Expr| walk::any(expr, &is_row_number);
        let dense = select.selection.as_ref().is_some_and(numbered)
            || order_exprs.iter().any(|expr| numbered(expr));

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
        let items = self.items(select, &scope, kind.sql, carry == Carry::Nothing)?;
        scope.aliases = items.iter().filter(|i| !i.plain).map(|i| i.name.clone()).collect();
        let scope = scope;

        let source_row = source_row_number(&scope);
        let place = Place {
            scope: &scope,
            clause: Clause::Where,
            sql_block: kind.sql,
            in_aggregate: false,
            row_number: source_row,
        };
        let selection = match &select.selection {
            Some(selection) => Some(self.predicate(selection, &place)?),
            None => None,
        };
        let mut lowered = syntax::select(Vec::new(), from.tables);
        lowered.selection = selection;
        lowered.named_window = select.named_window.clone();
        let block = Block { select: lowered, join_keys: from.join_keys, items, limit, carry };
        let place = Place { clause: Clause::OrderBy, ..place };
        if kind.grouped || kind.distinct {
            self.grouped(select, block, kind, order_by, &place)
        } else {
            self.rows_of(block, order_by, &place)
        }
    }

    fn kind(&self, select: &Select, order: &[&Expr]) -> Result<Kind> {
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
        exprs.extend(order);
        let distinct = match &select.distinct {
            None | Some(Distinct::All) => false,
            Some(Distinct::Distinct) => true,
            Some(Distinct::On(on)) => {
                return Err(Error::Unsupported {
                    what: "DISTINCT ON".into(),
                    span: on.first().and_then(|expr| Span::from_sqlparser(expr.span())),
                    help: Some("use GROUP BY with FIRST_VALUE".into()),
                });
            }
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
        let keys = group_keys(select)?;
        let grouped = aggregated || !keys.is_empty();
        if let (Some(first), false) = (keys.first(), sql) {
            return Err(Error::Unsupported {
                what: "GROUP BY into sequences".into(),
                span: Span::from_sqlparser(first.span()),
                help: Some(
                    "use COUNT(*) or ARRAY_AGG(column) in SELECT for one row a group".into(),
                ),
            });
        }
        if let (Some(having), false) = (&select.having, grouped) {
            return Err(Error::planning(
                "HAVING filters groups, and there are none",
                Span::from_sqlparser(having.span()),
            )
            .with_help("use WHERE to filter rows"));
        }
        Ok(Kind { sql, grouped, distinct })
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

        let untouched = select.selection.is_none() && !keys.written;
        let number = match scope.relations.as_slice() {
            [only] if untouched && only.dense => only
                .position()
                .map(|position| syntax::minus(syntax::as_integer(position), limit.offset)),
            _ => None,
        };
        let number = number
            .unwrap_or_else(|| syntax::row_number(total.clone(), limit.offset.saturating_add(1)));
        let shown = Place { row_number: RowNumber::Is(Box::new(number)), ..shown };
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

    /// A SELECT whose rows are groups: an SQL block, in order of first appearance.
    fn grouped(
        &mut self,
        written: &Select,
        block: Block,
        kind: Kind,
        order_by: Option<&OrderBy>,
        place: &Place,
    ) -> Result<Lowered> {
        let Block { mut select, items, limit, carry, .. } = block;
        let scope = place.scope;
        if kind.distinct && kind.grouped {
            return Err(Error::Unsupported {
                what: "DISTINCT together with groups or aggregates".into(),
                span: items.first().and_then(|item| Span::from_sqlparser(item.span)),
                help: Some("select DISTINCT from a subquery that groups".into()),
            });
        }
        let shown = Place {
            clause: Clause::Select,
            row_number: RowNumber::Refused("ROW_NUMBER() depends on itself here"),
            ..place.clone()
        };
        let mut lowered =
            self.lowered_items(&items, &shown, |expr| !walk::any(expr, &is_row_number))?;
        let named = named_items(&items, &lowered);

        let mut keys = Vec::new();
        let mut key_texts = Vec::new();
        if kind.distinct {
            keys.extend(lowered.iter().flatten().cloned());
        } else {
            let grouping = Place { clause: Clause::GroupBy, ..shown.clone() };
            for key in group_keys(written)? {
                if matches!(items::without_parentheses(key), Expr::Value(_)) {
                    continue;
                }
                key_texts.push(items::without_parentheses(key).to_string().replace('"', ""));
                key_texts.extend(items::column_name(key));
                let alias = match key {
                    Expr::Identifier(ident) if scope.find(ident).is_err() => {
                        named.iter().find(|(name, _)| *name == ident.value)
                    }
                    _ => None,
                };
                match alias {
                    Some((name, meant)) => {
                        if let Some(item) = items.iter().find(|item| item.name == *name) {
                            key_texts.push(
                                items::without_parentheses(&item.expr).to_string().replace('"', ""),
                            );
                        }
                        keys.push(meant.clone());
                    }
                    None => keys.push(self.value(key, &grouping)?),
                }
            }
            for item in &items {
                items::check_grouped(self, &item.expr, &key_texts, "SELECT")?;
            }
            if let Some(having) = &written.having {
                let mut texts = key_texts.clone();
                texts.extend(items.iter().map(|item| item.name.clone()));
                items::check_grouped(self, having, &texts, "HAVING")?;
                let here = Place { clause: Clause::Having, ..shown.clone() };
                select.having = Some(self.predicate(having, &here)?);
            }
        }
        let order = self.order_keys(order_by, place)?;
        let first_row = |relation: &super::scope::Relation| {
            relation.position().map(|p| syntax::call("min", SourceSpan::empty(), vec![p]))
        };
        let positions = scope.relations.iter().filter_map(first_row);
        let complete = if keys.is_empty() { Vec::new() } else { order.complete(&[], positions) };
        let total = order::substituted(&complete, scope, &named);

        let number = syntax::row_number(total.clone(), limit.offset.saturating_add(1));
        let numbered = Place { row_number: RowNumber::Is(Box::new(number.clone())), ..shown };
        for (item, place_of) in items.iter().zip(&mut lowered) {
            if place_of.is_none() {
                *place_of = Some(self.value(&item.expr, &numbered)?);
            }
        }
        let exprs: Vec<Expr> = lowered.into_iter().flatten().collect();
        let columns: Vec<String> = items.iter().map(|item| item.name.clone()).collect();
        select.projection = projection(&items, &exprs);
        select.group_by = GroupByExpr::Expressions(keys, Vec::new());
        let mut position = false;
        if let Carry::Position { .. } = carry {
            let carried = if total.is_empty() { syntax::number(0) } else { number };
            select.projection.push(syntax::aliased(carried, POSITION, SourceSpan::empty()));
            position = true;
        }
        let mut query = syntax::query(SetExpr::Select(Box::new(select)));
        if carry == Carry::Result || !limit.is_none() {
            query.order_by = syntax::order_by(complete);
        }
        query.limit_clause = limit.clause();
        Ok(Lowered { query, columns: Some(columns), position })
    }

    /// The items that `now` chooses; the others wait.
    fn lowered_items(
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
struct Block {
    select: Select,
    join_keys: Vec<OrderByExpr>,
    items: Vec<Item>,
    limit: Limit,
    carry: Carry,
}

fn named_items(items: &[Item], lowered: &[Option<Expr>]) -> Vec<(String, Expr)> {
    let pairs = items.iter().zip(lowered);
    pairs.filter_map(|(item, expr)| Some((item.name.clone(), expr.clone()?))).collect()
}

fn projection(items: &[Item], exprs: &[Expr]) -> Vec<SelectItem> {
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

fn group_keys(select: &Select) -> Result<&[Expr]> {
    match &select.group_by {
        GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => Ok(keys),
        _ => Err(Error::Unsupported {
            what: "this form of GROUP BY".into(),
            span: Span::from_sqlparser(select.group_by.span()),
            help: Some("name the keys".into()),
        }),
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
    } else if select.qualify.is_some() {
        "QUALIFY"
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
