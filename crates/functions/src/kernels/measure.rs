//! `SIZE(x)`, `NDIM(x)` and `DTYPE(x)`: what a value is, without its elements.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::array::StringViewArray;
use arrow::datatypes::Int32Type;
use lakebed_core::DType;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::value::Value;

use super::shape::Shape;

/// A measure of a value.
#[derive(Debug)]
pub struct Measure {
    what: What,
    entry: Entry,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Size,
    Ndim,
    DType,
}

macro_rules! measure {
    ($name:ident, $what:ident, $tql:expr, $udf:literal, $gives:literal, $example:literal, $help:literal) => {
        /// The measure of this name.
        pub static $name: Measure = Measure {
            what: What::$what,
            entry: Entry {
                tql: $tql,
                udf: $udf,
                aliases: &[],
                parameters: &["x"],
                signature: concat!($udf, "(x) -> ", $gives),
                help: $help,
                example: $example,
            },
        };
    };
}

measure!(
    SIZE,
    Size,
    &["SIZE", "NUMEL"],
    "tensor_size",
    "i64",
    "SELECT SIZE(ARRAY[[1, 2, 3], [4, 5, 6]]) AS elements",
    "The number of elements: the product of SHAPE, 1 of a scalar."
);
measure!(
    NDIM,
    Ndim,
    &["NDIM"],
    "tensor_ndim",
    "i64",
    "SELECT NDIM(ARRAY[[1, 2], [3, 4]]) AS dimensions",
    "The number of dimensions: 3 of an image, 0 of a scalar."
);
measure!(
    DTYPE,
    DType,
    &["DTYPE"],
    "tensor_dtype",
    "text",
    "SELECT DTYPE(ARRAY[1, 2]) AS elements",
    "The name of the element type, such as u8 or f32."
);

impl TensorFunction for Measure {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        if args.first().and_then(|arg| arg.ty.as_ref()).is_none() {
            return Err(self.wrong_types(args, "only columns and tensors have a shape"));
        }
        let dtype = match self.what {
            What::Size | What::Ndim => DType::I64,
            What::DType => DType::Text,
        };
        Ok(Output::scalar(dtype, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let (ty, nulls) = (x.ty()?, x.nulls(rows));
        let numbers = |values: Vec<i64>| -> ArrayRef {
            Arc::new(Int64Array::new(values.into(), nulls.clone()))
        };
        Ok(match self.what {
            What::Ndim => numbers(vec![i64::try_from(ty.ndim()).unwrap_or(i64::MAX); rows]),
            What::Size if ty.is_scalar() => numbers(vec![1; rows]),
            What::Size => numbers(sizes(x, rows)?),
            What::DType => {
                let name = ty.dtype.to_string();
                let valid = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                let names = (0..rows).map(|row| valid(row).then_some(name.as_str()));
                Arc::new(names.collect::<StringViewArray>())
            }
        })
    }
}

/// The products of the stored shapes.
fn sizes(x: &Value, rows: usize) -> Result<Vec<i64>> {
    let planned = Shape.result(std::slice::from_ref(&x.arg))?;
    let own = if x.constant { 1 } else { rows };
    let shapes = Shape.evaluate(std::slice::from_ref(x), &planned, own)?;
    let (list, ndim) = match shapes.as_fixed_size_list_opt() {
        Some(list) => (list, usize::try_from(list.value_length()).unwrap_or(1).max(1)),
        None => return Ok(vec![1; rows]),
    };
    let sizes = list.values().as_primitive::<Int32Type>().values();
    let products: Vec<i64> = sizes
        .chunks_exact(ndim)
        .map(|sizes| sizes.iter().map(|size| i64::from(*size)).product())
        .collect();
    Ok(match products.as_slice() {
        [one] if x.constant => vec![*one; rows],
        _ => products,
    })
}
