//! `IOU(a, b)` (rule 27).

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
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
use crate::numbers::slice_of;
use crate::value::Value;
use crate::value::any_null;

use super::reduce::row_of;

/// How well two sets of boxes cover each other.
#[derive(Debug)]
pub struct Iou;

static ENTRY: Entry = Entry {
    tql: &["IOU"],
    udf: "iou",
    aliases: &[],
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
        let (x, y) = (a.elements_as(&DataType::Float64)?, b.elements_as(&DataType::Float64)?);
        let (x, y) = (slice_of::<Float64Type>(&x)?, slice_of::<Float64Type>(&y)?);
        let (of_a, of_b) = (boxes::format_of(a.ty()), boxes::format_of(b.ty()));
        let mut answers = Vec::with_capacity(rows);
        for row in 0..rows {
            if a.is_null(row) || b.is_null(row) {
                answers.push(0.0);
                continue;
            }
            for shape in [a.shape(row), b.shape(row)] {
                if !fours(&shape) {
                    return Err(
                        self.wrong_row(row, format!("the shape {shape} is not that of boxes"))
                    );
                }
            }
            let left = boxes::read(row_of(&a, x, row), of_a);
            let right = boxes::read(row_of(&b, y, row), of_b);
            answers.push(boxes::matched_overlap(&left, &right).map_err(|size| {
                self.wrong_row(
                    row,
                    format!("{size} boxes overlap each other on both sides, more than {} are not matched: filter the boxes first", boxes::MOST_MATCHED),
                )
            })?);
        }
        let nulls = arrow::buffer::NullBuffer::union(
            any_null(args, rows).as_ref(),
            arrow::buffer::NullBuffer::union(a.nulls(rows).as_ref(), b.nulls(rows).as_ref())
                .as_ref(),
        );
        Ok(number_rows::<Float64Type>(answers, nulls))
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
