//! All elements of a row in one dimension, whatever the row is made of: what reductions of a whole
//! value look at (rule 17: a group's SUM is that of all its elements).

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::ListArray;
use arrow::buffer::OffsetBuffer;
use arrow::compute::filter;
use arrow::compute::is_not_null;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use lakebed_core::Error as CoreError;
use lakebed_core::Layout;
use lakebed_core::TensorType;

use crate::error::Result;
use crate::function::Arg;
use crate::numbers::Numbers;
use crate::value::Value;

/// The elements of every row. Of a sequence the nulls are left out, as SQL's aggregates do; the
/// null rows of other values stay null.
///
/// # Errors
/// As [`Value::numbers`].
pub fn elements(value: &Value) -> Result<Numbers> {
    let listed = matches!(value.array.data_type(), DataType::List(_));
    let nested = match value.array.data_type() {
        DataType::List(item) => item.data_type().is_nested(),
        _ => false,
    };
    let holes =
        || value.array.as_list_opt::<i32>().is_some_and(|list| list.values().null_count() > 0);
    if !listed || !(nested || holes()) {
        return value.numbers();
    }
    let wrong = || CoreError::WrongType {
        expected: "numbers".into(),
        found: value.array.data_type().to_string(),
    };
    let ty = value.ty()?;
    let rows = value.array.len();
    let mut offsets: Vec<usize> = (0..=rows).collect();
    let mut at: ArrayRef = Arc::clone(&value.array);
    loop {
        if at.null_count() > 0 {
            (at, offsets) = without_nulls(&at, &offsets)?;
        }
        at = match at.data_type() {
            DataType::List(_) => {
                let list = at.as_list_opt::<i32>().ok_or_else(wrong)?;
                let ends = list.value_offsets();
                let end = |at: &usize| ends.get(*at).and_then(|end| usize::try_from(*end).ok());
                offsets = offsets.iter().map(end).collect::<Option<_>>().ok_or_else(wrong)?;
                Arc::clone(list.values())
            }
            DataType::FixedSizeList(_, size) => {
                let size = usize::try_from(*size).map_err(|_| wrong())?;
                offsets.iter_mut().for_each(|offset| *offset *= size);
                Arc::clone(at.as_fixed_size_list_opt().ok_or_else(wrong)?.values())
            }
            DataType::Struct(_) => {
                let ragged = at.as_struct_opt().filter(|parts| parts.num_columns() == 2);
                Arc::clone(ragged.ok_or_else(wrong)?.column(0))
            }
            _ => break,
        };
    }
    let start = offsets.first().copied().unwrap_or(0);
    let count = offsets.last().copied().unwrap_or(start).saturating_sub(start);
    let at = at.slice(start, count);
    let lengths = offsets.windows(2).map(|pair| pair[1].saturating_sub(pair[0]));
    let scalar = TensorType { layout: Layout::Scalar, dims: Vec::new(), ..ty.clone() };
    let item = Arc::new(Field::new("item", at.data_type().clone(), true));
    let list = ListArray::try_new(
        item,
        OffsetBuffer::from_lengths(lengths),
        at,
        value.array.nulls().cloned(),
    )?;
    let flat = TensorType::sequence(scalar);
    let arg = Arg { ty: Some(flat), ..value.arg.clone() };
    Value { arg, array: Arc::new(list), constant: value.constant }.numbers()
}

/// What is not null, and where each row's part of it is.
fn without_nulls(array: &ArrayRef, offsets: &[usize]) -> Result<(ArrayRef, Vec<usize>)> {
    let kept = is_not_null(array)?;
    let mut before = Vec::with_capacity(array.len() + 1);
    let mut count = 0;
    before.push(0);
    for valid in kept.values() {
        count += usize::from(valid);
        before.push(count);
    }
    let offsets = offsets.iter().map(|at| before.get(*at).copied().unwrap_or(count)).collect();
    Ok((filter(array, &kept)?, offsets))
}
