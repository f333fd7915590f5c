//! `REVERSE(x[, axis])`.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringViewArray;
use lakebed_core::DType;
use lakebed_core::region::Run;

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
use crate::gather::gather;
use crate::relabel::with_dims;
use crate::value::Value;

/// Backwards along a dimension.
#[derive(Debug)]
pub struct Reverse;

static ENTRY: Entry = Entry {
    tql: &["REVERSE"],
    udf: "tensor_reverse",
    aliases: &[],
    parameters: &["x", "axis"],
    signature: "tensor_reverse(x[, axis]) -> tensor of the shape of x, or text",
    help: "The value backwards along an axis, 0 if none is given; the characters of a text backwards.",
    example: "SELECT REVERSE(ARRAY[1, 2, 3]) AS backwards",
};

impl Reverse {
    fn axis(&self, args: &[Arg], ndim: usize) -> Result<usize> {
        let fail = |reason: String| self.wrong_argument(reason);
        match given(args, 1).map(integers).transpose().map_err(fail)? {
            None => dimension(0, ndim).map_err(fail),
            Some(Integers::Known(list)) if list.len() == 1 => {
                dimension(list.first().copied().unwrap_or(0), ndim).map_err(fail)
            }
            Some(_) => Err(fail("axis is one constant integer".into())),
        }
    }
}

impl TensorFunction for Reverse {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        match args {
            [x] if x.is_text() => return Ok(Output::scalar(DType::Text, any_nullable(args))),
            _ => {}
        }
        let Some(ty) = args.first().and_then(Arg::numeric).filter(|ty| ty.ndim() > 0) else {
            return Err(self.wrong_types(args, "it takes arrays of numbers, or a text"));
        };
        self.axis(args, ty.ndim())?;
        Ok(Output::tensor(with_dims(ty, ty.dims.clone()), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        if x.arg.is_text() {
            let texts = x.texts()?;
            let reversed: StringViewArray = (0..rows)
                .map(|row| {
                    let text = (!x.is_null(row)).then(|| texts.value(x.row(row)));
                    text.map(|text| text.chars().rev().collect::<String>())
                })
                .collect();
            return Ok(Arc::new(reversed));
        }
        let x = x.numbers()?;
        let axis = self.axis(&described, x.ty().ndim())?;
        gather(&x, out.ty()?, rows, |_, shape, runs| {
            let size = shape.get(axis).copied().unwrap_or(0);
            let len: usize = shape.iter().skip(axis + 1).product();
            let outer: usize = shape.iter().take(axis).product();
            if len > 0 {
                runs.extend((0..outer).flat_map(|turn| {
                    (0..size).rev().map(move |at| Run { start: (turn * size + at) * len, len })
                }));
            }
            Ok(Some(*shape))
        })
    }
}
