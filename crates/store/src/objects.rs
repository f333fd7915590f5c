//! Any `object_store` backend as a [`Store`]: memory and S3.

mod errors;
mod writer;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::TryStreamExt;
use object_store::GetOptions;
use object_store::GetRange;
use object_store::GetResult;
use object_store::ObjectStore;
use object_store::ObjectStoreExt;
use object_store::PutMode;
use object_store::PutPayload;
use object_store::memory::InMemory;
use object_store::path::Path;

use crate::aligned::Aligned;
use crate::coalesce::check_range;
use crate::error::Error;
use crate::error::Result;
use crate::key::check_key;
use crate::key::check_prefix;
use crate::store::ObjectInfo;
use crate::store::ObjectWriter;
use crate::store::Store;

/// A [`Store`] under one prefix of an `object_store` backend. Cloning it is cheap.
#[derive(Clone)]
pub struct ObjectStoreBackend {
    inner: Arc<dyn ObjectStore>,
    location: Arc<str>,
    /// Without `/` at its ends; empty for the whole backend.
    prefix: Arc<str>,
    remote: bool,
}

impl ObjectStoreBackend {
    /// The objects of `inner` below `prefix` (empty: all of them); `location` is for messages.
    ///
    /// # Errors
    /// [`Error::InvalidKey`] for a prefix that is no key.
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        location: &str,
        prefix: &str,
    ) -> Result<ObjectStoreBackend> {
        let prefix = check_prefix(prefix)?;
        let (location, prefix) = (location.into(), prefix.into());
        Ok(ObjectStoreBackend { inner, location, prefix, remote: true })
    }

    /// A new empty store in memory that nobody else sees.
    pub fn memory() -> ObjectStoreBackend {
        let inner = Arc::new(InMemory::new());
        ObjectStoreBackend { inner, location: "memory".into(), prefix: "".into(), remote: false }
    }

    /// The same store, said to be in this process: nothing is gained by keeping its bytes twice.
    #[must_use]
    pub fn in_process(self) -> ObjectStoreBackend {
        ObjectStoreBackend { remote: false, ..self }
    }

    fn path(&self, key: &str) -> Result<Path> {
        check_key(key)?;
        Ok(self.path_of_checked(key))
    }

    fn path_of_checked(&self, key: &str) -> Path {
        if self.prefix.is_empty() {
            Path::from(key)
        } else {
            Path::from(format!("{}/{key}", self.prefix))
        }
    }

    fn read_error(&self, error: object_store::Error, key: &str) -> Error {
        errors::reading(error, &self.location, key)
    }

    fn write_error(&self, error: object_store::Error, operation: &'static str, key: &str) -> Error {
        errors::writing(error, operation, &self.location, key)
    }

    async fn put_with(
        &self,
        key: &str,
        bytes: Bytes,
        mode: PutMode,
        operation: &'static str,
    ) -> Result<()> {
        let path = self.path(key)?;
        let put = self.inner.put_opts(&path, PutPayload::from_bytes(bytes), mode.into());
        put.await.map(drop).map_err(|e| self.write_error(e, operation, key))
    }

    /// The bytes of a range that the object has, and the object's size.
    async fn clipped(&self, key: &str, range: &Range<u64>) -> Result<(Bytes, u64)> {
        let path = self.path(key)?;
        check_range(key, range)?;
        if range.is_empty() {
            return Ok((Bytes::new(), u64::MAX));
        }
        let options = GetOptions::new().with_range(Some(GetRange::Bounded(range.clone())));
        let result = match self.inner.get_opts(&path, options).await {
            Ok(result) => result,
            Err(e) => {
                let error = self.read_error(e, key);
                // A range that starts past the end is refused without saying so in its type.
                if error.is_transient()
                    && let Ok(size) = self.size(key).await
                    && size <= range.start
                {
                    let (key, range) = (key.to_owned(), range.clone());
                    return Err(Error::Truncated { key, range, size });
                }
                return Err(error);
            }
        };
        let size = result.meta.size;
        let bytes = collect(result, range.start).await.map_err(|e| self.read_error(e, key))?;
        Ok((bytes, size))
    }
}

