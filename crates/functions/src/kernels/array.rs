//! `ARRAY[a, b, ...]` (rule 12).

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::StringViewBuilder;
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion_common::ScalarValue;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::Numbers;
use crate::numbers::meet;
use crate::numbers::not_numbers;
use crate::numbers::to_type;
use crate::numbers::with_numbers;
use crate::value::Value;
use crate::value::any_null;

/// Values stacked along a new first dimension.
#[derive(Debug)]
pub struct ArrayOf {
    /// True where constants count by their types. Folding constants would change the type of an
    /// array otherwise: `ARRAY[1, CAST(2 AS BIGINT)]` is i64 before and after.
    typed: bool,
    entry: Entry,
}

/// Arrays whose constants are written as numbers.
pub static ARRAY: ArrayOf = ArrayOf { typed: false, entry: LITERAL };
/// Arrays of anything else.
pub static TYPED_ARRAY: ArrayOf = ArrayOf {
    typed: true,
    entry: Entry {
        udf: "tensor_typed_array",
        signature: "tensor_typed_array(a, b, ...) -> array of a, b, ...",
        help: "As tensor_array, but constants keep the types that they have.",
        example: "SELECT tensor_typed_array(CAST(1 AS BIGINT), CAST(2 AS BIGINT)) AS longs",
        ..LITERAL
    },
};

const LITERAL: Entry = Entry {
    tql: &[],
    udf: "tensor_array",
    aliases: &[],
    parameters: &["*items"],
    signature: "tensor_array(a, b, ...) -> array of a, b, ...; in TQL: ARRAY[a, b, ...] or [a, b, ...]",
    help: "An array of numbers, or a sequence of texts. Constant numbers are f32 where every one is exact in it or written as a decimal, else i64 or f64. Arrays of one shape stack along a new first dimension.",
    example: "SELECT tensor_array(tensor_array(1, 2), tensor_array(3, 4)) AS matrix",
};

/// The element type that one item asks for.
enum Wish {
    /// A constant integer; f32 holds it exactly, or not.
    Integer { exact: bool },
    /// A constant written as a decimal; f32 can hold it, or it is out of range.
    Decimal { fits: bool },
    /// Anything else.
    Typed(DType),
}

fn wish(arg: &Arg, ty: &TensorType) -> Wish {
    if let Some(literal) =
        arg.literal.as_ref().filter(|_| ty.is_scalar() && ty.dtype != DType::Bool)
    {
        let back = |value: ScalarValue| value.cast_to(&literal.data_type());
        if ty.dtype.is_integer() {
            let there = literal.cast_to(&DataType::Float32).and_then(back);
            // 2^63 rounds up on the way there and saturates on the way back.
            let whole = literal.cast_to(&DataType::Float64).and_then(back);
            let exact = [there, whole].into_iter().all(|it| it.is_ok_and(|it| &it == literal));
            return Wish::Integer { exact: exact && !is_extreme(literal) };
        }
        let fits = match literal.cast_to(&DataType::Float32) {
            Ok(ScalarValue::Float32(Some(x))) => x.is_finite() || !is_finite(literal),
            _ => true,
        };
        return Wish::Decimal { fits };
    }
    Wish::Typed(ty.dtype.clone())
}

fn is_extreme(literal: &ScalarValue) -> bool {
    matches!(literal, ScalarValue::Int64(Some(i64::MAX)) | ScalarValue::UInt64(Some(u64::MAX)))
        || matches!(
            literal,
            ScalarValue::Int32(Some(i32::MAX)) | ScalarValue::UInt32(Some(u32::MAX))
        )
}

fn is_finite(literal: &ScalarValue) -> bool {
    matches!(literal, ScalarValue::Float64(Some(x)) if x.is_finite())
}

impl ArrayOf {
    /// The element type of all items together.
    fn dtype(&self, args: &[Arg], types: &[&TensorType]) -> DType {
        let wishes: Vec<Wish> = args
            .iter()
            .zip(types)
            .map(|(arg, ty)| if self.typed { Wish::Typed(ty.dtype.clone()) } else { wish(arg, ty) })
            .collect();
        let constant = !self.typed && wishes.iter().all(|wish| !matches!(wish, Wish::Typed(_)));
        if constant {
            let small = wishes.iter().all(|wish| match wish {
                Wish::Integer { exact } => *exact,
                Wish::Decimal { fits } => *fits,
                Wish::Typed(_) => false,
            });
            let integers = wishes.iter().all(|wish| matches!(wish, Wish::Integer { .. }));
            let unsigned = types.iter().all(|ty| ty.dtype == DType::U64);
            return match (small, integers, unsigned) {
                (true, ..) => DType::F32,
                (_, true, true) => DType::U64,
                (_, true, false) => DType::I64,
                _ => DType::F64,
            };
        }
        let of = |wish: &Wish| match wish {
            Wish::Integer { .. } => DType::I64,
            Wish::Decimal { fits: true } => DType::F32,
            Wish::Decimal { fits: false } => DType::F64,
            Wish::Typed(dtype) => dtype.clone(),
        };
        wishes.iter().map(of).reduce(|a, b| self.join(&a, &b, types)).unwrap_or(DType::F32)
    }

    fn join(&self, a: &DType, b: &DType, types: &[&TensorType]) -> DType {
        let arrays = types.iter().any(|ty| !ty.is_scalar());
        match (a, b) {
            (a, b) if a == b => a.clone(),
            // Rows of one literal, of which one needs 64 bits: f64 holds both better than f32.
            (DType::F32, b) if arrays && b.is_integer() => DType::F64,
            (a, DType::F32) if arrays && a.is_integer() => DType::F64,
            (a, b) => meet(a, b),
        }
    }
}

