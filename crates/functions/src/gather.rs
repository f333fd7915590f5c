//! Copying chosen elements of every row into a new array.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::UInt64Array;
use arrow::compute::take;
use lakebed_core::Shape;
use lakebed_core::TensorType;
use lakebed_core::region::Run;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::error::Result;
use crate::numbers::Numbers;
use crate::numbers::with_numbers;

/// Stands for elements that nobody reads, of null rows in fixed forms.
const NOWHERE: usize = usize::MAX;

/// The array of `out` whose rows are the runs that `choose` pushes for a row of a shape, counted
/// from the row's start; `None` is a null row. Null rows are not asked for.
///
/// # Errors
/// Those of `choose`.
pub fn gather(
    from: &Numbers,
    out: &TensorType,
    rows: usize,
    mut choose: impl FnMut(usize, &Shape, &mut Vec<Run>) -> Result<Option<Shape>>,
) -> Result<ArrayRef> {
    let placeholder = fixed(out);
    let mut runs = Vec::new();
    let mut layout = Layouter::new(out.ndim(), rows);
    let mut valid = Vec::with_capacity(rows);
    let mut end = 0usize;
    for row in 0..rows {
        let first = runs.len();
        let shape = match from.is_null(row) {
            true => None,
            false => choose(row, &from.shape(row), &mut runs)?,
        };
        valid.push(shape.is_some());
        let Some(shape) = shape else {
            runs.truncate(first);
            if placeholder > 0 {
                runs.push(Run { start: NOWHERE, len: placeholder });
            }
            end += placeholder;
            layout.push_null(end)?;
            continue;
        };
        let base = from.range(row).start;
        for run in runs.iter_mut().skip(first) {
            run.start += base;
            end += run.len;
        }
        layout.push(end, &shape)?;
    }
    let elements = copy(from.elements(), &runs, end)?;
    assemble(out, elements, layout, Some(valid.into()))
}

fn copy(elements: &ArrayRef, runs: &[Run], total: usize) -> Result<ArrayRef> {
    with_numbers!(elements, T, values => {
        let mut copied = Vec::with_capacity(total);
        for run in runs {
            match (run.start, run.len) {
                (NOWHERE, len) => copied.resize(copied.len() + len, Default::default()),
                (start, 1) => copied.extend(values.get(start)),
                (start, len) => copied.extend_from_slice(values.get(start..start + len).unwrap_or(&[])),
            }
        }
        Ok(primitive::<T>(copied))
    }, else {
        let indices: UInt64Array = runs
            .iter()
            .flat_map(|run| (0..run.len).map(move |i| match run.start {
                NOWHERE => None,
                start => u64::try_from(start + i).ok(),
            }))
            .collect();
        let copied = take(elements.as_ref(), &indices, None)?;
        // The nulls of the row say that it is null; elements of a tensor are never null.
        let data = copied.to_data();
        let all_valid = elements.null_count() == 0;
        let data = if all_valid { data.into_builder().nulls(None).build()? } else { data };
        Ok(arrow::array::make_array(data))
    })
}
