//! `EXPAND BY b f`: the rows around each match (rule 5c).

use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::GroupByExpr;
use datafusion::sql::sqlparser::ast::Join;
use datafusion::sql::sqlparser::ast::JoinConstraint;
use datafusion::sql::sqlparser::ast::JoinOperator;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_grammar::clauses::Expand;

use super::Lowering;
use super::expression::Clause;
use super::from::From;
use super::limit;
use super::rename::Rename;
use super::scope::Scope;
use super::stages;
use super::stages::Tail;
use super::step::Step;
use super::step::numbered;
use super::step::selected;
use super::syntax;
use crate::error::Result;

const MATCH: &str = "__match";
const ROW: &str = "__row";

impl Lowering<'_> {
    /// FROM's rows in windows around those that `selection` chooses; `names` are FROM's.
    pub(crate) fn expanded(
        &mut self,
        selection: Option<&Expr>,
        source: (Scope, From),
        expand: &Expand,
        names: &Rename,
    ) -> Result<Step> {
        let before = limit::count(&expand.before)?;
        let after = match &expand.after {
            Some(after) => limit::count(after)?,
            None => before,
        };
        let outer = source.0.outer;
        let step = self.everything_of(None, source, Tail::default())?;
        let empty = SourceSpan::empty();

        let matches = match selection {
            None => selected(vec![syntax::aliased(step.position(), MATCH, empty)], step.from()),
            Some(selection) => {
                let mut selection = selection.clone();
                names.columns(&mut selection);
                let scope = Scope { relations: vec![step.relation()], outer, ..Scope::default() };
                let place = stages::place(&scope, Clause::Where);
                let selection = self.predicate(&selection, &place)?;
                let items = vec![syntax::aliased(step.position(), MATCH, empty)];
                let mut matches = syntax::select(items, step.from());
                matches.selection = Some(selection);
                syntax::query(stages::body(matches))
            }
        };
        let matched = self.fresh();
        let place = || syntax::column(&matched, MATCH, empty);
        let first = syntax::call(
            "greatest",
            empty,
            vec![syntax::minus(place(), before), syntax::as_integer(syntax::number(0))],
        );
        let end =
            syntax::binary(place(), BinaryOperator::Plus, syntax::number(after.saturating_add(1)));
        let window = syntax::call("range", empty, vec![first, end]);
        let mut windows = selected(
            vec![
                syntax::aliased(place(), MATCH, empty),
                syntax::aliased(syntax::call("unnest", empty, vec![window]), ROW, empty),
            ],
            syntax::from_one(syntax::derived(matches, syntax::table_alias(&matched))),
        );
        if !expand.overlap {
            let all = self.fresh();
            let column = |name: &str| syntax::column(&all, name, empty);
            let items = vec![
                syntax::aliased(syntax::call("min", empty, vec![column(MATCH)]), MATCH, empty),
                syntax::aliased(column(ROW), ROW, empty),
            ];
            let from = syntax::from_one(syntax::derived(windows, syntax::table_alias(&all)));
            let mut first = syntax::select(items, from);
            first.group_by = GroupByExpr::Expressions(vec![column(ROW)], Vec::new());
            windows = syntax::query(stages::body(first));
        }
        let window = self.fresh();
        let column = |name: &str| syntax::column(&window, name, empty);
        let mut from = syntax::from_one(syntax::derived(windows, syntax::table_alias(&window)));
        let same: Expr = syntax::binary(column(ROW), BinaryOperator::Eq, step.position());
        if let Some(table) = from.first_mut() {
            table.joins.push(Join {
                relation: step.factor(),
                global: false,
                join_operator: JoinOperator::Inner(JoinConstraint::On(same)),
            });
        }
        let key = |name: &str| syntax::sort_key(column(name), true, true);
        let mut items = step.items();
        items.push(numbered(syntax::row_number(vec![key(MATCH), key(ROW)], 1)));
        Ok(step.with(syntax::select(items, from)))
    }
}
