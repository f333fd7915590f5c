//! TQL's tree into a tree that DataFusion's SQL planner plans with the same meaning: names resolved,
//! operators that the planner would type wrongly as calls, and results in position order.
//!
//! One file a concern: [`query`] (WITH, set operations), [`block`] (one SELECT), [`from`], [`items`]
//! (what a column is called), [`order`] (what comes first), [`expression`], [`call`], [`subscript`].

mod block;
mod call;
mod expression;
mod from;
mod items;
mod limit;
mod order;
mod query;
mod scope;
mod subscript;
mod syntax;
pub(crate) mod walk;

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::TableWithJoins;
use datafusion::sql::sqlparser::tokenizer::Span;
use lakebed_grammar::Statement;
use lakebed_grammar::clauses;

use crate::error::Error;
use crate::error::Result;
pub(crate) use call::FunctionNames;
pub(crate) use from::names;
use query::Carry;
use query::Named;

/// The hidden column that holds a row's place in its snapshot.
pub(crate) const POSITION: &str = "__position";

/// What the lowering must know of a dataset.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Column names in order.
    pub columns: Vec<String>,
}

/// What a query is lowered against.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// The datasets that the query names, by the name as written.
    pub tables: &'a HashMap<String, Table>,
    /// The name of the dataset that stands for a missing FROM.
    pub current: Option<&'a str>,
    /// What may be called.
    pub functions: &'a FunctionNames,
}

/// One run of the lowering.
struct Lowering<'a> {
    tables: &'a HashMap<String, Table>,
    current: Option<&'a str>,
    functions: &'a FunctionNames,
    /// Named queries of WITH that are in sight, innermost last.
    named: Vec<Named>,
    /// Names made so far.
    made: usize,
}

impl Lowering<'_> {
    /// A relation name that no query wrote.
    fn fresh(&mut self) -> String {
        self.made += 1;
        format!("__t{}", self.made)
    }
}

/// The statement's query for DataFusion's planner.
///
/// # Errors
/// [`Error::Planning`] for names that do not exist or are ambiguous, [`Error::Unsupported`].
pub(crate) fn lower(statement: &Statement, context: &Context<'_>) -> Result<Query> {
    if let Some((clause, span)) = clauses::first_clause(&statement.query) {
        return Err(Error::Unsupported { what: clause.to_string(), span, help: None });
    }
    let mut lowering = Lowering {
        tables: context.tables,
        current: context.current,
        functions: context.functions,
        named: Vec::new(),
        made: 0,
    };
    Ok(lowering.query(&statement.query, None, Carry::Result)?.query)
}

/// `SELECT expr FROM from`.
pub(crate) fn select_one(expr: Expr, from: Vec<TableWithJoins>) -> Query {
    let item = syntax::aliased(expr, "__value", Span::empty());
    syntax::query(SetExpr::Select(Box::new(syntax::select(vec![item], from))))
}
