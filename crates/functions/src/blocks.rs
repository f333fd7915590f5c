//! Slices that cut the same part out of every block of consecutive elements: of every row of a
//! fixed shape, or of every item of rows that differ in their first dimension only, such as
//! `boxes[:, 2]`.

use arrow::array::ArrayRef;
use arrow::buffer::OffsetBuffer;
use lakebed_core::Layout;
use lakebed_core::Shape;
use lakebed_core::Subscript;
use lakebed_core::TensorType;
use lakebed_core::region::Run;
use lakebed_core::subscript;

use crate::assemble::Rows;
use crate::assemble::assemble;
use crate::assemble::primitive;
use crate::error::Result;
use crate::numbers::Numbers;
use crate::numbers::with_numbers;

/// The runs of every row of one shape; `None` where rows must be looked at one by one.
///
/// # Errors
/// As [`assemble`].
pub fn of_fixed(
    from: &Numbers,
    shape: &Shape,
    runs: &[Run],
    out: &TensorType,
    rows: usize,
) -> Result<Option<ArrayRef>> {
    if from.is_constant() || !matches!(out.layout, Layout::Scalar | Layout::Fixed) {
        return Ok(None);
    }
    let Some(elements) = copy(from, shape.elements(), runs, rows) else { return Ok(None) };
    Ok(Some(assemble(out, elements, Rows::Fixed(rows), from.nulls(rows))?))
}

/// The part of every item of rows of a ragged column; `None` if the subscripts choose among the
/// items, or if an item has another shape than the type says.
///
/// # Errors
/// As [`assemble`].
pub fn of_ragged(
    from: &Numbers,
    subscripts: &[Subscript],
    out: &TensorType,
    rows: usize,
) -> Result<Option<ArrayRef>> {
    let Some(part) = Part::of(from.ty(), subscripts) else { return Ok(None) };
    if part.kept.ndim() + 1 != out.ndim() || out.layout != Layout::Ragged {
        return Ok(None);
    }
    let Some(placed) = part.rows(from, rows) else { return Ok(None) };
    let Some(elements) = copy(from, part.item.elements(), &part.runs, rows) else {
        return Ok(None);
    };
    Ok(Some(assemble(out, elements, placed, from.nulls(rows))?))
}

/// What is cut out of every item.
struct Part {
    item: Shape,
    kept: Shape,
    runs: Vec<Run>,
}

impl Part {
    fn of(ty: &TensorType, subscripts: &[Subscript]) -> Option<Part> {
        let (Some((&Subscript::ALL, subscripts)), Some((_, dims))) =
            (subscripts.split_first(), ty.dims.split_first())
        else {
            return None;
        };
        let mut item = Shape::SCALAR;
        for dim in dims {
            item.push(usize::try_from((*dim)?).ok()?)?;
        }
        // An index out of range is left to those who know the row.
        let region = subscript::resolve(subscripts, &item).ok()?;
        let known = ty.layout == Layout::Ragged && item.ndim() > 0 && item.elements() > 0;
        known.then(|| Part { kept: region.shape(), runs: region.runs(&item), item })
    }

    /// Where the rows of the result are; `None` if an item has another shape.
    fn rows(&self, from: &Numbers, rows: usize) -> Option<Rows> {
        let (offsets, sizes) = (from.offsets()?, from.sizes()?);
        let small = |n: usize| i32::try_from(n).ok();
        let (block, kept) = (small(self.item.elements())?, small(self.kept.elements())?);
        let item: Vec<i32> = self.item.iter().map(|n| small(*n)).collect::<Option<_>>()?;
        let after: Vec<i32> = self.kept.iter().map(|n| small(*n)).collect::<Option<_>>()?;
        let mut ends = Vec::with_capacity(rows + 1);
        let mut shapes = Vec::with_capacity(rows * (after.len() + 1));
        let mut end = 0i32;
        ends.push(end);
        let sizes = sizes.chunks_exact(item.len() + 1);
        for (row, (sizes, pair)) in sizes.zip(offsets.windows(2)).take(rows).enumerate() {
            let (first, rest) = sizes.split_first()?;
            let length = pair[1].wrapping_sub(pair[0]);
            let count = if rest == item && first.checked_mul(block) == Some(length) {
                *first
            } else if from.is_null(row) && length == 0 {
                0
            } else {
                return None;
            };
            end = end.checked_add(count.checked_mul(kept)?)?;
            ends.push(end);
            shapes.push(count);
            shapes.extend_from_slice(&after);
        }
        (ends.len() == rows + 1)
            .then(|| Rows::Apart { offsets: OffsetBuffer::new(ends.into()), sizes: shapes.into() })
    }
}

/// The runs of every block, one after another.
fn copy(from: &Numbers, block: usize, runs: &[Run], rows: usize) -> Option<ArrayRef> {
    if block == 0 {
        return None;
    }
    with_numbers!(from.elements(), T, values => {
        let blocks = values.get(from.window(rows))?.chunks_exact(block);
        let copied = match runs {
            [Run { start, len: 1 }] => {
                blocks.map(|block| block.get(*start).copied().unwrap_or_default()).collect()
            }
            _ => {
                let each: usize = runs.iter().map(|run| run.len).sum();
                let mut copied = Vec::with_capacity(each * blocks.len());
                for block in blocks {
                    for run in runs {
                        match run.len {
                            1 => copied.extend(block.get(run.start)),
                            len => copied.extend_from_slice(block.get(run.start..run.start + len)?),
                        }
                    }
                }
                copied
            }
        };
        Some(primitive::<T>(copied))
    }, else None)
}
