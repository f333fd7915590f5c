//! Set operations whose branches are all `SELECT *` over one dataset: sets of rows, not of values
//! (rule 5b). Positions are combined, and the rows are read once, at the end.

use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::GroupByExpr;
use datafusion::sql::sqlparser::ast::Join;
use datafusion::sql::sqlparser::ast::JoinConstraint;
use datafusion::sql::sqlparser::ast::JoinOperator;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::TableFactor;
use datafusion::sql::sqlparser::ast::WildcardAdditionalOptions;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_grammar::Clauses;

use super::Lowering;
use super::POSITION;
use super::query::Carry;
use super::query::Lowered;
use super::scope::Scope;
use super::stages;
use super::stages::Tail;
use super::step::numbered;
use super::syntax;
use crate::error::Result;

/// A call that only this file writes: the position of a row in its dataset.
pub(crate) const SOURCE_POSITION: &str = "__source_position";
const ROW: &str = "__row";

impl Lowering<'_> {
    /// The rows of a set operation over one dataset; `None` if it is one over values. `distinct`
    /// is false where equal rows of the outermost operation stay.
    pub(crate) fn by_row(
        &mut self,
        body: &SetExpr,
        distinct: bool,
        outer: Option<&Scope>,
    ) -> Result<Option<Lowered>> {
        let Some((_, source)) = self.source_of_all(body) else { return Ok(None) };
        let mut positions = body.clone();
        only_positions(&mut positions);
        let SetExpr::SetOperation { left, op, right, .. } = &positions else { return Ok(None) };
        let rows = self.values_of_sets(left, *op, !distinct, right, outer)?;

        let carry = Carry::Position { dense: false };
        let select = Select { from: source, ..stages::star_of() };
        let kind = self.kind(&select, None)?;
        let all = self.block(&select, None, kind, Tail::default(), outer, carry)?;
        let Some(columns) = all.columns.clone() else { return Ok(None) };
        let (chosen, table) = (self.fresh(), self.fresh());
        let empty = SourceSpan::empty();
        let column = |relation: &str, name: &str| syntax::column(relation, name, empty);
        let same = syntax::binary(
            syntax::as_integer(column(&chosen, ROW)),
            BinaryOperator::Eq,
            syntax::as_integer(column(&table, POSITION)),
        );
        let mut from = syntax::from_one(syntax::derived(rows.query, syntax::table_alias(&chosen)));
        if let Some(first) = from.first_mut() {
            first.joins.push(Join {
                relation: syntax::derived(all.query, syntax::table_alias(&table)),
                global: false,
                join_operator: JoinOperator::Inner(JoinConstraint::On(same)),
            });
        }
        let mut items: Vec<SelectItem> =
            columns.iter().map(|name| SelectItem::UnnamedExpr(column(&table, name))).collect();
        let place = if distinct { column(&chosen, ROW) } else { column(&chosen, POSITION) };
        items.push(numbered(place));
        Ok(Some(Lowered {
            query: syntax::query(stages::body(syntax::select(items, from))),
            columns: Some(columns),
            position: true,
        }))
    }

    /// The dataset that every branch takes whole rows of, and the FROM that names it.
    fn source_of_all(
        &self,
        body: &SetExpr,
    ) -> Option<(String, Vec<datafusion::sql::sqlparser::ast::TableWithJoins>)> {
        match body {
            SetExpr::SetOperation { left, right, .. } => {
                let (left, right) = (self.source_of_all(left)?, self.source_of_all(right)?);
                (left.0 == right.0).then_some(left)
            }
            SetExpr::Query(inner) if is_plain(inner) => self.source_of_all(&inner.body),
            SetExpr::Select(select) if is_star(select) => match select.from.as_slice() {
                [] => Some((self.current?.to_string(), Vec::new())),
                [only] if only.joins.is_empty() => match &only.relation {
                    TableFactor::Table { name, alias: None, args: None, .. } => {
                        let name = syntax::name_text(name);
                        let known = self.tables.contains_key(&name)
                            && self.named.iter().all(|named| named.name != name);
                        known.then(|| (name, select.from.clone()))
                    }
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }
}

fn is_plain(query: &Query) -> bool {
    query.with.is_none() && Clauses::of(query).is_empty()
}

fn is_star(select: &Select) -> bool {
    let ungrouped =
        matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let star = SelectItem::Wildcard(WildcardAdditionalOptions::default());
    select.distinct.is_none()
        && select.having.is_none()
        && ungrouped
        && matches!(select.projection.as_slice(), [item] if *item == star)
}

/// Every branch shows its rows' positions instead of their columns.
fn only_positions(body: &mut SetExpr) {
    match body {
        SetExpr::SetOperation { left, right, .. } => {
            only_positions(left);
            only_positions(right);
        }
        SetExpr::Query(inner) => only_positions(&mut inner.body),
        SetExpr::Select(select) => {
            let empty = SourceSpan::empty();
            let position: Expr = syntax::call(SOURCE_POSITION, empty, Vec::new());
            select.projection = vec![syntax::aliased(position, ROW, empty)];
        }
        _ => {}
    }
}
