//! The local files as an object store that counts, and may be slow.

use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::object_store::CopyOptions;
use datafusion::object_store::GetOptions;
use datafusion::object_store::GetRange;
use datafusion::object_store::GetResult;
use datafusion::object_store::ListResult;
use datafusion::object_store::MultipartUpload;
use datafusion::object_store::OBJECT_STORE_COALESCE_DEFAULT;
use datafusion::object_store::ObjectMeta;
use datafusion::object_store::ObjectStore;
use datafusion::object_store::PutMultipartOptions;
use datafusion::object_store::PutOptions;
use datafusion::object_store::PutPayload;
use datafusion::object_store::PutResult;
use datafusion::object_store::Result;
use datafusion::object_store::coalesce_ranges;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::object_store::path::Path;
use futures::stream::BoxStream;
use lakebed::store::Throttle;
use tokio::time::Instant;

/// The local files.
#[derive(Debug)]
pub struct Wire {
    files: LocalFileSystem,
    throttle: Option<Throttle>,
    /// When the bytes that are under way will have passed.
    free: Mutex<Option<Instant>>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Wire {
    /// As fast as the files are.
    pub fn local() -> Wire {
        Wire {
            files: LocalFileSystem::new(),
            throttle: None,
            free: Mutex::default(),
            requests: AtomicU64::default(),
            bytes: AtomicU64::default(),
        }
    }

    /// As slow as `lakebed::store::Throttled` with the same settings: every request waits, and all
    /// share one line.
    pub fn throttled(throttle: Throttle) -> Wire {
        Wire { throttle: Some(throttle), ..Wire::local() }
    }

    /// Requests and bytes so far.
    pub fn traffic(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    async fn begin(&self, requests: usize) {
        self.requests.fetch_add(requests as u64, Ordering::Relaxed);
        if let Some(throttle) = self.throttle {
            tokio::time::sleep(throttle.latency).await;
        }
    }

    async fn transfer(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let Some(rate) = self.throttle.and_then(|throttle| throttle.bytes_per_second) else {
            return;
        };
        let due = {
            let mut free = self.free.lock().unwrap();
            let now = Instant::now();
            let start = free.map_or(now, |free| free.max(now));
            *free.insert(start + Duration::from_secs_f64(bytes as f64 / rate as f64))
        };
        tokio::time::sleep_until(due).await;
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({})", self.files)
    }
}

#[async_trait]
impl ObjectStore for Wire {
    async fn put_opts(
        &self,
        to: &Path,
        data: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.files.put_opts(to, data, options).await
    }

    async fn put_multipart_opts(
        &self,
        to: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.files.put_multipart_opts(to, options).await
    }

    async fn get_opts(&self, from: &Path, options: GetOptions) -> Result<GetResult> {
        self.begin(1).await;
        let head = options.head;
        let result = self.files.get_opts(from, options).await?;
        if !head {
            self.transfer(result.range.end - result.range.start).await;
        }
        Ok(result)
    }

    async fn get_ranges(&self, from: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        if self.throttle.is_some() {
            // As the stores of `object_store` that are remote.
            let fetch = |range: Range<u64>| async move {
                let range = Some(GetRange::Bounded(range));
                let options = GetOptions { range, ..GetOptions::default() };
                self.get_opts(from, options).await?.bytes().await
            };
            return coalesce_ranges(ranges, fetch, OBJECT_STORE_COALESCE_DEFAULT).await;
        }
        self.begin(ranges.len()).await;
        self.transfer(ranges.iter().map(|range| range.end - range.start).sum()).await;
        self.files.get_ranges(from, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.begin(1).await;
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await
    }
}
