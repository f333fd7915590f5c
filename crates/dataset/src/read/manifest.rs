//! Tree nodes and manifests.

use std::sync::Arc;

use bytes::Bytes;
use lakebed_core::ColumnId;
use lakebed_format::ColumnSection;
use lakebed_format::ManifestHeader;
use lakebed_format::NodePointer;
use lakebed_format::Stats;
use lakebed_format::checksum::Checksum;
use lakebed_format::tree::Node;

use super::request::Fragment;
use crate::cache::Manifest;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;

/// A manifest up to this size is read in one request with its sections.
const ONE_REQUEST: u64 = 256 * 1024;

/// What a query may know of the chunks of a column in a fragment without opening them; from
/// [`Dataset::pages`], of its pages.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ColumnChunks {
    /// The first row of each chunk within the fragment, and the end of the last.
    pub first_rows: Vec<u64>,
    /// Bytes that each chunk takes in its pack.
    pub bytes: Vec<u64>,
    /// Statistics of each chunk.
    pub stats: Vec<Stats>,
    /// True if rows were deleted or have newer values since: statistics are bounds, and counts in
    /// them are of more rows than there are.
    pub patched: bool,
}

/// A column's section of a manifest, in the form that reads use and in the form that queries use.
#[derive(Debug)]
pub(crate) struct Section {
    pub addresses: Vec<lakebed_format::ChunkAddress>,
    pub chunks: Arc<ColumnChunks>,
}

impl Dataset {
    /// A node of the fragment tree.
    pub(crate) async fn read_node(&self, pointer: &NodePointer) -> Result<Arc<Node>> {
        if let Some(node) = self.shared.caches.nodes.get(&pointer.object) {
            return Ok(node);
        }
        let key = pointer.object.key("meta");
        let bytes = self.or_expired(self.store.get(&key).await).await?;
        if !pointer.checksum.matches(&bytes) {
            let reason = "it is not the object that its parent points to".to_string();
            return Err(self.damaged(&key, "tree node", reason));
        }
        let node = Node::from_bytes(&bytes).map_err(|e| self.in_object(&key, e))?;
        if node.totals() != pointer.totals {
            let reason = "its totals differ from its parent's".to_string();
            return Err(self.damaged(&key, "tree node", reason));
        }
        let node = Arc::new(node);
        self.shared.caches.nodes.insert(pointer.object, Arc::clone(&node));
        Ok(node)
    }

    pub(crate) fn damaged(&self, object: &str, what: &str, reason: String) -> Error {
        self.in_object(object, lakebed_format::Error::damaged(what, reason))
    }

    /// An error about an object. What is kept of the object is given up: the next read asks the
    /// store, which may have what was written.
    pub(crate) fn in_object(&self, object: &str, error: lakebed_format::Error) -> Error {
        if let Some(blocks) = &self.shared.blocks {
            blocks.forget(object);
        }
        Error::in_object(self.url(), object, error)
    }

