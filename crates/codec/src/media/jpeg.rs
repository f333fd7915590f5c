//! JPEG, decoded strictly: a file without its end, or with entropy data that breaks off, is an
//! error here, where most decoders fill the rest with grey.

use std::ops::Range;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use lakebed_core::Limits;
use lakebed_core::Shape;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::MediaInfo;
use super::MediaKind;
use super::check_pixels;
use super::check_shape;
use super::truncated;
use crate::error::Error;
use crate::error::Result;

mod markers;

use markers::Markers;

const WHAT: &str = "JPEG";

/// Encodes `[height, width, 1 or 3]` pixels; `quality` is 1 to 100.
///
/// # Errors
/// [`Error::Encode`] for another shape, or more than 65,535 rows or columns.
pub fn encode_jpeg(shape: &Shape, pixels: &[u8], quality: u8) -> Result<Vec<u8>> {
    let (height, width, channels) = check_pixels(WHAT, shape, pixels)?;
    let color = match channels {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        _ => return Err(Error::encode(WHAT, format!("{channels} channels: use 1 or 3"))),
    };
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100))
        .encode(pixels, width, height, color)
        .map_err(|error| Error::encode(WHAT, error))?;
    Ok(out)
}

pub(super) fn probe(bytes: &[u8], limits: &Limits) -> Result<MediaInfo> {
    read_header(&mut decoder(bytes), bytes.len(), || is_ended(bytes), limits)
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<(MediaInfo, Vec<u8>)> {
    let mut out = Vec::new();
    let info = whole(bytes, &Markers::walk(bytes), limits, |info| {
        out.resize(info.shape().elements(), 0);
        Ok(&mut out)
    })?;
    Ok((info, out))
}

/// Decodes a picture of this shape into `out`, which has as many bytes. The file is the first
/// `length` bytes of `buffer`; it goes on for [`SPARE`] bytes, and may hold anything afterwards.
pub(super) fn decode_in_place(
    buffer: &mut [u8],
    length: usize,
    limits: &Limits,
    shape: &Shape,
    out: &mut [u8],
) -> Result<()> {
    let file = buffer.get(..length).unwrap_or_default();
    let markers = Markers::walk(file);
    let room = |info: &MediaInfo| {
        check_shape(WHAT, info, shape)?;
        Ok(out)
    };
    let Some((end, spare)) = markers.one_pass_end().and_then(|end| {
        let spare = end..end.checked_add(SPARE)?;
        (spare.end <= buffer.len()).then_some((end, spare))
    }) else {
        return whole(file, &markers, limits, room).map(drop);
    };
    buffer[spare].fill(0);
    ended(&buffer[..end + SPARE], length, limits, room).map(drop)
}

pub(super) fn verify_complete(bytes: &[u8], limits: &Limits) -> Result<MediaInfo> {
    Ok(decode(bytes, limits)?.0)
}

/// Decodes `rows` of a picture within its limits.
pub(super) fn decode_rows(bytes: &[u8], limits: &Limits, rows: Range<usize>) -> Result<Vec<u8>> {
    let info = probe(bytes, limits)?;
    let markers = Markers::walk(bytes);
    let mut band = Vec::new();
    match shortened(bytes, &markers, info, rows.end) {
        Some(short) => {
            let mut decoder = decoder(&short);
            let is_ended = || is_ended(bytes);
            let info = read_header(&mut decoder, bytes.len(), is_ended, limits)?;
            band.resize(info.shape().elements(), 0);
            let done = decoder.decode_into(&mut band);
            done.map_err(|error| failed(bytes.len(), is_ended, &error))?;
        }
        None => {
            whole(bytes, &markers, limits, |info| {
                band.resize(info.shape().elements(), 0);
                Ok(&mut band)
            })?;
        }
    }
    let row = info.shape().iter().skip(1).product::<usize>();
    band.truncate(rows.end.saturating_mul(row));
    band.drain(..rows.start.saturating_mul(row).min(band.len()));
    Ok(band)
}

/// Zeros in the place of the end marker, as many as the decoder reads ahead.
pub(super) const SPARE: usize = 16;

/// Decodes all pixels to where `room` says, with an error if the coded pixels end before the last
/// row.
///
/// At an end marker that comes too early the decoder makes up the missing rows. Without the
/// marker it complains; so a file of one scan is decoded with [`SPARE`] zeros in its place.
fn whole<'a>(
    bytes: &[u8],
    markers: &Markers,
    limits: &Limits,
    room: impl FnOnce(&MediaInfo) -> Result<&'a mut [u8]>,
) -> Result<MediaInfo> {
    if markers.end.is_none() {
        // What is wrong with the header comes first.
        probe(bytes, limits)?;
        return Err(truncated(WHAT, bytes.len(), "no end-of-image marker"));
    }
    match markers.one_pass_end().and_then(|end| bytes.get(..end)) {
        Some(coded) => ended(&[coded, &[0; SPARE]].concat(), bytes.len(), limits, room),
        None => ended(bytes, bytes.len(), limits, room),
    }
}

