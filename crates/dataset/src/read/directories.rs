//! The directories of chunks, kept between reads.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use lakebed_core::ColumnId;
use lakebed_core::ObjectId;
use lakebed_format::ChunkAddress;
use lakebed_format::Directory;

use super::request::Fragment;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;

/// A chunk whose directory is wanted.
#[derive(Debug)]
pub(crate) struct ChunkPlace {
    pub column: ColumnId,
    pub object: ObjectId,
    pub address: ChunkAddress,
}

impl ChunkPlace {
    /// A chunk that the manifest of a fragment lists.
    pub fn new(fragment: &Fragment, column: ColumnId, address: &ChunkAddress) -> ChunkPlace {
        let object = address.object.unwrap_or(fragment.pointer.object);
        ChunkPlace { column, object, address: address.clone() }
    }
}

impl Dataset {
    /// The directories of chunks: from the cache, or in one call for each object.
    pub(crate) async fn directories(
        &self,
        places: impl Iterator<Item = &ChunkPlace>,
    ) -> Result<Vec<Arc<Directory>>> {
        let cache = &self.shared.caches.directories;
        let mut found: Vec<Option<Arc<Directory>>> = Vec::new();
        let mut missing: BTreeMap<ObjectId, Vec<(usize, &ChunkPlace)>> = BTreeMap::new();
        // Several parts of a column ask for the same ones.
        let mut asked: BTreeMap<(ObjectId, u64), usize> = BTreeMap::new();
        let mut repeated = Vec::new();
        for (nth, place) in places.enumerate() {
            let key = (place.object, place.address.directory_offset);
            let first = *asked.entry(key).or_insert(nth);
            let cached = if first == nth { cache.get(&key) } else { None };
            if first != nth {
                repeated.push((nth, first));
            } else if cached.is_none() {
                missing.entry(place.object).or_default().push((nth, place));
            }
            found.push(cached);
        }
        for (object, list) in missing {
            let ranges: Vec<Range<u64>> = list
                .iter()
                .map(|(_, ChunkPlace { address, .. })| {
                    let end = address.directory_offset.saturating_add(address.directory_length);
                    address.directory_offset..end
                })
                .collect();
            let key = object.key("data");
            let fetched = self.store.get_ranges(&key, &ranges).await;
            let fetched = self.or_expired(fetched).await?;
            for ((nth, place), bytes) in list.into_iter().zip(fetched) {
                let column = self.column(place.column)?;
                if !place.address.directory_checksum.matches(&bytes) {
                    let what = format!("directory at byte {}", place.address.directory_offset);
                    return Err(self.damaged(&key, &what, "its checksum does not match".into()));
                }
                let directory = Directory::from_bytes(&bytes, column, &self.shared.options.limits)
                    .map_err(|e| self.in_object(&key, e))?;
                if directory.payload_length() != place.address.payload_length {
                    let reason = "its payload's length differs from the manifest's".to_string();
                    return Err(self.damaged(&key, "directory", reason));
                }
                let directory = Arc::new(directory);
                cache.insert((object, place.address.directory_offset), Arc::clone(&directory));
                found[nth] = Some(directory);
            }
        }
        for (nth, first) in repeated {
            found[nth] = found[first].clone();
        }
        found
            .into_iter()
            .map(|directory| {
                directory.ok_or_else(|| Error::Task("a directory was not read".into()))
            })
            .collect()
    }
}
