//! TQL's tree into a tree that DataFusion's SQL planner plans with the same meaning: names resolved,
//! operators that the planner would type wrongly as calls, and results in position order.
//!
//! One file a concern: [`query`] (WITH, set operations), [`block`] (one SELECT), [`from`], [`items`]
//! (what a column is called), [`order`] (what comes first), [`expression`], [`call`], [`subscript`].
//! TQL's own clauses go through [`stages`], one file a clause.

mod arguments;
mod arrange;
mod block;
mod by_row;
mod call;
mod cast;
mod collect;
mod constants;
mod distinct;
mod expand;
mod expression;
mod from;
mod groups;
mod items;
mod limit;
mod names;
mod order;
mod percent;
mod query;
mod random;
mod rename;
mod sample;
mod scope;
mod stages;
mod step;
mod subscript;
pub(crate) mod syntax;
mod ungroup;
pub(crate) mod walk;

use std::collections::HashMap;

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::TableWithJoins;
use datafusion::sql::sqlparser::tokenizer::Span;
use lakebed_grammar::Statement;

use crate::error::Result;
pub(crate) use call::FunctionNames;
pub(crate) use items::column_name;
pub(crate) use items::without_parentheses;
pub(crate) use names::given_names;
pub(crate) use names::mentions;
pub(crate) use names::names;
use query::Carry;
use query::Named;
pub(crate) use sample::WEIGHT;

/// The hidden column that holds a row's place in its snapshot.
pub(crate) const POSITION: &str = "__position";
pub(crate) use crate::scan::layout::ROW_ID;

/// What the lowering must know of a dataset.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Column names in order.
    pub columns: Vec<String>,
    /// Columns behind them that `*` does not show.
    pub hidden: Vec<String>,
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
    /// What RANDOM and SAMPLE BY depend on beside positions.
    pub seed: u64,
}

/// One run of the lowering.
struct Lowering<'a> {
    tables: &'a HashMap<String, Table>,
    current: Option<&'a str>,
    functions: &'a FunctionNames,
    seed: u64,
    /// Named queries of WITH that are in sight, innermost last.
    named: Vec<Named>,
    /// Names made so far.
    made: usize,
    /// Calls of RANDOM so far.
    randoms: u64,
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
    let mut lowering = Lowering {
        tables: context.tables,
        current: context.current,
        functions: context.functions,
        seed: context.seed,
        named: Vec::new(),
        made: 0,
        randoms: 0,
    };
    Ok(lowering.query(&statement.query, None, Carry::Result)?.query)
}

/// `SELECT expr FROM from`.
pub(crate) fn select_one(expr: Expr, from: Vec<TableWithJoins>) -> Query {
    let item = syntax::aliased(expr, "__value", Span::empty());
    syntax::query(SetExpr::Select(Box::new(syntax::select(vec![item], from))))
}
