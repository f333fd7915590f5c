//! Zstandard, one frame a page. Contexts are kept per thread: making one costs more than
//! compressing a small page.

use std::cell::RefCell;

use zstd::bulk::Compressor;
use zstd::bulk::Decompressor;

use crate::compression::wrong_length;
use crate::error::Error;
use crate::error::Result;

const WHAT: &str = "zstd page";

/// The library's own default: beyond it, time grows faster than size shrinks.
const LEVEL: i32 = 3;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

pub(crate) fn compress(raw: &[u8]) -> Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|slot| {
        let mut context = match slot.take() {
            Some(context) => context,
            None => Compressor::new(LEVEL).map_err(|error| Error::encode(WHAT, error))?,
        };
        let encoded = context.compress(raw).map_err(|error| Error::encode(WHAT, error))?;
        // Kept only after success: a context that failed is not used again.
        *slot = Some(context);
        Ok(encoded)
    })
}

pub(crate) fn decompress(encoded: &[u8], raw_len: usize) -> Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let mut context = match slot.take() {
            Some(context) => context,
            None => Decompressor::new().map_err(|error| Error::damaged(WHAT, error))?,
        };
        // The buffer's capacity is the hard stop: the frame's own claim is never believed.
        let mut raw = Vec::with_capacity(raw_len);
        let written = context
            .decompress_to_buffer(encoded, &mut raw)
            .map_err(|error| Error::damaged(WHAT, error))?;
        if written != raw_len || raw.len() != raw_len {
            return Err(wrong_length(WHAT, written, raw_len));
        }
        *slot = Some(context);
        Ok(raw)
    })
}
