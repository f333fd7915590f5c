//! Counting what a store is asked to do. Times are noisy, costs are not: tests hold budgets on
//! these numbers.

use std::ops::Range;
use std::ops::Sub;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::coalesce;
use crate::error::Result;
use crate::store::ObjectInfo;
use crate::store::ObjectWriter;
use crate::store::Store;

/// The running totals of one store. Failed requests count: they cost as much as others.
#[derive(Debug, Default)]
pub struct Meter {
    gets: AtomicU64,
    range_gets: AtomicU64,
    ranges_asked: AtomicU64,
    sizes: AtomicU64,
    creates: AtomicU64,
    puts: AtomicU64,
    objects_streamed: AtomicU64,
    deletes: AtomicU64,
    lists: AtomicU64,
    bytes_read: AtomicU64,
    hits: AtomicU64,
    hit_bytes: AtomicU64,
    bytes_written: AtomicU64,
}

/// The totals at one moment, or the difference between two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Whole objects asked for.
    pub gets: u64,
    /// Requests for ranges, after merging.
    pub range_gets: u64,
    /// Ranges asked for, before merging.
    pub ranges_asked: u64,
    /// Sizes asked for.
    pub sizes: u64,
    /// Objects created if absent.
    pub creates: u64,
    /// Objects overwritten.
    pub puts: u64,
    /// Streamed objects finished; on a remote store a large one takes several requests.
    pub objects_streamed: u64,
    /// Objects deleted.
    pub deletes: u64,
    /// Listings.
    pub lists: u64,
    /// Bytes received, including those between merged ranges.
    pub bytes_read: u64,
    /// Blocks that were found in a cache: no request, and none of `bytes_read`.
    pub hits: u64,
    /// Bytes of these blocks.
    pub hit_bytes: u64,
    /// Bytes sent.
    pub bytes_written: u64,
}

impl Counts {
    /// Requests that read: gets, merged ranges, sizes and listings.
    pub fn reads(&self) -> u64 {
        self.gets + self.range_gets + self.sizes + self.lists
    }

    /// Objects written or deleted.
    pub fn writes(&self) -> u64 {
        self.creates + self.puts + self.objects_streamed + self.deletes
    }

    /// All requests.
    pub fn requests(&self) -> u64 {
        self.reads() + self.writes()
    }
}

impl Sub for Counts {
    type Output = Counts;

    /// What was added since `earlier`.
    fn sub(self, earlier: Counts) -> Counts {
        Counts {
            gets: self.gets.saturating_sub(earlier.gets),
            range_gets: self.range_gets.saturating_sub(earlier.range_gets),
            ranges_asked: self.ranges_asked.saturating_sub(earlier.ranges_asked),
            sizes: self.sizes.saturating_sub(earlier.sizes),
            creates: self.creates.saturating_sub(earlier.creates),
            puts: self.puts.saturating_sub(earlier.puts),
            objects_streamed: self.objects_streamed.saturating_sub(earlier.objects_streamed),
            deletes: self.deletes.saturating_sub(earlier.deletes),
            lists: self.lists.saturating_sub(earlier.lists),
            bytes_read: self.bytes_read.saturating_sub(earlier.bytes_read),
            hits: self.hits.saturating_sub(earlier.hits),
            hit_bytes: self.hit_bytes.saturating_sub(earlier.hit_bytes),
            bytes_written: self.bytes_written.saturating_sub(earlier.bytes_written),
        }
    }
}

