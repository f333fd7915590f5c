//! A value of a result as a picture: drawn in terminals that can, a PNG elsewhere.

use std::fmt::Write as _;
use std::io::IsTerminal;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::datatypes::Field;
use arrow::datatypes::UInt8Type;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lakebed::codec::media;
use lakebed::core::DType;
use lakebed::core::Layout;
use lakebed::core::Limits;
use lakebed::core::Shape;
use lakebed::core::TensorArray;
use lakebed::core::TensorType;

/// Columns of the terminal that a picture takes at most.
const WIDEST: usize = 80;
/// Bytes of base64 in one escape sequence of kitty's protocol.
const KITTY_CHUNK: usize = 4096;

/// Pixels, 1 to 4 values of 8 bits each, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    height: usize,
    width: usize,
    channels: usize,
    pixels: Vec<u8>,
}

/// How a terminal draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// kitty's graphics: kitty, Ghostty, Konsole.
    Kitty,
    /// iTerm2's inline images: iTerm2, WezTerm, mintty.
    Iterm,
    /// Half blocks of 24-bit colours.
    Blocks,
}

impl Protocol {
    /// What the terminal says that it can; `None` in files, pipes and terminals without colours.
    pub fn of_terminal() -> Option<Protocol> {
        if !std::io::stdout().is_terminal() {
            return None;
        }
        Protocol::told(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn told(variable: impl Fn(&str) -> Option<String>) -> Option<Protocol> {
        let is = |name: &str, values: &[&str]| {
            variable(name).is_some_and(|value| values.contains(&value.as_str()))
        };
        if variable("KITTY_WINDOW_ID").is_some()
            || is("TERM", &["xterm-kitty", "xterm-ghostty"])
            || variable("KONSOLE_VERSION").is_some()
        {
            Some(Protocol::Kitty)
        } else if is("TERM_PROGRAM", &["iTerm.app", "WezTerm", "mintty"]) {
            Some(Protocol::Iterm)
        } else if is("COLORTERM", &["truecolor", "24bit"]) {
            Some(Protocol::Blocks)
        } else {
            None
        }
    }
}

/// A value as a picture: images as they are or encoded, masks as black and white. `None` for what
/// is no picture.
///
/// # Errors
/// What is wrong with an encoded image, as text.
pub fn of_value(field: &Field, array: &ArrayRef, row: usize) -> Result<Option<Picture>, String> {
    let Some(ty) = TensorType::from_field(field).filter(|_| !array.is_null(row)) else {
        return Ok(None);
    };
    if ty.layout == Layout::Encoded {
        let file = array.as_struct_opt().and_then(|parts| parts.column(0).as_binary_view_opt());
        let Some(file) = file else { return Ok(None) };
        let decoded = media::decode(file.value(row), &Limits::default());
        let (shape, pixels) = decoded.map_err(|error| error.to_string())?;
        return Ok(Picture::new(&shape, pixels));
    }
    if !matches!(ty.dtype, DType::U8 | DType::Bool) || !matches!(ty.ndim(), 2 | 3) {
        return Ok(None);
    }
    let tensor = TensorArray::try_new(ty, array).map_err(|error| error.to_string())?;
    let range = tensor.range(row);
    let elements = tensor.elements().slice(range.start, range.len());
    let pixels = match elements.as_boolean_opt() {
        Some(truths) => truths.values().iter().map(|on| if on { 255 } else { 0 }).collect(),
        None => match elements.as_primitive_opt::<UInt8Type>() {
            Some(values) => values.values().to_vec(),
            None => return Ok(None),
        },
    };
    Ok(Picture::new(&tensor.shape(row), pixels))
}

impl Picture {
    fn new(shape: &Shape, pixels: Vec<u8>) -> Option<Picture> {
        let (height, width, channels) = match shape[..] {
            [height, width] => (height, width, 1),
            [height, width, channels @ 1..=4] => (height, width, channels),
            _ => return None,
        };
        let fits = height > 0 && width > 0 && pixels.len() == height * width * channels;
        fits.then_some(Picture { height, width, channels, pixels })
    }

    /// `480 x 640 x 3`: height, width, channels.
    pub fn size(&self) -> String {
        format!("{} x {} x {}", self.height, self.width, self.channels)
    }

    /// The bytes of a PNG file.
    ///
    /// # Errors
    /// As text.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        // Grey with transparency is drawn in colours: the encoder knows 1, 3 and 4 channels.
        let (channels, pixels) = match self.channels {
            2 => (3, self.colors()),
            channels => (channels, self.pixels.clone()),
        };
        let shape =
            Shape::new(&[self.height, self.width, channels]).ok_or("too many dimensions")?;
        media::encode_png(&shape, &pixels).map_err(|error| error.to_string())
    }

    /// Three values a pixel.
    fn colors(&self) -> Vec<u8> {
        let mut colors = Vec::with_capacity(self.height * self.width * 3);
        for pixel in self.pixels.chunks_exact(self.channels) {
            match pixel {
                [red, green, blue, ..] => colors.extend([*red, *green, *blue]),
                [grey, ..] => colors.extend([*grey, *grey, *grey]),
                [] => {}
            }
        }
        colors
    }

    /// What a terminal of so many rows and columns is sent.
    ///
    /// # Errors
    /// As [`Picture::png`].
    pub fn drawn(&self, protocol: Protocol, (rows, columns): (u16, u16)) -> Result<String, String> {
        Ok(match protocol {
            Protocol::Kitty => kitty(&self.png()?),
            Protocol::Iterm => iterm(&self.png()?),
            Protocol::Blocks => {
                let columns = usize::from(columns).clamp(1, WIDEST);
                let rows = usize::from(rows).saturating_sub(4).max(1);
                self.blocks(columns, rows * 2)
            }
        })
    }

    /// The picture in at most `widest` by `highest` pixels, two of them above each other in each
    /// character.
    fn blocks(&self, widest: usize, highest: usize) -> String {
        let colors = self.colors();
        let (height, width) = fitted(self.height, self.width, highest, widest);
        let mut out = String::new();
        for top in (0..height).step_by(2) {
            for x in 0..width {
                let mean = |y: usize| self.mean(&colors, (y, height), (x, width));
                let [r, g, b] = mean(top);
                // Writing to a string does not fail.
                let _ = write!(out, "\u{1b}[38;2;{r};{g};{b}m");
                if top + 1 < height {
                    let [r, g, b] = mean(top + 1);
                    let _ = write!(out, "\u{1b}[48;2;{r};{g};{b}m");
                }
                out.push('▀');
            }
            out.push_str("\u{1b}[0m\n");
        }
        out
    }

    /// The mean colour of the pixels that one of `height` by `width` cells covers.
    fn mean(
        &self,
        colors: &[u8],
        (y, height): (usize, usize),
        (x, width): (usize, usize),
    ) -> [u8; 3] {
        let span = |at: usize, cells: usize, pixels: usize| {
            let first = at * pixels / cells;
            first..((at + 1) * pixels / cells).max(first + 1)
        };
        let mut sums = [0usize; 3];
        let mut count = 0;
        for row in span(y, height, self.height) {
            for column in span(x, width, self.width) {
                let at = (row * self.width + column) * 3;
                for (sum, value) in sums.iter_mut().zip(colors.iter().skip(at)) {
                    *sum += usize::from(*value);
                }
                count += 1;
            }
        }
        sums.map(|sum| u8::try_from(sum / count.max(1)).unwrap_or(u8::MAX))
    }
}

/// The largest size of the same shape that fits, never larger than the picture.
fn fitted(height: usize, width: usize, highest: usize, widest: usize) -> (usize, usize) {
    if height <= highest && width <= widest {
        return (height, width);
    }
    // By whichever side has more to lose.
    if height * widest > width * highest {
        (highest, (width * highest / height).max(1))
    } else {
        ((height * widest / width).max(1), widest)
    }
}

/// <https://sw.kovidgoyal.net/kitty/graphics-protocol/>
fn kitty(png: &[u8]) -> String {
    let encoded = STANDARD.encode(png);
    let mut out = String::new();
    let mut rest = encoded.as_str();
    let mut first = true;
    while !rest.is_empty() {
        let (chunk, left) = rest.split_at(rest.len().min(KITTY_CHUNK));
        let control = if first { "a=T,f=100," } else { "" };
        let more = u8::from(!left.is_empty());
        let _ = write!(out, "\u{1b}_G{control}m={more};{chunk}\u{1b}\\");
        rest = left;
        first = false;
    }
    out.push('\n');
    out
}

/// <https://iterm2.com/documentation-images.html>
fn iterm(png: &[u8]) -> String {
    let encoded = STANDARD.encode(png);
    format!("\u{1b}]1337;File=inline=1;size={}:{encoded}\u{7}\n", png.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient(height: usize, width: usize, channels: usize) -> Picture {
        let pixels = (0..height * width * channels).map(|at| u8::try_from(at % 251).unwrap());
        Picture { height, width, channels, pixels: pixels.collect() }
    }

    #[test]
    fn terminals_say_what_they_can() {
        let told = |name: &'static str, value: &'static str| {
            Protocol::told(move |asked| (asked == name).then(|| value.to_string()))
        };
        assert_eq!(told("TERM", "xterm-kitty"), Some(Protocol::Kitty));
        assert_eq!(told("TERM_PROGRAM", "WezTerm"), Some(Protocol::Iterm));
        assert_eq!(told("COLORTERM", "truecolor"), Some(Protocol::Blocks));
        assert_eq!(told("TERM", "dumb"), None);
    }

    #[test]
    fn pictures_fit_the_terminal_and_keep_their_shape() {
        assert_eq!(fitted(10, 10, 40, 80), (10, 10));
        assert_eq!(fitted(400, 800, 40, 80), (40, 80));
        assert_eq!(fitted(800, 400, 40, 80), (40, 20));
        assert_eq!(fitted(1, 8000, 40, 80), (1, 80));
        let drawn = gradient(33, 21, 3).blocks(80, 40);
        let plain = console::strip_ansi_codes(&drawn).to_string();
        assert_eq!(plain.lines().count(), 17);
        assert!(plain.lines().all(|line| line.chars().count() == 21));
    }

    #[test]
    fn a_cell_has_the_mean_of_its_pixels() {
        let picture = Picture { height: 2, width: 2, channels: 1, pixels: vec![0, 100, 200, 100] };
        let drawn = picture.blocks(1, 1);
        assert!(drawn.contains("38;2;100;100;100m"), "{drawn}");
    }

    #[test]
    fn a_png_has_the_pixels() {
        for channels in [1, 3, 4] {
            let picture = gradient(5, 7, channels);
            let (shape, pixels) =
                media::decode(&picture.png().unwrap(), &Limits::default()).unwrap();
            assert_eq!(shape.ndim(), 3);
            assert_eq!(pixels, picture.pixels);
        }
        assert!(gradient(2, 3, 2).png().is_ok());
        let sent = kitty(&vec![7; 10_000]);
        assert_eq!(sent.matches("\u{1b}_G").count(), 4);
        assert!(sent.contains("m=0;"));
    }
}
