//! Turns bytes into tensors and back, under [`lakebed_core::Limits`]: general compression of
//! pages, light encodings of integers, and pictures.
//!
//! This crate never does I/O and never knows chunks: it is given bytes and lengths that somebody
//! else has read and checked. Whatever the bytes hold, a decoder answers with a value or an
//! [`Error`]; it does not panic, and it allocates no more than the limits and the caller's own
//! counts allow.
//!
//! Read first: [`compression`] (pages), [`integers`] (the byte layouts of scalar pages),
//! [`media`] (JPEG and PNG).

pub mod compression;
pub mod error;
pub mod integers;
mod lz4;
pub mod media;
mod zstandard;

pub use compression::Codec;
pub use compression::compress;
pub use compression::compress_lz4_high;
pub use compression::decompress;
pub use error::Error;
pub use error::Result;
