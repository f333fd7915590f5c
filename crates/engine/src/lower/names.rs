//! The names of tables in a query, before it is lowered.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::TableFactor;
use datafusion::sql::sqlparser::ast::Visitor;
use lakebed_grammar::Span;

use super::syntax;

#[derive(Default)]
struct Names {
    found: Vec<(String, Option<Span>)>,
    given: Vec<String>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(with) = &query.with {
            let names = with.cte_tables.iter().map(|cte| cte.alias.name.value.clone());
            self.given.extend(names);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: None, .. } = factor {
            let text = syntax::name_text(name);
            self.found.push((text, Span::from_sqlparser(name.span())));
        }
        ControlFlow::Continue(())
    }
}

fn all(query: &Query) -> Names {
    let mut names = Names::default();
    let _ = lakebed_grammar::visit::query(query, &mut names);
    names
}

/// Every name that FROM mentions, in the query and in those inside it, with its place; without the
/// names that WITH gives.
pub(crate) fn names(query: &Query) -> Vec<(String, Option<Span>)> {
    let Names { mut found, given } = all(query);
    found.retain(|(name, _)| !given.iter().any(|given| given.eq_ignore_ascii_case(name)));
    found
}

/// True if the query speaks of a column, or of anything that is written like it.
pub(crate) fn mentions(query: &Query, name: &str) -> bool {
    query.to_string().contains(name)
}

/// The names that WITH gives.
pub(crate) fn given_names(query: &Query) -> Vec<String> {
    all(query).given
}
