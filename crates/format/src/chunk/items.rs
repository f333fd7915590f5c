//! Arrow arrays taken apart into what a chunk stores: validity, counts, shapes and bytes.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::compute::cast;
use arrow::datatypes::Int32Type;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::MAX_NDIM;
use lakebed_core::Shape;
use lakebed_core::TensorArray;
use lakebed_core::TensorType;

use super::heads::Cut;
use super::heads::Heads;
use crate::error::Error;
use crate::error::Result;

/// The samples of a batch. Without a sequence there is one item a row; a null row has an item
/// without elements, or zeros where the shape is fixed.
pub(crate) struct Items {
    /// Number of rows.
    pub rows: usize,
    /// Which rows are not null; `None` if all are.
    pub valid: Option<Vec<bool>>,
    /// Items of each row, for sequences.
    pub counts: Option<Vec<u64>>,
    /// The items.
    pub values: Values,
}

/// The values of all items, end to end.
pub(crate) enum Values {
    /// Little-endian elements; bools are one byte.
    Elements {
        /// All elements.
        bytes: Vec<u8>,
        /// Size of each dimension for each item: `dims[axis][item]`.
        dims: Vec<Vec<u32>>,
        /// Items.
        count: usize,
    },
    /// Texts, JSON documents or byte strings.
    Variable {
        /// All bytes.
        bytes: Vec<u8>,
        /// Where each item begins, and the end of the last.
        offsets: Vec<usize>,
    },
    /// Encoded images with the shapes they decode to.
    Media {
        /// All bytes, without what was cut.
        bytes: Vec<u8>,
        /// Where each item begins, and the end of the last.
        offsets: Vec<usize>,
        /// What was cut from the front of each item.
        cuts: Vec<Cut>,
        /// As above.
        dims: Vec<Vec<u32>>,
    },
}

impl Items {
    /// Takes apart an array of a column's Arrow type; `heads` keeps what images begin with.
    ///
    /// # Errors
    /// [`Error::InvalidSample`] naming the row, counted from `first_row`.
    pub fn new(
        column: &Column,
        array: &ArrayRef,
        first_row: u64,
        heads: &mut Heads,
    ) -> Result<Items> {
        let ty = TensorType::from_column(column);
        let invalid = |row: usize, reason: String| Error::InvalidSample {
            column: column.name.clone(),
            row: first_row + crate::buffers::to_u64(row),
            reason,
        };
        let valid =
            array.nulls().filter(|n| n.null_count() > 0).map(|n| n.iter().collect::<Vec<_>>());
        if let Some(valid) = valid.as_ref().filter(|_| !column.nullable) {
            let row = valid.iter().position(|v| !v).unwrap_or(0);
            return Err(invalid(row, "the sample is null, and the column is not nullable".into()));
        }
        let Layout::Sequence(inner) = &ty.layout else {
            let values = values(column, &ty, array, valid.as_deref(), heads, &invalid)?;
            return Ok(Items { rows: array.len(), valid, counts: None, values });
        };
        let list = array
            .as_list_opt::<i32>()
            .ok_or_else(|| invalid(0, format!("expected {ty}, found {}", array.data_type())))?;
        let mut counts = Vec::with_capacity(list.len());
        let mut inner_rows = Vec::new();
        for row in 0..list.len() {
            let range = list.value_offsets()[row]..list.value_offsets()[row + 1];
            let range = if list.is_null(row) { range.start..range.start } else { range };
            counts.push(u64::try_from(range.len()).unwrap_or(0));
            inner_rows.extend(range);
        }
        // Null rows may cover items; take only what belongs to a row.
        let indices = arrow::array::Int32Array::from(inner_rows);
        let taken = arrow::compute::take(list.values(), &indices, None)?;
        if taken.null_count() > 0 {
            let item = (0..taken.len()).find(|&i| taken.is_null(i)).unwrap_or(0);
            let mut before = 0u64;
            let row = counts.iter().position(|count| {
                before += count;
                before > crate::buffers::to_u64(item)
            });
            return Err(invalid(row.unwrap_or(0), "a sequence cannot hold a null".into()));
        }
        let values = values(column, inner, &taken, None, heads, &invalid)?;
        Ok(Items { rows: array.len(), valid, counts: Some(counts), values })
    }

    /// Number of items.
    pub fn count(&self) -> usize {
        match &self.values {
            Values::Elements { count, .. } => *count,
            Values::Variable { offsets, .. } | Values::Media { offsets, .. } => {
                offsets.len().saturating_sub(1)
            }
        }
    }

