//! Fragments and manifests.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::TryStreamExt;
use lakebed_core::ColumnId;
use lakebed_format::ColumnSection;
use lakebed_format::FragmentPointer;
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
/// Nodes that are read at the same time.
const PARALLEL: usize = 16;

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
}

/// A column's section of a manifest, in the form that reads use and in the form that queries use.
#[derive(Debug)]
pub(crate) struct Section {
    pub addresses: Vec<lakebed_format::ChunkAddress>,
    pub chunks: Arc<ColumnChunks>,
}

impl Dataset {
    /// The fragments in position order.
    ///
    /// # Errors
    /// Damage, or an error of the store.
    pub async fn fragments(&self) -> Result<Arc<[Fragment]>> {
        let fragments = self.fragments.get_or_try_init(|| self.load_fragments()).await?;
        Ok(Arc::clone(fragments))
    }

    async fn load_fragments(&self) -> Result<Arc<[Fragment]>> {
        let mut nodes: Vec<NodePointer> = self.entry.tree.nodes().cloned().collect();
        let mut pointers: Vec<FragmentPointer> = Vec::new();
        // Level by level: the nodes of one level are of one kind only where they came from one
        // parent, so each is expanded in its place until only fragments are left.
        let mut level: Vec<Item> = nodes.drain(..).map(Item::Node).collect();
        while level.iter().any(|item| matches!(item, Item::Node(_))) {
            let read = level.into_iter().map(|item| async move {
                match item {
                    Item::Fragment(pointer) => Ok(vec![Item::Fragment(pointer)]),
                    Item::Node(pointer) => self.read_node(&pointer).await,
                }
            });
            let expanded: Vec<Vec<Item>> =
                futures::stream::iter(read).buffered(PARALLEL).try_collect().await?;
            level = expanded.into_iter().flatten().collect();
        }
        pointers.extend(level.into_iter().filter_map(|item| match item {
            Item::Fragment(pointer) => Some(pointer),
            Item::Node(_) => None,
        }));
        pointers.extend(self.entry.tree.tail.iter().cloned());
        let mut position = 0u64;
        let mut fragments = Vec::with_capacity(pointers.len());
        for (index, pointer) in pointers.into_iter().enumerate() {
            fragments.push(Fragment {
                index,
                first_position: position,
                rows: pointer.rows,
                first_row_id: pointer.first_row_id,
                pointer: pointer.clone(),
            });
            position = position.saturating_add(pointer.rows);
        }
        if position != self.entry.rows {
            let reason =
                format!("its fragments hold {position} rows, and it says {}", self.entry.rows);
            let key = lakebed_format::Entry::key(self.entry.number);
            return Err(self.damaged(&key, "log entry", reason));
        }
        Ok(fragments.into())
    }

    async fn read_node(&self, pointer: &NodePointer) -> Result<Vec<Item>> {
        let key = pointer.object.key("meta");
        let bytes = self.shared.store.get(&key).await?;
        if !pointer.checksum.matches(&bytes) {
            let reason = "it is not the object that its parent points to".to_string();
            return Err(self.damaged(&key, "tree node", reason));
        }
        let node = Node::from_bytes(&bytes).map_err(|e| Error::in_object(self.url(), &key, e))?;
        if node.totals() != (pointer.rows, pointer.fragments) {
            return Err(self.damaged(
                &key,
                "tree node",
                "its totals differ from its parent's".into(),
            ));
        }
        Ok(match node {
            Node::Fragments(list) => list.into_iter().map(Item::Fragment).collect(),
            Node::Nodes(list) => list.into_iter().map(Item::Node).collect(),
        })
    }

    pub(crate) fn damaged(&self, object: &str, what: &str, reason: String) -> Error {
        Error::in_object(self.url(), object, lakebed_format::Error::damaged(what, reason))
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
        Ok(self.section(fragment, column).await?.map(|section| Arc::clone(&section.chunks)))
    }

    pub(crate) async fn manifest(&self, fragment: &Fragment) -> Result<Arc<Manifest>> {
        let pointer = &fragment.pointer;
        let load = async {
            let key = pointer.object.key("data");
            let whole = pointer.length.saturating_sub(pointer.sections_offset) <= ONE_REQUEST;
            let begin = if whole { pointer.sections_offset } else { pointer.header_offset };
            let bytes = self.shared.store.get_range(&key, begin..pointer.length).await?;
            let skip =
                usize::try_from(pointer.header_offset.saturating_sub(begin)).unwrap_or(usize::MAX);
            let header = bytes.get(skip..).unwrap_or_default();
            if !pointer.checksum.matches(header) {
                let reason = "it is not the manifest that its entry points to".to_string();
                return Err(self.damaged(&key, "manifest", reason));
            }
            let header = ManifestHeader::from_bytes(header)
                .map_err(|e| Error::in_object(self.url(), &key, e))?;
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
            None => self.shared.store.get_range(&key, range).await?,
        };
        if Checksum::of(&bytes) != address.checksum {
            let what = format!("manifest section of column '{}'", description.name);
            return Err(self.damaged(&key, &what, "its checksum does not match".into()));
        }
        let limits = &self.shared.options.limits;
        let parsed = ColumnSection::from_bytes(&bytes, description, &manifest.header, limits)
            .map_err(|e| Error::in_object(self.url(), &key, e))?;
        let mut first_rows = vec![0];
        let mut row = 0u64;
        for stats in &parsed.stats {
            row = row.saturating_add(stats.rows);
            first_rows.push(row);
        }
        let bytes =
            parsed.chunks.iter().map(|c| c.payload_length.saturating_add(c.directory_length));
        let chunks = ColumnChunks { first_rows, bytes: bytes.collect(), stats: parsed.stats };
        let section = Arc::new(Section { addresses: parsed.chunks, chunks: Arc::new(chunks) });
        manifest.keep(column, Arc::clone(&section));
        Ok(Some(section))
    }
}

enum Item {
    Node(NodePointer),
    Fragment(FragmentPointer),
}
