//! A test aid: a store that fails where a rule says so, before or after the operation took place.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::error::Error;
use crate::error::Result;
use crate::operation::Operation;
use crate::store::ObjectInfo;
use crate::store::ObjectWriter;
use crate::store::Store;

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The answer is lost: [`Error::Transport`].
    Lost,
    /// What S3 says on 409 and 412: [`Error::AlreadyExists`].
    Taken,
    /// The object is not there: [`Error::NotFound`].
    Missing,
    /// The disk is full: [`Error::Full`].
    Full,
    /// The folder is read-only: [`Error::ReadOnly`].
    ReadOnly,
    /// Access is denied: [`Error::Denied`].
    Denied,
    /// The folder could not be synced after the object got its name: [`Error::Unsynced`].
    Unsynced,
    /// No failure: the request takes place a minute later, after whatever goes on beside it.
    Delayed,
    /// A read gets half of its bytes as if they were all, a listing half of its rows; a part of an
    /// object lands half and fails with [`Error::Transport`]. Other operations: as [`Fault::Lost`].
    Torn,
    /// The answer is lost: [`Error::Transport`]; a write takes place all the same once so many later
    /// requests were answered, or at [`Faulty::settle`]. Parts of an object and reads: as
    /// [`Fault::Lost`].
    Late(u8),
}

/// How long [`Fault::Delayed`] takes.
const DELAY: Duration = Duration::from_secs(60);

impl Fault {
    fn error(self, url: &str, key: &str) -> Error {
        let (url, key, path) = (url.to_owned(), key.to_owned(), format!("{url}/{key}"));
        let cause = Box::new(io::Error::other("made to fail by a test"));
        match self {
            Fault::Lost | Fault::Delayed | Fault::Torn | Fault::Late(_) => {
                Error::Transport { url, key, operation: "reach", cause }
            }
            Fault::Taken => Error::AlreadyExists { url, key },
            Fault::Missing => Error::NotFound { url, key },
            Fault::Full => Error::Full { path },
            Fault::ReadOnly => Error::ReadOnly { path },
            Fault::Denied => Error::Denied { path, cause },
            Fault::Unsynced => Error::Unsynced { key, path, cause },
        }
    }
}

/// Which calls fail, and how. Without further calls on it, a rule fails every call of its
/// operations before anything happens.
#[derive(Debug, Clone)]
pub struct Rule {
    operations: Vec<Operation>,
    fault: Fault,
    key_part: String,
    first: u64,
    last: u64,
    after: bool,
    seen: u64,
}

impl Rule {
    /// Fails these operations with this fault.
    pub fn new(operations: &[Operation], fault: Fault) -> Rule {
        let operations = operations.to_vec();
        Rule {
            operations,
            fault,
            key_part: String::new(),
            first: 1,
            last: u64::MAX,
            after: false,
            seen: 0,
        }
    }

    /// Only calls whose key contains `part`; others are not counted either.
    pub fn keys(mut self, part: &str) -> Rule {
        part.clone_into(&mut self.key_part);
        self
    }

    /// Only the `nth` matching call, from 1.
    pub fn nth(mut self, nth: u64) -> Rule {
        (self.first, self.last) = (nth, nth);
        self
    }

    /// The `nth` matching call, from 1, and all that follow: how a process that died looks.
    pub fn from_nth(mut self, nth: u64) -> Rule {
        (self.first, self.last) = (nth, u64::MAX);
        self
    }

    /// The first `times` matching calls.
    pub fn times(mut self, times: u64) -> Rule {
        (self.first, self.last) = (1, times);
        self
    }

    /// Fails after the operation took place: a write has landed, its answer is lost.
    pub fn after_landing(mut self) -> Rule {
        self.after = true;
        self
    }

    fn strikes(&mut self, operation: Operation, key: &str) -> bool {
        if !self.operations.contains(&operation) || !key.contains(&self.key_part) {
            return false;
        }
        self.seen += 1;
        (self.first..=self.last).contains(&self.seen)
    }
}

/// A store that fails by rules. Ranges are merged, and each merged request is one
/// [`Operation::GetRange`].
pub struct Faulty {
    inner: Arc<dyn Store>,
    rules: Arc<Rules>,
}

#[derive(Default)]
struct Rules {
    list: Mutex<Vec<Rule>>,
    struck: Mutex<u64>,
    late: Mutex<Vec<Late>>,
}

/// A write whose answer was lost, and that is still under way.
struct Late {
    /// How many requests come before it.
    behind: u8,
    write: BoxFuture<'static, ()>,
}

/// An answer of which half is gone.
trait Tear {
    fn tear(self) -> Self;
}

impl Tear for () {
    fn tear(self) {}
}

impl Tear for u64 {
    fn tear(self) -> u64 {
        self
    }
}

impl Tear for Bytes {
    fn tear(mut self) -> Bytes {
        self.truncate(self.len() / 2);
        self
    }
}

impl Tear for Vec<ObjectInfo> {
    fn tear(mut self) -> Vec<ObjectInfo> {
        self.truncate(self.len() / 2);
        self
    }
}

impl Faulty {
    /// A store that does what `inner` does until a rule is added.
    pub fn new(inner: Arc<dyn Store>) -> Faulty {
        Faulty { inner, rules: Arc::default() }
    }

    /// Another store that fails by the same rules; requests to both are counted together.
    #[must_use]
    pub fn beside(&self, inner: Arc<dyn Store>) -> Faulty {
        Faulty { inner, rules: Arc::clone(&self.rules) }
    }

