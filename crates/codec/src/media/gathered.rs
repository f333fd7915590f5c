//! Pictures that are decoded one after the other, put together first.

use std::ops::Range;

use lakebed_core::Limits;
use lakebed_core::Shape;

use super::MediaKind;
use super::detect;
use super::guarded;
use super::jpeg;
use super::png;
use crate::error::Error;
use crate::error::Result;

/// Bytes that come from memory at once, on nearly every processor.
const LINE: usize = 64;

/// Asks the processor for bytes that are wanted soon: a file that lies anywhere in memory is there
/// once the pictures before it are decoded. Waiting for one takes as long as a twentieth of the
/// decoding of a small picture.
pub fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(LINE) {
        use std::arch::x86_64::_MM_HINT_T1;
        use std::arch::x86_64::_mm_prefetch;
        #[allow(unsafe_code, reason = "the standard library has no safe name for it yet")]
        // SAFETY: it needs SSE, which every x86-64 processor has; it is a hint and reads nothing.
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}

/// Encoded pictures end to end, put together where they are decoded.
#[derive(Debug, Default)]
pub struct Gathered {
    bytes: Vec<u8>,
    files: Vec<Range<usize>>,
}

impl Gathered {
    /// Forgets all pictures and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.files.clear();
    }

    /// Adds a picture: what its file begins with, and the rest. Either may be empty.
    pub fn push(&mut self, parts: [&[u8]; 2]) {
        let start = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.files.push(start..self.bytes.len());
        self.bytes.extend_from_slice(&[0; jpeg::SPARE]);
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Decodes a picture whose shape is known into room that the caller has. It is gone then: its
    /// bytes may have been overwritten.
    ///
    /// # Errors
    /// As [`super::decode`]; [`Error::Damaged`] if there is no such picture, if the file is of
    /// another shape, or if `out` does not hold as many bytes as the shape says. On error `out` may
    /// hold anything.
    pub fn decode_into(
        &mut self,
        nth: usize,
        limits: &Limits,
        shape: &Shape,
        out: &mut [u8],
    ) -> Result<()> {
        if shape.checked_elements() != Some(out.len()) {
            let reason = format!("{shape} does not fit in {} bytes", out.len());
            return Err(Error::damaged("picture", reason));
        }
        let file = self.files.get_mut(nth).map(std::mem::take).unwrap_or_default();
        let length = file.len();
        let buffer = self.bytes.get_mut(file.start..file.end + jpeg::SPARE).unwrap_or_default();
        let kind = detect(buffer.get(..length).unwrap_or_default())?;
        guarded(kind, || match kind {
            MediaKind::Jpeg => jpeg::decode_in_place(buffer, length, limits, shape, out),
            MediaKind::Png => png::decode_into(&buffer[..length], limits, shape, out),
        })
    }
}
