//! Pictures: encoded files as tensors `u8[height, width, channels]`, row-major.
//!
//! | file | channels |
//! |---|---|
//! | JPEG, one component | 1 |
//! | JPEG, three components (YCbCr or RGB) | 3, RGB |
//! | JPEG, four components (CMYK or YCCK, colours not subsampled) | 3, converted to RGB |
//! | PNG, grey | 1 |
//! | PNG, RGB or palette | 3 |
//! | PNG, grey and alpha, RGBA, or anything with a transparent colour (`tRNS`) | 4, RGBA |
//!
//! Samples of 1, 2 and 4 bits are spread over 0 to 255, of 16 bits keep their upper 8. Colour
//! profiles, gamma and Exif orientation are left alone: pixels are what the file holds. Of an
//! animated PNG only the still picture is read.
//!
//! Every function checks sizes from the header against [`Limits`] before it decodes a pixel.

mod gathered;
pub mod jpeg;
pub mod png;
mod region;

use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use lakebed_core::Limits;
use lakebed_core::Region;
use lakebed_core::Shape;

use crate::compression::check_ratio;
use crate::error::Error;
use crate::error::Result;
use crate::error::size;

pub use gathered::Gathered;
pub use gathered::prefetch;
pub use jpeg::encode_jpeg;
pub use png::encode_png;

/// A picture format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaKind {
    /// JPEG: baseline and progressive, Huffman coded, 8 bits.
    Jpeg,
    /// PNG: all colour types and depths, interlaced or not.
    Png,
}

impl MediaKind {
    /// The format that the first bytes of a file promise.
    pub fn detect(bytes: &[u8]) -> Option<MediaKind> {
        if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
            Some(MediaKind::Jpeg)
        } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(MediaKind::Png)
        } else {
            None
        }
    }
}

/// What the header of a file says about the decoded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MediaInfo {
    /// The format.
    pub kind: MediaKind,
    /// Rows, at least 1.
    pub height: u32,
    /// Columns, at least 1.
    pub width: u32,
    /// Channels as decoded: 1, 3 or 4.
    pub channels: u32,
}

impl MediaInfo {
    /// `[height, width, channels]`.
    pub fn shape(&self) -> Shape {
        let mut shape = Shape::SCALAR;
        for dim in [self.height, self.width, self.channels] {
            // Three dimensions fit in a shape, 32 bits in a usize.
            let _ = shape.push(usize::try_from(dim).unwrap_or(usize::MAX));
        }
        shape
    }

    /// Checks pixels, bytes and ratio of a file of `stored` bytes.
    fn check(&self, stored: usize, limits: &Limits) -> Result<()> {
        let pixels = u64::from(self.height) * u64::from(self.width);
        let bytes = pixels.saturating_mul(u64::from(self.channels));
        let ratio = bytes.div_ceil(size(stored).max(1));
        // Words only for a picture that is too much: there may be many small ones.
        if pixels <= limits.max_pixels
            && bytes <= limits.max_sample_bytes
            && ratio <= limits.max_ratio
        {
            return Ok(());
        }
        let picture = format!("picture of {} x {} pixels", self.height, self.width);
        Limits::check(&picture, pixels, limits.max_pixels, "max_pixels")?;
        let what = format!("size of a {picture}, decoded");
        Limits::check(&what, bytes, limits.max_sample_bytes, "max_sample_bytes")?;
        check_ratio(&format!("ratio of a {picture} to its file"), size(stored), bytes, limits)
    }
}

/// Reads the header of a picture; no pixel is decoded.
///
/// # Errors
/// [`Error::Unsupported`] if it is no picture or uses what the decoders cannot read,
/// [`Error::Damaged`] if the header is cut or wrong, [`Error::Limit`] if it is too large.
pub fn probe(bytes: &[u8], limits: &Limits) -> Result<MediaInfo> {
    let kind = detect(bytes)?;
    guarded(kind, || match kind {
        MediaKind::Jpeg => jpeg::probe(bytes, limits),
        MediaKind::Png => png::probe(bytes, limits),
    })
}

