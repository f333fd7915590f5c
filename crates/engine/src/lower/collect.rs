//! GROUP BY of a TQL block: every column becomes the group's sequence (rule 17).

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::GroupByExpr;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::WindowSpec;
use datafusion::sql::sqlparser::ast::WindowType;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_functions::aggregates::Collect;
use lakebed_grammar::clauses::Across;

use super::Lowering;
use super::POSITION;
use super::expression::Clause;
use super::items;
use super::scope::Scope;
use super::stages;
use super::step::Step;
use super::step::numbered;
use super::step::selected;
use super::syntax;
use crate::error::Result;

const FIRST: &str = "__first";

fn key_name(at: usize) -> String {
    format!("__key{at}")
}

impl Lowering<'_> {
    /// One row a group, in order of first appearance, nested key by key; in a group the rows keep
    /// their order.
    pub(crate) fn collected(
        &mut self,
        step: Step,
        keys: &[Expr],
        across: Option<Across>,
    ) -> Result<Step> {
        let empty = SourceSpan::empty();
        let scope = Scope { relations: vec![step.relation()], ..Scope::default() };
        let place = stages::place(&scope, Clause::GroupBy);
        let mut inner = step.items();
        let mut names = Vec::new();
        for key in keys {
            if matches!(items::without_parentheses(key), Expr::Value(_)) {
                continue;
            }
            let value = self.value(key, &place)?;
            let value = syntax::call("tensor_group_key", key.span(), vec![value]);
            let name = key_name(names.len());
            inner.push(syntax::aliased(value, &name, empty));
            names.push(name);
        }
        inner.push(numbered(step.position()));
        let keyed = self.fresh();
        let column = |name: &str| syntax::column(&keyed, name, empty);
        let from = syntax::from_one(syntax::derived(
            selected(inner, step.from()),
            syntax::table_alias(&keyed),
        ));

        let mut collected: Vec<SelectItem> = Vec::with_capacity(step.columns.len());
        for name in &step.columns {
            let arguments = vec![column(name), column(POSITION)];
            let mut sequence = syntax::call(Collect::NAME, empty, arguments);
            if across == Some(Across::Space) {
                let at = keys.first().map_or(empty, Spanned::span);
                sequence = syntax::call("tensor_across_space", at, vec![sequence]);
            }
            collected.push(syntax::aliased(sequence, name, empty));
        }
        for name in &names {
            collected.push(syntax::aliased(column(name), name, empty));
        }
        let first = syntax::call("min", empty, vec![column(POSITION)]);
        collected.push(syntax::aliased(first, FIRST, empty));
        let mut groups = syntax::select(collected, from);
        groups.group_by =
            GroupByExpr::Expressions(names.iter().map(|name| column(name)).collect(), Vec::new());
        // Without a key no row at all would still be one group.
        let count = syntax::call("count", empty, vec![syntax::number(1)]);
        groups.having = Some(syntax::binary(
            count,
            datafusion::sql::sqlparser::ast::BinaryOperator::Gt,
            syntax::number(0),
        ));
        let mut groups = syntax::query(stages::body(groups));

        // With several keys, the groups of one first key stand together.
        let group = self.fresh();
        let mut order = Vec::new();
        if let Some((_, leading)) = names.split_last().filter(|(_, leading)| !leading.is_empty()) {
            let inner = self.fresh();
            let column = |name: &str| syntax::column(&inner, name, empty);
            let mut items: Vec<SelectItem> = Vec::new();
            for name in step.columns.iter().map(String::as_str).chain([FIRST]) {
                items.push(SelectItem::UnnamedExpr(column(name)));
            }
            for at in 1..=leading.len() {
                let prefix: Vec<Expr> = leading.iter().take(at).map(|name| column(name)).collect();
                let name = format!("{FIRST}{at}");
                items.push(syntax::aliased(first_of(column(FIRST), prefix), &name, empty));
                order.push(syntax::sort_key(syntax::column(&group, &name, empty), true, true));
            }
            let from = syntax::from_one(syntax::derived(groups, syntax::table_alias(&inner)));
            groups = selected(items, from);
        }
        order.push(syntax::sort_key(syntax::column(&group, FIRST, empty), true, true));
        let mut items: Vec<SelectItem> = step
            .columns
            .iter()
            .map(|name| SelectItem::UnnamedExpr(syntax::column(&group, name, empty)))
            .collect();
        items.push(numbered(syntax::row_number(order, 1)));
        let from = syntax::from_one(syntax::derived(groups, syntax::table_alias(&group)));
        Ok(step.with(syntax::select(items, from)))
    }
}

/// `min(value) OVER (PARTITION BY keys)`.
pub(crate) fn first_of(value: Expr, keys: Vec<Expr>) -> Expr {
    let mut call = syntax::function("min", SourceSpan::empty(), vec![value]);
    call.over = Some(WindowType::WindowSpec(WindowSpec {
        window_name: None,
        partition_by: keys,
        order_by: Vec::new(),
        window_frame: None,
    }));
    Expr::Function(call)
}
