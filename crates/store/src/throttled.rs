//! A store as far away as you like, for benchmarks.

use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::time::Instant;

use crate::coalesce;
use crate::error::Result;
use crate::store::ObjectInfo;
use crate::store::ObjectWriter;
use crate::store::REMOTE_GAP;
use crate::store::Store;

/// How slow a store is.
#[derive(Debug, Clone, Copy)]
pub struct Throttle {
    /// What every request waits.
    pub latency: Duration,
    /// What all requests together may transfer; `None` for no bound.
    pub bytes_per_second: Option<u64>,
}

/// A store whose requests wait. Ranges are merged as on a remote store.
#[derive(Debug)]
pub struct Throttled {
    inner: Arc<dyn Store>,
    line: Arc<Line>,
}

impl Throttled {
    /// Slows `inner` down.
    pub fn new(inner: Arc<dyn Store>, throttle: Throttle) -> Throttled {
        Throttled { inner, line: Arc::new(Line { throttle, free: Mutex::new(None) }) }
    }
}

/// The connection that all requests share.
#[derive(Debug)]
struct Line {
    throttle: Throttle,
    /// When the bytes that are under way will have passed.
    free: Mutex<Option<Instant>>,
}

impl Line {
    async fn request(&self) {
        tokio::time::sleep(self.throttle.latency).await;
    }

    async fn transfer(&self, bytes: usize) {
        let Some(rate) = self.throttle.bytes_per_second.filter(|&rate| rate > 0) else { return };
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate);
        let took = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let due = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let start = free.map_or(now, |free| free.max(now));
            *free.insert(start + took)
        };
        tokio::time::sleep_until(due).await;
    }
}

#[async_trait]
impl Store for Throttled {
    async fn get(&self, key: &str) -> Result<Bytes> {
        self.line.request().await;
        let bytes = self.inner.get(key).await?;
        self.line.transfer(bytes.len()).await;
        Ok(bytes)
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.line.request().await;
        let bytes = self.inner.get_range(key, range).await?;
        self.line.transfer(bytes.len()).await;
        Ok(bytes)
    }

    async fn get_range_clipped(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.line.request().await;
        let bytes = self.inner.get_range_clipped(key, range).await?;
        self.line.transfer(bytes.len()).await;
        Ok(bytes)
    }

    async fn get_ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        coalesce::fetch(key, ranges, REMOTE_GAP, |range| self.get_range(key, range)).await
    }

    async fn size(&self, key: &str) -> Result<u64> {
        self.line.request().await;
        self.inner.size(key).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.line.request().await;
        self.line.transfer(bytes.len()).await;
        self.inner.create(key, bytes).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.line.request().await;
        self.line.transfer(bytes.len()).await;
        self.inner.put(key, bytes).await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>> {
        let inner = self.inner.writer(key).await?;
        Ok(Box::new(ThrottledWriter { inner, line: Arc::clone(&self.line) }))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.line.request().await;
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        self.line.request().await;
        self.inner.list(prefix).await
    }

    async fn remove_unfinished(&self, idle: Duration) -> Result<u64> {
        self.inner.remove_unfinished(idle).await
    }

    fn is_mapped(&self) -> bool {
        self.inner.is_mapped()
    }

    fn is_remote(&self) -> bool {
        true
    }

    fn location(&self) -> &str {
        self.inner.location()
    }
}

struct ThrottledWriter {
    inner: Box<dyn ObjectWriter>,
    line: Arc<Line>,
}

#[async_trait]
impl ObjectWriter for ThrottledWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.line.transfer(bytes.len()).await;
        self.inner.write(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<()> {
        self.line.request().await;
        self.inner.finish().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::ObjectStoreBackend;

    #[tokio::test(start_paused = true)]
    async fn requests_wait_side_by_side_and_bytes_one_after_another() {
        let slow =
            Throttle { latency: Duration::from_millis(100), bytes_per_second: Some(1_000_000) };
        let store = Throttled::new(Arc::new(ObjectStoreBackend::memory()), slow);
        let start = Instant::now();
        store.create("a", Bytes::from(vec![0; 500_000])).await.unwrap();
        assert_eq!(start.elapsed().as_millis(), 600);
        let start = Instant::now();
        let (one, two) = tokio::join!(store.get("a"), store.get("a"));
        assert_eq!(one.unwrap().len() + two.unwrap().len(), 1_000_000);
        assert_eq!(start.elapsed().as_millis(), 1100);
    }
}