impl fmt::Debug for ObjectStoreBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStoreBackend")
            .field("location", &self.location)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for ObjectStoreBackend {
    async fn get(&self, key: &str) -> Result<Bytes> {
        let path = self.path(key)?;
        let result = self.inner.get(&path).await.map_err(|e| self.read_error(e, key))?;
        collect(result, 0).await.map_err(|e| self.read_error(e, key))
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let (bytes, size) = self.clipped(key, &range).await?;
        if u64::try_from(bytes.len()).is_ok_and(|n| n == range.end - range.start) {
            Ok(bytes)
        } else {
            Err(Error::Truncated { key: key.to_owned(), range, size })
        }
    }

    async fn get_range_clipped(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        Ok(self.clipped(key, &range).await?.0)
    }

    async fn size(&self, key: &str) -> Result<u64> {
        let path = self.path(key)?;
        let meta = self.inner.head(&path).await.map_err(|e| self.read_error(e, key))?;
        Ok(meta.size)
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.put_with(key, bytes, PutMode::Create, "create").await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.put_with(key, bytes, PutMode::Overwrite, "write").await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>> {
        check_key(key)?;
        Ok(Box::new(writer::PartWriter::new(self.clone(), key.to_owned())))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let path = self.path(key)?;
        match self.inner.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.write_error(e, "delete", key)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        let folder = check_prefix(prefix)?;
        let path = match (folder.is_empty(), self.prefix.is_empty()) {
            (true, true) => None,
            (true, false) => Some(Path::from(&*self.prefix)),
            (false, _) => Some(self.path_of_checked(folder)),
        };
        let mut stream = self.inner.list(path.as_ref());
        let mut found = Vec::new();
        while let Some(meta) =
            stream.try_next().await.map_err(|e| errors::listing(e, &self.location, prefix))?
        {
            let location = meta.location.as_ref();
            let key = if self.prefix.is_empty() {
                Some(location)
            } else {
                location.strip_prefix(&*self.prefix).and_then(|rest| rest.strip_prefix('/'))
            };
            // What is not a key was not written by this crate.
            if let Some(key) = key.filter(|key| check_key(key).is_ok()) {
                found.push(ObjectInfo { key: key.to_owned(), size: meta.size });
            }
        }
        found.sort();
        Ok(found)
    }

    fn location(&self) -> &str {
        &self.location
    }

    fn is_remote(&self) -> bool {
        self.remote
    }
}

/// All bytes of an answer. One that comes in a single piece is taken as it is; otherwise the pieces
/// are put together in an aligned buffer, at `phase` bytes past a boundary.
async fn collect(result: GetResult, phase: u64) -> object_store::Result<Bytes> {
    let expected =
        usize::try_from(result.range.end.saturating_sub(result.range.start)).unwrap_or(0);
    let mut stream = result.into_stream();
    let first = stream.next().await.transpose()?.unwrap_or_default();
    if first.len() == expected {
        return Ok(first);
    }
    let mut buffer = Aligned::new(expected, phase);
    let mut filled = 0usize;
    let mut next = Some(first);
    while let Some(piece) = next {
        let end = filled.saturating_add(piece.len());
        match buffer.as_mut().get_mut(filled..end) {
            Some(place) => place.copy_from_slice(&piece),
            None => return Err(unlike("more")),
        }
        filled = end;
        next = stream.next().await.transpose()?;
    }
    // Part of an answer is a transport that failed, not an object that is short.
    if filled < expected { Err(unlike("fewer")) } else { Ok(buffer.freeze()) }
}

fn unlike(how: &str) -> object_store::Error {
    let source = format!("the answer has {how} bytes than it announced").into();
    object_store::Error::Generic { store: "response", source }
}
