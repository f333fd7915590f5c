//! The trait that every backend and wrapper implements, and what it promises.

use std::fmt::Debug;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::coalesce;
use crate::error::Error;
use crate::error::Result;

/// How far apart two ranges may be on a remote store and still be read by one request: 256 KiB.
/// What 20 ms of latency would transfer is more, but several requests wait at the same time.
pub const REMOTE_GAP: u64 = 256 << 10;

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectInfo {
    /// The object's key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

/// A flat set of objects by key. Objects are immutable but for the few that [`Store::put`]
/// overwrites.
///
/// Keys are relative paths: see [`crate::key::check_key`]. Every call checks its key and answers
/// [`crate::Error::InvalidKey`].
#[async_trait]
pub trait Store: Debug + Send + Sync + 'static {
    /// The whole object, as it is now.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] if no object has the key.
    async fn get(&self, key: &str) -> Result<Bytes>;

    /// Exactly the bytes of `range`. An empty range answers without a request.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], or [`crate::Error::Truncated`] if the object ends before the
    /// range does.
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes>;

    /// The bytes of each range, in the order given. Ranges may overlap and come in any order; near
    /// ones are read together: see [`crate::coalesce`].
    ///
    /// # Errors
    /// As [`Store::get_range`]; a truncated object is reported with the first of `ranges` that it
    /// does not hold.
    async fn get_ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        coalesce::fetch(key, ranges, self.coalesce_gap(), |range| self.get_range(key, range)).await
    }

    /// The bytes of `range` that the object has: fewer where it ends inside, which need not cost a
    /// second request.
    ///
    /// # Errors
    /// As [`Store::get_range`] if the object has none of them.
    async fn get_range_clipped(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let start = range.start;
        match self.get_range(key, range).await {
            Err(Error::Truncated { size, .. }) if size > start => {
                self.get_range(key, start..size).await
            }
            done => done,
        }
    }

    /// The object's size in bytes.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] if no object has the key.
    async fn size(&self, key: &str) -> Result<u64>;

    /// Creates the object unless one with this key exists. Of any number of concurrent callers in
    /// any number of processes at most one succeeds, and on success the object is durable.
    ///
    /// # Errors
    /// [`crate::Error::AlreadyExists`], which after a lost answer may mean the caller's own bytes;
    /// [`crate::Error::may_have_landed`] tells whether an error leaves the outcome open. Use
    /// [`crate::create_resolved`] where that matters.
    async fn create(&self, key: &str, bytes: Bytes) -> Result<()>;

    /// Writes the object, over an earlier one if there is one. Readers see the earlier or the new
    /// one, never a mixture. Only for objects that nothing depends on.
    async fn put(&self, key: &str, bytes: Bytes) -> Result<()>;

    /// Starts one new object that is written as a stream. Its key must be fresh: a local store
    /// refuses a key that is taken, a remote one may not notice.
    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>>;

    /// Removes the object. An object that does not exist is removed already.
    async fn delete(&self, key: &str) -> Result<()>;

    /// Every object in the folder `prefix` (empty: all of them) and the folders below it, ordered
    /// by key. Only to decide what may be deleted, and to verify; never to learn what exists.
    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>>;

    /// Removes what writers that were killed left of objects that were never finished, if nobody has
    /// written to it for `idle`, and says how many such files there were. Nothing visible changes:
    /// a writer that went on after all is told that it cannot finish. Only local stores keep such
    /// files; in a bucket, a rule of the bucket ends uploads that nobody finishes.
    async fn remove_unfinished(&self, _idle: Duration) -> Result<u64> {
        Ok(0)
    }

    /// Where this store is, for messages.
    fn location(&self) -> &str;

    /// True if what [`Store::get_ranges`] gives is the same memory each time, so that what was
    /// checked once stays checked.
    fn is_mapped(&self) -> bool {
        false
    }

    /// True if a request costs so much more than memory that ranges are worth keeping.
    fn is_remote(&self) -> bool {
        false
    }

    /// How many unwanted bytes are worth reading to save a request.
    fn coalesce_gap(&self) -> u64 {
        REMOTE_GAP
    }
}

/// Writes one new object from first byte to last. Dropped before [`ObjectWriter::finish`], it
/// leaves nothing visible under the key.
#[async_trait]
pub trait ObjectWriter: Send {
    /// Appends bytes. After an error, or if this future is dropped before it completes, the writer
    /// is broken and every further call says so.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;

    /// Makes the object visible under its key and durable.
    ///
    /// # Errors
    /// As [`Store::create`].
    async fn finish(self: Box<Self>) -> Result<()>;
}
