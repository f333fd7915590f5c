//! Which names an expression may use.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Ident;
use lakebed_core::nearest::nearest;
use lakebed_grammar::Span;

use super::POSITION;
use super::syntax;
use crate::error::Error;
use crate::error::Result;

/// One table, subquery or named query in FROM.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    /// The name it goes by in the lowered tree.
    pub alias: String,
    /// Its columns in order, without the position; `None` where they are not known before planning.
    pub columns: Option<Vec<String>>,
    /// Columns behind them that `*` does not show.
    pub hidden: Vec<String>,
    /// True if it has a column [`POSITION`].
    pub position: bool,
    /// True if positions are 0, 1, 2, ... without gaps.
    pub dense: bool,
}

impl Relation {
    fn has(&self, name: &str) -> bool {
        self.columns.iter().flatten().chain(&self.hidden).any(|column| column == name)
    }

    /// True if it has a column, or if only the planner knows.
    pub fn may_have(&self, name: &str) -> bool {
        self.columns.is_none() || self.has(name)
    }

    /// Its position as an expression, if it has one.
    pub fn position(&self) -> Option<Expr> {
        self.position.then(|| {
            syntax::column(
                &self.alias,
                POSITION,
                datafusion::sql::sqlparser::tokenizer::Span::empty(),
            )
        })
    }
}

/// What FROM provides to one select block, and the block around it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope<'a> {
    /// The relations in the order of FROM.
    pub relations: Vec<Relation>,
    /// Columns that USING or NATURAL made one; they need no table name.
    pub merged: Vec<String>,
    /// The names that AS gives in this block.
    pub aliases: Vec<String>,
    /// The block around a subquery, whose columns it may use.
    pub outer: Option<&'a Scope<'a>>,
}

/// Where a name was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A column of the relation of this name.
    Column(String),
    /// A column that USING made of two.
    Merged,
    /// In a relation whose columns are known to the planner only.
    Perhaps,
    /// A column of a block around this one.
    Outer,
}

impl Scope<'_> {
    /// Every column name, for suggestions and `*`.
    pub fn column_names(&self) -> Vec<String> {
        let all = self.relations.iter().flat_map(|relation| relation.columns.iter().flatten());
        all.cloned().collect()
    }

    /// Finds an unqualified name.
    ///
    /// # Errors
    /// A name that does not exist, with the nearest one, or that exists twice.
    pub fn find(&self, ident: &Ident) -> Result<Found> {
        match self.look_up(ident)? {
            Some(found) => Ok(found),
            None => Err(self.unknown(ident)),
        }
    }

    fn look_up(&self, ident: &Ident) -> Result<Option<Found>> {
        let name = ident.value.as_str();
        if self.merged.iter().any(|merged| merged == name) {
            return Ok(Some(Found::Merged));
        }
        let owners: Vec<&Relation> =
            self.relations.iter().filter(|relation| relation.has(name)).collect();
        match owners.as_slice() {
            [owner] => Ok(Some(Found::Column(owner.alias.clone()))),
            [] if self.relations.iter().any(|relation| relation.columns.is_none()) => {
                Ok(Some(Found::Perhaps))
            }
            [] => match self.outer {
                Some(outer) => Ok(outer.look_up(ident)?.map(|_| Found::Outer)),
                None => Ok(None),
            },
            [first, second, ..] => Err(Error::planning(
                format!("the column '{name}' is in '{}' and in '{}'", first.alias, second.alias),
                span_of(ident),
            )
            .with_help(format!("write {}.{name} or {}.{name}", first.alias, second.alias))),
        }
    }

    /// Checks `relation.name`.
    ///
    /// # Errors
    /// A table that is not in FROM, or a column that it does not have.
    pub fn check_qualified(&self, relation: &Ident, column: &Ident) -> Result<()> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Some(found) = here.relations.iter().find(|r| r.alias == relation.value) {
                if found.may_have(&column.value) {
                    return Ok(());
                }
                let names = found.columns.iter().flatten().map(String::as_str);
                return Err(unknown_column(column, nearest(&column.value, names), &self.listing()));
            }
            scope = here.outer;
        }
        let known = self.relations.iter().map(|r| r.alias.as_str());
        let error =
            Error::planning(format!("no table '{}' in FROM", relation.value), span_of(relation));
        if self.find(relation).is_ok() {
            return Err(error.with_help(format!(
                "'{0}' is a column; a member of JSON is written {0}['{1}']",
                relation.value, column.value
            )));
        }
        Err(match nearest(&relation.value, known.clone()) {
            Some(name) => error.with_help(format!("did you mean '{name}'?")),
            None => {
                let named: Vec<&str> = known.filter(|name| !name.starts_with("__")).collect();
                match named.is_empty() {
                    true => error.with_help("write the column alone"),
                    false => error.with_help(format!("the tables are {}", named.join(", "))),
                }
            }
        })
    }

    /// The error for a name that is not here.
    pub fn unknown(&self, ident: &Ident) -> Error {
        if self.relations.is_empty() && self.outer.is_none() {
            return Error::planning(
                format!(
                    "no column '{}': the query has no FROM and no dataset is open",
                    ident.value
                ),
                span_of(ident),
            )
            .with_help("name a dataset: FROM \"path/or/url\"");
        }
        let mut names = self.column_names();
        let mut outer = self.outer;
        while let Some(scope) = outer {
            names.extend(scope.column_names());
            outer = scope.outer;
        }
        let near = nearest(&ident.value, names.iter().map(String::as_str));
        unknown_column(ident, near, &self.listing())
    }

    /// The columns in one line.
    fn listing(&self) -> String {
        let names = self.column_names();
        let shown: Vec<&str> = names.iter().take(20).map(String::as_str).collect();
        let more = if names.len() > shown.len() { ", ..." } else { "" };
        format!("{}{more}", shown.join(", "))
    }
}

fn unknown_column(ident: &Ident, near: Option<String>, listing: &str) -> Error {
    let error = Error::planning(format!("no column '{}'", ident.value), span_of(ident));
    match near {
        Some(near) => error.with_help(format!("did you mean '{near}'?")),
        None if listing.is_empty() => error,
        None => error.with_help(format!("the columns are {listing}")),
    }
}

/// The place of a name.
pub(crate) fn span_of(ident: &Ident) -> Option<Span> {
    Span::from_sqlparser(ident.span)
}
