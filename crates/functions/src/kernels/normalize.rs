//! `NORMALIZE(boxes, [x, y, w, h])` (rule 28) and `NORMALIZE(image, mean, std)`.

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;

use crate::boxes;
use crate::entry::Entry;
use crate::error::Result;
use crate::few;
use crate::few::Few;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes::Element;
use crate::numbers::Numbers;
use crate::numbers::slice_of;
use crate::row_writer::write;
use crate::value::Value;

use super::iou::fours;
use super::iou::holds_boxes;
use super::normalize_image;
use super::reduce::row_of;

/// Boxes as parts of a window, or channels by their mean and deviation.
#[derive(Debug)]
pub struct Normalize;

static ENTRY: Entry = Entry {
    tql: &["NORMALIZE"],
    udf: "normalize",
    aliases: &[],
    parameters: &["x", "window", "std", "scale"],
    signature: "normalize(boxes, [x, y, w, h]) -> f32 or f64 boxes; normalize(image, mean, std[, scale]) -> f32 of the shape of image",
    help: "Of boxes: shifts them into the window, clips them to it and divides by its width and height, in the column's coordinate convention; a plain array [N, 4] is x, y, width, height. Of an image [H, W, C]: (x / scale - mean) / std, with one mean and one std for all channels or one for each; scale is 1 unless it is written, so that bytes with the means of [0, 1] need 255.",
    example: "SELECT NORMALIZE(ARRAY[[100, 150, 200, 100]], ARRAY[100, 100, 400, 400]) AS box",
};

impl TensorFunction for Normalize {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 4)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [x, window] = args else { return self.image_result(args) };
        let Some(ty) = x.numeric().filter(|ty| holds_boxes(ty)) else {
            return Err(self.wrong_types(
                args,
                "it takes boxes, [N,4] or [4], and a window [x, y, w, h], or an image, a mean and a std",
            ));
        };
        if !few::holds(window, 4) {
            return Err(self.wrong_types(args, "the window has four numbers: [x, y, w, h]"));
        }
        Ok(Output::tensor(boxes::like(ty), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x, window] = args else { return self.image(args, out, rows) };
        let of = x.numbers()?;
        if out.ty()?.dtype == DType::F32 {
            let elements = of.elements_as(&DataType::Float32)?;
            let values = slice_of::<Float32Type>(&elements)?;
            return self.boxes::<Float32Type, _>(&of, values, window, out, rows, boxes::rounded);
        }
        let elements = of.elements_as(&DataType::Float64)?;
        let values = slice_of::<Float64Type>(&elements)?;
        self.boxes::<Float64Type, _>(&of, values, window, out, rows, |coordinate| coordinate)
    }
}

impl Normalize {
    fn boxes<T: ArrowPrimitiveType, E: Element>(
        &self,
        of: &Numbers,
        values: &[E],
        window: &Value,
        out: &Output,
        rows: usize,
        rounded: impl Fn(f64) -> T::Native,
    ) -> Result<ArrayRef> {
        let windows = Few::try_new(window)?;
        let nulls = NullBuffer::union(of.nulls(rows).as_ref(), windows.nulls(rows).as_ref());
        let format = boxes::format_of(of.ty());
        write::<T>(out.ty()?, rows, nulls, |row, normalized| {
            let shape = of.shape(row);
            if !fours(&shape) {
                return Err(self.wrong_row(row, format!("the shape {shape} is not that of boxes")));
            }
            let window = windows.window(row).ok_or_else(|| {
                self.wrong_row(row, "the window does not have four numbers [x, y, w, h]")
            })?;
            let holds_pixels = |size: f64| size > 0.0 && size.is_finite();
            if !holds_pixels(window.w) || !holds_pixels(window.h) {
                let (w, h) = (window.w, window.h);
                return Err(self.wrong_row(row, format!("a window of {w} by {h} has no area")));
            }
            // NaN stays NaN.
            let x = |x: f64| (x - window.x).clamp(0.0, window.w) / window.w;
            let y = |y: f64| (y - window.y).clamp(0.0, window.h) / window.h;
            for four in row_of(of, values, row).as_chunks::<4>().0 {
                let [left, top, right, bottom] = format.to_ltrb(four.map(Element::to_f64));
                let part = format.from_ltrb([x(left), y(top), x(right), y(bottom)]);
                normalized.extend(part.map(&rounded));
            }
            Ok(shape)
        })
    }

    fn image_result(&self, args: &[Arg]) -> Result<Output> {
        let [x, mean, std, scale @ ..] = args else {
            return Err(self.wrong_types(args, "it takes two to four arguments"));
        };
        match normalize_image::result_type(x, mean, std, scale.first()) {
            Ok(ty) => Ok(Output::tensor(ty, any_nullable(args))),
            Err(reason) => Err(self.wrong_types(args, reason)),
        }
    }

    fn image(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x, mean, std, scale @ ..] = args else {
            return Err(self.wrong_types(&[], "it takes two to four arguments"));
        };
        normalize_image::evaluate(self, x, [mean, std], scale.first(), out.ty()?, rows)
    }
}

#[cfg(test)]
#[path = "normalize_tests.rs"]
mod tests;
