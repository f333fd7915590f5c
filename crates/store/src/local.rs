//! A folder on this machine. Every write is staged in `tmp/`, synced, given its name atomically,
//! and the folder that holds the name is synced before the call returns.
//!
//! All file work runs on Tokio's blocking threads.

mod errors;
mod map;
mod read;
mod tree;
mod writer;

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lakebed_core::Env;
use quick_cache::sync::Cache;

use crate::coalesce;
use crate::error::Error;
use crate::error::Result;
use crate::key::check_key;
use crate::key::check_prefix;
use crate::pool::Pool;
use crate::store::ObjectInfo;
use crate::store::ObjectWriter;
use crate::store::Store;
use tree::Tree;

/// How far apart two ranges may be on a local disk and still be read by one call: 16 KiB.
pub const LOCAL_GAP: u64 = 16 << 10;

/// Bytes, in so few reads of an open file, that are read where they are asked for: another thread
/// would take longer to wake up.
const AT_ONCE_BYTES: u64 = 64 << 10;
const AT_ONCE_READS: usize = 8;

/// How many files are kept open for reading.
const OPEN_FILES: usize = 256;

/// One step of a local write, in the order it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalEvent {
    /// A temporary file holds all bytes of the object.
    Written {
        /// The key the object will have.
        key: String,
        /// How many bytes.
        bytes: u64,
    },
    /// The temporary file is on the disk.
    FileSynced {
        /// The key the object will have.
        key: String,
    },
    /// The object has its name, given only if it was free.
    Linked {
        /// The object's key.
        key: String,
    },
    /// The object has its name, taken from an earlier object if there was one.
    Renamed {
        /// The object's key.
        key: String,
    },
    /// The object has no name any more.
    Removed {
        /// The key it had.
        key: String,
    },
    /// A folder was made.
    FolderMade {
        /// The folder.
        folder: PathBuf,
    },
    /// The names in a folder are on the disk.
    FolderSynced {
        /// The folder.
        folder: PathBuf,
    },
}

/// Sees every [`LocalEvent`] of a store, for tests of their order.
pub type Observer = Arc<dyn Fn(&LocalEvent) + Send + Sync>;

/// A [`Store`] in one folder, which is made by the first write.
///
/// `get` and `size` look the file up anew; ranges are read through cached handles, because only
/// immutable objects are read by range. A handle is dropped when this store deletes or overwrites
/// its object.
pub struct LocalStore {
    tree: Arc<Tree>,
    location: String,
    handles: Arc<Cache<String, Arc<File>>>,
    /// Files that are mapped; `None` where ranges are read.
    maps: Option<Arc<Cache<String, Bytes>>>,
    pool: Pool,
}

impl LocalStore {
    /// The store in `root`.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`] if the path cannot be made absolute.
    pub fn new(root: impl AsRef<Path>) -> Result<LocalStore> {
        LocalStore::with(root, Env::system(), None)
    }

    /// The store in `root` with its own randomness, which only names temporary files, and an
    /// observer of its writes.
    ///
    /// # Errors
    /// As [`LocalStore::new`].
    pub fn with(
        root: impl AsRef<Path>,
        env: Env,
        observer: Option<Observer>,
    ) -> Result<LocalStore> {
        let given = root.as_ref();
        let root = std::path::absolute(given).map_err(|e| Error::InvalidUrl {
            url: given.display().to_string(),
            reason: e.to_string(),
        })?;
        let location = root.display().to_string();
        let tree = Arc::new(Tree::new(root, location.clone(), env, observer));
        let handles = Arc::new(Cache::new(OPEN_FILES));
        Ok(LocalStore { tree, location, handles, maps: None, pool: Pool::default() })
    }

    /// The same store, whose ranges are views into mapped files instead of copies.
    ///
    /// No other program may change the files meanwhile: one that cuts a mapped file short ends this
    /// process.
    #[must_use]
    pub fn mapped(self) -> LocalStore {
        LocalStore { maps: Some(Arc::new(Cache::new(OPEN_FILES))), ..self }
    }

    /// The folder that holds the objects.
    pub fn root(&self) -> &Path {
        self.tree.root()
    }
}

