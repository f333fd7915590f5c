//! Arguments as tensors of numbers, and their elements as native slices.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::array::AsArray;
use arrow::array::ListArray;
use arrow::array::StructArray;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::NullBuffer;
use arrow::buffer::OffsetBuffer;
use arrow::buffer::ScalarBuffer;
use arrow::compute::CastOptions;
use arrow::compute::cast_with_options;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use lakebed_core::DType;
use lakebed_core::Error as CoreError;
use lakebed_core::Layout;
use lakebed_core::Shape;
use lakebed_core::TensorArray;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;

use crate::error::Result;
use crate::value::Value;

/// Tensors of numbers, one a row.
#[derive(Debug, Clone)]
pub struct Numbers {
    tensor: TensorArray,
    nulls: Option<NullBuffer>,
    constant: bool,
}

impl Numbers {
    /// Looks at an argument; a row of a list that holds a null element is a null row.
    pub fn try_new(value: &Value) -> Result<Numbers> {
        let mut numbers = Numbers::try_new_with_null_elements(value)?;
        let tensor = &numbers.tensor;
        if tensor.ty().layout != Layout::Scalar && tensor.elements().null_count() > 0 {
            let valid = BooleanBuffer::collect_bool(tensor.len(), |row| {
                tensor.range(row).all(|at| tensor.elements().is_valid(at))
            });
            let nulls = NullBuffer::union(numbers.nulls.as_ref(), Some(&NullBuffer::new(valid)));
            numbers.nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        }
        Ok(numbers)
    }

    /// As [`Numbers::try_new`], but elements may be null.
    pub fn try_new_with_null_elements(value: &Value) -> Result<Numbers> {
        let ty = value.ty()?;
        if !ty.is_numeric() {
            return Err(
                CoreError::WrongType { expected: "numbers".into(), found: ty.to_string() }.into()
            );
        }
        let array = match value.array.data_type() {
            DataType::List(item) if matches!(item.data_type(), DataType::List(_)) => {
                stack(&value.array, ty)?
            }
            DataType::List(item) if matches!(item.data_type(), DataType::FixedSizeList(..)) => {
                stack_fixed(&value.array, ty)?
            }
            _ => Arc::clone(&value.array),
        };
        let tensor = TensorArray::try_new(ty.clone(), &array)?;
        let nulls = tensor.nulls().cloned();
        let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
        Ok(Numbers { tensor, nulls, constant: value.constant })
    }

    /// The places of an argument's elements, whatever they are; of a sequence, its items.
    ///
    /// # Errors
    /// [`CoreError::WrongType`] for encoded samples and sequences of tensors.
    pub fn places_of(value: &Value) -> Result<Numbers> {
        let ty = value.ty()?;
        if ty.is_numeric() {
            return Numbers::try_new(value);
        }
        let tensor = TensorArray::try_new(ty.clone(), &value.array)?;
        let nulls = tensor.nulls().cloned().filter(|nulls| nulls.null_count() > 0);
        Ok(Numbers { tensor, nulls, constant: value.constant })
    }

    /// The tensor type.
    pub fn ty(&self) -> &TensorType {
        self.tensor.ty()
    }

    /// True if one row stands for every row.
    pub fn is_constant(&self) -> bool {
        self.constant
    }

    /// The elements of all rows.
    pub fn elements(&self) -> &ArrayRef {
        self.tensor.elements()
    }

