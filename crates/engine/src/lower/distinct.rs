//! `DISTINCT ON (keys)`: the first row of each, in the order of the rows.

use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;

use super::Lowering;
use super::POSITION;
use super::expression::Clause;
use super::scope::Scope;
use super::stages;
use super::step::Step;
use super::step::numbered;
use super::step::selected;
use super::syntax;
use crate::error::Result;

const COPY: &str = "__copy";

impl Lowering<'_> {
    /// The first of the rows whose keys are equal.
    pub(crate) fn first_of_each(&mut self, step: Step, keys: &[Expr]) -> Result<Step> {
        let empty = SourceSpan::empty();
        let scope = Scope { relations: vec![step.relation()], ..Scope::default() };
        let place = stages::place(&scope, Clause::OrderBy);
        let mut equal = Vec::with_capacity(keys.len());
        for key in keys {
            let value = self.value(key, &place)?;
            equal.push(syntax::call("tensor_identity", key.span(), vec![value]));
        }
        let order = syntax::sort_key(step.position(), true, true);
        let mut items = step.items();
        items.push(numbered(step.position()));
        items.push(syntax::aliased(syntax::row_number_among(equal, vec![order]), COPY, empty));
        let marked = Step { alias: self.fresh(), ..step.clone() };
        let from = syntax::from_one(syntax::derived(
            selected(items, step.from()),
            syntax::table_alias(&marked.alias),
        ));
        let mut items = marked.items();
        let order = syntax::sort_key(marked.column(POSITION), true, true);
        items.push(numbered(syntax::row_number(vec![order], 1)));
        let mut first = syntax::select(items, from);
        first.selection =
            Some(syntax::binary(marked.column(COPY), BinaryOperator::Eq, syntax::number(1)));
        Ok(step.with(first))
    }
}
