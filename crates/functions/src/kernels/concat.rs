//! `CONCAT(a, b, ..., axis => 0)` and `STACK(a, b, ..., axis => 0)`.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StringViewBuilder;
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use lakebed_core::DType;
use lakebed_core::MAX_NDIM;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::axes::Integers;
use crate::axes::dimension;
use crate::axes::integers;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::native::is_plain;
use crate::numbers::Numbers;
use crate::numbers::few;
use crate::numbers::meet;
use crate::numbers::not_numbers;
use crate::numbers::slice_of;
use crate::numbers::with_few_numbers;
use crate::relabel::with_dims;
use crate::value::Value;

use super::readable::READABLE;

/// Values one after another along a dimension.
#[derive(Debug)]
pub struct Concat {
    stacks: bool,
}

/// `CONCAT`.
pub static CONCAT: Concat = Concat { stacks: false };
/// `STACK`.
pub static STACK: Concat = Concat { stacks: true };

static CONCAT_ENTRY: Entry = Entry {
    tql: &["CONCAT"],
    udf: "tensor_concat",
    aliases: &[],
    parameters: &["*values", "axis"],
    signature: "tensor_concat(a, b, ...[, axis]) -> tensor, or text of scalars",
    help: "Tensors one after another along an axis, 0 if none is given; their other sizes must agree. Scalars are joined as one text, without those that are null, as in SQL.",
    example: "SELECT CONCAT(ARRAY[1, 2], ARRAY[3]) AS longer",
};

static STACK_ENTRY: Entry = Entry {
    tql: &["STACK"],
    udf: "tensor_stack",
    aliases: &[],
    parameters: &["*values", "axis"],
    signature: "tensor_stack(a, b, ...[, axis]) -> tensor with one dimension more",
    help: "Tensors of one shape along a new axis, 0 if none is given; a constant integer after tensors is the axis.",
    example: "SELECT STACK(ARRAY[1, 2], ARRAY[3, 4]) AS matrix",
};

/// The element type of both.
fn joined(a: &DType, b: &DType) -> DType {
    let many_bits =
        |dtype: &DType| matches!(dtype, DType::I32 | DType::U32 | DType::I64 | DType::U64);
    match (a, b) {
        _ if a == b => a.clone(),
        // Elements are kept, not computed with: f32 does not hold them all.
        (float, other) | (other, float) if float.is_float() && many_bits(other) => DType::F64,
        _ => meet(a, b),
    }
}

impl Concat {
    /// How many of the arguments are values, and the axis.
    fn parts(&self, args: &[Arg]) -> Result<(usize, i64)> {
        let Some((last, values)) = args.split_last() else { return Ok((0, 0)) };
        if last.is_untyped_null() {
            return Ok((values.len(), 0));
        }
        let tensors = values.iter().any(|arg| arg.ty.as_ref().is_some_and(|ty| !ty.is_scalar()));
        let integer = last.scalar_dtype().is_some_and(DType::is_integer);
        if !(tensors && integer) {
            return Ok((args.len(), 0));
        }
        match integers(last) {
            Ok(Integers::Known(list)) => {
                Ok((values.len(), list.first().copied().unwrap_or_default()))
            }
            _ => Err(self.wrong_argument("axis is a constant integer")),
        }
    }

    /// The place of the axis in the result.
    fn axis(&self, axis: i64, ndim: usize) -> Result<usize> {
        let ndim = if self.stacks { ndim + 1 } else { ndim };
        if ndim > MAX_NDIM {
            return Err(self.wrong_argument("a value has at most 8 dimensions"));
        }
        dimension(axis, ndim).map_err(|reason| self.wrong_argument(reason))
    }

    fn texts(&self, values: &[Arg]) -> bool {
        !self.stacks && values.iter().all(is_plain)
    }
}

impl TensorFunction for Concat {
    fn entry(&self) -> &'static Entry {
        if self.stacks { &STACK_ENTRY } else { &CONCAT_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (1, usize::MAX)
    }

    fn is_optional(&self, at: usize, count: usize) -> bool {
        at > 0 && at + 1 == count
    }

