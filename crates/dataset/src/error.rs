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
    /// An entry that was given up.
    #[error(
        "version {version} of '{url}' has expired: versions below {below} were given up but for those with a name; open a newer one, and tag what is to stay"
    )]
    VersionExpired {
        /// The location.
        url: String,
        /// The number asked for.
        version: u64,
        /// The oldest that is retained without a name.
        below: u64,
    },
    /// A branch, tag or view that must stay.
    #[error("'{name}' cannot be deleted: {reason}")]
    RefInUse {
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Rows that the snapshot does not have.
    #[error("there is no row with id {row_id}{}: it was deleted, or never was", if *more > 0 { format!(" (and {more} more)") } else { String::new() })]
    NoSuchRow {
        /// The first of them.
        row_id: u64,
        /// How many others.
        more: u64,
    },
    /// A name that cannot be given.
    #[error("'{name}' cannot be a name: {reason}")]
    InvalidName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A key that cannot make a commit happen once.
    #[error("'{key}' cannot be a commit's key: {reason}")]
    InvalidKey {
        /// The key.
        key: String,
        /// Why not.
        reason: &'static str,
    },
    /// A name that means another version already.
    #[error("'{name}' is taken: it is version {version}. Choose another name")]
    NameTaken {
        /// The name.
        name: String,
        /// What it means.
        version: u64,
    },
    /// A name after `@` that is neither a number nor a branch nor a tag.
    #[error("'{url}' has no version, branch, tag or view '{name}'")]
    NoSuchRef {
        /// The location.
        url: String,
        /// The name.
        name: String,
    },
    /// A view that cannot be saved.
    #[error("this view cannot be saved: {reason}")]
    InvalidView {
        /// What is wrong.
        reason: String,
    },
    /// A place for a copy that holds something else.
    #[error("'{url}' cannot take the copy of this view: {reason}. Choose another place")]
    OtherLineage {
        /// The location.
        url: String,
        /// What is there.
        reason: String,
    },
    /// Rows that do not fit the dataset's columns.
    #[error("these rows do not fit the dataset: {reason}")]
    SchemaMismatch {
        /// What differs, and what to do.
        reason: String,
    },
    /// Another writer changed what this commit relies on.
    #[error(
        "entry {number} of '{url}' was written meanwhile and does not go together with this commit: {reason}; nothing was committed, repeat it on the newest version"
    )]
    Conflict {
        /// The location.
        url: String,
        /// The entry that won.
        number: u64,
        /// What does not go together.
        reason: String,
    },
    /// A merge in which both sides changed the same.
    #[error("merging '{from}' stops at {count} {}: {}{}; merge with a policy (ours, theirs), or change one side", if *count == 1 { "conflict" } else { "conflicts" }, conflicts.iter().take(3).map(ToString::to_string).collect::<Vec<_>>().join("; "), if *count > 3 { "; ..." } else { "" })]
    MergeConflicts {
        /// What was to be merged.
        from: String,
        /// How many there are.
        count: u64,
        /// The first thousand of them: columns, then cells by column and row, then rows.
        conflicts: Vec<crate::merge::MergeConflict>,
    },
    /// A merge of branches whose last common version was given up.
    #[error(
        "'{from}' cannot be merged: version {version} of '{url}', which both sides come from, has expired, and without it nobody knows which side changed what; see what they have otherwise with `lakebed diff {url} {from}`, make the changes of one side again on the other, and before the next expire or purge tag the version where branches part"
    )]
    AncestorExpired {
        /// The location.
        url: String,
        /// What was to be merged.
        from: String,
        /// The newest version that both sides come from, or one after which it is.
        version: u64,
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
    /// An error of a commit that several appends shared.
    #[error("the commit that this append shared with others failed: {source}")]
    Shared {
        /// What went wrong.
        source: std::sync::Arc<Error>,
    },
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

    /// True if what was asked for is not there (any more).
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Error::VersionExpired { .. } => true,
            Error::Store(source) => source.is_not_found(),
            _ => false,
        }
    }

    /// True if the error says that bytes are not what was written, or that objects are missing.
    pub fn is_damage(&self) -> bool {
        match self {
            Error::Damaged { .. } => true,
            Error::Format(source) => source.is_damage(),
            Error::Sample { source, .. } => source.is_damage(),
            Error::Shared { source } => source.is_damage(),
            Error::Store(source) => {
                source.is_not_found() || matches!(source, lakebed_store::Error::Truncated { .. })
            }
            _ => false,
        }
    }
}
