//! The command line as its user sees it: output, errors and exit codes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "that is how a test fails"
)]

mod damage;
mod demo;
mod errors;
mod export;
mod formats;
mod ingest;
mod looking;
mod prompt;
mod support;
#[cfg(unix)]
mod terminal;
mod versions;