    /// Adds a rule. Of several that match one call, the earliest decides.
    pub fn fail(&self, rule: Rule) {
        lock(&self.rules.list).push(rule);
    }

    /// Removes all rules.
    pub fn heal(&self) {
        lock(&self.rules.list).clear();
    }

    /// How many calls were made to fail.
    pub fn struck(&self) -> u64 {
        *lock(&self.rules.struck)
    }

    /// Lets every write of [`Fault::Late`] that is still under way take place.
    pub async fn settle(&self) {
        self.rules.arrive(u8::MAX).await;
    }

    async fn run<T: Tear>(
        &self,
        operation: Operation,
        key: &str,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.rules.run(operation, self.inner.location(), key, work).await
    }

    async fn write(
        &self,
        operation: Operation,
        key: &str,
        work: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Result<()> {
        self.rules.write(operation, self.inner.location(), key, work).await
    }
}

impl Rules {
    async fn run<T: Tear>(
        &self,
        operation: Operation,
        url: &str,
        key: &str,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let struck = self.strike(operation, key);
        let done = struck_by(struck, operation, url, key, work).await;
        self.arrive(1).await;
        done
    }

    /// As [`Rules::run`]; the write may take place later.
    async fn write(
        &self,
        operation: Operation,
        url: &str,
        key: &str,
        work: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Result<()> {
        let struck = self.strike(operation, key);
        if let Some((fault @ Fault::Late(behind), _)) = struck {
            self.arrive(1).await;
            let write = work.map(drop).boxed();
            lock(&self.late).push(Late { behind, write });
            return Err(fault.error(url, key));
        }
        let done = struck_by(struck, operation, url, key, work).await;
        self.arrive(1).await;
        done
    }

    /// Brings the late writes nearer by so many requests.
    async fn arrive(&self, requests: u8) {
        let due: Vec<Late> = {
            let mut late = lock(&self.late);
            for one in late.iter_mut() {
                one.behind = one.behind.saturating_sub(requests);
            }
            late.extract_if(.., |one| one.behind == 0).collect()
        };
        for late in due {
            late.write.await;
        }
    }

    fn strike(&self, operation: Operation, key: &str) -> Option<(Fault, bool)> {
        let mut rules = lock(&self.list);
        let mut struck = None;
        for rule in rules.iter_mut() {
            if rule.strikes(operation, key) {
                struck = struck.or(Some((rule.fault, rule.after)));
            }
        }
        if struck.is_some() {
            *lock(&self.struck) += 1;
        }
        struck
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn struck_by<T: Tear>(
    struck: Option<(Fault, bool)>,
    operation: Operation,
    url: &str,
    key: &str,
    work: impl Future<Output = Result<T>> + Send,
) -> Result<T> {
    let Some((fault, after)) = struck else { return work.await };
    if fault == Fault::Delayed {
        tokio::time::sleep(DELAY).await;
        return work.await;
    }
    let is_read = matches!(operation, Operation::Get | Operation::GetRange | Operation::List);
    if fault == Fault::Torn && is_read {
        return work.await.map(T::tear);
    }
    if after {
        work.await?;
    }
    Err(fault.error(url, key))
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Faulty {
    async fn get(&self, key: &str) -> Result<Bytes> {
        self.run(Operation::Get, key, self.inner.get(key)).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.run(Operation::GetRange, key, self.inner.get_range(key, range)).await
    }

    async fn get_range_clipped(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.run(Operation::GetRange, key, self.inner.get_range_clipped(key, range)).await
    }

    async fn size(&self, key: &str) -> Result<u64> {
        self.run(Operation::Size, key, self.inner.size(key)).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<()> {
        let (inner, owned) = (Arc::clone(&self.inner), key.to_owned());
        self.write(Operation::Create, key, async move { inner.create(&owned, bytes).await }).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        let (inner, owned) = (Arc::clone(&self.inner), key.to_owned());
        self.write(Operation::Put, key, async move { inner.put(&owned, bytes).await }).await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>> {
        let inner = self.inner.writer(key).await?;
        let (url, key) = (self.inner.location().to_owned(), key.to_owned());
        Ok(Box::new(FaultyWriter { inner, rules: Arc::clone(&self.rules), url, key }))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let (inner, owned) = (Arc::clone(&self.inner), key.to_owned());
        self.write(Operation::Delete, key, async move { inner.delete(&owned).await }).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        self.run(Operation::List, prefix, self.inner.list(prefix)).await
    }

    async fn remove_unfinished(&self, idle: Duration) -> Result<u64> {
        self.inner.remove_unfinished(idle).await
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

struct FaultyWriter {
    inner: Box<dyn ObjectWriter>,
    rules: Arc<Rules>,
    url: String,
    key: String,
}

#[async_trait]
impl ObjectWriter for FaultyWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        let FaultyWriter { inner, rules, url, key } = self;
        let struck = rules.strike(Operation::Write, key);
        if let Some((fault @ Fault::Torn, _)) = struck {
            inner.write(bytes.tear()).await?;
            return Err(fault.error(url, key));
        }
        let done = struck_by(struck, Operation::Write, url, key, inner.write(bytes)).await;
        rules.arrive(1).await;
        done
    }

    async fn finish(self: Box<Self>) -> Result<()> {
        let FaultyWriter { inner, rules, url, key } = *self;
        rules.write(Operation::Finish, &url, &key, async move { inner.finish().await }).await
    }
}
