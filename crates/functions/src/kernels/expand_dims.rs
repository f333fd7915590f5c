//! `EXPAND_DIMS(x, axis)` and `SQUEEZE(x)`: dimensions of size 1 come and go.

use arrow::array::ArrayRef;
use lakebed_core::MAX_NDIM;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::axes::Axes;
use crate::axes::Integers;
use crate::axes::dimension;
use crate::axes::integers;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::function::given;
use crate::relabel::relabel;
use crate::relabel::with_dims;
use crate::value::Value;

/// Adds a dimension of size 1.
#[derive(Debug)]
pub struct ExpandDims;

/// Drops dimensions of size 1.
#[derive(Debug)]
pub struct Squeeze;

static EXPAND_ENTRY: Entry = Entry {
    tql: &["EXPAND_DIMS"],
    udf: "expand_dims",
    aliases: &[],
    parameters: &["x", "axis"],
    signature: "expand_dims(x, axis) -> tensor with one dimension more",
    help: "The value with a dimension of size 1 before dimension axis; -1 adds it last.",
    example: "SELECT EXPAND_DIMS(ARRAY[1, 2, 3], 0) AS row",
};

static SQUEEZE_ENTRY: Entry = Entry {
    tql: &["SQUEEZE"],
    udf: "squeeze",
    aliases: &[],
    parameters: &["x", "axis"],
    signature: "squeeze(x[, axis]) -> tensor with fewer dimensions",
    help: "The value without the dimensions that its type knows to be of size 1, or without those of axis, an integer or a text such as '0, 2'; another size there is an error.",
    example: "SELECT SQUEEZE(ARRAY[[1, 2, 3]]) AS vector",
};

fn known(arg: &Arg) -> Result<Vec<i64>, String> {
    match integers(arg)? {
        Integers::Known(list) => Ok(list),
        Integers::Later(_) => Err("axis is a constant integer, or a text such as '0, 2'".into()),
    }
}

impl ExpandDims {
    fn axis(&self, args: &[Arg], ndim: usize) -> Result<usize> {
        let fail = |reason: String| self.wrong_argument(reason);
        let list = args.get(1).map(known).transpose().map_err(fail)?.unwrap_or_default();
        match list.as_slice() {
            _ if ndim >= MAX_NDIM => Err(fail("a value has at most 8 dimensions".into())),
            [axis] => dimension(*axis, ndim + 1).map_err(fail),
            _ => Err(fail("axis is one integer".into())),
        }
    }
}

impl TensorFunction for ExpandDims {
    fn entry(&self) -> &'static Entry {
        &EXPAND_ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes tensors of numbers"));
        };
        let mut dims = ty.dims.clone();
        dims.insert(self.axis(args, ty.ndim())?, Some(1));
        Ok(Output::tensor(with_dims(ty, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        let x = x.numbers()?;
        let axis = self.axis(&described, x.ty().ndim())?;
        relabel(&x, out.ty()?, rows, |_, shape| {
            let mut sizes = shape.to_vec();
            sizes.insert(axis, 1);
            Ok(Shape::new(&sizes).unwrap_or_default())
        })
    }
}

impl Squeeze {
    fn axes(&self, args: &[Arg], ty: &TensorType) -> Result<Axes> {
        let fail = |reason: String| self.wrong_argument(reason);
        let list = match given(args, 1) {
            Some(axis) => known(axis).map_err(fail)?,
            None => (0i64..)
                .zip(&ty.dims)
                .filter(|(_, dim)| **dim == Some(1))
                .map(|(axis, _)| axis)
                .collect(),
        };
        Axes::new(&list, ty.ndim(), false).map_err(fail)
    }
}

impl TensorFunction for Squeeze {
    fn entry(&self) -> &'static Entry {
        &SQUEEZE_ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes tensors of numbers"));
        };
        let axes = self.axes(args, ty)?;
        let dims = ty.dims.iter().enumerate();
        if let Some((axis, Some(size))) =
            dims.clone().find(|(axis, dim)| axes.has(*axis) && dim.is_some_and(|dim| dim != 1))
        {
            let reason = format!("dimension {axis} has size {size}, not 1");
            return Err(self.wrong_types(args, reason));
        }
        let left = dims.filter(|(axis, _)| !axes.has(*axis)).map(|(_, dim)| *dim).collect();
        Ok(Output::tensor(with_dims(ty, left), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        let x = x.numbers()?;
        let axes = self.axes(&described, x.ty())?;
        relabel(&x, out.ty()?, rows, |row, shape| {
            match shape.iter().enumerate().find(|(axis, size)| axes.has(*axis) && **size != 1) {
                Some((axis, size)) => {
                    let reason = format!("dimension {axis} has size {size}, not 1");
                    Err(self.wrong_row(row, reason))
                }
                None => Ok(axes.left(shape)),
            }
        })
    }
}
