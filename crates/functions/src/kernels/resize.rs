//! `RESIZE(image, [h, w])`.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use lakebed_core::DType;
use lakebed_core::HType;
use lakebed_core::TensorType;

use crate::entry::Entry;
use crate::error::Result;
use crate::few;
use crate::few::Few;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::images;
use crate::images::Frame;
use crate::numbers::not_numbers;
use crate::numbers::with_numbers;
use crate::resampling::Resampler;
use crate::row_writer::FULL;
use crate::row_writer::has_room;
use crate::row_writer::write;
use crate::value::Value;

use super::reduce::row_of;

/// The most lines of an image, and the most pixels of a line.
const MOST_SIDE: u32 = 65_536;

/// An image of another size.
#[derive(Debug)]
pub struct Resize;

static ENTRY: Entry = Entry {
    tql: &["RESIZE"],
    udf: "resize",
    aliases: &[],
    parameters: &["image", "size", "method"],
    signature: "resize(image, [h, w][, 'bilinear' or 'nearest']) -> image of h lines of w pixels",
    help: "The image [H, W, C] or mask [H, W] at another size. Bilinear, the default, takes the four pixels around each point, where the centers of pixels lie at halves and nothing is smoothed beforehand, as OpenCV and PyTorch do; integers are rounded, half up. Nearest takes the pixel in which the point lies; masks and bools, which cannot be mixed, always do. A side has at most 65536 pixels.",
    example: "SELECT RESIZE(ARRAY[[0, 100], [200, 300]], ARRAY[1, 4]) AS wide",
};

impl Resize {
    /// True for bilinear interpolation.
    fn mixes(&self, args: &[Arg], ty: &TensorType) -> Result<bool> {
        let masks = matches!(ty.htype, HType::BinaryMask | HType::SegmentMask);
        let mixable = ty.dtype != DType::Bool && ty.classes.is_empty() && !masks;
        let Some(method) = args.get(2) else { return Ok(mixable) };
        match method.text_literal().map(str::to_ascii_lowercase).as_deref() {
            Some("nearest") => Ok(false),
            Some("bilinear") if mixable => Ok(true),
            Some("bilinear") => {
                Err(self.wrong_argument("masks and bools cannot be mixed: resize with 'nearest'"))
            }
            _ => Err(self.wrong_argument("the method is a constant: 'bilinear' or 'nearest'")),
        }
    }

    /// Height and width of a row's result.
    fn size(&self, row: usize, numbers: &[f64]) -> Result<[usize; 2]> {
        let side = |number: f64| {
            let fits = (1.0..=f64::from(MOST_SIDE)).contains(&number) && number.fract() == 0.0;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the number is whole, positive and small"
            )]
            let side = fits.then_some(number as usize);
            side
        };
        match numbers {
            [h, w] => side(*h).zip(side(*w)).map(|(h, w)| [h, w]),
            _ => None,
        }
        .ok_or_else(|| {
            let reason = format!("the size is not two whole numbers [h, w] from 1 to {MOST_SIDE}");
            self.wrong_row(row, reason)
        })
    }
}

impl TensorFunction for Resize {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 3)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [x, size, ..] = args else {
            return Err(self.wrong_types(args, "two or three arguments are needed"));
        };
        let Some(ty) = images::image_type(x) else {
            return Err(self.wrong_types(args, images::EXPECTED));
        };
        if !few::holds(size, 2) {
            return Err(self.wrong_types(args, "the size has two numbers: [h, w]"));
        }
        self.mixes(args, ty)?;
        Ok(Output::tensor(images::of_any_size(ty), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let [x, size, ..] = args else {
            return Err(self.wrong_types(&described, "two or three arguments are needed"));
        };
        let (x, sizes) = (x.numbers()?, Few::try_new(size)?);
        let mixes = self.mixes(&described, x.ty())?;
        let elements = x.native()?;
        let nulls = NullBuffer::union(x.nulls(rows).as_ref(), sizes.nulls(rows).as_ref());
        let mut resampler = Resampler::default();
        with_numbers!(elements, T, values => {
            write::<T>(out.ty()?, rows, nulls, |row, resized| {
                let [height, width] = self.size(row, sizes.row(row))?;
                let shape = x.shape(row);
                let from = Frame::of(&shape);
                if shape.elements() == 0 {
                    let reason = format!("an image of shape {shape} has no pixels to resize");
                    return Err(self.wrong_row(row, reason));
                }
                let to = Frame { height, width, channels: from.channels };
                if !has_room(resized.len(), &[height, width, from.channels]) {
                    return Err(self.wrong_row(row, FULL));
                }
                let image = row_of(&x, values, row);
                match mixes {
                    true => resampler.bilinear(image, from, to, resized),
                    false => resampler.nearest(image, from, to, resized),
                }
                Ok(images::resized(&shape, height, width))
            })
        }, else Err(not_numbers(elements.data_type())))
    }
}

#[cfg(test)]
#[path = "resize_tests.rs"]
mod tests;
