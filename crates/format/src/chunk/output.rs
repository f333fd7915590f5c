//! Building Arrow arrays from the bytes of selected items.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayData;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::FixedSizeListArray;
use arrow::array::ListArray;
use arrow::array::StructArray;
use arrow::array::make_array;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow_schema::DataType;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;

use super::part::list_item;
use crate::error::Error;
use crate::error::Result;

/// Flat elements with the sizes of each item, on their way into an array.
#[derive(Debug, Default)]
pub(crate) struct ElementsOut {
    /// Little-endian elements of all items.
    pub bytes: Vec<u8>,
    /// Elements so far after each item; used for ragged types only.
    pub ends: Vec<usize>,
    /// `ndim` sizes an item; used for ragged types only.
    pub sizes: Vec<i32>,
    /// Items.
    pub count: usize,
}

/// An array of `ty` (scalar, fixed or ragged) from `count` items.
///
/// `elements` holds little-endian elements, bools as bytes.
pub(crate) fn tensor_array(
    ty: &TensorType,
    elements: Buffer,
    out: ElementsOut,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let width = ty.dtype.width().unwrap_or(1);
    let count = elements.len() / width;
    if ty.is_scalar() {
        return flat_array(&ty.dtype, elements, count, nulls);
    }
    let flat = flat_array(&ty.dtype, elements, count, None)?;
    let item = list_item(flat.data_type().clone());
    match (&ty.layout, ty.data_type()) {
        (Layout::Fixed, DataType::FixedSizeList(_, size)) => Ok(Arc::new(
            FixedSizeListArray::try_new_with_length(item, size, flat, nulls, out.count)?,
        )),
        (Layout::Ragged, DataType::Struct(fields)) => {
            let full = || Error::damaged("a batch", "it holds more than 2^31 - 1 elements");
            let mut offsets = Vec::with_capacity(out.ends.len() + 1);
            offsets.push(0i32);
            for end in out.ends {
                offsets.push(i32::try_from(end).map_err(|_| full())?);
            }
            let offsets = OffsetBuffer::new(offsets.into());
            let data = ListArray::try_new(item, offsets, flat, None)?;
            let shape = shape_array(out.sizes, ty.ndim(), out.count)?;
            Ok(Arc::new(StructArray::try_new(fields, vec![Arc::new(data), shape], nulls)?))
        }
        _ => Err(Error::damaged("a batch", format!("{ty} is no tensor"))),
    }
}

/// A primitive or boolean array over little-endian elements.
fn flat_array(
    dtype: &DType,
    elements: Buffer,
    count: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    if *dtype == DType::Bool {
        let bytes = elements.as_slice();
        let bits = BooleanBuffer::collect_bool(count, |at| bytes[at] != 0);
        return Ok(Arc::new(BooleanArray::new(bits, nulls)));
    }
    let build = |buffer: Buffer| {
        ArrayData::builder(dtype.to_arrow())
            .len(count)
            .add_buffer(buffer)
            .nulls(nulls)
            .align_buffers(true)
            .build()
    };
    Ok(make_array(build(elements)?))
}
