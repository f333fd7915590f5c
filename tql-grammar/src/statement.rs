//! What a text means: one query, perhaps to be explained.

use std::fmt;

use sqlparser::ast::Query;

use crate::clauses::Clauses;

/// Which language a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// The Tensor Query Language.
    Tql,
    /// SQL as DataFusion speaks it.
    Sql,
}

/// What EXPLAIN asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Explain {
    /// The plan.
    Plan,
    /// The plan with what running it cost.
    Analyze,
}

/// One parsed statement.
///
/// Equality ignores places in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// EXPLAIN or EXPLAIN ANALYZE before the query.
    pub explain: Option<Explain>,
    /// The query. Subscripts are function nodes ([`crate::subscript`]), TQL's own clauses pipe
    /// operators ([`crate::clauses`]); the rest is sqlparser's.
    pub query: Box<Query>,
}

impl Statement {
    /// TQL's own clauses of the outermost query.
    pub fn clauses(&self) -> Clauses {
        Clauses::of(&self.query)
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::print::print(self))
    }
}
