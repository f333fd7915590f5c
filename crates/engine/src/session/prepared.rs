//! A text that is parsed once and run with many values.

use futures::future::BoxFuture;
use lakebed_grammar::Language;
use lakebed_grammar::Statement;

use super::Session;
use crate::error::Result;
use crate::parameters;
use crate::parameters::Parameters;
use crate::query::Query;
use crate::stack::roomy;

/// A query whose places for values, `?`, `$1` and `$name`, are still open.
#[derive(Debug, Clone)]
pub struct PreparedStatement {
    session: Session,
    language: Language,
    statement: Statement,
}

impl Session {
    /// Parses a query whose values come later, once or many times.
    ///
    /// # Errors
    /// [`crate::Error::Syntax`].
    pub fn prepare(&self, language: Language, text: &str) -> Result<PreparedStatement> {
        let statement = self.parse(language, text)?;
        Ok(PreparedStatement { session: self.clone(), language, statement })
    }
}

impl PreparedStatement {
    /// The places for values in the order of the text, as they are written; one that is named twice
    /// stands here once, each `?` for itself.
    pub fn parameters(&self) -> Vec<String> {
        parameters::places(&self.statement.query)
    }

    /// Plans the query with its values, against the datasets as they are now: pruning and types see
    /// the values as if they had been written.
    ///
    /// # Errors
    /// As [`Session::query_with`].
    pub fn bind<'a>(&'a self, values: &'a Parameters) -> BoxFuture<'a, Result<Query>> {
        roomy(self.session.bind(self.language, self.statement.clone(), values))
    }
}