    fn strict(&self) -> bool {
        false
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let (count, axis) = self.parts(args)?;
        let values = args.get(..count).unwrap_or(&[]);
        if self.texts(values) {
            return Ok(Output::scalar(DType::Text, false));
        }
        let types: Option<Vec<&TensorType>> = values.iter().map(Arg::numeric).collect();
        let types = types.ok_or_else(|| self.wrong_types(values, "it takes tensors of numbers"))?;
        let Some((first, rest)) = types.split_first() else {
            return Err(self.wrong_types(args, "a value is needed"));
        };
        let at = self.axis(axis, first.ndim())?;
        let mut dims = first.dims.clone();
        let mut total = first.dims.get(at).copied().flatten();
        let unfit = || self.wrong_types(values, "their sizes differ beside the axis");
        for ty in rest {
            if ty.ndim() != first.ndim() {
                return Err(self.wrong_types(values, "they need one number of dimensions"));
            }
            for (place, (dim, other)) in dims.iter_mut().zip(&ty.dims).enumerate() {
                if place == at && !self.stacks {
                    total = total.zip(*other).and_then(|(a, b)| a.checked_add(b));
                    continue;
                }
                match (*dim, *other) {
                    (Some(a), Some(b)) if a != b => return Err(unfit()),
                    (own, other) => *dim = own.or(other),
                }
            }
        }
        if self.stacks {
            dims.insert(at, u32::try_from(types.len()).ok());
        } else if let Some(dim) = dims.get_mut(at) {
            *dim = total;
        }
        let dtype = types.iter().skip(1).fold(first.dtype.clone(), |a, ty| joined(&a, &ty.dtype));
        let same = types.iter().all(|ty| ty.htype == first.htype && ty.classes == first.classes);
        let ty = if same && dtype == first.dtype {
            with_dims(first, dims)
        } else {
            TensorType::tensor(dtype, dims)
        };
        Ok(Output::tensor(ty, any_nullable(values)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let (count, axis) = self.parts(&described)?;
        let values = args.get(..count).unwrap_or(&[]);
        if self.texts(described.get(..count).unwrap_or(&[])) {
            return texts(values, rows);
        }
        let parts: Vec<Numbers> = values.iter().map(Value::numbers).collect::<Result<_>>()?;
        let Some(first) = parts.first() else {
            return Err(self.wrong_types(&[], "a value is needed"));
        };
        let (ty, at) = (out.ty()?, self.axis(axis, first.ty().ndim())?);
        let nulls = parts
            .iter()
            .fold(None, |all, part| NullBuffer::union(all.as_ref(), part.nulls(rows).as_ref()));
        let data_type = few(&ty.dtype);
        let arrays: Vec<ArrayRef> =
            parts.iter().map(|part| part.elements_as(&data_type)).collect::<Result<_>>()?;
        let example = arrow::array::new_empty_array(&data_type);
        with_few_numbers!(example, T, _none => {
            let slices = arrays.iter().map(slice_of::<T>).collect::<Result<Vec<_>>>()?;
            let mut elements = Vec::new();
            let mut layout = Layouter::new(ty.ndim(), rows);
            let mut blocks = Vec::with_capacity(parts.len());
            for row in 0..rows {
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                    elements.resize(elements.len() + fixed(ty), Default::default());
                    layout.push_null(elements.len())?;
                    continue;
                }
                let (shape, outer) = self.shape(&parts, at, row)?;
                blocks.clear();
                blocks.extend(parts.iter().zip(&slices).map(|(part, slice)| {
                    let values = slice.get(part.range(row)).unwrap_or(&[]);
                    (values, values.len().checked_div(outer).unwrap_or(0))
                }));
                for turn in 0..outer {
                    for (values, size) in &blocks {
                        let block = values.get(turn * size..(turn + 1) * size);
                        elements.extend_from_slice(block.unwrap_or(&[]));
                    }
                }
                layout.push(elements.len(), &shape)?;
            }
            assemble(ty, primitive::<T>(elements), layout, nulls)
        }, else Err(not_numbers(&data_type)))
    }
}

impl Concat {
    /// The shape of a row, and how often its parts take turns.
    fn shape(&self, parts: &[Numbers], at: usize, row: usize) -> Result<(Shape, usize)> {
        let Some((first, rest)) = parts.split_first() else { return Ok((Shape::SCALAR, 0)) };
        let own = first.shape(row);
        let mut sizes = own.to_vec();
        for part in rest {
            let other = part.shape(row);
            let fits = own.ndim() == other.ndim()
                && own
                    .iter()
                    .zip(other.iter())
                    .enumerate()
                    .all(|(axis, (p, q))| p == q || (axis == at && !self.stacks));
            if !fits {
                let reason = format!("shapes {own} and {other} do not join along axis {at}");
                return Err(self.wrong_row(row, reason));
            }
            if let (false, Some(size), Some(more)) = (self.stacks, sizes.get_mut(at), other.get(at))
            {
                *size += more;
            }
        }
        if self.stacks {
            sizes.insert(at, parts.len());
        }
        let outer = sizes.iter().take(at).product();
        Ok((Shape::new(&sizes).unwrap_or_default(), outer))
    }
}

/// Scalars as one text a row, without nulls.
fn texts(values: &[Value], rows: usize) -> Result<ArrayRef> {
    let columns = values
        .iter()
        .map(|value| {
            // Class labels as their names, JSON as what it says.
            let out = Output::from_field(&value.arg.field);
            let read = READABLE.evaluate(std::slice::from_ref(value), &out, value.array.len())?;
            Ok(cast(&read, &DataType::Utf8View)?)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut texts = StringViewBuilder::with_capacity(rows);
    let mut text = String::new();
    for row in 0..rows {
        text.clear();
        for (value, column) in values.iter().zip(&columns) {
            let at = value.row(row);
            if let Some(column) = column.as_string_view_opt().filter(|it| it.is_valid(at)) {
                text.push_str(column.value(at));
            }
        }
        texts.append_value(&text);
    }
    Ok(std::sync::Arc::new(texts.finish()))
}