    /// True if the item is a null row.
    pub fn is_null(&self, item: usize) -> bool {
        self.counts.is_none() && self.valid.as_ref().is_some_and(|valid| !valid[item])
    }
}

type Invalid<'a> = &'a dyn Fn(usize, String) -> Error;

fn values(
    column: &Column,
    ty: &TensorType,
    array: &ArrayRef,
    valid: Option<&[bool]>,
    heads: &mut Heads,
    invalid: Invalid<'_>,
) -> Result<Values> {
    if ty.layout == Layout::Encoded {
        return media(array, valid, heads, invalid);
    }
    if ty.dtype.is_variable_width() {
        return variable(ty, array, invalid);
    }
    let expected = ty.data_type();
    if array.data_type() != &expected && !matches!(ty.layout, Layout::Ragged | Layout::Fixed) {
        return Err(invalid(0, format!("expected {ty}, found {}", array.data_type())));
    }
    let tensors = TensorArray::try_new(ty.clone(), array).map_err(|e| invalid(0, e.to_string()))?;
    if tensors.elements().data_type() != &ty.dtype.to_arrow() {
        let found = tensors.elements().data_type();
        return Err(invalid(0, format!("expected elements of {}, found {found}", ty.dtype)));
    }
    elements(column, &tensors, valid, invalid)
}

fn elements(
    column: &Column,
    tensors: &TensorArray,
    valid: Option<&[bool]>,
    invalid: Invalid<'_>,
) -> Result<Values> {
    let flat = FlatBytes::new(tensors.elements())?;
    let ndim = column.ndim();
    let mut dims = vec![Vec::new(); ndim];
    let fixed = column.fixed_elements();
    let mut bytes = Vec::new();
    if let Some(stride) = tensors.stride().filter(|_| valid.is_none()) {
        // Every row of one size and none null: one copy.
        flat.append(0..stride * tensors.len(), &mut bytes);
    }
    let copied = !bytes.is_empty();
    for row in 0..tensors.len() {
        let is_null = valid.is_some_and(|valid| !valid[row]);
        let shape = if is_null {
            null_shape(column)
        } else {
            let shape = tensors.shape(row);
            check_shape(column, &shape).map_err(|reason| invalid(row, reason))?;
            shape
        };
        for (axis, size) in dims.iter_mut().zip(shape.iter()) {
            axis.push(u32::try_from(*size).map_err(|e| invalid(row, e.to_string()))?);
        }
        if copied {
            continue;
        }
        if is_null {
            let zeros = fixed.unwrap_or(0) * column.dtype.width().unwrap_or(0);
            bytes.resize(bytes.len() + zeros, 0);
        } else {
            flat.append(tensors.range(row), &mut bytes);
        }
    }
    Ok(Values::Elements { bytes, dims, count: tensors.len() })
}

/// The shape that stands for a null: the fixed one, or no elements.
fn null_shape(column: &Column) -> Shape {
    let mut shape = Shape::SCALAR;
    let all_fixed = column.dims.iter().all(Option::is_some);
    for dim in &column.dims {
        let size = if all_fixed { dim.unwrap_or(0) } else { 0 };
        // A column has at most MAX_NDIM dimensions.
        let _ = shape.push(usize::try_from(size).unwrap_or(0));
    }
    shape
}

fn check_shape(column: &Column, shape: &Shape) -> std::result::Result<(), String> {
    let wanted = TensorType::tensor(column.dtype.clone(), column.dims.clone());
    let fits = shape.ndim() == column.ndim()
        && column.dims.iter().zip(shape.iter()).all(|(dim, &size)| match dim {
            Some(dim) => usize::try_from(*dim) == Ok(size),
            None => true,
        });
    if !fits {
        return Err(format!("a sample of shape {shape} does not fit {wanted}"));
    }
    if column.htype == lakebed_core::HType::Image
        && shape.elements() > 0
        && ![1, 3, 4].contains(&shape[2])
    {
        return Err(format!("an image has 1, 3 or 4 channels, and this one is {shape} [H, W, C]"));
    }
    Ok(())
}

fn variable(ty: &TensorType, array: &ArrayRef, invalid: Invalid<'_>) -> Result<Values> {
    let views = as_views(ty, array).map_err(|reason| invalid(0, reason))?;
    let mut bytes = Vec::new();
    let mut offsets = vec![0];
    for row in 0..views.len() {
        if views.is_valid(row) {
            let value = views.value(row);
            if ty.dtype == DType::Json {
                let parsed: std::result::Result<serde::de::IgnoredAny, _> =
                    serde_json::from_slice(value);
                parsed.map_err(|e| invalid(row, format!("it is no JSON document: {e}")))?;
            }
            bytes.extend_from_slice(value);
        }
        offsets.push(bytes.len());
    }
    Ok(Values::Variable { bytes, offsets })
}