/// Decodes a picture to `[height, width, channels]` bytes, the shape that [`probe`] gives.
///
/// # Errors
/// As [`probe`]; also [`Error::Damaged`] if the pixels are truncated or contradict the header.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<(Shape, Vec<u8>)> {
    let kind = detect(bytes)?;
    let (info, pixels) = guarded(kind, || match kind {
        MediaKind::Jpeg => jpeg::decode(bytes, limits),
        MediaKind::Png => png::decode(bytes, limits),
    })?;
    Ok((info.shape(), pixels))
}

/// Decodes the part of a picture that `region` selects onto the end of `out`, in the region's
/// order. `region` has three axes and lies inside the picture's shape.
///
/// Rows below the last one needed are not decoded, unless the file is interlaced or progressive;
/// damage there is not noticed.
///
/// # Errors
/// As [`decode`]; [`Error::Region`] if the region is not one of this picture. On error `out`
/// holds what it held before.
pub fn decode_region(
    bytes: &[u8],
    region: &Region,
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Result<()> {
    decode_regions(bytes, &mut [(region.clone(), out)], limits)
}

/// As [`decode_region`], several parts of one picture, each onto the end of its own output. The
/// picture is decoded once.
///
/// # Errors
/// As [`decode_region`].
pub fn decode_regions(
    bytes: &[u8],
    wanted: &mut [(Region, &mut Vec<u8>)],
    limits: &Limits,
) -> Result<()> {
    let kind = detect(bytes)?;
    guarded(kind, || region::decode(kind, bytes, wanted, limits))
}

/// Decodes everything, keeps nothing: succeeds only for a file that is whole.
///
/// Every checksum that the format has is verified (PNG), and the file must reach its end marker.
///
/// # Errors
/// As [`decode`]; a file that ends early is [`Error::Damaged`] with a reason
/// `truncated after N bytes`.
pub fn verify_complete(bytes: &[u8], limits: &Limits) -> Result<MediaInfo> {
    let kind = detect(bytes)?;
    guarded(kind, || match kind {
        MediaKind::Jpeg => jpeg::verify_complete(bytes, limits),
        MediaKind::Png => png::verify_complete(bytes, limits),
    })
}

fn detect(bytes: &[u8]) -> Result<MediaKind> {
    MediaKind::detect(bytes).ok_or_else(|| match bytes.len() {
        0 => Error::damaged("picture", "truncated after 0 bytes: the file is empty"),
        _ => Error::unsupported("picture", "it starts neither as a JPEG nor as a PNG file"),
    })
}

/// Runs a decoder of another project. On damaged files these have been seen to panic, which is a
/// fact about the file as any other.
fn guarded<T>(kind: MediaKind, decode: impl FnOnce() -> Result<T>) -> Result<T> {
    // Nothing outlives a decoder that gave up: its buffers are dropped here, and the caller's
    // output is added to only after it has succeeded; what it was to fill may hold anything.
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        let what = match kind {
            MediaKind::Jpeg => "JPEG",
            MediaKind::Png => "PNG",
        };
        Err(Error::damaged(what, "the decoder gave up on it; a layout that it does not know?"))
    })
}

fn truncated(what: &'static str, stored: usize, missing: &str) -> Error {
    Error::damaged(what, format!("truncated after {stored} bytes: {missing}"))
}

/// Checks that the header of a file says what is known of its picture.
fn check_shape(what: &'static str, info: &MediaInfo, shape: &Shape) -> Result<()> {
    if info.shape() == *shape {
        return Ok(());
    }
    Err(Error::damaged(what, format!("it is {}, and {shape} is stored beside it", info.shape())))
}

/// Checks a picture that is to be encoded; returns height, width and channels.
fn check_pixels(what: &'static str, shape: &Shape, pixels: &[u8]) -> Result<(u32, u32, usize)> {
    let &[height, width, channels] = &shape[..] else {
        return Err(Error::encode(what, format!("{shape} is not [height, width, channels]")));
    };
    if shape.checked_elements() != Some(pixels.len()) {
        let reason = format!("{shape} does not hold {} bytes", pixels.len());
        return Err(Error::encode(what, reason));
    }
    let (Ok(rows), Ok(columns)) = (u32::try_from(height), u32::try_from(width)) else {
        return Err(Error::encode(what, format!("{shape} is too large")));
    };
    if rows == 0 || columns == 0 {
        return Err(Error::encode(what, format!("{shape} has no pixels")));
    }
    Ok((rows, columns, channels))
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "test data is made to fit")]
mod tests;