impl TensorFunction for ArrayOf {
    fn entry(&self) -> &'static Entry {
        match self.typed {
            true => &TYPED_ARRAY.entry,
            false => &ARRAY.entry,
        }
    }

    fn arity(&self) -> (usize, usize) {
        (0, usize::MAX)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let count = u32::try_from(args.len()).unwrap_or(u32::MAX);
        if !args.is_empty() && args.iter().all(Arg::is_text) {
            let ty = TensorType::sequence(TensorType::scalar(DType::Text));
            return Ok(Output::tensor(ty, false));
        }
        let types: Option<Vec<&TensorType>> = args.iter().map(Arg::numeric).collect();
        let Some(types) = types else {
            return Err(self.wrong_types(args, "an array holds numbers, or texts, not both"));
        };
        let inner = match types.split_first() {
            None => Vec::new(),
            Some((first, rest)) => rest
                .iter()
                .try_fold(first.dims.clone(), |dims, ty| stacked(&dims, &ty.dims))
                .ok_or_else(|| self.wrong_types(args, "the items need one shape"))?,
        };
        if inner.len() >= lakebed_core::MAX_NDIM {
            return Err(self.wrong_types(args, "a value has at most 8 dimensions"));
        }
        let mut dims = vec![Some(count)];
        dims.extend(inner);
        let mut ty = TensorType::tensor(self.dtype(args, &types), dims);
        if let Some(first) = types.first()
            && ty.dtype == first.dtype
            && types.iter().all(|other| other.classes == first.classes)
            && !first.classes.is_empty()
        {
            ty.htype = first.htype;
            ty.classes = Arc::clone(&first.classes);
        }
        Ok(Output::tensor(ty, any_nullable(args)))
    }

    fn strict(&self) -> bool {
        false
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let ty = out.ty()?;
        if ty.dtype == DType::Text {
            return texts(args, ty, rows);
        }
        let nulls = any_null(args, rows);
        let items: Vec<Numbers> = args.iter().map(Value::numbers).collect::<Result<_>>()?;
        let nulls = items
            .iter()
            .fold(nulls, |all, item| NullBuffer::union(all.as_ref(), item.nulls(rows).as_ref()));
        // Bools are collected as u8 and cast at the end.
        let data_type = match ty.dtype.to_arrow() {
            DataType::Boolean => DataType::UInt8,
            other => other,
        };
        let parts: Vec<ArrayRef> =
            items.iter().map(|item| item.elements_as(&data_type)).collect::<Result<_>>()?;
        let example = arrow::array::new_empty_array(&data_type);
        with_numbers!(example, T, _none => {
            let mut slices = Vec::with_capacity(parts.len());
            for part in &parts {
                slices.push(crate::numbers::slice_of::<T>(part)?);
            }
            let mut elements = Vec::new();
            let mut layout = Layouter::new(ty.ndim(), rows);
            for row in 0..rows {
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                    elements.resize(elements.len() + fixed(ty), Default::default());
                    layout.push_null(elements.len())?;
                    continue;
                }
                let shape = self.shape(&items, row)?;
                for (item, slice) in items.iter().zip(&slices) {
                    elements.extend_from_slice(slice.get(item.range(row)).unwrap_or(&[]));
                }
                layout.push(elements.len(), &shape)?;
            }
            let elements = to_type(&primitive::<T>(elements), &ty.dtype.to_arrow())?;
            assemble(ty, elements, layout, nulls)
        }, else Err(not_numbers(&data_type)))
    }
}

impl ArrayOf {
    fn shape(&self, items: &[Numbers], row: usize) -> Result<Shape> {
        let mut shape = Shape::new(&[items.len()]).unwrap_or_default();
        let Some((first, rest)) = items.split_first() else { return Ok(shape) };
        let inner = first.shape(row);
        if let Some(other) = rest.iter().map(|item| item.shape(row)).find(|shape| *shape != inner) {
            return Err(
                self.wrong_row(row, format!("items of shapes {inner} and {other} do not stack"))
            );
        }
        for size in inner.iter() {
            // The number of dimensions was checked when the call was planned.
            let _ = shape.push(*size);
        }
        Ok(shape)
    }
}

/// The dimensions of items that have to agree; `None` if they cannot.
fn stacked(a: &[Option<u32>], b: &[Option<u32>]) -> Option<Vec<Option<u32>>> {
    if a.len() != b.len() {
        return None;
    }
    a.iter()
        .zip(b)
        .map(|(x, y)| match (x, y) {
            (Some(x), Some(y)) if x != y => None,
            (x, y) => Some(x.or(*y)),
        })
        .collect()
}

fn texts(args: &[Value], ty: &TensorType, rows: usize) -> Result<ArrayRef> {
    let columns = args.iter().map(Value::texts).collect::<Result<Vec<_>>>()?;
    let mut items = StringViewBuilder::with_capacity(rows * args.len());
    let mut layout = Layouter::new(1, rows);
    for row in 0..rows {
        for (value, texts) in args.iter().zip(&columns) {
            let at = value.row(row);
            items.append_option(texts.is_valid(at).then(|| texts.value(at)));
        }
        layout.push((row + 1) * args.len(), &Shape::new(&[args.len()]).unwrap_or_default())?;
    }
    let items: ArrayRef = std::sync::Arc::new(items.finish());
    assemble(ty, cast(&items, &DataType::Utf8View)?, layout, None)
}
