//! Files as memory, for those who ask for it: ranges are views into the page cache.

use std::fs::File;
use std::io;

use bytes::Bytes;
use memmap2::Mmap;
use quick_cache::sync::Cache;

use super::errors;
use super::tree::Tree;
use crate::error::Result;

/// The whole file, mapped once and kept while it is among the recent ones.
pub(super) fn whole(tree: &Tree, maps: &Cache<String, Bytes>, key: &str) -> Result<Bytes> {
    if let Some(bytes) = maps.get(key) {
        return Ok(bytes);
    }
    let path = tree.path(key);
    let map = || -> io::Result<Bytes> {
        let file = File::open(&path)?;
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if meta.len() == 0 {
            return Ok(Bytes::new());
        }
        #[allow(unsafe_code, reason = "a map is of a file that others could change")]
        // SAFETY: objects that are read by range never change: this store gives a file its name
        // when it is complete, and removes names only. Whoever asks for maps answers for other
        // programs leaving the folder alone: one that cuts a mapped file short ends this process.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Bytes::from_owner(map))
    };
    let bytes = map().map_err(|e| errors::reading(e, tree.location(), key, &path))?;
    maps.insert(key.to_owned(), bytes.clone());
    Ok(bytes)
}
