//! What can be wrong with a query.

use datafusion::error::DataFusionError;
use lakebed_functions::FunctionError;
use lakebed_grammar::Span;
use lakebed_grammar::SyntaxError;
use thiserror::Error as ThisError;

use crate::places::Places;
use crate::spoken::spoken;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a query, from its text to its last batch.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a query.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The query has no meaning over these datasets: names, types, clauses.
    #[error("{message}")]
    Planning {
        /// What is wrong.
        message: String,
        /// The part of the query at fault, where one is known.
        span: Option<Span>,
        /// What to write instead.
        help: Option<String>,
    },
    /// A part of the language that this version does not run.
    #[error("{what} is not supported yet")]
    Unsupported {
        /// The clause or function.
        what: String,
        /// Where it stands.
        span: Option<Span>,
        /// What to use meanwhile.
        help: Option<String>,
    },
    /// A dataset that the query names cannot be opened.
    #[error("{source}")]
    Dataset {
        /// The name as written.
        name: String,
        /// Where it stands.
        span: Option<Span>,
        /// Why.
        #[source]
        source: Box<lakebed_dataset::Error>,
        /// What to write instead, where a name is near.
        help: Option<String>,
    },
    /// The query failed while it ran.
    #[error("{message}")]
    Execution {
        /// What went wrong, without the layers that passed it on.
        message: String,
        /// The part of the query that was being computed, where one is known.
        span: Option<Span>,
        /// The error as DataFusion gave it.
        #[source]
        source: Box<DataFusionError>,
    },
    /// The session cannot be set up.
    #[error("cannot set up a session: {0}")]
    Session(#[source] Box<DataFusionError>),
    /// A value that cannot be shown.
    #[error(transparent)]
    Value(#[from] lakebed_core::Error),
}

impl Error {
    /// A planning error at a place.
    pub(crate) fn planning(message: impl Into<String>, span: Option<Span>) -> Error {
        Error::Planning { message: message.into(), span, help: None }
    }

    /// The same error with advice.
    pub(crate) fn with_help(mut self, advice: impl Into<String>) -> Error {
        if let Error::Planning { help, .. } | Error::Unsupported { help, .. } = &mut self {
            *help = Some(advice.into());
        }
        self
    }

    /// The part of the query that the error is about, where one is known.
    pub fn span(&self) -> Option<Span> {
        match self {
            Error::Syntax(error) => error.span,
            Error::Planning { span, .. }
            | Error::Unsupported { span, .. }
            | Error::Execution { span, .. }
            | Error::Dataset { span, .. } => *span,
            _ => None,
        }
    }

    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<&str> {
        match self {
            Error::Syntax(error) => error.hint.as_deref(),
            Error::Planning { help, .. }
            | Error::Unsupported { help, .. }
            | Error::Dataset { help, .. } => help.as_deref(),
            _ => None,
        }
    }

    /// The error as a person sees it: message, the line of the query with a caret, and advice.
    /// `query` is the text that was run.
    pub fn render(&self, query: &str) -> String {
        if let Error::Syntax(error) = self {
            return error.render(query);
        }
        lakebed_grammar::render_error(query, self.span(), &self.to_string(), self.help())
    }

    /// The error of a session that cannot be made.
    pub(crate) fn session(source: DataFusionError) -> Error {
        Error::Session(Box::new(source))
    }

    /// The error of a running plan.
    pub(crate) fn execution(source: DataFusionError) -> Error {
        Error::Execution { message: plain_message(&source), span: None, source: Box::new(source) }
    }

    /// The same error in the query's own words, with its place, if it failed while running and the
    /// place is known.
    pub(crate) fn placed(mut self, places: &Places) -> Error {
        if let Error::Execution { message, span, source } = &mut self
            && span.is_none()
        {
            *span = places.find(message);
            // What a dataset or a store says is about no part of the query.
            let computed = match source.find_root() {
                DataFusionError::Execution(_)
                | DataFusionError::Plan(_)
                | DataFusionError::ArrowError(..) => true,
                DataFusionError::External(inner) => inner.is::<FunctionError>(),
                _ => false,
            };
            if computed {
                *span = span.or_else(|| places.whole());
            }
            (*message, _) = spoken(message, places.language());
        }
        self
    }
}

/// The innermost message of an error, without "Execution error: External error:" in front.
pub(crate) fn plain_message(error: &DataFusionError) -> String {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            plain_message(inner)
        }
        DataFusionError::Shared(inner) => plain_message(inner),
        DataFusionError::Collection(all) => {
            all.first().map_or_else(|| error.to_string(), plain_message)
        }
        DataFusionError::External(inner) => match inner.downcast_ref::<DataFusionError>() {
            Some(inner) => plain_message(inner),
            None => inner.to_string(),
        },
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            arrow_schema::ArrowError::ExternalError(inner) => {
                match inner.downcast_ref::<DataFusionError>() {
                    Some(inner) => plain_message(inner),
                    None => inner.to_string(),
                }
            }
            inner => inner.to_string(),
        },
        DataFusionError::Plan(message)
        | DataFusionError::Execution(message)
        | DataFusionError::NotImplemented(message)
        | DataFusionError::Configuration(message)
        | DataFusionError::ResourcesExhausted(message) => without_backtrace(message),
        other => without_backtrace(&other.strip_backtrace()),
    }
}

fn without_backtrace(message: &str) -> String {
    let end = message.find(DataFusionError::BACK_TRACE_SEP).unwrap_or(message.len());
    message.get(..end).unwrap_or(message).trim_end().to_string()
}
