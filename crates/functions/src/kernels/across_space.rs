//! `tensor_across_space(x)`: a sequence of equal shapes as one tensor.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::compute::take;
use lakebed_core::Layout;
use lakebed_core::Shape;
use lakebed_core::TensorArray;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::value::Value;

/// What `GROUP BY ... ACROSS SPACE` makes of a group.
#[derive(Debug)]
pub struct AcrossSpace;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_across_space",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_across_space(sequence) -> tensor",
    help: "The values of a sequence as one tensor with a new first axis; they must have the same shape. A sequence of text stays a sequence.",
    example: "SELECT tensor_across_space(ARRAY[1, 2]) AS both",
};

/// The type of the items if they are numbers.
fn items_of(arg: &Arg) -> Option<&TensorType> {
    match &arg.ty.as_ref()?.layout {
        Layout::Sequence(inner) if inner.is_numeric() => Some(inner),
        _ => None,
    }
}

impl TensorFunction for AcrossSpace {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [x] = args else { return Err(self.wrong_types(args, "one argument is needed")) };
        let Some(items) = items_of(x) else { return Ok(Output::from_field(&x.field)) };
        let mut dims = vec![None];
        dims.extend(&items.dims);
        let ty = TensorType {
            htype: items.htype,
            classes: Arc::clone(&items.classes),
            box_format: items.box_format,
            ..TensorType::tensor(items.dtype.clone(), dims)
        };
        Ok(Output::tensor(ty, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let (Some(items), Some(list)) = (items_of(&x.arg), x.array.as_list_opt::<i32>()) else {
            if x.constant && rows != 1 {
                let first = arrow::array::UInt32Array::from(vec![0; rows]);
                return Ok(take(&x.array, &first, None)?);
            }
            return Ok(Arc::clone(&x.array));
        };
        let values = TensorArray::try_new(items.clone(), list.values())?;
        let ty = out.ty()?;
        let at = |index: i32| usize::try_from(index).unwrap_or(0);
        let mut layout = Layouter::new(ty.ndim(), rows);
        let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
        let mut end = 0;
        for row in 0..rows {
            let place = x.row(row);
            if list.is_null(place) {
                layout.push_null(end)?;
                continue;
            }
            let inner = at(list.value_offsets()[place])..at(list.value_offsets()[place + 1]);
            let first = inner.clone().next();
            let shape = first.map(|first| values.shape(first)).unwrap_or_else(|| empty(items));
            for item in inner.clone() {
                let null = values.nulls().is_some_and(|nulls| nulls.is_null(item));
                if null || values.shape(item) != shape {
                    let found =
                        if null { "null".to_string() } else { values.shape(item).to_string() };
                    return Err(self.wrong_row(
                        row,
                        format!("ACROSS SPACE stacks values of one shape, and a group holds {shape} and {found}: use ACROSS TIME"),
                    ));
                }
                let range = values.range(item);
                end += range.len();
                ranges.push(range);
            }
            let mut sizes = vec![inner.len()];
            sizes.extend(shape.iter());
            let Some(sizes) = Shape::new(&sizes) else {
                return Err(self.wrong_row(row, "the stacked tensor has too many dimensions"));
            };
            layout.push(end, &sizes)?;
        }
        let elements = joined(values.elements(), &ranges)?;
        assemble(ty, elements, layout, x.nulls(rows))
    }
}

/// The shape of an item of an empty group.
fn empty(items: &TensorType) -> Shape {
    let sizes: Vec<usize> = items
        .dims
        .iter()
        .map(|dim| dim.and_then(|dim| usize::try_from(dim).ok()).unwrap_or(0))
        .collect();
    Shape::new(&sizes).unwrap_or_default()
}

/// The elements of the ranges, one after another; shared where they follow each other.
fn joined(elements: &ArrayRef, ranges: &[std::ops::Range<usize>]) -> Result<ArrayRef> {
    let follow = ranges.windows(2).all(|pair| matches!(pair, [a, b] if a.end == b.start));
    let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else {
        return Ok(elements.slice(0, 0));
    };
    if follow {
        return Ok(elements.slice(first.start, last.end - first.start));
    }
    let pieces: Vec<ArrayRef> =
        ranges.iter().map(|range| elements.slice(range.start, range.len())).collect();
    let pieces: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
    Ok(arrow::compute::concat(&pieces)?)
}