/// Decodes what stands for a file of `stored` bytes that has its end marker.
fn ended<'a>(
    bytes: &[u8],
    stored: usize,
    limits: &Limits,
    room: impl FnOnce(&MediaInfo) -> Result<&'a mut [u8]>,
) -> Result<MediaInfo> {
    let mut decoder = decoder(bytes);
    let info = read_header(&mut decoder, stored, || true, limits)?;
    decoder.decode_into(room(&info)?).map_err(|error| failed(stored, || true, &error))?;
    Ok(info)
}

/// The file with a frame header that ends the picture soon after row `end`, so that the decoder
/// stops there; `None` if the coding does not run from top to bottom, or little would be saved.
fn shortened(bytes: &[u8], markers: &Markers, info: MediaInfo, end: usize) -> Option<Vec<u8>> {
    if !markers.one_pass() {
        return None;
    }
    // One row of coding units more than asked for: smoothing of colours looks one row ahead.
    let unit = markers.unit_rows;
    let height = end.div_ceil(unit).checked_add(1)?.checked_mul(unit)?;
    if height >= usize::try_from(info.height).ok()? {
        return None;
    }
    let height = u16::try_from(height).ok()?.to_be_bytes();
    let mut short = bytes.to_vec();
    short.get_mut(markers.height_at?..)?.first_chunk_mut::<2>()?.copy_from_slice(&height);
    Some(short)
}

type Decoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

/// The sides of a JPEG end at 65,535; how much is too much is for the limits to say.
fn options() -> DecoderOptions {
    let options = DecoderOptions::default().set_strict_mode(true);
    options.set_max_width(usize::MAX).set_max_height(usize::MAX)
}

fn decoder(bytes: &[u8]) -> Decoder<'_> {
    JpegDecoder::new_with_options(ZCursor::new(bytes), options())
}

/// Reads the header of a file of `stored` bytes and checks sizes. The decoder stays where it is: it
/// is tens of kilobytes of tables, and moving it costs a small picture a tenth of its decoding.
fn read_header(
    decoder: &mut Decoder<'_>,
    stored: usize,
    is_ended: impl Fn() -> bool,
    limits: &Limits,
) -> Result<MediaInfo> {
    decoder.decode_headers().map_err(|error| failed(stored, is_ended, &error))?;
    let (Some((width, height)), Some(header), Some(coded)) =
        (decoder.dimensions(), decoder.info(), decoder.input_colorspace())
    else {
        return Err(Error::damaged(WHAT, "no frame header"));
    };
    let (channels, color) = match (header.components, coded) {
        (1, _) => (1, ColorSpace::Luma),
        (3, ColorSpace::YCbCr | ColorSpace::RGB) => (3, ColorSpace::RGB),
        (4, ColorSpace::CMYK | ColorSpace::YCCK) => (3, ColorSpace::RGB),
        (components, _) => {
            let reason = format!("{components} components coded as {coded:?}: convert the file");
            return Err(Error::unsupported(WHAT, reason));
        }
    };
    decoder.set_options(options().jpeg_set_out_colorspace(color));
    let info = MediaInfo {
        kind: MediaKind::Jpeg,
        height: u32::try_from(height).unwrap_or(u32::MAX),
        width: u32::try_from(width).unwrap_or(u32::MAX),
        channels,
    };
    info.check(stored, limits)?;
    Ok(info)
}

fn is_ended(bytes: &[u8]) -> bool {
    Markers::walk(bytes).end.is_some()
}

fn failed(stored: usize, is_ended: impl Fn() -> bool, error: &DecodeErrors) -> Error {
    match error {
        DecodeErrors::Unsupported(_) => Error::unsupported(WHAT, format!("{error:?}")),
        _ if !is_ended() => truncated(WHAT, stored, &format!("no end-of-image marker ({error:?})")),
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => {
            Error::damaged(WHAT, "the coded pixels end before the last row")
        }
        _ => Error::damaged(WHAT, format!("{error:?}")),
    }
}
