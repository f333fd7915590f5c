//! Nested lists as tensors.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::FixedSizeListArray;
use arrow::array::ListArray;
use arrow::array::StructArray;
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::FieldRef;
use lakebed_core::Column;
use lakebed_core::Layout;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;

use super::BadRow;

/// Turns an array of lists; rows that are no tensors of the column's type are put into `bad`.
pub(super) fn tensors(
    ty: &TensorType,
    column: &Column,
    array: &ArrayRef,
    bad: &mut Vec<BadRow>,
) -> Result<ArrayRef, String> {
    let text = |e: arrow_schema::ArrowError| e.to_string();
    let nulls = array.nulls().cloned();
    let rows = array.len();
    // Where the lists of each depth begin in the one below.
    let mut levels: Vec<Vec<usize>> = Vec::new();
    let mut valid: Vec<Option<arrow::buffer::NullBuffer>> = Vec::new();
    let mut values = Arc::clone(array);
    while let Some((offsets, child)) = step(&values).map_err(text)? {
        valid.push(values.nulls().cloned());
        levels.push(offsets);
        values = child;
    }
    let ndim = column.dims.len();
    // A canonical tensor of fixed shape is one flat list for all its dimensions.
    let flat = levels.len() == 1 && ndim > 1 && ty.layout == Layout::Fixed;
    if levels.len() != ndim && !flat {
        return Err(format!("its lists are {} deep, not {ndim}", levels.len()));
    }
    let elements = cast(&values, &column.dtype.to_arrow()).map_err(text)?;
    let (mut begins, mut sizes) = (vec![0i32], Vec::with_capacity(rows * ndim));
    let mut parts: Vec<(usize, usize)> = Vec::with_capacity(rows);
    for row in 0..rows {
        let shape = match nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            true => Err(String::new()),
            false => shape_of(row, &levels, &valid),
        };
        let (shape, begin, end) = match shape {
            Ok(found) => found,
            Err(cause) => {
                if !cause.is_empty() {
                    bad.push((row, format!("{cause}: give --type {}=json", column.name)));
                }
                (vec![0; ndim], 0, 0)
            }
        };
        let missing = elements.nulls().is_some_and(|nulls| {
            nulls.null_count() > 0 && (begin..end).any(|element| nulls.is_null(element))
        });
        if missing {
            bad.push((row, format!("an element of it is null, or not {}", column.dtype)));
        }
        let mut shape = shape;
        if shape.first() == Some(&0) {
            // Of an empty list nothing says the sizes below.
            for (size, dim) in shape.iter_mut().zip(&column.dims).skip(1) {
                *size = dim.and_then(|dim| usize::try_from(dim).ok()).unwrap_or(0);
            }
        }
        let missing_row = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let fits = flat
            || missing_row
            || shape
                .iter()
                .zip(&column.dims)
                .all(|(size, dim)| dim.is_none_or(|dim| usize::try_from(dim) == Ok(*size)));
        if !fits {
            bad.push((row, format!("its shape is {shape:?}, not {ty}")));
        }
        for size in &shape {
            sizes.push(i32::try_from(*size).map_err(|e| e.to_string())?);
        }
        parts.push((begin, end));
        let end = usize::try_from(begins.last().copied().unwrap_or(0)).unwrap_or(0) + (end - begin);
        begins.push(i32::try_from(end).map_err(|e| e.to_string())?);
    }
    if ty.layout == Layout::Fixed {
        return fixed(ty, column, &elements, &parts, nulls);
    }
    let elements = gather(&elements, &parts).map_err(text)?;
    let elements = without_nulls(&elements).map_err(text)?;
    let DataType::Struct(fields) = ty.data_type() else { return Err("it is no tensor".into()) };
    let item = Arc::new(Field::new_list_field(column.dtype.to_arrow(), false));
    let data = ListArray::try_new(item, OffsetBuffer::new(begins.into()), elements, None);
    let shape = shape_array(sizes, ndim, rows).map_err(|e| e.to_string())?;
    let array = StructArray::try_new(fields, vec![Arc::new(data.map_err(text)?), shape], nulls);
    Ok(Arc::new(array.map_err(text)?))
}

