//! Blocks of objects in memory, the least recently used ones given up first.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::future::Shared;
use futures::future::WeakShared;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::aligned::ALIGNMENT;
use crate::aligned::Aligned;
use crate::coalesce;
use crate::error::Error;
use crate::store::Store;

/// Bytes of a block; the last one of an object may be shorter.
pub const BLOCK: u64 = 64 << 10;

/// What a block takes beside its bytes: its key, its place in tables, the alignment.
const OVERHEAD: u64 = 256;

/// A call for more than this part of the budget would push out what others come back for.
const LARGEST_PART: u64 = 16;

/// Blocks of objects that never change, for any number of readers. The bytes kept stay within the
/// budget.
pub struct BlockCache {
    budget: u64,
    ready: Cache<BlockKey, Bytes, Weight>,
    loading: Mutex<Loading>,
}

/// A block of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct BlockKey {
    object: Arc<str>,
    number: u64,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<BlockKey, Bytes> for Weight {
    fn weight(&self, key: &BlockKey, bytes: &Bytes) -> u64 {
        let memory = bytes.len() + ALIGNMENT + key.object.len();
        u64::try_from(memory).unwrap_or(u64::MAX).saturating_add(OVERHEAD)
    }
}

/// The requests under way, by the blocks that they were made for.
#[derive(Default)]
struct Loading {
    next: u64,
    blocks: HashMap<BlockKey, Started>,
}

struct Started {
    id: u64,
    range: Range<u64>,
    future: WeakShared<LoadFuture>,
}

/// The error goes to whoever takes it first.
type LoadResult = Result<Bytes, Arc<Mutex<Option<Error>>>>;
type LoadFuture = BoxFuture<'static, LoadResult>;

/// A request under way. Whoever waits for it also drives it, so no waiter depends on another, and
/// it ends when nobody waits any more.
pub(crate) struct Load {
    id: u64,
    /// The bytes that were asked for; the object may end before.
    pub range: Range<u64>,
    future: Shared<LoadFuture>,
}

impl Load {
    /// Its bytes. Of several that wait, one is told the error of a request that failed; the others
    /// get `None`.
    pub async fn wait(self) -> Result<(Range<u64>, Bytes), Option<Error>> {
        match self.future.await {
            Ok(bytes) => Ok((self.range, bytes)),
            Err(slot) => Err(slot.lock().unwrap_or_else(PoisonError::into_inner).take()),
        }
    }
}

/// What is known of the blocks of one call.
#[derive(Default)]
pub(crate) struct Found {
    /// Blocks in memory, by number.
    pub ready: Vec<(u64, Bytes)>,
    /// Requests for all others.
    pub loads: Vec<Load>,
}

impl BlockCache {
    /// A cache of at most `budget` bytes.
    pub fn new(budget: u64) -> BlockCache {
        let blocks = usize::try_from(budget / BLOCK).unwrap_or(usize::MAX).max(1);
        BlockCache {
            budget,
            ready: Cache::with_weighter(blocks, budget, Weight),
            loading: Mutex::default(),
        }
    }

    /// Bytes that are kept now, with what it takes to keep them.
    pub fn bytes(&self) -> u64 {
        self.ready.weight()
    }

    /// The most bytes that one call may ask for and have kept.
    pub fn largest_call(&self) -> u64 {
        self.budget / LARGEST_PART
    }

    /// Forgets all blocks of an object.
    pub fn forget(&self, object: &str) {
        self.ready.retain(|key, _| &*key.object != object);
    }

    /// The blocks of an object, or the requests that bring them: those of others, and new ones to
    /// `store` for blocks that nobody has asked for, over gaps as the store likes them.
    pub(crate) fn find(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        object: &str,
        numbers: &[u64],
    ) -> crate::Result<Found> {
        let object: Arc<str> = object.into();
        let key = |number: u64| BlockKey { object: Arc::clone(&object), number };
        let mut found = Found::default();
        let mut missing = Vec::new();
        for number in numbers {
            match self.ready.get(&key(*number)) {
                Some(bytes) => found.ready.push((*number, bytes)),
                None => missing.push(*number),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let mut loading = self.loading();
        let mut wanted = Vec::new();
        for number in missing {
            let started = loading.blocks.get(&key(number));
            match started.and_then(|started| Some((started, started.future.upgrade()?))) {
                Some((started, _)) if found.loads.iter().any(|load| load.id == started.id) => {}
                Some((Started { id, range, .. }, future)) => {
                    found.loads.push(Load { id: *id, range: range.clone(), future });
                }
                // It may have come in since.
                None => match self.ready.get(&key(number)) {
                    Some(bytes) => found.ready.push((number, bytes)),
                    None => wanted.push(number),
                },
            }
        }
        let ranges: Vec<Range<u64>> = wanted.iter().map(|number| block_range(*number)).collect();
        for merged in coalesce::plan(&object, &ranges, store.coalesce_gap())? {
            let numbers = merged.members.iter().filter_map(|at| wanted.get(*at));
            let keys: Vec<BlockKey> = numbers.map(|number| key(*number)).collect();
            let (id, range) = (loading.next, merged.range);
            loading.next += 1;
            let future = self.load(store, &object, range.clone(), id, keys.clone());
            for key in keys {
                if let Some(weak) = future.downgrade() {
                    let started = Started { id, range: range.clone(), future: weak };
                    loading.blocks.insert(key, started);
                }
            }
            found.loads.push(Load { id, range, future });
        }
        Ok(found)
    }

    /// A request for whole blocks, which keeps what it brings.
    fn load(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        object: &Arc<str>,
        range: Range<u64>,
        id: u64,
        keys: Vec<BlockKey>,
    ) -> Shared<LoadFuture> {
        let (store, object) = (Arc::clone(store), Arc::clone(object));
        // Made here, so that a request that nobody waits for leaves too.
        let leave = Leave { cache: Arc::clone(self), id, keys };
        let load: LoadFuture = Box::pin(async move {
            let bytes = store.get_range_clipped(&object, range.clone()).await;
            let bytes = bytes.map_err(|error| Arc::new(Mutex::new(Some(error))))?;
            leave.cache.keep(&object, range.start / BLOCK, &bytes);
            drop(leave);
            Ok(bytes)
        });
        load.shared()
    }

    /// Keeps consecutive blocks, each in memory of its own.
    fn keep(&self, object: &Arc<str>, first: u64, bytes: &Bytes) {
        let size = usize::try_from(BLOCK).unwrap_or(usize::MAX);
        for (number, block) in (first..).zip(bytes.chunks(size)) {
            let mut memory = Aligned::new(block.len(), 0);
            memory.as_mut().copy_from_slice(block);
            let key = BlockKey { object: Arc::clone(object), number };
            self.ready.insert(key, memory.freeze());
        }
    }

    fn loading(&self) -> MutexGuard<'_, Loading> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for BlockCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockCache").field("budget", &self.budget).finish_non_exhaustive()
    }
}

/// Strikes a request off those under way when it ends.
struct Leave {
    cache: Arc<BlockCache>,
    id: u64,
    keys: Vec<BlockKey>,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut loading = self.cache.loading();
        for key in &self.keys {
            if loading.blocks.get(key).is_some_and(|started| started.id == self.id) {
                loading.blocks.remove(key);
            }
        }
    }
}

/// The bytes of a block.
fn block_range(number: u64) -> Range<u64> {
    number.saturating_mul(BLOCK)..number.saturating_add(1).saturating_mul(BLOCK)
}
