//! `ARRANGE BY`: rows with equal values become adjacent (rule 29).

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;

use super::Lowering;
use super::POSITION;
use super::collect::first_of;
use super::expression::Clause;
use super::scope::Scope;
use super::stages;
use super::step::Step;
use super::step::numbered;
use super::step::selected;
use super::syntax;
use crate::error::Result;

const FIRST: &str = "__arranged";

impl Lowering<'_> {
    /// The same rows, those of equal keys together: groups by first appearance, stable within.
    pub(crate) fn arranged(&mut self, step: Step, keys: &[Expr]) -> Result<Step> {
        let empty = SourceSpan::empty();
        let scope = Scope { relations: vec![step.relation()], ..Scope::default() };
        let place = stages::place(&scope, Clause::OrderBy);
        let mut identities = Vec::with_capacity(keys.len());
        for key in keys {
            let value = self.value(key, &place)?;
            identities.push(syntax::call("tensor_identity", key.span(), vec![value]));
        }
        let mut items = step.items();
        items.push(numbered(step.position()));
        items.push(syntax::aliased(first_of(step.position(), identities), FIRST, empty));
        let marked = Step { alias: self.fresh(), ..step.clone() };
        let from = syntax::from_one(syntax::derived(
            selected(items, step.from()),
            syntax::table_alias(&marked.alias),
        ));
        let key = |name: &str| syntax::sort_key(marked.column(name), true, true);
        let mut items = marked.items();
        items.push(numbered(syntax::row_number(vec![key(FIRST), key(POSITION)], 1)));
        Ok(step.with(syntax::select(items, from)))
    }
}
