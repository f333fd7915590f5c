//! `CROP(image, [x, y, w, h])`.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::ScalarUDF;
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::lit;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::TensorType;
use lakebed_core::region::Run;

use crate::entry::Entry;
use crate::error::Result;
use crate::few;
use crate::few::Few;
use crate::few::Window;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::gather::gather;
use crate::images;
use crate::images::Frame;
use crate::udf::TensorUdf;
use crate::value::Value;

use super::slice::SLICE;

/// The part of an image inside a window.
#[derive(Debug)]
pub struct Crop;

static ENTRY: Entry = Entry {
    tql: &["CROP"],
    udf: "crop",
    aliases: &[],
    parameters: &["image", "window"],
    signature: "crop(image, [x, y, w, h]) -> the part of image in the window",
    help: "The part of an image [H, W, C] or a mask [H, W] that lies in a window: x pixels from the left, y from the top, w wide, h high. What lies outside the image is cut off. Fractions take every pixel that the window touches. A box of a column is taken in the column's coordinate convention.",
    example: "SELECT CROP(ARRAY[[1, 2, 3], [4, 5, 6]], ARRAY[1, 0, 5, 1]) AS part",
};

impl TensorFunction for Crop {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [x, window] = args else {
            return Err(self.wrong_types(args, "two arguments are needed"));
        };
        let Some(ty) = images::image_type(x) else {
            return Err(self.wrong_types(args, images::EXPECTED));
        };
        if !few::holds(window, 4) {
            return Err(self.wrong_types(args, "the window has four numbers: [x, y, w, h]"));
        }
        Ok(Output::tensor(images::of_any_size(ty), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x, window] = args else {
            return Err(self.wrong_types(&[], "two arguments are needed"));
        };
        let (x, windows) = (x.numbers()?, Few::try_new(window)?);
        let nulls = windows.nulls(rows);
        gather(&x, out.ty()?, rows, |row, shape, runs| {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                return Ok(None);
            }
            let (columns, lines) = windows
                .window(row)
                .and_then(pixels)
                .ok_or_else(|| self.wrong_row(row, NO_WINDOW))?;
            let frame = Frame::of(shape);
            let clipped = |range: &Range<usize>, size: usize| {
                let start = range.start.min(size);
                start..range.end.min(size).max(start)
            };
            let (columns, lines) = (clipped(&columns, frame.width), clipped(&lines, frame.height));
            let width = columns.len() * frame.channels;
            let start = lines.start * frame.line() + columns.start * frame.channels;
            if width == 0 {
                // However many lines there are, none has a pixel.
            } else if columns.len() == frame.width {
                runs.push(Run { start, len: lines.len() * width });
            } else {
                let line = |at: usize| Run { start: start + at * frame.line(), len: width };
                runs.extend((0..lines.len()).map(line));
            }
            Ok(Some(images::resized(shape, lines.len(), columns.len())))
        })
    }

    /// A constant window is a slice, which reads those pixels only.
    fn simplify(
        &self,
        exprs: Vec<Expr>,
        args: &[Arg],
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        match (exprs.as_slice(), self.as_slice(args)) {
            ([x, _], Some(subscripts)) => {
                let udf = Arc::new(ScalarUDF::new_from_impl(TensorUdf::new(&SLICE)));
                let args = vec![x.clone(), lit(subscripts)];
                let call = ScalarFunction::new_udf(udf, args);
                Ok(ExprSimplifyResult::Simplified(Expr::ScalarFunction(call)))
            }
            _ => Ok(ExprSimplifyResult::Original(exprs)),
        }
    }
}

const NO_WINDOW: &str = "the window is not four finite numbers [x, y, w, h]";

impl Crop {
    /// The subscripts that mean the same as a constant window; `None` where the types would differ.
    fn as_slice(&self, args: &[Arg]) -> Option<String> {
        let [x, window] = args else { return None };
        let literal = window.literal.as_ref().filter(|literal| !literal.is_null())?;
        let (columns, lines) = constant_window(window, literal).ok().flatten()?;
        let ty = images::image_type(x)?;
        let open = |range: &Range<usize>| format!("{}:{}", range.start, range.end);
        let subscripts = format!("{}, {}", open(&lines), open(&columns));
        let parsed = lakebed_core::subscript::parse_list(&subscripts).ok()?;
        let sliced: TensorType = SLICE.result_type(ty, &parsed).ok()?;
        (sliced == images::of_any_size(ty)).then_some(subscripts)
    }
}

/// The columns and lines of a constant.
fn constant_window(
    window: &Arg,
    literal: &ScalarValue,
) -> Result<Option<(Range<usize>, Range<usize>)>> {
    let value = datafusion_expr::ColumnarValue::Scalar(literal.clone());
    Ok(Few::try_new(&Value::try_new(window.clone(), &value)?)?.window(0).and_then(pixels))
}

/// The columns and lines that a window touches, from 0; `None` if it is not finite.
fn pixels(window: Window) -> Option<(Range<usize>, Range<usize>)> {
    let range = |start: f64, size: f64| -> Option<Range<usize>> {
        let end = start + size.max(0.0);
        (start.is_finite() && size.is_finite()).then(|| whole(start.floor())..whole(end.ceil()))
    };
    Some((range(window.x, window.w)?, range(window.y, window.h)?))
}

/// A place in pixels; below 0 is 0, and what no image reaches is the same for all of them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is whole, not negative, and below 2^32"
)]
fn whole(place: f64) -> usize {
    place.clamp(0.0, f64::from(u32::MAX)) as usize
}

#[cfg(test)]
#[path = "crop_tests.rs"]
mod tests;
