//! What a person sees when something is wrong.

use std::io::ErrorKind;

use lakebed::core::nearest::nearest;
use thiserror::Error as ThisError;

use crate::units;

/// The result of this program's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What to do after a conflict of commits: every command begins at the newest version.
const AGAIN: &str = "run it again: it begins at the newest version then";

/// Why a command failed.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// A query, with the text that it was.
    #[error("{source}")]
    Query {
        /// The text.
        text: String,
        /// What is wrong with it.
        source: Box<lakebed::engine::Error>,
    },
    /// A dataset.
    #[error(transparent)]
    Dataset(#[from] lakebed::dataset::Error),
    /// An import or export, after which everything is as it was.
    #[error(transparent)]
    Import(#[from] lakebed::convert::Error),
    /// Rows of a query that could not be written.
    #[error(transparent)]
    Materialize(#[from] lakebed::materialize::Error),
    /// What the arguments ask for cannot be done.
    #[error("{message}")]
    Refused {
        /// What is in the way.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Arguments that are missing.
    #[error("{message}\n\nUsage: {usage}\n\nFor more information, try '--help'.")]
    Usage {
        /// What is missing.
        message: String,
        /// How it is written.
        usage: &'static str,
    },
    /// Ctrl-C.
    #[error("stopped")]
    Cancelled,
    /// `verify` found damage.
    #[error("'{url}' is damaged in {places} {}", if *places == 1 { "place" } else { "places" })]
    Damaged {
        /// The dataset.
        url: String,
        /// How many lines of damage were told.
        places: usize,
    },
    /// A folder or file of this machine.
    #[error("{what}: {source}")]
    File {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
    /// Threads cannot be started.
    #[error("cannot start: {0}")]
    Runtime(#[source] std::io::Error),
}

impl Error {
    /// An error of a query.
    pub fn query(text: &str) -> impl Fn(lakebed::engine::Error) -> Error + '_ {
        move |source| Error::Query { text: text.to_string(), source: Box::new(source) }
    }

    /// The error of a column that there is not among those of a dataset or result.
    pub fn no_column(of: &str, column: &str, names: &[&str]) -> Error {
        let hint = match nearest(column, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("it has {}", names.join(", ")),
        };
        Error::Refused { message: format!("{of} has no column '{column}'"), hint }
    }

    /// True if the reader of the output has gone.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Error::Output(error) if error.kind() == ErrorKind::BrokenPipe)
    }

    /// True if another commit came first that does not go together with this one.
    fn is_conflict(&self) -> bool {
        use lakebed::convert::Error as ImportError;
        use lakebed::engine::Error as QueryError;
        use lakebed::materialize::Error as MaterializeError;
        let source = match self {
            Error::Dataset(source) => source,
            Error::Query { source, .. } => match &**source {
                QueryError::Dataset { source, .. } => source,
                _ => return false,
            },
            Error::Import(ImportError::Dataset(source)) => source,
            Error::Materialize(MaterializeError::Dataset(source)) => source,
            _ => return false,
        };
        matches!(source, lakebed::dataset::Error::Conflict { .. })
    }

    /// 2 for wrong use, 1 for everything else.
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Error::Usage { .. }) { 2 } else { 1 }
    }

    /// The message, the place in the query, and what to do about it.
    pub fn report(&self) -> String {
        let message = match self {
            Error::Query { text, source } => {
                let rendered = source.render(text);
                return match self.is_conflict() {
                    true => format!("{}\nhint: {AGAIN}", rendered.trim_end()),
                    false => rendered,
                };
            }
            Error::Import(error) => units::line(&error.to_string()),
            other => other.to_string(),
        };
        let hint = match self {
            Error::Refused { hint, .. } => Some(hint.as_str()),
            Error::Import(lakebed::convert::Error::File(_)) => {
                Some("nothing was committed; --on-error skip leaves such files out and lists them")
            }
            Error::Import(lakebed::convert::Error::Exists { .. }) => {
                Some("lakebed export --overwrite replaces it")
            }
            Error::Import(lakebed::convert::Error::CannotWrite { .. }) => Some(
                "a query chooses columns and rows; lakebed help export tells what --base64 and --parts do",
            ),
            other if other.is_conflict() => Some(AGAIN),
            _ => None,
        };
        match hint {
            Some(hint) => format!("error: {message}\nhint: {hint}"),
            None => format!("error: {message}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_of_commits_says_what_a_person_can_do() {
        let conflict = || lakebed::dataset::Error::Conflict {
            url: "photos.lakebed".to_string(),
            number: 7,
            reason: "row 3 was deleted".to_string(),
        };
        let in_query = lakebed::engine::Error::Dataset {
            name: "dataset".to_string(),
            span: None,
            source: Box::new(conflict()),
            help: None,
        };
        for error in [Error::Dataset(conflict()), Error::query("DELETE WHERE x")(in_query)] {
            let said = error.report();
            assert!(said.contains("row 3 was deleted; nothing was committed"), "{said}");
            assert!(said.ends_with("\nhint: run it again: it begins at the newest version then"));
            assert!(!said.contains("open the dataset"), "{said}");
        }
    }
}
