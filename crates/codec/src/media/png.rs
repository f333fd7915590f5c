//! PNG, every colour type and depth as 8-bit samples.

use std::io::Cursor;
use std::io::ErrorKind;
use std::ops::Range;

use lakebed_core::Limits;
use lakebed_core::Shape;
use png::BitDepth;
use png::ColorType;
use png::DecodeOptions;
use png::Decoder;
use png::DecodingError;
use png::Encoder;
use png::Reader;
use png::Transformations;

use super::MediaInfo;
use super::MediaKind;
use super::check_pixels;
use super::check_shape;
use super::truncated;
use crate::error::Error;
use crate::error::Result;

const WHAT: &str = "PNG";

/// Encodes `[height, width, 1, 2, 3 or 4]` pixels of 8 bits: grey, grey and alpha, RGB, RGBA.
///
/// # Errors
/// [`Error::Encode`] for another shape.
pub fn encode_png(shape: &Shape, pixels: &[u8]) -> Result<Vec<u8>> {
    let (height, width, channels) = check_pixels(WHAT, shape, pixels)?;
    let color = match channels {
        1 => ColorType::Grayscale,
        2 => ColorType::GrayscaleAlpha,
        3 => ColorType::Rgb,
        4 => ColorType::Rgba,
        _ => return Err(Error::encode(WHAT, format!("{channels} channels: use 1 to 4"))),
    };
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, width, height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(|error| Error::encode(WHAT, error))?;
    writer.write_image_data(pixels).map_err(|error| Error::encode(WHAT, error))?;
    writer.finish().map_err(|error| Error::encode(WHAT, error))?;
    Ok(out)
}

pub(super) fn probe(bytes: &[u8], limits: &Limits) -> Result<MediaInfo> {
    Ok(open(bytes, limits)?.info)
}

pub(super) fn decode(bytes: &[u8], limits: &Limits) -> Result<(MediaInfo, Vec<u8>)> {
    let mut file = open(bytes, limits)?;
    let height = file.rows();
    let pixels = file.decode(height)?;
    Ok((file.info, pixels))
}

/// Decodes a picture of this shape into `out`, which has as many bytes.
pub(super) fn decode_into(
    bytes: &[u8],
    limits: &Limits,
    shape: &Shape,
    out: &mut [u8],
) -> Result<()> {
    let mut file = open(bytes, limits)?;
    check_shape(WHAT, &file.info, shape)?;
    let height = file.rows();
    let pixels = file.decode(height)?;
    let (found, room) = (pixels.len(), out.len());
    if found != room {
        return Err(Error::damaged(WHAT, format!("{found} bytes of pixels for {room}")));
    }
    out.copy_from_slice(&pixels);
    Ok(())
}

pub(super) fn verify_complete(bytes: &[u8], limits: &Limits) -> Result<MediaInfo> {
    let mut file = open(bytes, limits)?;
    let height = file.rows();
    file.decode(height)?;
    file.reader.finish().map_err(|error| failed(bytes, error))?;
    Ok(file.info)
}

/// Decodes `rows` of a picture within its limits; stops after the last one if rows are in order.
pub(super) fn decode_rows(bytes: &[u8], limits: &Limits, rows: Range<usize>) -> Result<Vec<u8>> {
    let mut file = open(bytes, limits)?;
    let mut band = file.decode(rows.end)?;
    let row = file.row_len();
    band.truncate(rows.end.saturating_mul(row));
    band.drain(..rows.start.saturating_mul(row).min(band.len()));
    Ok(band)
}

struct File<'a> {
    bytes: &'a [u8],
    reader: Reader<Cursor<&'a [u8]>>,
    info: MediaInfo,
    /// Grey and alpha: the one colour type that the decoder has and tensors here do not.
    grey_alpha: bool,
}

/// Reads everything before the pixels, and checks sizes.
fn open<'a>(bytes: &'a [u8], limits: &Limits) -> Result<File<'a>> {
    let mut options = DecodeOptions::default();
    options.set_ignore_adler32(false);
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    // The sizes are checked here; the decoder's own limit only bounds its one-row buffers.
    let buffers = usize::try_from(limits.max_sample_bytes).unwrap_or(usize::MAX);
    decoder.set_limits(png::Limits { bytes: buffers });
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(|error| failed(bytes, error))?;
    let (width, height) = header.size();
    let least = MediaInfo { kind: MediaKind::Png, height, width, channels: 1 };
    least.check(bytes.len(), limits)?;
    let reader = decoder.read_info().map_err(|error| failed(bytes, error))?;
    let (color, depth) = reader.output_color_type();
    let channels = match (color, depth) {
        (ColorType::Grayscale, BitDepth::Eight) => 1,
        (ColorType::Rgb, BitDepth::Eight) => 3,
        (ColorType::GrayscaleAlpha | ColorType::Rgba, BitDepth::Eight) => 4,
        _ => return Err(Error::unsupported(WHAT, format!("{color:?} of {depth:?} bits"))),
    };
    if let Some(frame) = reader.info().frame_control
        && (frame.width, frame.height) != (width, height)
    {
        return Err(Error::damaged(WHAT, "its first frame is smaller than the picture"));
    }
    let info = MediaInfo { channels, ..least };
    info.check(bytes.len(), limits)?;
    Ok(File { bytes, reader, info, grey_alpha: color == ColorType::GrayscaleAlpha })
}

impl File<'_> {
    fn rows(&self) -> usize {
        usize::try_from(self.info.height).unwrap_or(usize::MAX)
    }

    /// Bytes of one decoded row.
    fn row_len(&self) -> usize {
        self.info.shape().iter().skip(1).product()
    }

    /// Decodes the rows before `end`, or all of them if the file is interlaced.
    fn decode(&mut self, end: usize) -> Result<Vec<u8>> {
        let too_large = || Error::damaged(WHAT, "its rows do not fit in memory");
        let line = self.reader.output_line_size(self.info.width).ok_or_else(too_large)?;
        let rows = if self.reader.info().interlaced { self.rows() } else { end.min(self.rows()) };
        let mut pixels = vec![0; line.checked_mul(rows).ok_or_else(too_large)?];
        if rows == self.rows() {
            self.reader.next_frame(&mut pixels).map_err(|error| failed(self.bytes, error))?;
        } else {
            for row in pixels.chunks_exact_mut(line) {
                self.reader.read_row(row).map_err(|error| failed(self.bytes, error))?;
            }
        }
        Ok(if self.grey_alpha { grey_alpha_to_rgba(&pixels) } else { pixels })
    }
}

fn grey_alpha_to_rgba(pixels: &[u8]) -> Vec<u8> {
    let (pairs, _) = pixels.as_chunks::<2>();
    pairs.iter().flat_map(|&[grey, alpha]| [grey, grey, grey, alpha]).collect()
}

fn failed(bytes: &[u8], error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            truncated(WHAT, bytes.len(), "the file breaks off before its end")
        }
        error => Error::damaged(WHAT, error),
    }
}