    fn at(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    /// Where a row's elements are.
    pub fn range(&self, row: usize) -> Range<usize> {
        self.tensor.range(self.at(row))
    }

    /// Where rows begin and the last one ends; `None` in a fixed form, and of a constant.
    pub fn offsets(&self) -> Option<&OffsetBuffer<i32>> {
        self.tensor.offsets().filter(|_| !self.constant)
    }

    /// The sizes of all rows, as many a row as there are dimensions; `None` in a fixed form, and of
    /// a constant.
    pub fn sizes(&self) -> Option<ScalarBuffer<i32>> {
        let offsets = self.offsets()?;
        Some(match self.tensor.sizes() {
            Some(sizes) => sizes.clone(),
            None => offsets.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect(),
        })
    }

    /// True if every row has the same shape as the other's.
    pub fn same_shapes(&self, other: &Numbers) -> bool {
        let (Some(own), Some(others)) = (self.offsets(), other.offsets()) else { return false };
        let (Some(first), Some(other_first)) = (own.first(), others.first()) else { return false };
        let apart = other_first.wrapping_sub(*first);
        own.len() == others.len()
            && own
                .iter()
                .zip(others.iter())
                .fold(true, |same, (own, other)| same & (own.wrapping_add(apart) == *other))
            && self.ty().ndim() == other.ty().ndim()
            && self.sizes() == other.sizes()
    }

    /// A row's shape.
    pub fn shape(&self, row: usize) -> Shape {
        self.tensor.shape(self.at(row))
    }

    /// True if the row is null.
    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(self.at(row)))
    }

    /// The nulls of `rows` rows.
    pub fn nulls(&self, rows: usize) -> Option<NullBuffer> {
        if self.constant {
            return self.is_null(0).then(|| NullBuffer::new_null(rows));
        }
        self.nulls.clone()
    }

    /// The shape of every row if the type says so.
    pub fn uniform(&self) -> Option<Shape> {
        self.tensor.stride().map(|_| self.tensor.shape(0))
    }

    /// The elements that `rows` rows span.
    pub fn window(&self, rows: usize) -> Range<usize> {
        let rows = if self.constant { rows.min(1) } else { rows };
        match rows {
            0 => 0..0,
            n => self.tensor.range(0).start..self.tensor.range(n - 1).end,
        }
    }

    /// The elements as `data_type`; bools as 0 and 1.
    pub fn elements_as(&self, data_type: &DataType) -> Result<ArrayRef> {
        to_type(self.elements(), data_type)
    }

    /// The elements in the type in which kernels see them: bools as u8, the rest as they are.
    pub fn native(&self) -> Result<ArrayRef> {
        match self.elements().data_type() {
            DataType::Boolean => self.elements_as(&DataType::UInt8),
            _ => Ok(Arc::clone(self.elements())),
        }
    }
}

/// Casts numbers; a number that does not fit is an error.
pub fn to_type(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if array.data_type() == data_type {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(array, data_type, &options)?)
}

/// Lists of lists as one ragged tensor a row, without copying the elements.
fn stack(array: &ArrayRef, ty: &TensorType) -> Result<ArrayRef> {
    let wrong = |found: String| CoreError::WrongType { expected: ty.to_string(), found };
    let missing = || wrong(array.data_type().to_string());
    let rows = array.len();
    let mut levels: Vec<&ListArray> = Vec::new();
    let mut at = array;
    while let Some(list) = at.as_list_opt::<i32>() {
        levels.push(list);
        at = list.values();
    }
    if levels.len() != ty.ndim() {
        return Err(missing().into());
    }
    let mut sizes = Vec::with_capacity(rows * ty.ndim());
    let mut offsets = vec![0i32];
    let mut valid = Vec::with_capacity(rows);
    let mut pieces = Vec::with_capacity(rows);
    let mut total = 0usize;
    for row in 0..rows {
        let mut range = row..row + 1;
        let mut whole = array.is_valid(row);
        let start = sizes.len();
        for level in &levels {
            let size = |i: usize| usize::try_from(level.value_length(i)).unwrap_or(0);
            let first = if whole { range.clone().next().map_or(0, size) } else { 0 };
            if whole && range.clone().any(|i| level.is_null(i)) {
                whole = false;
            }
            if whole && range.clone().any(|i| size(i) != first) {
                return Err(
                    wrong(format!("lists of unequal lengths in row {row} of this batch")).into()
                );
            }
            sizes.push(i32::try_from(first).unwrap_or(i32::MAX));
            let edge =
                |i: usize| level.value_offsets().get(i).and_then(|o| usize::try_from(*o).ok());
            range = match (whole, edge(range.start), edge(range.end)) {
                (true, Some(start), Some(end)) => start..end,
                _ => 0..0,
            };
        }
        if !whole {
            sizes.truncate(start);
            sizes.resize(start + levels.len(), 0);
            range = 0..0;
        }
        total += range.len();
        pieces.push(range);
        offsets
            .push(i32::try_from(total).map_err(|_| wrong("more than 2^31 - 1 elements".into()))?);
        valid.push(whole);
    }
    let indices: arrow::array::UInt64Array =
        pieces.into_iter().flatten().map(|i| u64::try_from(i).unwrap_or(u64::MAX)).collect();
    let elements = arrow::compute::take(at.as_ref(), &indices, None)?;
    let item = Arc::new(Field::new_list_field(elements.data_type().clone(), true));
    let data =
        ListArray::try_new(Arc::clone(&item), OffsetBuffer::new(offsets.into()), elements, None)?;
    let shape = shape_array(sizes, ty.ndim(), rows)?;
    let fields = [
        Arc::new(Field::new("data", DataType::List(item), false)),
        Arc::new(Field::new("shape", shape.data_type().clone(), false)),
    ];
    let nulls = NullBuffer::from(valid);
    let children: Vec<ArrayRef> = vec![Arc::new(data), shape];
    Ok(Arc::new(StructArray::try_new(fields.into_iter().collect(), children, Some(nulls))?))
}

