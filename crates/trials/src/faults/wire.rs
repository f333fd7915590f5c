//! What a service answers when it does not do what it was asked: 409, 503, half an answer, an answer
//! a minute late. It is what the client of an object store is told, below retries.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use lakebed_core::Env;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::RetryPolicy;
use lakebed_store::Retrying;
use lakebed_store::Store;
use object_store::CopyOptions;
use object_store::Error;
use object_store::GetOptions;
use object_store::GetResult;
use object_store::GetResultPayload;
use object_store::ListResult;
use object_store::MultipartUpload;
use object_store::ObjectMeta;
use object_store::ObjectStore;
use object_store::PutMode;
use object_store::PutMultipartOptions;
use object_store::PutOptions;
use object_store::PutPayload;
use object_store::PutResult;
use object_store::Result;
use object_store::memory::InMemory;
use object_store::path::Path;

use super::Place;

/// An answer that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// 409 to a conditional write, of which nothing landed.
    Conflict,
    /// 503, and nothing was done.
    Unavailable,
    /// 503 after a write has landed.
    UnavailableAfter,
    /// The stream of a read breaks in the middle.
    Broken,
    /// The stream of a read ends in the middle as if that were the end.
    Short,
    /// It comes a minute late.
    Delayed,
}

/// Which requests are answered so.
#[derive(Debug)]
struct Service {
    answer: Answer,
    /// The first of them, from 1; 0 for none.
    first: AtomicU64,
    last: AtomicU64,
    seen: AtomicU64,
    struck: AtomicU64,
}

impl Service {
    /// Whether this request is answered so; `fits` if it can be.
    fn strikes(&self, fits: bool) -> bool {
        let first = self.first.load(Ordering::SeqCst);
        if first == 0 || !fits {
            return false;
        }
        let seen = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let struck = seen >= first && seen <= self.last.load(Ordering::SeqCst);
        self.struck.fetch_add(u64::from(struck), Ordering::SeqCst);
        struck
    }

    fn unavailable() -> Error {
        Error::Generic { store: "service", source: "503 Slow Down".into() }
    }
}

/// The client's side of the service.
#[derive(Debug)]
struct Client {
    inner: Arc<InMemory>,
    service: Arc<Service>,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a service that fails")
    }
}

#[async_trait]
impl ObjectStore for Client {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let answer = self.service.answer;
        let fits = match answer {
            Answer::Conflict => options.mode == PutMode::Create,
            Answer::Broken | Answer::Short => false,
            _ => true,
        };
        if !self.service.strikes(fits) {
            return self.inner.put_opts(location, payload, options).await;
        }
        match answer {
            Answer::Conflict => Err(Error::AlreadyExists {
                path: location.to_string(),
                source: "409 ConditionalRequestConflict".into(),
            }),
            Answer::Unavailable => Err(Service::unavailable()),
            Answer::UnavailableAfter => {
                self.inner.put_opts(location, payload, options).await?;
                Err(Service::unavailable())
            }
            _ => {
                wait().await;
                self.inner.put_opts(location, payload, options).await
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let answer = self.service.answer;
        if !self.service.strikes(answer != Answer::Conflict) {
            return self.inner.get_opts(location, options).await;
        }
        match answer {
            Answer::Unavailable | Answer::UnavailableAfter => Err(Service::unavailable()),
            Answer::Broken | Answer::Short => {
                let result = self.inner.get_opts(location, options).await?;
                torn(result, answer == Answer::Broken).await
            }
            _ => {
                wait().await;
                self.inner.get_opts(location, options).await
            }
        }
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let (inner, service) = (Arc::clone(&self.inner), Arc::clone(&self.service));
        let delete = move |location: Path| {
            let (inner, service) = (Arc::clone(&inner), Arc::clone(&service));
            async move {
                let answer = service.answer;
                let fits = matches!(answer, Answer::Unavailable | Answer::UnavailableAfter);
                let struck = service.strikes(fits);
                if !struck || answer == Answer::UnavailableAfter {
                    let one = futures::stream::iter([Ok(location.clone())]).boxed();
                    inner.delete_stream(one).try_collect::<Vec<Path>>().await?;
                }
                if struck { Err(Service::unavailable()) } else { Ok(location) }
            }
        };
        locations.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let answer = self.service.answer;
        let fits =
            matches!(answer, Answer::Unavailable | Answer::UnavailableAfter | Answer::Broken);
        let rows = self.inner.list(prefix);
        if !self.service.strikes(fits) {
            return rows;
        }
        // Two rows came before it broke.
        let broken = futures::stream::once(async { Err(Service::unavailable()) });
        rows.take(2).chain(broken).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

async fn wait() {
    tokio::time::sleep(Duration::from_secs(60)).await;
}

/// The first half of an answer, in two pieces.
async fn torn(result: GetResult, breaks: bool) -> Result<GetResult> {
    let (meta, range, attributes) =
        (result.meta.clone(), result.range.clone(), result.attributes.clone());
    let bytes = result.bytes().await?;
    let (quarter, half) = (bytes.len() / 4, bytes.len() / 2);
    let mut pieces = vec![Ok(bytes.slice(..quarter)), Ok(bytes.slice(quarter..half))];
    if breaks {
        let source = "the connection was closed".into();
        pieces.push(Err(Error::Generic { store: "service", source }));
    }
    let payload = GetResultPayload::Stream(futures::stream::iter(pieces).boxed());
    Ok(GetResult { payload, meta, range, attributes })
}

/// A dataset and its copy at such a service, with the retries of every store.
pub(super) struct Remote {
    service: Arc<Service>,
    store: Arc<dyn Store>,
    copy: Arc<dyn Store>,
}

impl Remote {
    /// The objects of `inner` there.
    pub(super) fn new(answer: Answer, inner: Arc<InMemory>) -> Remote {
        let service = Arc::new(Service {
            answer,
            first: AtomicU64::new(0),
            last: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            struck: AtomicU64::new(0),
        });
        let open = |inner| -> Arc<dyn Store> {
            let client = Arc::new(Client { inner, service: Arc::clone(&service) });
            let backend = ObjectStoreBackend::new(client, "service", "").unwrap();
            Arc::new(Retrying::new(Arc::new(backend), RetryPolicy::default(), Env::seeded(1)))
        };
        Remote { store: open(inner), copy: open(Arc::default()), service: Arc::clone(&service) }
    }
}

impl Place for Remote {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    fn copy(&self) -> Arc<dyn Store> {
        Arc::clone(&self.copy)
    }

    fn fail(&self, nth: u64, forever: bool) {
        self.service.last.store(if forever { u64::MAX } else { nth }, Ordering::SeqCst);
        self.service.first.store(nth, Ordering::SeqCst);
    }

    fn struck(&self) -> u64 {
        self.service.struck.load(Ordering::SeqCst)
    }

    fn heal(&self) {
        self.service.first.store(0, Ordering::SeqCst);
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        futures::future::ready(()).boxed()
    }
}
