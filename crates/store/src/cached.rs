//! Ranges of immutable objects through a cache of blocks.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::TryStreamExt;

use crate::aligned::Aligned;
use crate::blocks::BLOCK;
use crate::blocks::BlockCache;
use crate::coalesce;
use crate::coalesce::CONCURRENT;
use crate::coalesce::check_range;
use crate::error::Error;
use crate::error::Result;
use crate::metered::Meter;
use crate::store::ObjectInfo;
use crate::store::ObjectWriter;
use crate::store::Store;

/// A store that is asked for whole blocks, each of them once.
///
/// Only [`Store::get_range`] and [`Store::get_ranges`] go through the cache, so only objects that
/// never change under their names may be read by these; [`Store::get`] and [`Store::size`] always
/// ask, and absence is never remembered. A call for more than [`BlockCache::largest_call`] goes
/// past the cache.
#[derive(Debug)]
pub struct Cached {
    inner: Arc<dyn Store>,
    blocks: Arc<BlockCache>,
    meters: Vec<Arc<Meter>>,
}

impl Cached {
    /// Reads `inner` through `blocks`; what is found there is counted by `meters`.
    pub fn new(inner: Arc<dyn Store>, blocks: Arc<BlockCache>, meters: Vec<Arc<Meter>>) -> Cached {
        Cached { inner, blocks, meters }
    }
}

/// Blocks in memory by number: where the piece that holds them begins in the object, and the piece.
type Pieces = BTreeMap<u64, (u64, Bytes)>;

/// The bytes of a range, shared where one piece has them all.
fn cut(key: &str, range: &Range<u64>, pieces: &Pieces) -> Result<Bytes> {
    let truncated =
        |size: u64| Error::Truncated { key: key.to_owned(), range: range.clone(), size };
    let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut joined: Option<Aligned> = None;
    let (mut at, mut filled) = (range.start, 0);
    while at < range.end {
        let (start, bytes) = pieces.get(&(at / BLOCK)).ok_or_else(|| truncated(at))?;
        let end = start.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let stop = end.min(range.end);
        if stop <= at {
            return Err(truncated(end));
        }
        let offset = |at: u64| usize::try_from(at - start).unwrap_or(usize::MAX);
        let part = offset(at)..offset(stop);
        if filled == 0 && stop == range.end {
            return Ok(bytes.slice(part));
        }
        let buffer = joined.get_or_insert_with(|| Aligned::new(length, 0));
        let next = filled + part.len();
        if let Some(place) = buffer.as_mut().get_mut(filled..next) {
            place.copy_from_slice(&bytes[part]);
        }
        (at, filled) = (stop, next);
    }
    Ok(joined.map(Aligned::freeze).unwrap_or_default())
}

/// The numbers of the blocks that ranges touch, ascending, each once; `None` if they are more than
/// `most` bytes.
fn touched(ranges: &[Range<u64>], most: u64) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    for range in ranges.iter().filter(|range| !range.is_empty()) {
        if range.end - range.start > most {
            return None;
        }
        numbers.extend(range.start / BLOCK..range.end.div_ceil(BLOCK));
    }
    numbers.sort_unstable();
    numbers.dedup();
    let bytes = u64::try_from(numbers.len()).unwrap_or(u64::MAX).saturating_mul(BLOCK);
    (bytes <= most).then_some(numbers)
}

#[async_trait]
impl Store for Cached {
    async fn get(&self, key: &str) -> Result<Bytes> {
        self.inner.get(key).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        let mut parts = self.get_ranges(key, std::slice::from_ref(&range)).await?;
        Ok(parts.pop().unwrap_or_default())
    }

    async fn get_range_clipped(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_range_clipped(key, range).await
    }

    async fn get_ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        for range in ranges {
            check_range(key, range)?;
        }
        let Some(numbers) = touched(ranges, self.blocks.largest_call()) else {
            return self.inner.get_ranges(key, ranges).await;
        };
        let found = self.blocks.find(&self.inner, key, &numbers)?;
        let mut pieces = Pieces::new();
        for (number, bytes) in found.ready {
            self.meters.iter().for_each(|meter| meter.hit(bytes.len()));
            pieces.insert(number, (number * BLOCK, bytes));
        }
        let loads = futures::stream::iter(found.loads).map(|load| load.wait());
        let loaded: std::result::Result<Vec<_>, Option<Error>> =
            loads.buffer_unordered(CONCURRENT).try_collect().await;
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(Some(error)) => return Err(coalesce::blame(error, ranges)),
            // It failed for somebody else, who knows why.
            Err(None) => return self.inner.get_ranges(key, ranges).await,
        };
        for (range, bytes) in loaded {
            for number in range.start / BLOCK..range.end.div_ceil(BLOCK) {
                pieces.entry(number).or_insert_with(|| (range.start, bytes.clone()));
            }
        }
        ranges.iter().map(|range| cut(key, range, &pieces)).collect()
    }

    async fn size(&self, key: &str) -> Result<u64> {
        self.inner.size(key).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.inner.create(key, bytes).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.inner.put(key, bytes).await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>> {
        self.inner.writer(key).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.blocks.forget(key);
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        self.inner.list(prefix).await
    }

    async fn remove_unfinished(&self, idle: Duration) -> Result<u64> {
        self.inner.remove_unfinished(idle).await
    }

    fn location(&self) -> &str {
        self.inner.location()
    }

    fn is_mapped(&self) -> bool {
        self.inner.is_mapped()
    }

    fn is_remote(&self) -> bool {
        self.inner.is_remote()
    }

    fn coalesce_gap(&self) -> u64 {
        self.inner.coalesce_gap()
    }
}
