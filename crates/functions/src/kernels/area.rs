//! `AREA(x)`.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::boxes;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::slice_of;
use crate::value::Value;

use super::iou::fours;
use super::iou::holds_boxes;
use super::reduce::row_of;

/// The area of every box.
#[derive(Debug)]
pub struct Area;

static ENTRY: Entry = Entry {
    tql: &["AREA"],
    udf: "area",
    aliases: &[],
    parameters: &["boxes"],
    signature: "area(boxes) -> f64[number of boxes]",
    help: "The area of every box in square pixels, in the column's coordinate convention; 0 where the sides cross. A plain array [N, 4] is x, y, width, height; one box [4] gives one number.",
    example: "SELECT AREA(ARRAY[[0, 0, 2, 3], [5, 5, 1, 1]]) AS areas",
};

impl TensorFunction for Area {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        match args.first().and_then(Arg::numeric).filter(|ty| holds_boxes(ty)) {
            Some(ty) => {
                let dims = ty.dims.split_last().map_or(Vec::new(), |(_, dims)| dims.to_vec());
                Ok(Output::tensor(TensorType::tensor(DType::F64, dims), any_nullable(args)))
            }
            None => Err(self.wrong_types(args, "it takes boxes: [N,4], or [4] for one box")),
        }
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let (x, ty) = (x.numbers()?, out.ty()?);
        let elements = x.elements_as(&DataType::Float64)?;
        let values = slice_of::<Float64Type>(&elements)?;
        let format = boxes::format_of(x.ty());
        let mut areas = Vec::new();
        let mut layout = Layouter::new(ty.ndim(), rows);
        for row in 0..rows {
            if x.is_null(row) {
                areas.resize(areas.len() + fixed(ty), 0.0);
                layout.push_null(areas.len())?;
                continue;
            }
            let shape = x.shape(row);
            if !fours(&shape) {
                return Err(self.wrong_row(row, format!("the shape {shape} is not that of boxes")));
            }
            let before = areas.len();
            let fours = row_of(&x, values, row).as_chunks::<4>().0;
            areas.extend(fours.iter().map(|four| boxes::area(&format.to_ltrb(*four))));
            let count = areas.len() - before;
            if ty.is_scalar() && count != 1 {
                return Err(
                    self.wrong_row(row, format!("the shape {shape} is not that of one box"))
                );
            }
            layout.push(areas.len(), &Shape::new(&[count]).unwrap_or_default())?;
        }
        assemble(ty, primitive::<Float64Type>(areas), layout, x.nulls(rows))
    }
}
