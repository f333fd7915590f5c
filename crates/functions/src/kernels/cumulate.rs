//! `CUMSUM` and `DIFF`: every element with those before it along one dimension.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use lakebed_core::DType;
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
use crate::error::FunctionError;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::function::given;
use crate::numbers::Numbers;
use crate::numbers::slice_of;
use crate::value::Value;

/// A running sum, or the steps between neighbours.
#[derive(Debug)]
pub struct Cumulate {
    steps: bool,
}

/// `CUMSUM`.
pub static CUMSUM: Cumulate = Cumulate { steps: false };
/// `DIFF`.
pub static DIFF: Cumulate = Cumulate { steps: true };

static SUM_ENTRY: Entry = Entry {
    tql: &["CUMSUM"],
    udf: "cumsum",
    aliases: &[],
    parameters: &["x", "axis"],
    signature: "cumsum(x[, axis]) -> i64, u64, f32 or f64 of the shape of x",
    help: "The running sum along an axis; without one, of all elements in row-major order as a vector. Integers and bools sum in 64 bits, and leaving them is an error.",
    example: "SELECT CUMSUM(ARRAY[1, 2, 3]) AS so_far",
};

static DIFF_ENTRY: Entry = Entry {
    tql: &["DIFF"],
    udf: "diff",
    aliases: &[],
    parameters: &["x", "axis"],
    signature: "diff(x[, axis]) -> i64, u64, f32 or f64, one shorter along the axis",
    help: "Every element less the one before it along an axis, the last one if none is given. Integers compute in 64 bits, and leaving them is an error.",
    example: "SELECT DIFF(ARRAY[1, 4, 9]) AS steps",
};

impl Cumulate {
    /// The dimension that the call works along; `None` for all elements as one vector.
    fn axis(&self, args: &[Arg], ndim: usize) -> Result<Option<usize>> {
        let fail = |reason: String| self.wrong_argument(reason);
        match given(args, 1).map(integers).transpose().map_err(fail)? {
            None if self.steps => dimension(-1, ndim).map(Some).map_err(fail),
            None => Ok(None),
            Some(Integers::Known(list)) if list.len() == 1 => {
                dimension(list.first().copied().unwrap_or(0), ndim).map(Some).map_err(fail)
            }
            Some(_) => Err(fail("axis is one constant integer".into())),
        }
    }
}

