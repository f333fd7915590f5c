//! Trying reads again when the answer does not come. Writes are never repeated here: whether that
//! is right is for [`crate::create_resolved`] and its callers to decide.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use lakebed_core::Env;

use crate::error::Result;
use crate::store::ObjectInfo;
use crate::store::ObjectWriter;
use crate::store::Store;

/// How often and how patiently a read is tried.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Tries in all, the first one included.
    pub attempts: u32,
    /// The wait before the second try, up to doubled by chance; it doubles with every further one.
    pub first_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy { attempts: 3, first_wait: Duration::from_millis(50) }
    }
}

/// A store whose reads survive transient errors.
pub struct Retrying {
    inner: Arc<dyn Store>,
    policy: RetryPolicy,
    env: Env,
}

impl Retrying {
    /// Retries the reads of `inner`; `env` spreads the waits.
    pub fn new(inner: Arc<dyn Store>, policy: RetryPolicy, env: Env) -> Retrying {
        Retrying { inner, policy, env }
    }

    async fn retry<T, F>(&self, key: &str, mut read: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut wait = self.policy.first_wait;
        let mut attempt = 1;
        loop {
            match read().await {
                Err(error) if error.is_transient() && attempt < self.policy.attempts => {
                    tracing::debug!(key, attempt, %error, "reading again");
                }
                done => return done,
            }
            let thousandths = u32::try_from(self.env.random_u64() % 1000).unwrap_or(0);
            tokio::time::sleep(wait + wait * thousandths / 1000).await;
            wait = wait.saturating_mul(2);
            attempt += 1;
        }
    }
}

impl fmt::Debug for Retrying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrying")
            .field("inner", &self.inner)
            .field("policy", &self.policy)
            .finish()
    }
}

#[async_trait]
impl Store for Retrying {
    async fn get(&self, key: &str) -> Result<Bytes> {
        self.retry(key, || self.inner.get(key)).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.retry(key, || self.inner.get_range(key, range.clone())).await
    }

    async fn get_range_clipped(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.retry(key, || self.inner.get_range_clipped(key, range.clone())).await
    }

    async fn get_ranges(&self, key: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.retry(key, || self.inner.get_ranges(key, ranges)).await
    }

    async fn size(&self, key: &str) -> Result<u64> {
        self.retry(key, || self.inner.size(key)).await
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
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        self.retry(prefix, || self.inner.list(prefix)).await
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
