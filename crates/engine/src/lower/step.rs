//! Rows between two clauses: a lowered query whose columns are known and whose rows are numbered.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::TableFactor;
use datafusion::sql::sqlparser::ast::TableWithJoins;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;

use super::POSITION;
use super::query::Lowered;
use super::query::Prepared;
use super::scope::Relation;
use super::syntax;
use crate::error::Error;
use crate::error::Result;

/// Rows on their way through the clauses of a query. Their order is a column [`POSITION`]: 0, 1,
/// 2, ... without gaps.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The rows.
    pub query: Query,
    /// The columns, without the position.
    pub columns: Vec<String>,
    /// The name that expressions may call the rows by.
    pub alias: String,
}

impl Step {
    /// The rows of a lowered query that has positions without gaps.
    ///
    /// # Errors
    /// If only the planner knows its columns.
    pub fn new(lowered: Lowered, alias: String) -> Result<Step> {
        match lowered.columns {
            Some(columns) if lowered.position => Ok(Step { query: lowered.query, columns, alias }),
            _ => Err(Error::planning(
                "the columns of this query are not known before it is planned: name them in SELECT",
                None,
            )),
        }
    }

    /// As a table in FROM, under its own name.
    pub fn factor(&self) -> TableFactor {
        syntax::derived(self.query.clone(), syntax::table_alias(&self.alias))
    }

    /// As the only table in FROM.
    pub fn from(&self) -> Vec<TableWithJoins> {
        syntax::from_one(self.factor())
    }

    /// A column of it.
    pub fn column(&self, name: &str) -> Expr {
        syntax::column(&self.alias, name, SourceSpan::empty())
    }

    /// Its position as a signed integer.
    pub fn position(&self) -> Expr {
        syntax::as_integer(self.column(POSITION))
    }

    /// Its columns as items of a SELECT over it.
    pub fn items(&self) -> Vec<SelectItem> {
        self.columns.iter().map(|name| SelectItem::UnnamedExpr(self.column(name))).collect()
    }

    /// The same columns and name, with the rows of another SELECT, which numbers them last.
    pub fn with(&self, select: Select) -> Step {
        let query = syntax::query(SetExpr::Select(Box::new(select)));
        Step { query, columns: self.columns.clone(), alias: self.alias.clone() }
    }

    /// What a SELECT over it sees.
    pub fn relation(&self) -> Relation {
        Relation {
            alias: self.alias.clone(),
            columns: Some(self.columns.clone()),
            hidden: Vec::new(),
            position: true,
            dense: true,
        }
    }

    /// To be selected from.
    pub fn prepared(self) -> Prepared {
        let lowered = Lowered { query: self.query, columns: Some(self.columns), position: true };
        Prepared { lowered, alias: self.alias, dense: true }
    }
}

/// `expr AS __position`, the last item of a [`Step`]'s SELECT.
pub(crate) fn numbered(expr: Expr) -> SelectItem {
    syntax::aliased(expr, POSITION, SourceSpan::empty())
}

/// `SELECT items FROM from` as a query.
pub(crate) fn selected(items: Vec<SelectItem>, from: Vec<TableWithJoins>) -> Query {
    syntax::query(SetExpr::Select(Box::new(syntax::select(items, from))))
}
