//! `IOU_PAIRWISE(a, b)` (rule 27).

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::boxes;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::matching;
use crate::numbers::slice_of;
use crate::row_writer::FULL;
use crate::row_writer::has_room;
use crate::row_writer::write;
use crate::value::Value;

use super::iou::fours;
use super::iou::holds_boxes;
use super::reduce::row_of;

/// The overlap of every box with every other.
#[derive(Debug)]
pub struct IouPairwise;

static ENTRY: Entry = Entry {
    tql: &["IOU_PAIRWISE"],
    udf: "iou_pairwise",
    aliases: &[],
    parameters: &["a", "b"],
    signature: "iou_pairwise(boxes, boxes) -> f64[boxes of the first, boxes of the second]",
    help: "The intersection over union of every box of the first with every box of the second; 0 for a box without area. Each column's coordinate convention holds; a plain array [N, 4] is x, y, width, height. One box [4] adds no dimension.",
    example: "SELECT IOU_PAIRWISE(ARRAY[[0, 0, 2, 2], [5, 5, 1, 1]], ARRAY[[1, 0, 2, 2]]) AS overlaps",
};

impl TensorFunction for IouPairwise {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let boxes: Option<Vec<&TensorType>> =
            args.iter().map(|arg| arg.numeric().filter(|ty| holds_boxes(ty))).collect();
        let Some(boxes) = boxes else {
            return Err(self.wrong_types(args, "it takes boxes: [N,4], or [4] for one box"));
        };
        let counts = boxes.iter().flat_map(|ty| ty.dims.split_last().map_or(&[][..], |(_, n)| n));
        let dims = counts.copied().collect();
        Ok(Output::tensor(TensorType::tensor(DType::F64, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [a, b] = args else { return Err(self.wrong_types(&[], "two arguments are needed")) };
        let (a, b) = (a.numbers()?, b.numbers()?);
        let (x, y) = (a.elements_as(&DataType::Float64)?, b.elements_as(&DataType::Float64)?);
        let (x, y) = (slice_of::<Float64Type>(&x)?, slice_of::<Float64Type>(&y)?);
        let (of_a, of_b) = (boxes::format_of(a.ty()), boxes::format_of(b.ty()));
        let nulls = NullBuffer::union(a.nulls(rows).as_ref(), b.nulls(rows).as_ref());
        let (mut left, mut right, mut areas) = (Vec::new(), Vec::new(), Vec::new());
        write::<Float64Type>(out.ty()?, rows, nulls, |row, overlaps| {
            boxes::read(row_of(&a, x, row), of_a, &mut left);
            boxes::read(row_of(&b, y, row), of_b, &mut right);
            let mut shape = Shape::SCALAR;
            for (of, boxes) in [(&a, &left), (&b, &right)] {
                let own = of.shape(row);
                if !fours(&own) || (own.ndim() == 1 && boxes.len() != 1) {
                    let reason = format!("the shape {own} is not that of boxes");
                    return Err(self.wrong_row(row, reason));
                }
                if own.ndim() > 1 {
                    // Two dimensions at most.
                    let _ = shape.push(boxes.len());
                }
            }
            if !has_room(overlaps.len(), &[left.len(), right.len()]) {
                return Err(self.wrong_row(row, FULL));
            }
            areas.clear();
            areas.extend(right.iter().map(boxes::area));
            for p in &left {
                let own = boxes::area(p);
                let others = right.iter().zip(&areas);
                overlaps.extend(others.map(|(q, area)| matching::overlap(p, own, q, *area)));
            }
            Ok(shape)
        })
    }
}
