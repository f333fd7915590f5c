//! A store that ends its process at a request of one's choice: no destructor runs, nothing is
//! flushed, other threads stop where they are.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use lakebed_store::LocalEvent;
use lakebed_store::ObjectInfo;
use lakebed_store::ObjectWriter;
use lakebed_store::Result;
use lakebed_store::Store;

/// Where in a request to die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before it takes place.
    Before,
    /// Once it took place, before anybody is told.
    After,
    /// At a step of a write on local disk.
    Within,
}

/// [`Fate::arm`]: tells every step and dies at none.
pub const LIST: u64 = u64::MAX;

/// When to die.
#[derive(Debug)]
pub struct Fate {
    at: AtomicU64,
    when: When,
    /// Whether requests count that change nothing for others: reads, and parts of an object that has
    /// no name yet.
    quiet: bool,
    seen: AtomicU64,
}

impl Fate {
    /// Nothing happens before [`Fate::arm`].
    pub fn new(when: When, quiet: bool) -> Fate {
        Fate { at: AtomicU64::new(0), when, quiet, seen: AtomicU64::new(0) }
    }

    /// The request or step at which to die from here on, from 1; [`LIST`] only tells them.
    pub fn arm(&self, at: u64) {
        self.at.store(at, Ordering::SeqCst);
    }

    fn strikes(&self, name: impl FnOnce() -> String) -> bool {
        let at = self.at.load(Ordering::SeqCst);
        if at == LIST {
            println!("step {}", name());
            return false;
        }
        at != 0 && self.seen.fetch_add(1, Ordering::SeqCst) + 1 == at
    }

    /// Sees a step of a write.
    pub fn observe(&self, event: &LocalEvent) {
        let name = || match event {
            LocalEvent::Written { key, .. } => format!("{} written", object(key)),
            LocalEvent::FileSynced { key } => format!("{} synced", object(key)),
            LocalEvent::Linked { key } => format!("{} linked", object(key)),
            LocalEvent::Renamed { key } => format!("{} renamed", object(key)),
            _ => "folder synced".to_string(),
        };
        if self.when == When::Within && self.strikes(name) {
            die(&name());
        }
    }

    async fn meet<T>(
        &self,
        doing: &str,
        quiet: bool,
        key: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let when = if self.when == When::After { "after" } else { "before" };
        let name = || format!("{when} {doing} {}", object(key));
        if self.when == When::Within || (quiet && !self.quiet) || !self.strikes(name) {
            return work.await;
        }
        if self.when == When::After {
            drop(work.await);
        }
        die(&name());
    }
}

fn die(step: &str) -> ! {
    println!("dies {step}");
    let _ = std::io::stdout().flush();
    std::process::abort();
}

/// What an object is, by its folder.
fn object(key: &str) -> &str {
    match key.split('/').next().unwrap_or_default() {
        "data" => "pack",
        "log" => "entry",
        "meta" => "node",
        "lakebed.json" => "marker",
        other => other,
    }
}

/// A store that dies.
#[derive(Debug)]
pub struct Deadly {
    /// The store.
    pub inner: Arc<dyn Store>,
    /// When to die.
    pub fate: Arc<Fate>,
}

#[async_trait]
impl Store for Deadly {
    async fn get(&self, key: &str) -> Result<Bytes> {
        self.fate.meet("reading", true, key, self.inner.get(key)).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.fate.meet("reading", true, key, self.inner.get_range(key, range)).await
    }

    async fn size(&self, key: &str) -> Result<u64> {
        self.fate.meet("reading", true, key, self.inner.size(key)).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.fate.meet("creating", false, key, self.inner.create(key, bytes)).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.fate.meet("overwriting", false, key, self.inner.put(key, bytes)).await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>> {
        let inner = self.fate.meet("beginning", false, key, self.inner.writer(key)).await?;
        Ok(Box::new(DeadlyWriter { inner, fate: Arc::clone(&self.fate), key: key.to_string() }))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.fate.meet("deleting", false, key, self.inner.delete(key)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        self.fate.meet("listing", true, prefix, self.inner.list(prefix)).await
    }

    fn location(&self) -> &str {
        self.inner.location()
    }

    fn coalesce_gap(&self) -> u64 {
        self.inner.coalesce_gap()
    }
}

struct DeadlyWriter {
    inner: Box<dyn ObjectWriter>,
    fate: Arc<Fate>,
    key: String,
}

#[async_trait]
impl ObjectWriter for DeadlyWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let DeadlyWriter { inner, fate, key } = self;
        fate.meet("writing to", true, key, inner.write(bytes)).await
    }

    async fn finish(self: Box<Self>) -> Result<()> {
        let DeadlyWriter { inner, fate, key } = *self;
        fate.meet("finishing", false, &key, inner.finish()).await
    }
}
