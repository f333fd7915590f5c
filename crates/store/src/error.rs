//! What can go wrong between this process and its bytes.

use std::error::Error as StdError;
use std::ops::Range;

use thiserror::Error as ThisError;

/// The result of this crate's functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The cause below an [`Error`], as the backend gave it.
pub type Cause = Box<dyn StdError + Send + Sync + 'static>;

/// A store operation that did not succeed.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// No object has this key.
    #[error("no object '{key}' in {url}")]
    NotFound {
        /// The store's location.
        url: String,
        /// The key that was asked for.
        key: String,
    },
    /// An object has this key already. After a lost answer it may be the caller's own: see
    /// [`crate::create_resolved`].
    #[error("object '{key}' exists already in {url}")]
    AlreadyExists {
        /// The store's location.
        url: String,
        /// The key that was to be created.
        key: String,
    },
    /// An object that ends before the range that was asked for.
    #[error(
        "object '{key}' ends at byte {size}, before the end of bytes {}..{} that it should hold: it is truncated, or its reference is wrong",
        range.start, range.end
    )]
    Truncated {
        /// The object's key.
        key: String,
        /// The bytes that were asked for.
        range: Range<u64>,
        /// How many bytes the object has.
        size: u64,
    },
    /// A range that ends before it starts, or that does not fit in memory.
    #[error("bytes {}..{} of object '{key}' are not a range", range.start, range.end)]
    InvalidRange {
        /// The object's key.
        key: String,
        /// The bytes that were asked for.
        range: Range<u64>,
    },
    /// A key that no store accepts.
    #[error("'{key}' cannot be an object's key: {reason}")]
    InvalidKey {
        /// The key as given.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A location that cannot be opened.
    #[error("cannot open '{url}': {reason}")]
    InvalidUrl {
        /// The location as given.
        url: String,
        /// What is wrong, and what to write instead.
        reason: String,
    },
    /// A folder that only allows reading.
    #[error(
        "cannot write to {path}: it is read-only; copy the dataset to a place you can write to, or only read from it"
    )]
    ReadOnly {
        /// The path or object that was to be written.
        path: String,
    },
    /// Access that was refused.
    #[error(
        "access to {path} is denied: {cause}; check the owner and mode of the folder, or the credentials and policy of the bucket"
    )]
    Denied {
        /// The path or object.
        path: String,
        /// What the backend said.
        #[source]
        cause: Cause,
    },
    /// No space is left, or a quota is used up.
    #[error(
        "cannot write {path}: no space is left; free some space and try again, nothing was committed"
    )]
    Full {
        /// The path that was to be written.
        path: String,
    },
    /// A file system on which create-if-absent cannot be had.
    #[error(
        "{path} is on a file system without hard links, so two writers could overwrite each other; keep the dataset on a local disk (ext4, xfs, btrfs, apfs) or an object store"
    )]
    NoHardLinks {
        /// The path that was to be linked.
        path: String,
    },
    /// An object appeared under its name, but its folder could not be synced: it may not survive a
    /// power cut. Creating it again with the same bytes syncs again.
    #[error(
        "object '{key}' is in place, but syncing {path} failed: {cause}; it may be lost if the machine stops now"
    )]
    Unsynced {
        /// The object's key.
        key: String,
        /// The folder.
        path: String,
        /// What the operating system said.
        #[source]
        cause: Cause,
    },
    /// A request whose answer did not come, or said that the service failed. A write may have
    /// landed.
    #[error("cannot {operation} '{key}' in {url}: {cause}")]
    Transport {
        /// The store's location.
        url: String,
        /// The object's key, or the prefix of a listing.
        key: String,
        /// What was being done.
        operation: &'static str,
        /// What the backend said.
        #[source]
        cause: Cause,
    },
    /// A local file operation that failed before anything could have appeared under the key.
    #[error("cannot {operation} {path}: {cause}")]
    Local {
        /// The path.
        path: String,
        /// What was being done.
        operation: &'static str,
        /// What the operating system said.
        #[source]
        cause: Cause,
    },
    /// Every try to create an object ended without saying whether it landed.
    #[error(
        "it is not known whether '{key}' was created in {url} ({tries} tries): read it back before deciding; last error: {last}"
    )]
    Unknown {
        /// The store's location.
        url: String,
        /// The object's key.
        key: String,
        /// How often its creation was tried.
        tries: u32,
        /// The last error, as text.
        last: String,
    },
    /// An object writer that was used again after a write failed or was cancelled.
    #[error(
        "the writer of '{key}' is broken by an earlier failed or cancelled write: start a new object"
    )]
    WriterBroken {
        /// The object's key.
        key: String,
    },
}

impl Error {
    /// Whether the object of a failed write may exist, or may come to exist, all the same.
    pub fn may_have_landed(&self) -> bool {
        matches!(
            self,
            Error::AlreadyExists { .. }
                | Error::Transport { .. }
                | Error::Unsynced { .. }
                | Error::Unknown { .. }
        )
    }

    /// Whether the same read may succeed when it is tried again.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Transport { .. })
    }

    /// Whether no object has the key.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::NotFound { .. })
    }
}