/// Lists of tensors of one shape as one ragged tensor a row; the elements are shared. A row with a
/// null among its tensors is null.
fn stack_fixed(array: &ArrayRef, ty: &TensorType) -> Result<ArrayRef> {
    let wrong =
        || CoreError::WrongType { expected: ty.to_string(), found: array.data_type().to_string() };
    let lists = array.as_list_opt::<i32>().ok_or_else(wrong)?;
    let tensors = lists.values().as_fixed_size_list_opt().ok_or_else(wrong)?;
    let inner = ty.dims.iter().skip(1).map(|dim| dim.and_then(|dim| i32::try_from(dim).ok()));
    let inner: Vec<i32> = inner.collect::<Option<_>>().ok_or_else(wrong)?;
    let mut sizes = Vec::with_capacity(array.len() * ty.ndim());
    for row in 0..array.len() {
        sizes.push(lists.value_length(row));
        sizes.extend(&inner);
    }
    let ends = lists.value_offsets().iter().map(|end| end.checked_mul(tensors.value_length()));
    let offsets: Vec<i32> = ends.collect::<Option<_>>().ok_or_else(wrong)?;
    let item = Arc::new(Field::new_list_field(tensors.value_type(), true));
    let elements = Arc::clone(tensors.values());
    let data =
        ListArray::try_new(Arc::clone(&item), OffsetBuffer::new(offsets.into()), elements, None)?;
    let shape = shape_array(sizes, ty.ndim(), array.len())?;
    let fields = [
        Arc::new(Field::new("data", DataType::List(item), false)),
        Arc::new(Field::new("shape", shape.data_type().clone(), false)),
    ];
    let whole = |row: usize| {
        let ends = lists.value_offsets().get(row..row + 2).unwrap_or(&[]);
        let at = |end: &i32| usize::try_from(*end).unwrap_or(0);
        let items = ends.first().map_or(0, at)..ends.last().map_or(0, at);
        lists.is_valid(row) && items.into_iter().all(|item| tensors.is_valid(item))
    };
    let nulls = (array.null_count() + tensors.null_count() > 0)
        .then(|| NullBuffer::new(BooleanBuffer::collect_bool(array.len(), whole)));
    let children: Vec<ArrayRef> = vec![Arc::new(data), shape];
    Ok(Arc::new(StructArray::try_new(fields.into_iter().collect(), children, nulls)?))
}

