//! Pictures that are decoded one after the other, put together first.

use std::hint::black_box;
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

/// Encoded pictures end to end.
///
/// Files that lie scattered are copied here several at a time, so that what they take comes from
/// memory together: a decoder waits for the first bytes of each, and decoding a small picture takes
/// no longer than a few such waits.
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

    /// Adds pictures: of each what its file begins with, and the rest. Either may be empty.
    pub fn extend(&mut self, files: &[[&[u8]; 2]]) {
        // A copy at a time has few lines under way; this asks for those of all files at once.
        let lines = files.iter().flatten().flat_map(|part| part.iter().step_by(LINE));
        black_box(lines.fold(0, |sum, byte| sum ^ byte));
        for parts in files {
            let start = self.bytes.len();
            for part in parts {
                self.bytes.extend_from_slice(part);
            }
            self.files.push(start..self.bytes.len());
            self.bytes.extend_from_slice(&[0; jpeg::SPARE]);
        }
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
