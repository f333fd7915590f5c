//! `IOU(a, b)` (rule 27).

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use lakebed_core::BoxFormat;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::number_rows;
use crate::boxes;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes::Element;
use crate::matching;
use crate::matching::MOST_MATCHED;
use crate::matching::Matcher;
use crate::numbers::Numbers;
use crate::numbers::slice_of;
use crate::value::Value;

use super::reduce::row_of;

/// How well two sets of boxes cover each other.
#[derive(Debug)]
pub struct Iou;

static ENTRY: Entry = Entry {
    tql: &["IOU"],
    udf: "iou",
    aliases: &[],
    parameters: &["a", "b"],
    signature: "iou(boxes, boxes) -> f64 from 0 to 1",
    help: "The mean intersection over union of the best one-to-one matching of two sets of boxes, divided by the larger number of boxes: 1 if both are empty, 0 if one is. Each column's coordinate convention holds; a plain array [N, 4] is x, y, width, height. More than 1024 boxes on both sides that all hang together by overlaps are an error.",
    example: "SELECT IOU(ARRAY[[0, 0, 2, 2]], ARRAY[[1, 0, 2, 2]]) AS overlap",
};

impl TensorFunction for Iou {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        if !args.iter().all(|arg| arg.numeric().is_some_and(holds_boxes)) {
            return Err(self.wrong_types(args, "it takes boxes: [N,4], or [4] for one box"));
        }
        Ok(Output::scalar(DType::F64, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [first, second] = args else {
            return Err(self.wrong_types(&[], "two arguments are needed"));
        };
        let (a, b) = (first.numbers()?, second.numbers()?);
        self.check(&a, &b, rows)?;
        let answers = if [&a, &b].iter().all(|x| x.ty().dtype == DType::F32) {
            let (x, y) = (a.native()?, b.native()?);
            let (x, y) = (slice_of::<Float32Type>(&x)?, slice_of::<Float32Type>(&y)?);
            self.matched((&a, x), (&b, y), rows)?
        } else {
            let (x, y) = (a.elements_as(&DataType::Float64)?, b.elements_as(&DataType::Float64)?);
            let (x, y) = (slice_of::<Float64Type>(&x)?, slice_of::<Float64Type>(&y)?);
            self.matched((&a, x), (&b, y), rows)?
        };
        let nulls = NullBuffer::union(a.nulls(rows).as_ref(), b.nulls(rows).as_ref());
        Ok(number_rows::<Float64Type>(answers, nulls))
    }
}

impl Iou {
    /// Shapes that the types leave open.
    fn check(&self, a: &Numbers, b: &Numbers, rows: usize) -> Result<()> {
        for x in [a, b] {
            let ndim = x.ty().ndim();
            let fits = match x.sizes() {
                Some(sizes) if ndim > 0 => sizes
                    .chunks_exact(ndim)
                    .all(|sizes| sizes.last() == Some(&4) || sizes.contains(&0)),
                // The same shape in every row.
                _ => rows > 0 && fours(&x.shape(0)),
            };
            let bad = |row: &usize| !a.is_null(*row) && !b.is_null(*row) && !fours(&x.shape(*row));
            if !fits && let Some(row) = (0..rows).find(bad) {
                let shape = x.shape(row);
                return Err(self.wrong_row(row, format!("the shape {shape} is not that of boxes")));
            }
        }
        Ok(())
    }

    fn matched<E: Element>(
        &self,
        (a, x): (&Numbers, &[E]),
        (b, y): (&Numbers, &[E]),
        rows: usize,
    ) -> Result<Vec<f64>> {
        let (of_a, of_b) = (boxes::format_of(a.ty()), boxes::format_of(b.ty()));
        if [a, b].iter().all(|boxes| boxes.uniform().is_some_and(|shape| shape.elements() == 4)) {
            // One box a row on both sides: nothing to match.
            let overlap = |row: usize| {
                let box_of = |of: &Numbers, elements: &[E], format: BoxFormat| {
                    let four = row_of(of, elements, row).first_chunk::<4>().copied();
                    format.to_ltrb(four.unwrap_or_default().map(Element::to_f64))
                };
                matching::of_two(&box_of(a, x, of_a), &box_of(b, y, of_b))
            };
            return Ok((0..rows).map(overlap).collect());
        }
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let mut matcher = Matcher::default();
        let mut answers = Vec::with_capacity(rows);
        for row in 0..rows {
            if a.is_null(row) || b.is_null(row) {
                answers.push(0.0);
                continue;
            }
            boxes::read(row_of(a, x, row), of_a, &mut left);
            boxes::read(row_of(b, y, row), of_b, &mut right);
            answers.push(matcher.overlap(&left, &right).map_err(|size| {
                self.wrong_row(
                    row,
                    format!("{size} boxes overlap each other on both sides, more than {MOST_MATCHED} are not matched: filter the boxes first"),
                )
            })?);
        }
        Ok(answers)
    }
}

/// True for `[N, 4]` and for `[4]`; sizes that the type leaves open are checked in every row.
pub fn holds_boxes(ty: &TensorType) -> bool {
    matches!(ty.ndim(), 1 | 2) && matches!(ty.dims.last(), Some(None | Some(4)))
}

/// True for the shape of boxes, or of no boxes at all.
pub fn fours(shape: &Shape) -> bool {
    shape.last() == Some(&4) || shape.elements() == 0
}

#[cfg(test)]
#[path = "iou_tests.rs"]
mod tests;
