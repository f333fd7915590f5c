//! Results whose elements are written row after row.

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::buffer::NullBuffer;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::error::Result;

/// The array of `out` whose rows `fill` appends, one call a row that is not null; it gives the
/// row's shape, whose elements it appended. `T` may be `UInt8Type` for bools.
///
/// # Errors
/// Those of `fill`, and of [`assemble`].
pub fn write<T: ArrowPrimitiveType>(
    out: &TensorType,
    rows: usize,
    nulls: Option<NullBuffer>,
    mut fill: impl FnMut(usize, &mut Vec<T::Native>) -> Result<Shape>,
) -> Result<ArrayRef> {
    let placeholder = fixed(out);
    let mut elements: Vec<T::Native> = Vec::new();
    let mut layout = Layouter::new(out.ndim(), rows);
    for row in 0..rows {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            elements.resize(elements.len() + placeholder, T::Native::default());
            layout.push_null(elements.len())?;
            continue;
        }
        let shape = fill(row, &mut elements)?;
        layout.push(elements.len(), &shape)?;
    }
    assemble(out, primitive::<T>(elements), layout, nulls)
}

/// What a row is told that does not fit in its batch.
pub const FULL: &str = "with this row the batch has more than 2^31 - 1 elements";

/// True if a row of these sizes fits in a batch that has `taken` elements already: to be asked
/// before memory is taken for it.
pub fn has_room(taken: usize, sizes: &[usize]) -> bool {
    let count = sizes.iter().try_fold(1usize, |count, size| count.checked_mul(*size));
    let total = count.and_then(|count| count.checked_add(taken));
    total.is_some_and(|total| i32::try_from(total).is_ok())
}