impl TensorFunction for Cumulate {
    fn entry(&self) -> &'static Entry {
        if self.steps { &DIFF_ENTRY } else { &SUM_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (1, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric).filter(|ty| ty.ndim() > 0) else {
            return Err(self.wrong_types(args, "it takes an array of numbers"));
        };
        let dtype = match &ty.dtype {
            DType::F64 => DType::F64,
            DType::F16 | DType::F32 => DType::F32,
            DType::U64 if !self.steps => DType::U64,
            _ => DType::I64,
        };
        let dims = match self.axis(args, ty.ndim())? {
            None if ty.ndim() == 1 => ty.dims.clone(),
            None => {
                let known: Option<Vec<u32>> = ty.dims.iter().copied().collect();
                vec![known.and_then(|dims| dims.into_iter().try_fold(1, u32::checked_mul))]
            }
            Some(axis) => {
                let mut dims = ty.dims.clone();
                if let (true, Some(Some(dim))) = (self.steps, dims.get_mut(axis)) {
                    *dim = dim.saturating_sub(1);
                }
                dims
            }
        };
        Ok(Output::tensor(TensorType::tensor(dtype, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        let (x, ty) = (x.numbers()?, out.ty()?);
        let call = Call { x: &x, axis: self.axis(&described, x.ty().ndim())?, ty, rows };
        let elements = match ty.dtype {
            DType::F32 | DType::F64 => x.elements_as(&DataType::Float64)?,
            _ => x.elements_as(&ty.dtype.to_arrow())?,
        };
        match ty.dtype {
            DType::F32 | DType::F64 => {
                // Sums of f32 run in f64 and are rounded at the end.
                let values = slice_of::<Float64Type>(&elements)?;
                let array = |sums: Vec<f64>| match ty.dtype {
                    DType::F32 => primitive::<Float32Type>(super::reduce::rounded(&sums)),
                    _ => primitive::<Float64Type>(sums),
                };
                match self.steps {
                    false => self.sums(&call, values, |a, b| Some(a + b), array),
                    true => self.differences(&call, values, |a, b| Some(a - b), array),
                }
            }
            DType::U64 => {
                let values = slice_of::<UInt64Type>(&elements)?;
                self.sums(&call, values, u64::checked_add, primitive::<UInt64Type>)
            }
            _ => {
                let values = slice_of::<Int64Type>(&elements)?;
                match self.steps {
                    false => self.sums(&call, values, i64::checked_add, primitive::<Int64Type>),
                    true => {
                        self.differences(&call, values, i64::checked_sub, primitive::<Int64Type>)
                    }
                }
            }
        }
    }
}

struct Call<'a> {
    x: &'a Numbers,
    axis: Option<usize>,
    ty: &'a TensorType,
    rows: usize,
}

impl Call<'_> {
    /// Fills every row by `fill`, which is told how many elements a step along the axis skips and
    /// how many steps there are, and says how many steps are left.
    fn rows<E: Copy + Default>(
        &self,
        values: &[E],
        mut fill: impl FnMut(usize, &[E], usize, usize, &mut Vec<E>) -> Result<usize>,
        array: impl FnOnce(Vec<E>) -> ArrayRef,
    ) -> Result<ArrayRef> {
        let mut filled = Vec::new();
        let mut layout = Layouter::new(self.ty.ndim(), self.rows);
        for row in 0..self.rows {
            if self.x.is_null(row) {
                filled.resize(filled.len() + fixed(self.ty), E::default());
                layout.push_null(filled.len())?;
                continue;
            }
            let shape = self.x.shape(row);
            let values = values.get(self.x.range(row)).unwrap_or(&[]);
            let (stride, size) = match self.axis {
                None => (1, values.len()),
                Some(axis) => (
                    shape.strides().get(axis).copied().unwrap_or(1),
                    shape.get(axis).copied().unwrap_or(1),
                ),
            };
            let left = fill(row, values, stride, size, &mut filled)?;
            let mut result = Shape::SCALAR;
            for (axis, size) in shape.iter().enumerate().filter(|_| self.axis.is_some()) {
                // As many dimensions as before.
                let _ = result.push(if Some(axis) == self.axis { left } else { *size });
            }
            if self.axis.is_none() {
                let _ = result.push(left);
            }
            layout.push(filled.len(), &result)?;
        }
        assemble(self.ty, array(filled), layout, self.x.nulls(self.rows))
    }
}

impl Cumulate {
    fn sums<E: Copy + Default>(
        &self,
        call: &Call<'_>,
        values: &[E],
        add: impl Fn(E, E) -> Option<E>,
        array: impl FnOnce(Vec<E>) -> ArrayRef,
    ) -> Result<ArrayRef> {
        call.rows(
            values,
            |row, values, stride, size, filled| {
                let base = filled.len();
                for (at, value) in values.iter().enumerate() {
                    // The first of a line has nothing before it.
                    let before = match (at / stride).checked_rem(size) {
                        Some(0) | None => None,
                        Some(_) => filled.get(base + at - stride).copied(),
                    };
                    let sum = match before {
                        Some(before) => add(before, *value).ok_or_else(|| self.overflow(row))?,
                        None => *value,
                    };
                    filled.push(sum);
                }
                Ok(size)
            },
            array,
        )
    }

    fn differences<E: Copy + Default>(
        &self,
        call: &Call<'_>,
        values: &[E],
        subtract: impl Fn(E, E) -> Option<E>,
        array: impl FnOnce(Vec<E>) -> ArrayRef,
    ) -> Result<ArrayRef> {
        call.rows(
            values,
            |row, values, stride, size, filled| {
                for (at, value) in values.iter().enumerate() {
                    if (at / stride).checked_rem(size).is_none_or(|place| place == 0) {
                        continue;
                    }
                    if let Some(before) = values.get(at - stride) {
                        filled.push(subtract(*value, *before).ok_or_else(|| self.overflow(row))?);
                    }
                }
                Ok(size.saturating_sub(1))
            },
            array,
        )
    }

    fn overflow(&self, row: usize) -> FunctionError {
        self.wrong_row(row, "the result does not fit in 64 bits: cast the column to a float")
    }
}