    /// What is known of a column's chunks in a fragment; `None` if the fragment was written before
    /// the column, whose rows there have its fill value or null.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub async fn chunks(
        &self,
        fragment: &Fragment,
        column: ColumnId,
    ) -> Result<Option<Arc<ColumnChunks>>> {
        self.twice_if_damaged(|| self.patched_chunks(fragment, column)).await
    }

    /// What `read` gives. Where blocks are kept and it finds damage, it is asked again: what was
    /// kept may have been damaged on the way, and was given up.
    pub(crate) async fn twice_if_damaged<T, F>(&self, read: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let done = match read().await {
            Err(error) if error.is_damage() && self.shared.blocks.is_some() => read().await,
            done => done,
        };
        match done {
            Err(error) => Err(self.expired_or(error).await),
            done => done,
        }
    }

    /// An object that is missing was collected if this version has expired since it was opened.
    pub(super) async fn expired_or(&self, error: Error) -> Error {
        if !matches!(&error, Error::Store(source) if source.is_not_found()) {
            return error;
        }
        let url = &self.shared.url;
        let version = self.entry.number;
        match self.newest_entry().await {
            Ok(Some(newest))
                if version < newest.expired_below
                    && !newest.refs.versions().any(|named| named == version) =>
            {
                Error::VersionExpired { url: url.clone(), version, below: newest.expired_below }
            }
            _ => error,
        }
    }

    pub(crate) async fn manifest(&self, fragment: &Fragment) -> Result<Arc<Manifest>> {
        let pointer = &fragment.pointer;
        let load = async {
            let key = pointer.object.key("data");
            let whole = pointer.length.saturating_sub(pointer.sections_offset) <= ONE_REQUEST;
            let begin = if whole { pointer.sections_offset } else { pointer.header_offset };
            let bytes = self.store.get_range(&key, begin..pointer.length).await;
            let bytes = self.or_expired(bytes).await?;
            let skip =
                usize::try_from(pointer.header_offset.saturating_sub(begin)).unwrap_or(usize::MAX);
            let header = bytes.get(skip..).unwrap_or_default();
            if !pointer.checksum.matches(header) {
                let reason = "it is not the manifest that its entry points to".to_string();
                return Err(self.damaged(&key, "manifest", reason));
            }
            let header = ManifestHeader::from_bytes(header).map_err(|e| self.in_object(&key, e))?;
            if header.rows != pointer.rows {
                let reason =
                    format!("it has {} rows, and its entry says {}", header.rows, pointer.rows);
                return Err(self.damaged(&key, "manifest", reason));
            }
            Ok(Arc::new(Manifest::new(header, whole.then(|| (begin, bytes.clone())))))
        };
        self.shared.caches.manifests.get_or_insert_async(&pointer.object, load).await
    }

    pub(crate) async fn section(
        &self,
        fragment: &Fragment,
        column: ColumnId,
    ) -> Result<Option<Arc<Section>>> {
        let manifest = self.manifest(fragment).await?;
        if let Some(section) = manifest.section(column) {
            return Ok(Some(section));
        }
        let (Some(address), Some(description)) =
            (manifest.header.sections.get(&column), self.schema.by_id(column))
        else {
            return Ok(None);
        };
        let key = fragment.pointer.object.key("data");
        let range = address.offset..address.offset.saturating_add(address.length);
        let here = manifest.sections.as_ref().and_then(|(begin, bytes)| {
            let from = usize::try_from(range.start.checked_sub(*begin)?).ok()?;
            let length = usize::try_from(address.length).ok()?;
            let end = from.checked_add(length).filter(|end| *end <= bytes.len())?;
            Some(bytes.slice(from..end))
        });
        let bytes: Bytes = match here {
            Some(bytes) => bytes,
            None => self.or_expired(self.store.get_range(&key, range).await).await?,
        };
        if Checksum::of(&bytes) != address.checksum {
            // With it came the sections' bytes, if they came.
            self.shared.caches.manifests.remove(&fragment.pointer.object);
            let what = format!("manifest section of column '{}'", description.name);
            return Err(self.damaged(&key, &what, "its checksum does not match".into()));
        }
        let limits = &self.shared.options.limits;
        let parsed = ColumnSection::from_bytes(&bytes, description, &manifest.header, limits)
            .map_err(|e| self.in_object(&key, e))?;
        let mut first_rows = vec![0];
        let mut row = 0u64;
        for stats in &parsed.stats {
            row = row.saturating_add(stats.rows);
            first_rows.push(row);
        }
        let bytes =
            parsed.chunks.iter().map(|c| c.payload_length.saturating_add(c.directory_length));
        let chunks = ColumnChunks {
            first_rows,
            bytes: bytes.collect(),
            stats: parsed.stats,
            patched: false,
        };
        let section = Arc::new(Section { addresses: parsed.chunks, chunks: Arc::new(chunks) });
        manifest.keep(column, Arc::clone(&section));
        Ok(Some(section))
    }
}
