//! Functions of the elements of a value, over sequences: `labels + 1` where GROUP BY has collected
//! the `labels` of a group is computed item by item (rule 17).

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::ListArray;
use arrow::array::UInt32Array;
use arrow::array::new_null_array;
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::datatypes::FieldRef;
use lakebed_core::Error as CoreError;
use lakebed_core::Layout;
use lakebed_core::TensorType;

use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::value::Value;

/// The items of a sequence whose items are values of their own: tensors of any shape, or scalars
/// of which some may be null.
fn item(arg: &Arg) -> Option<&FieldRef> {
    match (arg.field.data_type(), arg.ty.as_ref().map(|ty| &ty.layout)) {
        (DataType::List(item), Some(Layout::Sequence(inner)))
            if !inner.is_scalar() || item.is_nullable() =>
        {
            Some(item)
        }
        _ => None,
    }
}

/// The arguments as one item sees them; `None` if the function looks at values as wholes, or if
/// no argument is such a sequence. What is no sequence meets every item.
fn of_items(function: &dyn TensorFunction, args: &[Arg]) -> Option<Vec<Arg>> {
    if !function.per_item() || !args.iter().any(|arg| item(arg).is_some()) {
        return None;
    }
    let tensors = args
        .iter()
        .filter_map(item)
        .any(|item| TensorType::from_field(item).is_some_and(|ty| !ty.is_scalar()));
    args.iter()
        .map(|arg| match item(arg) {
            Some(item) => Some(Arg::new(Arc::clone(item), None)),
            // A sequence of numbers beside an array of numbers is an array itself.
            None if tensors || arg.ty.as_ref().is_none_or(TensorType::is_scalar) => {
                Some(arg.clone())
            }
            None => None,
        })
        .collect()
}

/// The type of a call.
///
/// # Errors
/// Those of [`TensorFunction::result`].
pub fn result(function: &dyn TensorFunction, args: &[Arg]) -> Result<Output> {
    let Some(of_items) = of_items(function, args) else { return function.result(args) };
    let output = function.result(&of_items)?;
    let nullable = args.iter().any(|arg| !arg.is_untyped_null() && arg.nullable());
    Ok(Output::tensor(TensorType::sequence(output.ty()?.clone()), nullable))
}

/// The result of a call whose type [`result`] has given.
///
/// # Errors
/// Those of [`TensorFunction::evaluate`], and [`crate::FunctionError::Row`] for a row whose
/// sequences have unequal lengths.
pub fn evaluate(
    function: &dyn TensorFunction,
    args: &[Value],
    out: &Output,
    rows: usize,
) -> Result<ArrayRef> {
    let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
    let Some(of_items) = of_items(function, &described) else {
        return function.evaluate(args, out, rows);
    };
    let sequences: Vec<&ListArray> = args
        .iter()
        .filter(|value| item(&value.arg).is_some())
        .map(|value| {
            value.array.as_list_opt::<i32>().ok_or_else(|| CoreError::WrongType {
                expected: "a sequence".into(),
                found: value.array.data_type().to_string(),
            })
        })
        .collect::<std::result::Result<_, _>>()?;
    let nulls = crate::value::any_null(args, rows);
    let is_null = |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
    let at = |value: &Value, row: usize| value.row(row);
    let lists: Vec<&Value> = args.iter().filter(|value| item(&value.arg).is_some()).collect();

    // How many items each row has, the same in every sequence.
    let mut lengths = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut length = None;
        if !is_null(row) {
            for (value, list) in lists.iter().zip(&sequences) {
                let own = usize::try_from(list.value_length(at(value, row))).unwrap_or(0);
                if *length.get_or_insert(own) != own {
                    return Err(crate::FunctionError::Row {
                        function: function.entry().udf,
                        row,
                        reason: "its sequences have unequal lengths".into(),
                    });
                }
            }
        }
        lengths.push(length.unwrap_or(0));
    }
    let items: usize = lengths.iter().sum();
    let offsets = OffsetBuffer::<i32>::from_lengths(lengths.iter().copied());

    let mut lists = sequences.into_iter();
    let mut values = Vec::with_capacity(args.len());
    for (value, arg) in args.iter().zip(of_items) {
        let spread = |from: &dyn Fn(usize) -> usize, each: bool| -> UInt32Array {
            let mut places = Vec::with_capacity(items);
            for (row, length) in lengths.iter().enumerate() {
                let first = from(row);
                let places_of =
                    (0..*length).map(|n| u32::try_from(if each { first + n } else { first }).ok());
                places.extend(places_of);
            }
            UInt32Array::from(places)
        };
        let (array, constant) = if item(&value.arg).is_some() {
            let Some(list) = lists.next() else { continue };
            let start = |row: usize| {
                let row = value.row(row);
                usize::try_from(list.value_offsets().get(row).copied().unwrap_or(0)).unwrap_or(0)
            };
            (take(list.values().as_ref(), &spread(&start, true), None)?, false)
        } else if value.constant {
            (Arc::clone(&value.array), true)
        } else {
            (take(value.array.as_ref(), &spread(&|row| row, false), None)?, false)
        };
        values.push(Value { arg, array, constant });
    }

    let DataType::List(inner) = out.field.data_type() else {
        return Err(CoreError::WrongType {
            expected: "a sequence".into(),
            found: out.field.data_type().to_string(),
        }
        .into());
    };
    let computed = match items {
        0 => new_null_array(inner.data_type(), 0),
        items => function.evaluate(&values, &Output::from_field(inner), items)?,
    };
    Ok(Arc::new(ListArray::try_new(Arc::clone(inner), offsets, computed, nulls)?))
}