/// Text of any Arrow kind, or bytes, as byte strings.
fn as_views(ty: &TensorType, array: &ArrayRef) -> std::result::Result<BinaryViewArray, String> {
    use arrow_schema::DataType as D;
    let wrong = || format!("expected {ty}, found {}", array.data_type());
    let is_text = matches!(array.data_type(), D::Utf8 | D::LargeUtf8 | D::Utf8View);
    let is_bytes = matches!(array.data_type(), D::Binary | D::LargeBinary | D::BinaryView);
    match ty.dtype {
        DType::Bytes if is_bytes => {}
        DType::Text | DType::Json if is_text => {}
        _ => return Err(wrong()),
    }
    let views = if let Some(text) = array.as_string_view_opt() {
        text.clone().to_binary_view()
    } else if let Some(bytes) = array.as_binary_view_opt() {
        bytes.clone()
    } else {
        let target = if is_text { D::Utf8View } else { D::BinaryView };
        let cast = cast(array, &target).map_err(|e| e.to_string())?;
        match cast.as_string_view_opt() {
            Some(text) => text.clone().to_binary_view(),
            None => cast.as_binary_view_opt().ok_or_else(wrong)?.clone(),
        }
    };
    Ok(views)
}

fn media(
    array: &ArrayRef,
    valid: Option<&[bool]>,
    heads: &mut Heads,
    invalid: Invalid<'_>,
) -> Result<Values> {
    let wrong = || invalid(0, format!("expected encoded images, found {}", array.data_type()));
    let parts = array.as_struct_opt().filter(|parts| parts.num_columns() == 2).ok_or_else(wrong)?;
    let data = parts.column(0).as_binary_view_opt().ok_or_else(wrong)?;
    let shapes = parts.column(1).as_fixed_size_list_opt().ok_or_else(wrong)?;
    let sizes = shapes.values().as_primitive_opt::<Int32Type>().ok_or_else(wrong)?;
    if shapes.value_length() != 3 {
        return Err(wrong());
    }
    let mut bytes = Vec::new();
    let mut offsets = vec![0];
    let mut cuts = Vec::with_capacity(data.len());
    let mut dims = vec![Vec::new(); 3];
    for row in 0..data.len() {
        let is_null = valid.is_some_and(|valid| !valid[row]);
        for (axis, list) in dims.iter_mut().enumerate() {
            let size = if is_null { 0 } else { sizes.value(row * 3 + axis) };
            list.push(u32::try_from(size).map_err(|e| invalid(row, e.to_string()))?);
        }
        let mut cut = Cut::default();
        if !is_null {
            let image = data.value(row);
            if image.is_empty() {
                return Err(invalid(row, "an encoded image cannot be empty: use null".into()));
            }
            cut = heads.cut(image);
            bytes.extend_from_slice(&image[cut.length..]);
        }
        cuts.push(cut);
        offsets.push(bytes.len());
    }
    Ok(Values::Media { bytes, offsets, cuts, dims })
}

/// The elements of a primitive or boolean array as little-endian bytes.
struct FlatBytes {
    data: arrow::array::ArrayData,
    bools: Option<arrow::buffer::BooleanBuffer>,
    width: usize,
}

impl FlatBytes {
    fn new(array: &ArrayRef) -> Result<FlatBytes> {
        let bools = array.as_boolean_opt().map(|bools| bools.values().clone());
        let width = match &bools {
            Some(_) => 1,
            None => array.data_type().primitive_width().ok_or_else(|| {
                Error::damaged("an array", format!("{} has no fixed width", array.data_type()))
            })?,
        };
        Ok(FlatBytes { data: array.to_data(), bools, width })
    }

    fn append(&self, range: std::ops::Range<usize>, out: &mut Vec<u8>) {
        if let Some(bools) = &self.bools {
            out.extend(bools.slice(range.start, range.len()).iter().map(u8::from));
            return;
        }
        let from = (self.data.offset() + range.start) * self.width;
        let to = (self.data.offset() + range.end) * self.width;
        let bytes = self.data.buffers().first().and_then(|buffer| buffer.as_slice().get(from..to));
        out.extend_from_slice(bytes.unwrap_or_default());
    }
}

const _: () = assert!(MAX_NDIM == 8, "directories reserve eight tags for dimensions");
