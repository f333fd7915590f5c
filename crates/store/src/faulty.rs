//! A test aid: a store that fails where a rule says so, before or after the operation took place.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use async_trait::async_trait;
use bytes::Bytes;

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
}

impl Fault {
    fn error(self, url: &str, key: &str) -> Error {
        let (url, key, path) = (url.to_owned(), key.to_owned(), format!("{url}/{key}"));
        let cause = Box::new(io::Error::other("made to fail by a test"));
        match self {
            Fault::Lost => Error::Transport { url, key, operation: "reach", cause },
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
}

impl Faulty {
    /// A store that does what `inner` does until a rule is added.
    pub fn new(inner: Arc<dyn Store>) -> Faulty {
        Faulty { inner, rules: Arc::default() }
    }

    /// Adds a rule. Of several that match one call, the earliest decides.
    pub fn fail(&self, rule: Rule) {
        self.rules.list.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    /// Removes all rules.
    pub fn heal(&self) {
        self.rules.list.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many calls were made to fail.
    pub fn struck(&self) -> u64 {
        *self.rules.struck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run<T>(
        &self,
        operation: Operation,
        key: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.rules.run(operation, self.inner.location(), key, work).await
    }
}

impl Rules {
    async fn run<T>(
        &self,
        operation: Operation,
        url: &str,
        key: &str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some((fault, after)) = self.strike(operation, key) else { return work.await };
        if after {
            work.await?;
        }
        Err(fault.error(url, key))
    }

    fn strike(&self, operation: Operation, key: &str) -> Option<(Fault, bool)> {
        let mut rules = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let mut struck = None;
        for rule in rules.iter_mut() {
            if rule.strikes(operation, key) {
                struck = struck.or(Some((rule.fault, rule.after)));
            }
        }
        if struck.is_some() {
            *self.struck.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }
        struck
    }
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

    async fn size(&self, key: &str) -> Result<u64> {
        self.run(Operation::Size, key, self.inner.size(key)).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.run(Operation::Create, key, self.inner.create(key, bytes)).await
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<()> {
        self.run(Operation::Put, key, self.inner.put(key, bytes)).await
    }

    async fn writer(&self, key: &str) -> Result<Box<dyn ObjectWriter>> {
        let inner = self.inner.writer(key).await?;
        let (url, key) = (self.inner.location().to_owned(), key.to_owned());
        Ok(Box::new(FaultyWriter { inner, rules: Arc::clone(&self.rules), url, key }))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.run(Operation::Delete, key, self.inner.delete(key)).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        self.run(Operation::List, prefix, self.inner.list(prefix)).await
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
        self.rules.run(Operation::Write, &self.url, &self.key, self.inner.write(bytes)).await
    }

    async fn finish(self: Box<Self>) -> Result<()> {
        let FaultyWriter { inner, rules, url, key } = *self;
        rules.run(Operation::Finish, &url, &key, inner.finish()).await
    }
}
