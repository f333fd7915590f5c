//! Manifests and directories that were read.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use bytes::Bytes;
use lakebed_core::ColumnId;
use lakebed_core::ObjectId;
use lakebed_format::Directory;
use lakebed_format::ManifestHeader;
use lakebed_format::tree::Node;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::read::CachedPatch;
use crate::read::Section;

/// A manifest: its header, its sections' bytes where they came along, and the sections parsed.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub header: ManifestHeader,
    /// The bytes of the pack from this offset, if the sections were fetched with the header.
    pub sections: Option<(u64, Bytes)>,
    parsed: Mutex<HashMap<ColumnId, Arc<Section>>>,
}

impl Manifest {
    pub fn new(header: ManifestHeader, sections: Option<(u64, Bytes)>) -> Manifest {
        Manifest { header, sections, parsed: Mutex::default() }
    }

    pub fn section(&self, column: ColumnId) -> Option<Arc<Section>> {
        self.parsed.lock().unwrap_or_else(PoisonError::into_inner).get(&column).cloned()
    }

    pub fn keep(&self, column: ColumnId, section: Arc<Section>) {
        self.parsed.lock().unwrap_or_else(PoisonError::into_inner).insert(column, section);
    }
}

/// Everything that is kept between reads.
#[derive(Debug)]
pub(crate) struct Caches {
    pub manifests: Cache<ObjectId, Arc<Manifest>, ManifestWeight>,
    pub directories: Cache<(ObjectId, u64), Arc<Directory>, DirectoryWeight>,
    pub patches: Cache<(ObjectId, u64), Arc<CachedPatch>, PatchWeight>,
    /// Nodes of fragment trees: versions share most of theirs.
    pub nodes: Cache<ObjectId, Arc<Node>, NodeWeight>,
}

impl Caches {
    pub fn new(bytes: u64) -> Caches {
        Caches {
            manifests: Cache::with_weighter(256, bytes / 4, ManifestWeight),
            directories: Cache::with_weighter(1024, bytes / 2, DirectoryWeight),
            patches: Cache::with_weighter(256, bytes / 8, PatchWeight),
            nodes: Cache::with_weighter(1024, bytes / 8, NodeWeight),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ManifestWeight;

impl Weighter<ObjectId, Arc<Manifest>> for ManifestWeight {
    fn weight(&self, _: &ObjectId, manifest: &Arc<Manifest>) -> u64 {
        let raw = manifest.sections.as_ref().map_or(0, |(_, bytes)| bytes.len());
        let header = manifest.header.sections.len() * 64;
        // Parsed sections come to about twice their bytes.
        u64::try_from(1024 + header + 3 * raw).unwrap_or(u64::MAX)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct PatchWeight;

impl Weighter<(ObjectId, u64), Arc<CachedPatch>> for PatchWeight {
    fn weight(&self, _: &(ObjectId, u64), patch: &Arc<CachedPatch>) -> u64 {
        u64::try_from(patch.memory()).unwrap_or(u64::MAX)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct NodeWeight;

impl Weighter<ObjectId, Arc<Node>> for NodeWeight {
    fn weight(&self, _: &ObjectId, node: &Arc<Node>) -> u64 {
        let bytes = match &**node {
            Node::Fragments(list) => size_of_val(list.as_slice()),
            Node::Nodes(list) => size_of_val(list.as_slice()),
        };
        u64::try_from(256 + bytes).unwrap_or(u64::MAX)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct DirectoryWeight;

impl Weighter<(ObjectId, u64), Arc<Directory>> for DirectoryWeight {
    fn weight(&self, _: &(ObjectId, u64), directory: &Arc<Directory>) -> u64 {
        u64::try_from(directory.memory()).unwrap_or(u64::MAX)
    }
}
