//! The promises of the store, on every backend and under failure.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::cast_possible_truncation, reason = "the sizes are in sight")]

mod cached;
mod conformance;
mod faulty;
mod local;
mod lost_answers;
mod metering;
mod s3;
#[path = "../../../../tests/support/s3.rs"]
mod server;

use std::sync::Arc;

use lakebed_store::Store;

/// A store on the S3 server.
fn on(server: &server::S3Server, prefix: &str) -> Arc<dyn Store> {
    let options = server.options();
    let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (*k, v.as_str())).collect();
    lakebed_store::open_with(&server.url(prefix), &options).unwrap().0
}
