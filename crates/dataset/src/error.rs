//! What can go wrong with a dataset.

use thiserror::Error as ThisError;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a dataset.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// Nothing there is a dataset.
    #[error(
        "'{url}' is no dataset: there is no log below it; make one with `lakebed ingest SOURCE {url}` or Dataset::create"
    )]
    NotADataset {
        /// The location.
        url: String,
    },
    /// A dataset is there already.
    #[error("'{url}' holds a dataset already: open it and append, or choose another place")]
    Exists {
        /// The location.
        url: String,
    },
    /// An entry that the log does not have.
    #[error("'{url}' has no version {version}: its newest is {newest}")]
    NoSuchVersion {
        /// The location.
        url: String,
        /// The number asked for.
        version: u64,
        /// The newest number.
        newest: u64,
    },
    /// A name after `@` that is neither a number nor a branch nor a tag.
    #[error("'{url}' has no version, branch or tag '{name}'")]
    NoSuchRef {
        /// The location.
        url: String,
        /// The name.
        name: String,
    },
    /// Rows that do not fit the dataset's columns.
    #[error("these rows do not fit the dataset: {reason}")]
    SchemaMismatch {
        /// What differs, and what to do.
        reason: String,
    },
    /// Another writer changed what this commit relies on.
    #[error(
        "entry {number} of '{url}' was written meanwhile and does not go together with this commit: {reason}; open the dataset again and repeat"
    )]
    Conflict {
        /// The location.
        url: String,
        /// The entry that won.
        number: u64,
        /// What does not go together.
        reason: String,
    },
    /// A commit whose bytes were written before a collection of garbage that may have taken them.
    #[error(
        "this commit was prepared {prepared} collections of garbage ago, at most 1 is safe: write its rows again"
    )]
    Fenced {
        /// How many collections have begun since.
        prepared: u32,
    },
    /// It is not known whether the commit is in the log.
    #[error(
        "it is not known whether entry {number} ({id}) was committed: {cause}; open the dataset again and look at its log before repeating"
    )]
    CommitUnknown {
        /// The number that was tried.
        number: u64,
        /// The id that the commit would have.
        id: String,
        /// The last error.
        cause: lakebed_store::Error,
    },
    /// A change that would make the entry larger than an entry may be.
    #[error("the commit does not fit in a log entry: {reason}")]
    EntryTooLarge {
        /// What is too large.
        reason: String,
    },
    /// Bytes at rest that are not what was written.
    #[error("object '{object}' of '{url}': {source}; run `lakebed verify {url}` to see all damage")]
    Damaged {
        /// The location.
        url: String,
        /// The object.
        object: String,
        /// Which part, and what does not hold.
        source: Box<lakebed_format::Error>,
    },
    /// An error about the samples of a column, with the place where it arose.
    #[error("column '{column}'{}: {source}", row.map(|r| format!(", row {r}")).unwrap_or_default())]
    Sample {
        /// The column.
        column: String,
        /// The position of the row, where one is to blame.
        row: Option<u64>,
        /// The cause.
        source: Box<lakebed_format::Error>,
    },
    /// An error of the format that belongs to no object.
    #[error(transparent)]
    Format(#[from] lakebed_format::Error),
    /// An error of a type, name, shape or limit.
    #[error(transparent)]
    Core(#[from] lakebed_core::Error),
    /// An error of the store.
    #[error(transparent)]
    Store(#[from] lakebed_store::Error),
    /// An error of Arrow.
    #[error(transparent)]
    Arrow(#[from] arrow_schema::ArrowError),
    /// A task of this process that was stopped or broke.
    #[error("a background task did not finish: {0}")]
    Task(String),
}

impl Error {
    /// Puts an error of the format to the object that it arose in.
    pub(crate) fn in_object(url: &str, object: &str, source: lakebed_format::Error) -> Error {
        if source.is_damage() {
            let (url, object) = (url.to_string(), object.to_string());
            return Error::Damaged { url, object, source: Box::new(source) };
        }
        Error::Format(source)
    }

    /// True if the error says that bytes are not what was written, or that objects are missing.
    pub fn is_damage(&self) -> bool {
        match self {
            Error::Damaged { .. } => true,
            Error::Format(source) => source.is_damage(),
            Error::Sample { source, .. } => source.is_damage(),
            Error::Store(source) => {
                source.is_not_found() || matches!(source, lakebed_store::Error::Truncated { .. })
            }
            _ => false,
        }
    }
}
