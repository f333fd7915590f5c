//! Boxes of one row, in any convention.

use lakebed_core::BoxFormat;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::lanes::Element;

/// One box as left, top, right, bottom.
pub type Ltrb = [f64; 4];

/// The convention of a column; plain arrays are x, y, w, h (rule 27).
pub fn format_of(ty: &TensorType) -> BoxFormat {
    ty.box_format.unwrap_or(BoxFormat::Ltwh)
}

/// Puts the boxes of a row's elements, four each, in place of others.
pub fn read<E: Element>(elements: &[E], format: BoxFormat, boxes: &mut Vec<Ltrb>) {
    boxes.clear();
    let fours = elements.as_chunks::<4>().0.iter();
    boxes.extend(fours.map(|four| format.to_ltrb(four.map(Element::to_f64))));
}

/// Area of a box; 0 if its sides cross.
pub fn area(b: &Ltrb) -> f64 {
    (b[2] - b[0]).max(0.0) * (b[3] - b[1]).max(0.0)
}

/// The type of boxes computed from others: f32 of small floats, else f64, with their meaning.
pub fn like(ty: &TensorType) -> TensorType {
    let small = matches!(ty.dtype, DType::F16 | DType::F32);
    let dtype = if small { DType::F32 } else { DType::F64 };
    TensorType {
        htype: ty.htype,
        box_format: ty.box_format,
        ..TensorType::tensor(dtype, ty.dims.clone())
    }
}

/// A coordinate in f32.
#[expect(clippy::cast_possible_truncation, reason = "rounding to the result type is the point")]
pub fn rounded(coordinate: f64) -> f32 {
    coordinate as f32
}
