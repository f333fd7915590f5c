//! `BOX_CONVERT(boxes, 'ltrb')`.

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::datatypes::DataType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use lakebed_core::BoxFormat;
use lakebed_core::DType;
use lakebed_core::HType;
use lakebed_core::TensorType;

use crate::boxes;
use crate::entry::Entry;
use crate::error::Result;
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
use super::reduce::row_of;

/// The same boxes in another coordinate convention.
#[derive(Debug)]
pub struct BoxConvert;

static ENTRY: Entry = Entry {
    tql: &["BOX_CONVERT"],
    udf: "box_convert",
    aliases: &[],
    parameters: &["boxes", "to"],
    signature: "box_convert(boxes, 'ltwh', 'ltrb' or 'ccwh') -> f32 or f64 boxes",
    help: "The same boxes as left, top, width and height (ltwh), as left, top, right and bottom (ltrb), or as center and size (ccwh). What they were is the column's coordinate convention; a plain array [N, 4] is x, y, width, height. The result knows its own.",
    example: "SELECT BOX_CONVERT(ARRAY[[10, 20, 30, 40]], 'ltrb') AS corners",
};

impl BoxConvert {
    fn target(&self, name: &Arg) -> Result<BoxFormat> {
        name.text_literal().and_then(BoxFormat::from_name).ok_or_else(|| {
            self.wrong_argument("the convention is a constant: 'ltwh', 'ltrb' or 'ccwh'")
        })
    }

    fn convert<T: ArrowPrimitiveType, E: Element>(
        &self,
        of: &Numbers,
        values: &[E],
        out: &TensorType,
        rows: usize,
        rounded: impl Fn(f64) -> T::Native,
    ) -> Result<ArrayRef> {
        let (from, to) = (boxes::format_of(of.ty()), boxes::format_of(out));
        write::<T>(out, rows, of.nulls(rows), |row, converted| {
            let shape = of.shape(row);
            if !fours(&shape) {
                return Err(self.wrong_row(row, format!("the shape {shape} is not that of boxes")));
            }
            for four in row_of(of, values, row).as_chunks::<4>().0 {
                let four = four.map(Element::to_f64);
                let same = if from == to { four } else { to.from_ltrb(from.to_ltrb(four)) };
                converted.extend(same.map(&rounded));
            }
            Ok(shape)
        })
    }
}

impl TensorFunction for BoxConvert {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [x, name] = args else {
            return Err(self.wrong_types(args, "two arguments are needed"));
        };
        let Some(ty) = x.numeric().filter(|ty| holds_boxes(ty)) else {
            return Err(self.wrong_types(args, "it takes boxes: [N,4], or [4] for one box"));
        };
        let format = Some(self.target(name)?);
        let ty = TensorType { htype: HType::BBox, box_format: format, ..boxes::like(ty) };
        Ok(Output::tensor(ty, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x, _] = args else { return Err(self.wrong_types(&[], "two arguments are needed")) };
        let (x, ty) = (x.numbers()?, out.ty()?);
        if ty.dtype == DType::F32 {
            let elements = x.elements_as(&DataType::Float32)?;
            let values = slice_of::<Float32Type>(&elements)?;
            return self.convert::<Float32Type, _>(&x, values, ty, rows, boxes::rounded);
        }
        let elements = x.elements_as(&DataType::Float64)?;
        let values = slice_of::<Float64Type>(&elements)?;
        self.convert::<Float64Type, _>(&x, values, ty, rows, |coordinate| coordinate)
    }
}
