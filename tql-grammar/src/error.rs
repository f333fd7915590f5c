//! What can be wrong with the text of a query.

use crate::span::Span;

/// A text that is not a query of the language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", place(.span))]
#[non_exhaustive]
pub struct SyntaxError {
    /// What is wrong and what was expected, without the place.
    pub message: String,
    /// The token at fault; `None` only where no single token is.
    pub span: Option<Span>,
    /// What to write instead.
    pub hint: Option<String>,
}

impl SyntaxError {
    /// An error without a hint.
    pub fn new(message: impl Into<String>, span: Option<Span>) -> SyntaxError {
        SyntaxError { message: message.into(), span, hint: None }
    }

    /// The same error with advice.
    pub fn with_hint(mut self, hint: impl Into<String>) -> SyntaxError {
        self.hint = Some(hint.into());
        self
    }

    /// The error as a person sees it: message, line of the query, caret, hint.
    pub fn render(&self, query: &str) -> String {
        crate::render::render_error(query, self.span, &self.message, self.hint.as_deref())
    }
}

/// ` at line 1, column 14`, or nothing.
fn place(span: &Option<Span>) -> String {
    match span {
        Some(span) => format!(" at line {}, column {}", span.start.line, span.start.column),
        None => String::new(),
    }
}
