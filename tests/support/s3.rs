//! An S3 server in this process, on a folder of its own and a port of its own.
//!
//! `s3s-fs` looks whether an object exists and then renames over it, so two conditional writes
//! could both win. Requests for one object therefore wait for each other here, which makes
//! `If-None-Match: *` as strict as on the real service.

#![allow(clippy::unwrap_used, reason = "that is how a test fails")]
#![allow(dead_code, reason = "not every test that includes this file uses all of it")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread::JoinHandle;

use hyper::Request;
use hyper::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3Service;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tokio::sync::oneshot;

/// The one bucket of the server.
pub const BUCKET: &str = "bucket";

/// What may happen to a write on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    /// The write lands, then the connection breaks before the answer.
    LandsUnanswered,
    /// 409: the write does not land, another one of the same key was under way.
    Conflict,
    /// 503 after the write has landed.
    LandsUnavailable,
    /// The connection breaks before anything is done.
    NeverArrives,
}

/// A running server. Dropping it stops it and removes its folder.
pub struct S3Server {
    endpoint: String,
    folder: tempfile::TempDir,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    service: S3Service,
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    mishaps: Mutex<Vec<Mishap>>,
}

impl S3Server {
    /// Starts a server on 127.0.0.1 with the empty bucket [`BUCKET`], on a thread and runtime of
    /// its own.
    pub fn start() -> S3Server {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single("key", "secret"));
        let shared = Arc::new(Shared {
            service: builder.build(),
            locks: Mutex::default(),
            mishaps: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let state = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, state) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        S3Server { endpoint, folder, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// The settings a client needs, as environment variables or options.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT", self.endpoint.clone()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ]
    }

    /// The location of a prefix in the bucket.
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://{BUCKET}/{prefix}")
    }

    /// The folder with the server's files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets the next whole-object writes go wrong, one after the other.
    pub fn go_wrong(&self, mishaps: &[Mishap]) {
        self.shared.mishaps.lock().unwrap().extend(mishaps.iter().rev());
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((socket, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let answer = service_fn(move |request| answer(Arc::clone(&shared), request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await;
        });
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<s3s::Body>, Box<dyn std::error::Error + Send + Sync>> {
    let query = request.uri().query().unwrap_or_default();
    let whole = request.method() == "PUT" && !query.contains("partNumber");
    let lock = {
        let mut locks = shared.locks.lock().unwrap();
        Arc::clone(locks.entry(request.uri().path().to_owned()).or_default())
    };
    let is_part = query.contains("partNumber");
    let _held = if is_part { None } else { Some(lock.lock().await) };
    let mishap = if whole { shared.mishaps.lock().unwrap().pop() } else { None };
    match mishap {
        Some(Mishap::NeverArrives) => return Err("cut before the request".into()),
        Some(Mishap::Conflict) => return Ok(plain(409)?),
        _ => {}
    }
    let response =
        shared.service.call(request.map(s3s::Body::from)).await.map_err(|e| format!("{e:?}"))?;
    match mishap {
        Some(Mishap::LandsUnanswered) => Err("cut before the answer".into()),
        Some(Mishap::LandsUnavailable) => Ok(plain(503)?),
        _ => Ok(response),
    }
}

fn plain(status: u16) -> Result<Response<s3s::Body>, Infallible> {
    let mut response = Response::new(s3s::Body::empty());
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    Ok(response)
}
