//! `RESHAPE(x, shape)` and `FLATTEN(x)`.

use arrow::array::ArrayRef;
use lakebed_core::DType;
use lakebed_core::MAX_NDIM;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::axes::Integers;
use crate::axes::integers;
use crate::axes::integers_of_row;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::relabel::relabel;
use crate::relabel::with_dims;
use crate::value::Value;

/// The elements in row-major order in another shape.
#[derive(Debug)]
pub struct Reshape {
    flat: bool,
}

/// `RESHAPE`.
pub static RESHAPE: Reshape = Reshape { flat: false };
/// `FLATTEN`.
pub static FLATTEN: Reshape = Reshape { flat: true };

static RESHAPE_ENTRY: Entry = Entry {
    tql: &["RESHAPE"],
    udf: "reshape",
    aliases: &[],
    parameters: &["x", "shape"],
    signature: "reshape(x, shape) -> tensor; shape is an array of sizes or a text such as '2, -1'",
    help: "The elements in row-major order in another shape. One size may be -1: what is left for it. The number of sizes must be constant; their values may come from a column.",
    example: "SELECT RESHAPE(ARRAY[1, 2, 3, 4, 5, 6], ARRAY[2, -1]) AS matrix",
};

static FLATTEN_ENTRY: Entry = Entry {
    tql: &["FLATTEN", "RAVEL"],
    udf: "tensor_flatten",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_flatten(x) -> vector",
    help: "All elements in row-major order as a vector.",
    example: "SELECT FLATTEN(ARRAY[[1, 2], [3, 4]]) AS vector",
};

/// The elements of a type, where every row has as many.
pub fn known_elements(ty: &TensorType) -> Option<u32> {
    ty.dims.iter().try_fold(1u32, |product, dim| product.checked_mul((*dim)?))
}

/// The sizes with -1 replaced by what is left of so many elements.
///
/// # Errors
/// Why they do not fit.
fn resolved(sizes: &[i64], elements: usize) -> Result<Shape, String> {
    let unfit = || {
        let listed: Vec<String> = sizes.iter().map(ToString::to_string).collect();
        format!("{elements} elements do not fit shape [{}]", listed.join(", "))
    };
    let mut known = 1usize;
    for size in sizes.iter().filter(|size| **size != -1) {
        let size = usize::try_from(*size).map_err(|_| unfit())?;
        known = known.checked_mul(size).ok_or_else(unfit)?;
    }
    let open = sizes.iter().filter(|size| **size == -1).count();
    let rest = match (open, elements.checked_div(known)) {
        (0, _) => 0,
        (1, Some(rest)) => rest,
        // Nothing times anything is nothing: NumPy refuses it too.
        (1, None) => return Err(unfit()),
        _ => return Err("only one size may be -1".into()),
    };
    let sizes: Vec<usize> =
        sizes.iter().map(|size| usize::try_from(*size).unwrap_or(rest)).collect();
    Shape::new(&sizes).filter(|shape| shape.checked_elements() == Some(elements)).ok_or_else(unfit)
}

impl Reshape {
    fn dims(&self, args: &[Arg], ty: &TensorType) -> Result<Vec<Option<u32>>> {
        let elements = known_elements(ty);
        if self.flat {
            return Ok(vec![elements]);
        }
        let fail = |reason: String| self.wrong_argument(reason);
        let Some(shape) = args.get(1) else {
            return Err(self.wrong_types(args, "a shape is needed"));
        };
        let dims: Vec<Option<u32>> = match integers(shape).map_err(fail)? {
            // One number may be a constant that is still to be folded: its type says less.
            Integers::Known(_) if shape.scalar_dtype().is_some_and(DType::is_integer) => vec![None],
            Integers::Known(sizes) => match elements {
                Some(elements) => {
                    let elements = usize::try_from(elements).unwrap_or(usize::MAX);
                    let shape = resolved(&sizes, elements).map_err(fail)?;
                    shape.iter().map(|size| u32::try_from(*size).ok()).collect()
                }
                None => sizes.iter().map(|size| u32::try_from(*size).ok()).collect(),
            },
            Integers::Later(Some(count)) => vec![None; count],
            Integers::Later(None) => {
                return Err(fail("the number of sizes must be constant: write an array".into()));
            }
        };
        if dims.len() > MAX_NDIM {
            return Err(fail("a value has at most 8 dimensions".into()));
        }
        Ok(dims)
    }
}

impl TensorFunction for Reshape {
    fn entry(&self) -> &'static Entry {
        if self.flat { &FLATTEN_ENTRY } else { &RESHAPE_ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        if self.flat { (1, 1) } else { (2, 2) }
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it takes tensors of numbers"));
        };
        Ok(Output::tensor(with_dims(ty, self.dims(args, ty)?), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        let (x, ty) = (x.numbers()?, out.ty()?);
        let Some(sizes) = args.get(1) else {
            return relabel(&x, ty, rows, |_, shape| {
                Ok(Shape::new(&[shape.elements()]).unwrap_or_default())
            });
        };
        if sizes.nulls(rows).is_some() {
            return self.with_null_shapes(&x, sizes, ty, rows);
        }
        let constant = match sizes.constant {
            true => Some(integers_of_row(sizes, 0).map_err(|reason| self.wrong_argument(reason))?),
            false => None,
        };
        relabel(&x, ty, rows, |row, shape| {
            let own;
            let wanted = match &constant {
                Some(constant) => constant,
                None => {
                    own = integers_of_row(sizes, row).map_err(|why| self.wrong_row(row, why))?;
                    &own
                }
            };
            resolved(wanted, shape.elements()).map_err(|reason| self.wrong_row(row, reason))
        })
    }
}

impl Reshape {
    /// Rows whose shape is null are null.
    fn with_null_shapes(
        &self,
        x: &crate::numbers::Numbers,
        sizes: &Value,
        ty: &TensorType,
        rows: usize,
    ) -> Result<ArrayRef> {
        crate::gather::gather(x, ty, rows, |row, shape, runs| {
            if sizes.is_null(row) {
                return Ok(None);
            }
            let wanted = integers_of_row(sizes, row).map_err(|why| self.wrong_row(row, why))?;
            runs.push(lakebed_core::region::Run { start: 0, len: shape.elements() });
            resolved(&wanted, shape.elements())
                .map(Some)
                .map_err(|reason| self.wrong_row(row, reason))
        })
    }
}

#[cfg(test)]
#[path = "reshape_tests.rs"]
mod tests;
