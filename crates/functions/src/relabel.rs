//! The same elements under other shapes.

use std::sync::Arc;

use arrow::array::ArrayRef;
use lakebed_core::HType;
use lakebed_core::Shape;
use lakebed_core::TensorType;
use lakebed_core::region::Run;

use crate::assemble::Layouter;
use crate::assemble::Rows;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::without_nulls;
use crate::error::Result;
use crate::gather::gather;
use crate::numbers::Numbers;

/// The type of the elements of `ty` in other dimensions; class labels keep their names, and boxes
/// their convention where the last dimension still holds four numbers.
pub fn with_dims(ty: &TensorType, dims: Vec<Option<u32>>) -> TensorType {
    let mut result = TensorType::tensor(ty.dtype.clone(), dims);
    match ty.htype {
        HType::ClassLabel => {
            result.htype = HType::ClassLabel;
            result.classes = Arc::clone(&ty.classes);
        }
        HType::BBox if result.dims.last() == Some(&Some(4)) => {
            result.htype = HType::BBox;
            result.box_format = ty.box_format;
        }
        _ => {}
    }
    result
}

/// The array of `out` with the elements of `x`, in the shapes that `shape_of` gives to rows that
/// are not null. Elements are shared, not copied, unless null rows hold more of them than before.
///
/// # Errors
/// Those of `shape_of`.
pub fn relabel(
    x: &Numbers,
    out: &TensorType,
    rows: usize,
    mut shape_of: impl FnMut(usize, &Shape) -> Result<Shape>,
) -> Result<ArrayRef> {
    let nulls = x.nulls(rows);
    let uneven = fixed(out) > 0 && x.uniform().is_none() && nulls.is_some();
    if uneven || (x.is_constant() && rows > 1) {
        return gather(x, out, rows, |row, shape, runs| {
            runs.push(Run { start: 0, len: shape.elements() });
            shape_of(row, shape).map(Some)
        });
    }
    let window = x.window(rows);
    let elements = without_nulls(x.elements().slice(window.start, window.len()))?;
    if fixed(out) > 0 {
        // One shape for all rows says that it fits for all of them.
        let checked = if x.uniform().is_some() { rows.min(1) } else { rows };
        for row in 0..checked {
            shape_of(row, &x.shape(row))?;
        }
        return assemble(out, elements, Rows::Fixed(rows), nulls);
    }
    let mut layout = Layouter::new(out.ndim(), rows);
    for row in 0..rows {
        let end = x.range(row).end - window.start;
        match x.is_null(row) {
            true => layout.push_null(end)?,
            false => layout.push(end, &shape_of(row, &x.shape(row))?)?,
        }
    }
    assemble(out, elements, layout, nulls)
}