/// Runs `$body` with `$t` as the Arrow type of `$array`'s numbers and `$values` as their slice;
/// `$other` for anything else.
macro_rules! with_numbers {
    ($array:expr, $t:ident, $values:ident => $body:expr, else $other:expr) => {{
        use arrow::array::AsArray as _;
        use arrow::datatypes as dt;
        macro_rules! arm {
            ($arrow:ty) => {{
                type $t = $arrow;
                match $array.as_primitive_opt::<$t>() {
                    Some(array) => {
                        let $values: &[<$t as arrow::datatypes::ArrowPrimitiveType>::Native] =
                            array.values();
                        $body
                    }
                    None => $other,
                }
            }};
        }
        match $array.data_type() {
            dt::DataType::Int8 => arm!(dt::Int8Type),
            dt::DataType::Int16 => arm!(dt::Int16Type),
            dt::DataType::Int32 => arm!(dt::Int32Type),
            dt::DataType::Int64 => arm!(dt::Int64Type),
            dt::DataType::UInt8 => arm!(dt::UInt8Type),
            dt::DataType::UInt16 => arm!(dt::UInt16Type),
            dt::DataType::UInt32 => arm!(dt::UInt32Type),
            dt::DataType::UInt64 => arm!(dt::UInt64Type),
            dt::DataType::Float16 => arm!(dt::Float16Type),
            dt::DataType::Float32 => arm!(dt::Float32Type),
            dt::DataType::Float64 => arm!(dt::Float64Type),
            _ => $other,
        }
    }};
}
pub(crate) use with_numbers;

/// The type in which elements are moved and ordered: a few types for all, because each one more is
/// a copy of every such loop in the program. What comes out is cast back.
pub fn few(dtype: &DType) -> DataType {
    match dtype {
        DType::Bool | DType::U8 => DataType::UInt8,
        DType::F16 | DType::F32 => DataType::Float32,
        DType::F64 => DataType::Float64,
        DType::U64 => DataType::UInt64,
        _ => DataType::Int64,
    }
}

/// As [`with_numbers`], for the types of [`few`].
macro_rules! with_few_numbers {
    ($array:expr, $t:ident, $values:ident => $body:expr, else $other:expr) => {{
        use arrow::array::AsArray as _;
        use arrow::datatypes as dt;
        macro_rules! arm {
            ($arrow:ty) => {{
                type $t = $arrow;
                match $array.as_primitive_opt::<$t>() {
                    Some(array) => {
                        let $values: &[<$t as arrow::datatypes::ArrowPrimitiveType>::Native] =
                            array.values();
                        $body
                    }
                    None => $other,
                }
            }};
        }
        match $array.data_type() {
            dt::DataType::UInt8 => arm!(dt::UInt8Type),
            dt::DataType::Int64 => arm!(dt::Int64Type),
            dt::DataType::UInt64 => arm!(dt::UInt64Type),
            dt::DataType::Float32 => arm!(dt::Float32Type),
            dt::DataType::Float64 => arm!(dt::Float64Type),
            _ => $other,
        }
    }};
}
pub(crate) use with_few_numbers;

/// The native elements of an array of a type.
///
/// # Errors
/// [`CoreError::WrongType`] if the array has another type.
pub fn slice_of<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<&[T::Native]> {
    match array.as_primitive_opt::<T>() {
        Some(array) => Ok(array.values()),
        None => Err(not_numbers(array.data_type())),
    }
}

/// The error for an array that is none of the numeric types; a caller's bug or a hostile plan.
pub fn not_numbers(data_type: &DataType) -> crate::error::FunctionError {
    CoreError::WrongType { expected: "numbers".into(), found: data_type.to_string() }.into()
}

/// The type in which two element types meet (rule 14): integers and bools in i64, or u64 if both
/// are u64; f16 and f32 as they are unless met by a wider float.
pub fn meet(a: &DType, b: &DType) -> DType {
    match (a, b) {
        (DType::F64, _) | (_, DType::F64) => DType::F64,
        (DType::F32, _) | (_, DType::F32) => DType::F32,
        (DType::F16, _) | (_, DType::F16) => DType::F16,
        (DType::U64, DType::U64) => DType::U64,
        _ => DType::I64,
    }
}

/// The element type of two operands of which one is taken: their own if it is the same, else the
/// type in which they meet. It does not look at constants, so that folding them changes no type.
pub fn join(a: &DType, b: &DType) -> DType {
    if a == b { a.clone() } else { meet(a, b) }
}
