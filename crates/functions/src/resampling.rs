//! Images at another size.

use half::f16;

use crate::images::Frame;
use crate::lanes::Element;
use crate::wide;
use crate::wide::Job;

/// A number of a pixel, and the nearest one to a computed value.
pub trait Pixel: Element {
    /// The value rounded, half up, to what the type holds.
    fn nearest(value: f64) -> Self;
}

macro_rules! integers {
    ($($t:ty)*) => { $(
        impl Pixel for $t {
            #[inline(always)]
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the value lies between pixels of this type"
            )]
            fn nearest(value: f64) -> $t { (value + 0.5).floor() as $t }
        }
    )* };
}
integers!(i8 i16 i32 i64 u8 u16 u32 u64);

impl Pixel for f16 {
    #[inline(always)]
    fn nearest(value: f64) -> f16 {
        f16::from_f64(value)
    }
}

impl Pixel for f32 {
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "rounding to the type is the point")]
    fn nearest(value: f64) -> f32 {
        value as f32
    }
}

impl Pixel for f64 {
    #[inline(always)]
    fn nearest(value: f64) -> f64 {
        value
    }
}

/// Two neighbours along one dimension, and how much of the second there is.
#[derive(Debug, Clone, Copy)]
struct Tap {
    first: usize,
    second: usize,
    part: f64,
}

/// Resizes one image after another, in memory that is kept from image to image.
#[derive(Debug, Default)]
pub struct Resampler {
    known: Option<(Frame, Frame)>,
    columns: Vec<Tap>,
    lines: Vec<Tap>,
    places: Vec<usize>,
    upper: Line,
    lower: Line,
}

/// A line of the source, at the width of the result.
#[derive(Debug, Default)]
struct Line {
    at: Option<usize>,
    values: Vec<f64>,
}

impl Resampler {
    /// Appends an image of size `to`. Centers of pixels lie at halves: pixel i of the result is at
    /// (i + 1/2) from / to - 1/2, and outside the centers of the source its last pixels go on.
    pub fn bilinear<E: Pixel>(&mut self, image: &[E], from: Frame, to: Frame, out: &mut Vec<E>) {
        if self.known != Some((from, to)) {
            self.columns = taps(from.width, to.width);
            self.lines = taps(from.height, to.height);
            self.known = Some((from, to));
        }
        (self.upper.at, self.lower.at) = (None, None);
        for at in 0..self.lines.len() {
            let line = self.lines[at];
            // Going down, what was the lower line becomes the upper one.
            if self.lower.at == Some(line.first) {
                std::mem::swap(&mut self.upper, &mut self.lower);
            }
            for (held, wanted) in [(&mut self.upper, line.first), (&mut self.lower, line.second)] {
                if held.at != Some(wanted) {
                    let source = image.get(wanted * from.line()..).unwrap_or(&[]);
                    held.fill(source, &self.columns, from.channels);
                    held.at = Some(wanted);
                }
            }
            let (upper, lower) = (&self.upper.values, &self.lower.values);
            wide::run(Mix { upper, lower, part: line.part, out });
        }
    }

    /// Appends an image of size `to` whose every pixel is the one of the source in which its
    /// center lies.
    pub fn nearest<E: Copy>(&mut self, image: &[E], from: Frame, to: Frame, out: &mut Vec<E>) {
        self.places.clear();
        self.places.extend((0..to.width).map(|at| place(at, from.width, to.width)));
        for line in 0..to.height {
            let start = place(line, from.height, to.height) * from.line();
            let source = image.get(start..start + from.line()).unwrap_or(&[]);
            match from.channels {
                1 => pick::<1, E>(source, &self.places, out),
                3 => pick::<3, E>(source, &self.places, out),
                channels => {
                    for at in &self.places {
                        let pixel = source.get(at * channels..(at + 1) * channels);
                        out.extend_from_slice(pixel.unwrap_or(&[]));
                    }
                }
            }
        }
    }
}

fn pick<const C: usize, E: Copy>(line: &[E], places: &[usize], out: &mut Vec<E>) {
    let pixels = line.as_chunks::<C>().0;
    out.extend(places.iter().filter_map(|at| pixels.get(*at)).flatten());
}

/// The pixel of the source under the center of a pixel of the result, without rounding.
fn place(at: usize, from: usize, to: usize) -> usize {
    (2 * at + 1) * from / (2 * to)
}

fn taps(from: usize, to: usize) -> Vec<Tap> {
    let step = from as f64 / to as f64;
    let last = from.saturating_sub(1);
    let tap = |at: usize| {
        let center = ((at as f64 + 0.5) * step - 0.5).clamp(0.0, last as f64);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in the image, whose size was a usize"
        )]
        let first = (center as usize).min(last);
        Tap { first, second: (first + 1).min(last), part: center - first as f64 }
    };
    (0..to).map(tap).collect()
}

/// Between two values; the first itself where nothing of the second is asked for, whatever it is.
#[inline(always)]
fn between(a: f64, b: f64, part: f64) -> f64 {
    if part == 0.0 { a } else { a * (1.0 - part) + b * part }
}

impl Line {
    fn fill<E: Pixel>(&mut self, source: &[E], columns: &[Tap], channels: usize) {
        self.values.clear();
        match channels {
            1 => stretch::<1, E>(source, columns, &mut self.values),
            3 => stretch::<3, E>(source, columns, &mut self.values),
            4 => stretch::<4, E>(source, columns, &mut self.values),
            channels => {
                for tap in columns {
                    let pixel = |at: usize| source.get(at * channels..).unwrap_or(&[]);
                    let pairs = pixel(tap.first).iter().zip(pixel(tap.second)).take(channels);
                    self.values
                        .extend(pairs.map(|(a, b)| between(a.to_f64(), b.to_f64(), tap.part)));
                }
            }
        }
    }
}

fn stretch<const C: usize, E: Pixel>(source: &[E], columns: &[Tap], values: &mut Vec<f64>) {
    let pixels = source.as_chunks::<C>().0;
    values.extend(columns.iter().flat_map(|tap| {
        let pixel = |at: usize| pixels.get(at).copied().unwrap_or([E::default(); C]);
        let (a, b) = (pixel(tap.first), pixel(tap.second));
        std::array::from_fn::<f64, C, _>(|channel| {
            between(a[channel].to_f64(), b[channel].to_f64(), tap.part)
        })
    }));
}

struct Mix<'a, E> {
    upper: &'a [f64],
    lower: &'a [f64],
    part: f64,
    out: &'a mut Vec<E>,
}

impl<E: Pixel> Job for Mix<'_, E> {
    type Answer = ();

    #[inline(always)]
    fn run(self) {
        let pairs = self.upper.iter().zip(self.lower);
        if self.part == 0.0 {
            self.out.extend(self.upper.iter().map(|a| E::nearest(*a)));
        } else {
            let (rest, part) = (1.0 - self.part, self.part);
            self.out.extend(pairs.map(|(a, b)| E::nearest(a * rest + b * part)));
        }
    }
}
