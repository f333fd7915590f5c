//! Reading files, into buffers that Arrow can use where they are.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use quick_cache::sync::Cache;

use super::errors;
use super::tree::Tree;
use crate::aligned::Aligned;
use crate::coalesce::Merged;
use crate::error::Error;
use crate::error::Result;
use crate::pool::Pool;

/// The whole file as it is now, whatever handle is cached.
pub(super) fn whole(tree: &Tree, key: &str) -> Result<Bytes> {
    let path = tree.path(key);
    let read = || -> io::Result<Bytes> {
        let mut file = File::open(&path)?;
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let length = usize::try_from(meta.len()).map_err(io::Error::other)?;
        let mut buffer = Aligned::new(length, 0);
        file.read_exact(buffer.as_mut())?;
        Ok(buffer.freeze())
    };
    read().map_err(|e| errors::reading(e, tree.location(), key, &path))
}

/// The file's size.
pub(super) fn size(tree: &Tree, key: &str) -> Result<u64> {
    let path = tree.path(key);
    match fs::metadata(&path) {
        Ok(meta) if meta.is_file() => Ok(meta.len()),
        Ok(_) => Err(Error::NotFound { url: tree.location().to_owned(), key: key.to_owned() }),
        Err(e) => Err(errors::reading(e, tree.location(), key, &path)),
    }
}

/// A handle for reading, kept for the next reader.
pub(super) fn open_cached(
    tree: &Tree,
    handles: &Cache<String, Arc<File>>,
    key: &str,
) -> Result<Arc<File>> {
    if let Some(file) = handles.get(key) {
        return Ok(file);
    }
    let path = tree.path(key);
    let open = || -> io::Result<File> {
        let file = File::open(&path)?;
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(file)
    };
    let file = Arc::new(open().map_err(|e| errors::reading(e, tree.location(), key, &path))?);
    handles.insert(key.to_owned(), Arc::clone(&file));
    Ok(file)
}

/// The bytes of one merged range.
pub(super) fn range(
    tree: &Tree,
    pool: &Pool,
    file: &File,
    key: &str,
    merged: &Merged,
) -> Result<Bytes> {
    let path = tree.path(key);
    let range = &merged.range;
    let length = range.end - range.start;
    // Before allocating: a damaged reference may ask for far more than there is.
    let size = || file.metadata().map(|m| m.len());
    if length > CHECK_FIRST {
        let size = size().map_err(|e| errors::local(e, "read", &path))?;
        if size < range.end {
            return Err(Error::Truncated { key: key.to_owned(), range: range.clone(), size });
        }
    }
    let wide = || Error::InvalidRange { key: key.to_owned(), range: range.clone() };
    let phase = if merged.members.len() == 1 { 0 } else { range.start };
    let mut buffer = pool.take(usize::try_from(length).map_err(|_| wide())?, phase);
    match file.read_exact_at(buffer.as_mut(), range.start) {
        Ok(()) => Ok(buffer.freeze()),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            let size = size().map_err(|e| errors::local(e, "read", &path))?;
            Err(Error::Truncated { key: key.to_owned(), range: range.clone(), size })
        }
        Err(e) => Err(errors::local(e, "read", &path)),
    }
}

/// Requests larger than this are compared with the file's size before a buffer is made.
const CHECK_FIRST: u64 = 1 << 20;
