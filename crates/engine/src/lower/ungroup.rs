//! `UNGROUP BY`: the sequences that a SELECT uses become rows (rule 19).

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_grammar::Span;
use lakebed_grammar::clauses::Ungroup;

use super::Lowering;
use super::POSITION;
use super::items;
use super::items::Item;
use super::limit;
use super::step::Step;
use super::step::numbered;
use super::step::selected;
use super::syntax;
use super::walk;
use crate::error::Error;
use crate::error::Result;
use crate::ungroup::FRAME;
use crate::ungroup::How;
use crate::ungroup::relation;

/// What `*` gains under SPLIT: the place of a row in its sequence, from 0.
const FRAME_NUMBER: &str = "frame_number";

impl Lowering<'_> {
    /// The columns that the items and keys use, taken apart.
    pub(crate) fn ungrouped(
        &mut self,
        mut step: Step,
        ungroup: &Ungroup,
        items: &mut Vec<Item>,
        star: bool,
        keys: &[Expr],
    ) -> Result<Step> {
        let how = how(ungroup)?;
        if how == How::Parts(1) {
            return Ok(step);
        }
        let used: Vec<String> = step
            .columns
            .iter()
            .filter(|column| {
                let uses = |expr: &Expr| {
                    walk::any(expr, &|inner| items::column_name(inner).as_ref() == Some(column))
                };
                items.iter().any(|item| uses(&item.expr)) || keys.iter().any(uses)
            })
            .cloned()
            .collect();
        let span = items.first().map_or(SourceSpan::empty(), |item| item.span);
        if used.is_empty() {
            return Err(Error::planning(
                "UNGROUP BY takes the selected sequences apart, and no column is selected",
                Span::from_sqlparser(span),
            ));
        }
        step.columns = used;
        let empty = SourceSpan::empty();
        let mut inner = step.items();
        inner.push(numbered(step.position()));
        let table = self.fresh();
        let query = selected(inner, step.from());
        let factor = relation::factor(query, &how, span, syntax::table_alias(&table));
        let column = |name: &str| syntax::column(&table, name, empty);
        let mut outer: Vec<SelectItem> =
            step.columns.iter().map(|name| SelectItem::UnnamedExpr(column(name))).collect();
        if star && how == How::Split {
            outer.push(syntax::aliased(column(FRAME), FRAME_NUMBER, empty));
            step.columns.push(FRAME_NUMBER.to_string());
            let frame = Expr::Identifier(syntax::made(FRAME_NUMBER));
            items.push(Item::made(FRAME_NUMBER, frame));
        }
        let key = |name: &str| syntax::sort_key(column(name), true, true);
        outer.push(numbered(syntax::row_number(vec![key(POSITION), key(FRAME)], 1)));
        Ok(step.with(syntax::select(outer, syntax::from_one(factor))))
    }
}

fn how(ungroup: &Ungroup) -> Result<How> {
    match ungroup {
        Ungroup::Split => Ok(How::Split),
        Ungroup::Parts(parts) => Ok(How::Parts(at_least_one(parts)?)),
        Ungroup::Lengths(Expr::Array(lengths)) => {
            Ok(How::Lengths(lengths.elem.iter().map(at_least_one).collect::<Result<_>>()?))
        }
        Ungroup::Lengths(other) => Err(Error::planning(
            "UNGROUP BY takes SPLIT, a number of parts, or an array of lengths",
            Span::from_sqlparser(other.span()),
        )),
    }
}

fn at_least_one(expr: &Expr) -> Result<usize> {
    match usize::try_from(limit::count(expr)?) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Error::planning(
            format!("UNGROUP BY {expr}: it takes whole numbers from 1 on"),
            Span::from_sqlparser(expr.span()),
        )),
    }
}
