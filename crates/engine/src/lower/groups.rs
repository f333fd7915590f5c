//! GROUP BY of an SQL block: a row a group, in order of first appearance.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::GroupByExpr;
use datafusion::sql::sqlparser::ast::OrderBy;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::Value;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_grammar::Span;

use super::Lowering;
use super::POSITION;
use super::block;
use super::block::Block;
use super::block::Kind;
use super::block::named_items;
use super::block::projection;
use super::call::is_row_number;
use super::expression::Clause;
use super::expression::Place;
use super::expression::RowNumber;
use super::items;
use super::items::Item;
use super::order;
use super::query::Carry;
use super::query::Lowered;
use super::syntax;
use super::walk;
use crate::error::Error;
use crate::error::Result;

impl Lowering<'_> {
    /// A SELECT whose rows are groups: an SQL block, in order of first appearance.
    pub(super) fn grouped(
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

        let mut by = Vec::new();
        let mut sets = false;
        let mut key_texts = Vec::new();
        if kind.distinct {
            by.extend(lowered.iter().flatten().map(distinct_key));
        } else {
            let grouping = Place { clause: Clause::GroupBy, ..shown.clone() };
            for key in keys(written)? {
                if matches!(items::without_parentheses(key), Expr::Value(_)) {
                    continue;
                }
                sets |= is_sets(key);
                by.push(self.group_key(key, &grouping, &items, &named, &mut key_texts)?);
            }
            for item in &items {
                items::check_grouped(self, &item.expr, scope, &key_texts, "SELECT")?;
            }
            if let Some(having) = &written.having {
                let mut texts = key_texts.clone();
                texts.extend(items.iter().map(|item| item.name.clone()));
                items::check_grouped(self, having, scope, &texts, "HAVING")?;
                let here = Place { clause: Clause::Having, ..shown.clone() };
                select.having = Some(self.predicate(having, &here)?);
            }
        }
        let order = self.order_keys(order_by, place)?;
        let first_row = |relation: &super::scope::Relation| {
            relation.position().map(|p| syntax::call("min", SourceSpan::empty(), vec![p]))
        };
        let positions = scope.relations.iter().filter_map(first_row);
        // A group and the larger one that it is a part of may begin with the same row: the finer
        // one first.
        let level = sets.then(|| syntax::call("grouping", SourceSpan::empty(), single_keys(&by)));
        let positions = positions.chain(level);
        let complete = if by.is_empty() { Vec::new() } else { order.complete(&[], positions) };
        let total = order::substituted(&complete, scope, &named);

        let number = syntax::row_number(total.clone(), limit.offset.saturating_add(1));
        let row_number = block::counted(number.clone(), select.qualify.is_some());
        let numbered = Place { row_number, ..shown };
        for (item, place_of) in items.iter().zip(&mut lowered) {
            if place_of.is_none() {
                *place_of = Some(self.value(&item.expr, &numbered)?);
            }
        }
        let exprs: Vec<Expr> = lowered.into_iter().flatten().collect();
        let columns: Vec<String> = items.iter().map(|item| item.name.clone()).collect();
        select.projection = projection(&items, &exprs);
        select.group_by = GroupByExpr::Expressions(by, Vec::new());
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

    /// A key of GROUP BY; of ROLLUP and its like, with every key in it. Adds what each of them is
    /// called to `texts`.
    fn group_key(
        &mut self,
        key: &Expr,
        place: &Place,
        items: &[Item],
        named: &[(String, Expr)],
        texts: &mut Vec<String>,
    ) -> Result<Expr> {
        let mut of_sets = |lowering: &mut Self, sets: &[Vec<Expr>]| -> Result<Vec<Vec<Expr>>> {
            let mut lowered = Vec::with_capacity(sets.len());
            for set in sets {
                // DataFusion loses a computed key of several groupings while it simplifies it.
                let is_name =
                    |key: &Expr| matches!(key, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                let computed = set.iter().map(items::without_parentheses).find(|key| !is_name(key));
                if let Some(key) = computed {
                    return Err(Error::Unsupported {
                        what: "a computed key in ROLLUP, CUBE or GROUPING SETS".into(),
                        span: Span::from_sqlparser(key.span()),
                        help: Some("name it in a subquery: FROM (SELECT x % 2 AS odd, ...)".into()),
                    });
                }
                let keys: Result<Vec<Expr>> = set
                    .iter()
                    .map(|key| lowering.group_key(key, place, items, named, texts))
                    .collect();
                lowered.push(keys?);
            }
            Ok(lowered)
        };
        match key {
            Expr::Rollup(sets) => return Ok(Expr::Rollup(of_sets(self, sets)?)),
            Expr::Cube(sets) => return Ok(Expr::Cube(of_sets(self, sets)?)),
            Expr::GroupingSets(sets) => return Ok(Expr::GroupingSets(of_sets(self, sets)?)),
            _ => {}
        }
        texts.push(items::without_parentheses(key).to_string().replace('"', ""));
        texts.extend(items::column_name(key));
        let alias = match key {
            Expr::Identifier(ident) if place.scope.find(ident).is_err() => {
                named.iter().find(|(name, _)| *name == ident.value)
            }
            _ => None,
        };
        let Some((name, meant)) = alias else { return self.value(key, place) };
        if let Some(item) = items.iter().find(|item| item.name == *name) {
            texts.push(items::without_parentheses(&item.expr).to_string().replace('"', ""));
        }
        Ok(meant.clone())
    }
}

/// The keys of GROUP BY.
pub(crate) fn keys(select: &Select) -> Result<&[Expr]> {
    match &select.group_by {
        GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => Ok(keys),
        _ => Err(Error::Unsupported {
            what: "this form of GROUP BY".into(),
            span: Span::from_sqlparser(select.group_by.span()),
            help: Some("name the keys".into()),
        }),
    }
}

/// True for ROLLUP, CUBE and GROUPING SETS: several groupings at once.
pub(crate) fn is_sets(key: &Expr) -> bool {
    matches!(key, Expr::Rollup(_) | Expr::Cube(_) | Expr::GroupingSets(_))
}

/// Every key once, those of ROLLUP and its like included.
fn single_keys(by: &[Expr]) -> Vec<Expr> {
    let mut single: Vec<Expr> = Vec::new();
    for key in by {
        let all: Vec<&Expr> = if is_sets(key) { walk::children(key) } else { vec![key] };
        for key in all {
            if !single.contains(key) {
                single.push(key.clone());
            }
        }
    }
    single
}

/// What DISTINCT compares: a number is a number, not the place of an item.
fn distinct_key(expr: &Expr) -> Expr {
    let plain = match items::without_parentheses(expr) {
        Expr::UnaryOp { expr, .. } => items::without_parentheses(expr),
        plain => plain,
    };
    match plain {
        Expr::Value(value) if matches!(value.value, Value::Number(..)) => {
            syntax::as_double(expr.clone())
        }
        _ => expr.clone(),
    }
}