impl Meter {
    /// The totals now.
    pub fn snapshot(&self) -> Counts {
        let now = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            gets: now(&self.gets),
            range_gets: now(&self.range_gets),
            ranges_asked: now(&self.ranges_asked),
            sizes: now(&self.sizes),
            creates: now(&self.creates),
            puts: now(&self.puts),
            objects_streamed: now(&self.objects_streamed),
            deletes: now(&self.deletes),
            lists: now(&self.lists),
            bytes_read: now(&self.bytes_read),
            hits: now(&self.hits),
            hit_bytes: now(&self.hit_bytes),
            bytes_written: now(&self.bytes_written),
        }
    }

    /// A block of so many bytes was found in a cache.
    pub(crate) fn hit(&self, bytes: usize) {
        add(&self.hits, 1);
        add(&self.hit_bytes, u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// What was added since an earlier snapshot.
    pub fn since(&self, earlier: Counts) -> Counts {
        self.snapshot() - earlier
    }
}

/// A store that counts into a [`Meter`].
#[derive(Debug)]
pub struct Metered {
    inner: Arc<dyn Store>,
    meter: Arc<Meter>,
}

impl Metered {
    /// Counts what `inner` is asked.
    pub fn new(inner: Arc<dyn Store>, meter: Arc<Meter>) -> Metered {
        Metered { inner, meter }
    }

    fn read(&self, bytes: &Bytes) {
        add(&self.meter.bytes_read, length(bytes));
    }
}

fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[async_trait]
impl Store for Metered {
    async fn get(&self, key: &str) -> Result<Bytes> {
        add(&self.meter.gets, 1);
        let bytes = self.inner.get(key).await?;
        self.read(&bytes);
        Ok(bytes)
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        add(&self.meter.ranges_asked, 1);
        add(&self.meter.range_gets, u64::from(!range.is_empty()));
        let bytes = self.inner.get_range(key, range).await?;
        self.read(&bytes);
        Ok(bytes)
    }

    async fn get_range_clipped(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        add(&self.meter.ranges_asked, 1);
        add(&self.meter.range_gets, 1);
        let bytes = self.inner.get_range_clipped(key, range).await?;
        self.read(&bytes);
        Ok(bytes)
    }

    async fn get_ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        // The plan depends on its arguments only: the inner store follows the same one.
        let merged = coalesce::plan(key, ranges, self.coalesce_gap())?;
        add(&self.meter.ranges_asked, u64::try_from(ranges.len()).unwrap_or(u64::MAX));
        add(&self.meter.range_gets, u64::try_from(merged.len()).unwrap_or(u64::MAX));
        let parts = self.inner.get_ranges(key, ranges).await?;
        add(&self.meter.bytes_read, merged.iter().map(|m| m.range.end - m.range.start).sum());
        Ok(parts)
    }

    async fn size(&self, key: &str) -> Result<u64> {
        add(&self.meter.sizes, 1);
        self.inner.size(key).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<()> {
        add(&self.meter.creates, 1);
        add(&self.meter.bytes_written, length(&bytes));
        self.inner.create(key, bytes).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        add(&self.meter.puts, 1);
        add(&self.meter.bytes_written, length(&bytes));
        self.inner.put(key, bytes).await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>> {
        let inner = self.inner.writer(key).await?;
        Ok(Box::new(MeteredWriter { inner, meter: Arc::clone(&self.meter) }))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        add(&self.meter.deletes, 1);
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        add(&self.meter.lists, 1);
        self.inner.list(prefix).await
    }

    async fn remove_unfinished(&self, idle: Duration) -> Result<u64> {
        self.inner.remove_unfinished(idle).await
    }

    fn is_mapped(&self) -> bool {
        self.inner.is_mapped()
    }

    fn is_remote(&self) -> bool {
        self.inner.is_remote()
    }

    fn location(&self) -> &str {
        self.inner.location()
    }

    fn coalesce_gap(&self) -> u64 {
        self.inner.coalesce_gap()
    }
}

struct MeteredWriter {
    inner: Box<dyn ObjectWriter>,
    meter: Arc<Meter>,
}

#[async_trait]
impl ObjectWriter for MeteredWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        add(&self.meter.bytes_written, length(&bytes));
        self.inner.write(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<()> {
        add(&self.meter.objects_streamed, 1);
        self.inner.finish().await
    }
}
