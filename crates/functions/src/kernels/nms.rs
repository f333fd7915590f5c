//! `NMS(boxes, scores, threshold)`.

use std::cmp::Ordering;

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::boxes;
use crate::boxes::Ltrb;
use crate::entry::Entry;
use crate::error::Result;
use crate::few::Few;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::matching;
use crate::numbers::slice_of;
use crate::row_writer::write;
use crate::value::Value;

use super::iou::fours;
use super::reduce::row_of;

/// Non-maximum suppression.
#[derive(Debug)]
pub struct Nms;

static ENTRY: Entry = Entry {
    tql: &["NMS"],
    udf: "nms",
    aliases: &[],
    parameters: &["boxes", "scores", "threshold"],
    signature: "nms(boxes, scores, threshold) -> i64[number of boxes kept]",
    help: "Non-maximum suppression: the places of the boxes that are kept, in order of falling score and of place among equal scores. The box with the best score is kept, and all whose intersection over union with it is above the threshold are dropped; then the best of the rest, and so on. NaN is below every other score. Boxes [N, 4] are in the column's coordinate convention.",
    example: "SELECT NMS(ARRAY[[0, 0, 4, 4], [0, 0, 4, 5], [9, 9, 2, 2]], ARRAY[0.8, 0.9, 0.3], 0.5) AS kept",
};

impl TensorFunction for Nms {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (3, 3)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let fits = match args {
            [boxes, scores, threshold] => {
                boxes.numeric().is_some_and(|ty| {
                    ty.ndim() == 2 && matches!(ty.dims.last(), Some(None | Some(4)))
                }) && scores.numeric().is_some_and(|ty| ty.ndim() == 1)
                    && threshold.numeric().is_some_and(|ty| ty.is_scalar())
            }
            _ => false,
        };
        if !fits {
            return Err(self.wrong_types(
                args,
                "it takes boxes [N,4], their scores [N] and a threshold from 0 to 1",
            ));
        }
        Ok(Output::tensor(TensorType::tensor(DType::I64, vec![None]), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [boxes, scores, threshold] = args else {
            return Err(self.wrong_types(&[], "three arguments are needed"));
        };
        let (of, scores) = (boxes.numbers()?, Few::try_new(scores)?);
        let thresholds = Few::try_new(threshold)?;
        let elements = of.elements_as(&DataType::Float64)?;
        let values = slice_of::<Float64Type>(&elements)?;
        let format = boxes::format_of(of.ty());
        let nulls = [&scores, &thresholds].into_iter().fold(of.nulls(rows), |nulls, few| {
            NullBuffer::union(nulls.as_ref(), few.nulls(rows).as_ref())
        });
        let mut boxes = Vec::new();
        let mut kept = Kept::default();
        write::<Int64Type>(out.ty()?, rows, nulls, |row, places| {
            let shape = of.shape(row);
            if !fours(&shape) {
                return Err(self.wrong_row(row, format!("the shape {shape} is not that of boxes")));
            }
            boxes::read(row_of(&of, values, row), format, &mut boxes);
            let scores = scores.row(row);
            if scores.len() != boxes.len() {
                return Err(self.wrong_row(
                    row,
                    format!("{} boxes have {} scores", boxes.len(), scores.len()),
                ));
            }
            let threshold = thresholds.row(row).first().copied().unwrap_or(f64::NAN);
            if !(0.0..=1.0).contains(&threshold) {
                return Err(
                    self.wrong_row(row, format!("the threshold {threshold} is not from 0 to 1"))
                );
            }
            kept.find(&boxes, scores, threshold);
            let place = |at: &usize| i64::try_from(*at).unwrap_or(i64::MAX);
            places.extend(kept.places.iter().map(place));
            Ok(Shape::new(&[kept.places.len()]).unwrap_or_default())
        })
    }
}

/// The boxes kept of one row, in memory that is kept from row to row.
#[derive(Debug, Default)]
struct Kept {
    order: Vec<usize>,
    places: Vec<usize>,
    boxes: Vec<(Ltrb, f64)>,
}

impl Kept {
    fn find(&mut self, boxes: &[Ltrb], scores: &[f64], threshold: f64) {
        self.order.clear();
        self.order.extend(0..boxes.len());
        // NaN, which is no score at all, after every other.
        let key = |at: &usize| scores.get(*at).copied().filter(|score| !score.is_nan());
        self.order.sort_by(|p, q| key(q).partial_cmp(&key(p)).unwrap_or(Ordering::Equal));
        self.places.clear();
        self.boxes.clear();
        for &place in &self.order {
            let Some(candidate) = boxes.get(place) else { continue };
            let area = boxes::area(candidate);
            let covered = self
                .boxes
                .iter()
                .any(|(other, own)| matching::overlap(candidate, area, other, *own) > threshold);
            if !covered {
                self.places.push(place);
                self.boxes.push((*candidate, area));
            }
        }
    }
}

#[cfg(test)]
#[path = "nms_tests.rs"]
mod tests;
