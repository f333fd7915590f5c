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
    Ok(open(bytes, bytes, limits)?.1)
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<(MediaInfo, Vec<u8>)> {
    let mut out = Vec::new();
    let info = whole(bytes, &Markers::walk(bytes), limits, |info| {
        out.resize(info.shape().elements(), 0);
        Ok(&mut out)
    })?;
    Ok((info, out))
}

/// Decodes a picture of this shape into `out`, which has as many bytes.
pub(super) fn decode_into(
    bytes: &[u8],
    limits: &Limits,
    shape: &Shape,
    out: &mut [u8],
) -> Result<()> {
    whole(bytes, &Markers::walk(bytes), limits, |info| {
        check_shape(WHAT, info, shape)?;
        Ok(out)
    })?;
    Ok(())
}

pub(super) fn verify_complete(bytes: &[u8], limits: &Limits) -> Result<MediaInfo> {
    Ok(decode(bytes, limits)?.0)
}

/// Decodes `rows` of a picture within its limits.
pub(super) fn decode_rows(bytes: &[u8], limits: &Limits, rows: Range<usize>) -> Result<Vec<u8>> {
    let (_, info) = open(bytes, bytes, limits)?;
    let markers = Markers::walk(bytes);
    let mut band = Vec::new();
    match shortened(bytes, &markers, info, rows.end) {
        Some(short) => {
            let (mut decoder, info) = open(&short, bytes, limits)?;
            band.resize(info.shape().elements(), 0);
            decoder.decode_into(&mut band).map_err(|error| failed(bytes, &error))?;
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

/// Decodes all pixels to where `room` says, with an error if the coded pixels end before the last
/// row.
///
/// At an end marker that comes too early the decoder makes up the missing rows. Without the
/// marker it complains; so a file of one scan is decoded with a few zeros in its place, as many
/// as the decoder reads ahead.
fn whole<'a>(
    bytes: &[u8],
    markers: &Markers,
    limits: &Limits,
    room: impl FnOnce(&MediaInfo) -> Result<&'a mut [u8]>,
) -> Result<MediaInfo> {
    let Some(end) = markers.end else {
        // What is wrong with the header comes first.
        open(bytes, bytes, limits)?;
        return Err(truncated(WHAT, bytes, "no end-of-image marker"));
    };
    let coded = bytes.get(..end).filter(|_| markers.one_pass());
    let unended = coded.map(|coded| [coded, &[0; 16]].concat());
    let (mut decoder, info) = open(unended.as_deref().unwrap_or(bytes), bytes, limits)?;
    decoder.decode_into(room(&info)?).map_err(|error| failed(bytes, &error))?;
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

/// Reads the header and checks sizes. `bytes` are a file, or what is decoded in its place.
fn open<'a>(bytes: &'a [u8], file: &[u8], limits: &Limits) -> Result<(Decoder<'a>, MediaInfo)> {
    // The sides of a JPEG end at 65,535; how much is too much is for the limits to say.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| failed(file, &error))?;
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
    decoder.set_options(options.jpeg_set_out_colorspace(color));
    let info = MediaInfo {
        kind: MediaKind::Jpeg,
        height: u32::try_from(height).unwrap_or(u32::MAX),
        width: u32::try_from(width).unwrap_or(u32::MAX),
        channels,
    };
    info.check(file.len(), limits)?;
    Ok((decoder, info))
}

fn failed(bytes: &[u8], error: &DecodeErrors) -> Error {
    match error {
        DecodeErrors::Unsupported(_) => Error::unsupported(WHAT, format!("{error:?}")),
        _ if Markers::walk(bytes).end.is_none() => {
            truncated(WHAT, bytes, &format!("no end-of-image marker ({error:?})"))
        }
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => {
            Error::damaged(WHAT, "the coded pixels end before the last row")
        }
        _ => Error::damaged(WHAT, format!("{error:?}")),
    }
}