impl fmt::Debug for LocalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalStore").field("location", &self.location).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for LocalStore {
    async fn get(&self, key: &str) -> Result<Bytes> {
        check_key(key)?;
        let (tree, key) = (Arc::clone(&self.tree), key.to_owned());
        blocking(&self.location, "read", move || read::whole(&tree, &key)).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let mut parts = self.get_ranges(key, std::slice::from_ref(&range)).await?;
        Ok(parts.pop().unwrap_or_default())
    }

    async fn get_ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        check_key(key)?;
        if let Some(maps) = &self.maps {
            let whole = map::whole(&self.tree, maps, key)?;
            return ranges.iter().map(|range| view(key, &whole, range)).collect();
        }
        let merged = coalesce::plan(key, ranges, LOCAL_GAP)?;
        if merged.is_empty() {
            return Ok(vec![Bytes::new(); ranges.len()]);
        }
        let bytes: u64 = merged.iter().map(|one| one.range.end - one.range.start).sum();
        if bytes <= AT_ONCE_BYTES
            && merged.len() <= AT_ONCE_READS
            && let Some(file) = self.handles.get(key)
        {
            return read_all(&self.tree, &self.pool, &file, key, ranges, merged);
        }
        let (tree, handles) = (Arc::clone(&self.tree), Arc::clone(&self.handles));
        let pool = self.pool.clone();
        let (owned_key, owned_ranges) = (key.to_owned(), ranges.to_vec());
        blocking(&self.location, "read", move || {
            let file = read::open_cached(&tree, &handles, &owned_key)?;
            read_all(&tree, &pool, &file, &owned_key, &owned_ranges, merged)
        })
        .await
    }

    async fn size(&self, key: &str) -> Result<u64> {
        check_key(key)?;
        let (tree, key) = (Arc::clone(&self.tree), key.to_owned());
        blocking(&self.location, "look up", move || read::size(&tree, &key)).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<()> {
        check_key(key)?;
        let (tree, key) = (Arc::clone(&self.tree), key.to_owned());
        blocking(&self.location, "create", move || {
            let mut staged = tree.stage(&key)?;
            staged.append(&bytes)?;
            staged.sync()?;
            staged.link()
        })
        .await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        check_key(key)?;
        let (tree, handles) = (Arc::clone(&self.tree), Arc::clone(&self.handles));
        let (maps, key) = (self.maps.clone(), key.to_owned());
        blocking(&self.location, "write", move || {
            let mut staged = tree.stage(&key)?;
            staged.append(&bytes)?;
            staged.sync()?;
            let done = staged.rename();
            handles.remove(&key);
            maps.iter().for_each(|maps| drop(maps.remove(&key)));
            done
        })
        .await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>> {
        check_key(key)?;
        let (tree, owned) = (Arc::clone(&self.tree), key.to_owned());
        let staged = blocking(&self.location, "create", move || tree.stage(&owned)).await?;
        Ok(Box::new(writer::LocalWriter::new(staged, self.location.clone(), key.to_owned())))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check_key(key)?;
        let (tree, handles) = (Arc::clone(&self.tree), Arc::clone(&self.handles));
        let (maps, key) = (self.maps.clone(), key.to_owned());
        blocking(&self.location, "delete", move || {
            let done = tree.remove(&key);
            handles.remove(&key);
            maps.iter().for_each(|maps| drop(maps.remove(&key)));
            done
        })
        .await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        let folder = check_prefix(prefix)?.to_owned();
        let tree = Arc::clone(&self.tree);
        blocking(&self.location, "list", move || tree.list(&folder)).await
    }

    async fn remove_unfinished(&self, idle: Duration) -> Result<u64> {
        let tree = Arc::clone(&self.tree);
        blocking(&self.location, "tidy up", move || tree.remove_unfinished(idle)).await
    }

    fn location(&self) -> &str {
        &self.location
    }

    fn is_mapped(&self) -> bool {
        self.maps.is_some()
    }

    fn coalesce_gap(&self) -> u64 {
        LOCAL_GAP
    }
}

/// Reads what was merged, and cuts the ranges out.
fn read_all(
    tree: &Tree,
    pool: &Pool,
    file: &File,
    key: &str,
    ranges: &[Range<u64>],
    merged: Vec<coalesce::Merged>,
) -> Result<Vec<Bytes>> {
    let mut parts = Vec::with_capacity(merged.len());
    for one in merged {
        let bytes =
            read::range(tree, pool, file, key, &one).map_err(|e| coalesce::blame(e, ranges))?;
        parts.push((one, bytes));
    }
    coalesce::cut(key, ranges, &parts)
}

/// A range of an object that is in memory.
fn view(key: &str, whole: &Bytes, range: &Range<u64>) -> Result<Bytes> {
    coalesce::check_range(key, range)?;
    let size = u64::try_from(whole.len()).unwrap_or(u64::MAX);
    match (usize::try_from(range.start), usize::try_from(range.end)) {
        _ if range.is_empty() => Ok(Bytes::new()),
        (Ok(start), Ok(end)) if end <= whole.len() => Ok(whole.slice(start..end)),
        _ => Err(Error::Truncated { key: key.to_owned(), range: range.clone(), size }),
    }
}

/// Runs file work on a blocking thread. If the runtime shuts down meanwhile, the work may be done
/// or not.
async fn blocking<T: Send + 'static>(
    location: &str,
    operation: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(stopped) => Err(Error::Transport {
            url: location.to_owned(),
            key: String::new(),
            operation,
            cause: Box::new(io::Error::other(stopped)),
        }),
    }
}