/// Rows of one number of elements; a row that has others is bad already, and zeros here.
fn fixed(
    ty: &TensorType,
    column: &Column,
    elements: &ArrayRef,
    parts: &[(usize, usize)],
    nulls: Option<arrow::buffer::NullBuffer>,
) -> Result<ArrayRef, String> {
    let text = |e: arrow_schema::ArrowError| e.to_string();
    let size = column.fixed_elements().ok_or("it is too large")?;
    let rows = parts.iter().flat_map(|(begin, end)| {
        let whole = end - begin == size;
        (0..size).map(move |index| whole.then(|| u64::try_from(begin + index).ok()).flatten())
    });
    let indices: arrow::array::UInt64Array = rows.collect();
    let values = arrow::compute::take(elements, &indices, None).map_err(text)?;
    let values = without_nulls(&values).map_err(text)?;
    let DataType::FixedSizeList(item, size) = ty.data_type() else {
        return Err("it is no tensor of fixed shape".into());
    };
    let array = FixedSizeListArray::try_new_with_length(item, size, values, nulls, parts.len());
    Ok(Arc::new(array.map_err(text)?))
}

/// The ranges one after the other; nothing is copied if they lie so already.
fn gather(
    elements: &ArrayRef,
    parts: &[(usize, usize)],
) -> Result<ArrayRef, arrow_schema::ArrowError> {
    let full = || parts.iter().filter(|(begin, end)| begin < end);
    let begin = full().next().map_or(0, |(begin, _)| *begin);
    let end = full().try_fold(begin, |at, (begin, end)| (at == *begin).then_some(*end));
    if let Some(end) = end {
        return Ok(elements.slice(begin, end - begin));
    }
    let slices: Vec<ArrayRef> =
        full().map(|(begin, end)| elements.slice(*begin, end - begin)).collect();
    let slices: Vec<&dyn Array> = slices.iter().map(AsRef::as_ref).collect();
    arrow::compute::concat(&slices)
}

/// Elements whose nulls are all in rows that are left out.
fn without_nulls(elements: &ArrayRef) -> Result<ArrayRef, arrow_schema::ArrowError> {
    if elements.nulls().is_none() {
        return Ok(Arc::clone(elements));
    }
    let data = elements.to_data().into_builder().nulls(None).build()?;
    Ok(arrow::array::make_array(data))
}

/// Where the lists begin in their child, and the child; `None` if it is no list.
pub(super) fn step(
    array: &ArrayRef,
) -> Result<Option<(Vec<usize>, ArrayRef)>, arrow_schema::ArrowError> {
    let place = |offset: &i32| usize::try_from(*offset).unwrap_or(0);
    Ok(match array.data_type() {
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            Some((list.offsets().iter().map(place).collect(), Arc::clone(list.values())))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            let place = |offset: &i64| usize::try_from(*offset).unwrap_or(0);
            Some((list.offsets().iter().map(place).collect(), Arc::clone(list.values())))
        }
        DataType::FixedSizeList(_, size) => {
            let size = usize::try_from(*size).unwrap_or(0);
            let list = array.as_fixed_size_list();
            let offsets = (0..=list.len()).map(|row| row * size).collect();
            Some((offsets, Arc::clone(list.values())))
        }
        DataType::ListView(item) | DataType::LargeListView(item) => {
            return step(&cast(array, &DataType::List(FieldRef::clone(item)))?);
        }
        _ => None,
    })
}

/// The shape of a row of nested lists, and the range of its elements.
fn shape_of(
    row: usize,
    levels: &[Vec<usize>],
    valid: &[Option<arrow::buffer::NullBuffer>],
) -> Result<(Vec<usize>, usize, usize), String> {
    let (mut begin, mut end) = (row, row + 1);
    let mut shape = Vec::with_capacity(levels.len());
    for (offsets, valid) in levels.iter().zip(valid) {
        let at = |index: usize| offsets.get(index).copied().ok_or("its lists end early");
        if valid.as_ref().is_some_and(|valid| (begin..end).any(|list| valid.is_null(list))) {
            return Err("a list inside it is null, so that it is no tensor".into());
        }
        let size = match begin < end {
            true => at(begin + 1)? - at(begin)?,
            false => 0,
        };
        for list in begin..end {
            if at(list + 1)? - at(list)? != size {
                return Err("its lists are of different lengths, so that it is no tensor".into());
            }
        }
        shape.push(size);
        (begin, end) = (at(begin)?, at(end)?);
    }
    Ok((shape, begin, end))
}
