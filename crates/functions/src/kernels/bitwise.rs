//! `BITWISE_AND`, `BITWISE_OR`, `BITWISE_XOR`, shifts and `BITWISE_NOT`, element by element.

use std::ops::BitAnd;
use std::ops::BitOr;
use std::ops::BitXor;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::primitive;
use crate::elementwise::Stretch;
use crate::elementwise::map;
use crate::elementwise::zip;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::slice_of;
use crate::shapes;
use crate::value::Value;

/// A function of the bits of integers.
#[derive(Debug)]
pub struct Bitwise {
    of: fn(i64, i64) -> i64,
    entry: Entry,
}

macro_rules! bitwise {
    ($name:ident, $tql:literal, $udf:literal, $parameters:expr, $of:expr, $example:literal, $help:literal) => {
        /// The function of this name.
        pub static $name: Bitwise = Bitwise {
            of: $of,
            entry: Entry {
                tql: &[$tql],
                udf: $udf,
                aliases: &[],
                parameters: $parameters,
                signature: concat!(
                    $udf,
                    " of i64 or smaller integers -> i64 of the broadcast shape"
                ),
                help: $help,
                example: $example,
            },
        };
    };
}

bitwise!(
    AND,
    "BITWISE_AND",
    "bitwise_and",
    &["a", "b"],
    BitAnd::bitand,
    "SELECT BITWISE_AND(6, 3) AS both",
    "The bits that both integers have."
);
bitwise!(
    OR,
    "BITWISE_OR",
    "bitwise_or",
    &["a", "b"],
    BitOr::bitor,
    "SELECT BITWISE_OR(6, 3) AS either",
    "The bits that one of the integers has."
);
bitwise!(
    XOR,
    "BITWISE_XOR",
    "bitwise_xor",
    &["a", "b"],
    BitXor::bitxor,
    "SELECT BITWISE_XOR(6, 3) AS one",
    "The bits in which two integers differ."
);
bitwise!(
    LEFT,
    "LEFT_SHIFT",
    "left_shift",
    &["x", "places"],
    shifted_left,
    "SELECT LEFT_SHIFT(3, 2) AS more",
    "The bits of x moved up; those that leave 64 bits are lost. Fewer than 0 places move down."
);
bitwise!(
    RIGHT,
    "RIGHT_SHIFT",
    "right_shift",
    &["x", "places"],
    shifted_right,
    "SELECT RIGHT_SHIFT(12, 2) AS fewer",
    "The bits of x moved down; the sign stays. Fewer than 0 places move up."
);
bitwise!(
    NOT,
    "BITWISE_NOT",
    "bitwise_not",
    &["x"],
    |x, _| !x,
    "SELECT BITWISE_NOT(5) AS others",
    "The opposite of every bit: -x - 1."
);

fn shifted_left(x: i64, places: i64) -> i64 {
    match u32::try_from(places) {
        Ok(places) => x.checked_shl(places).unwrap_or(0),
        Err(_) if places < 0 => shifted_right(x, places.saturating_neg()),
        Err(_) => 0,
    }
}

fn shifted_right(x: i64, places: i64) -> i64 {
    match u32::try_from(places) {
        Ok(places) => x >> places.min(63),
        Err(_) if places < 0 => shifted_left(x, places.saturating_neg()),
        Err(_) => x >> 63,
    }
}

/// True for what i64 holds.
fn has_bits(ty: &TensorType) -> bool {
    ty.dtype.is_integer() && ty.dtype != DType::U64 || ty.dtype == DType::Bool
}

impl TensorFunction for Bitwise {
    fn entry(&self) -> &Entry {
        &self.entry
    }

    fn arity(&self) -> (usize, usize) {
        (self.entry.parameters.len(), self.entry.parameters.len())
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let types: Option<Vec<&TensorType>> = args.iter().map(Arg::numeric).collect();
        let types = types.filter(|types| types.iter().all(|ty| has_bits(ty)));
        let dims = match types.as_deref() {
            Some([x]) => x.dims.clone(),
            Some([x, y]) => shapes::broadcast(x, y)
                .map_err(|clash| self.wrong_types(args, shapes::clash(clash)))?,
            _ => {
                return Err(self.wrong_types(
                    args,
                    "it takes integers of at most 64 bits with a sign: cast others to BIGINT",
                ));
            }
        };
        Ok(Output::tensor(TensorType::tensor(DType::I64, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let Some(a) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        let (a, ty) = (a.numbers()?, out.ty()?);
        let x = a.elements_as(&DataType::Int64)?;
        let left = slice_of::<Int64Type>(&x)?;
        let Some(b) = args.get(1) else {
            return map(&a, left, ty, rows, |x| (self.of)(x, 0))?
                .finish(ty, primitive::<Int64Type>);
        };
        let b = b.numbers()?;
        let y = b.elements_as(&DataType::Int64)?;
        let operands = ((&a, left), (&b, slice_of::<Int64Type>(&y)?));
        zip(operands.0, operands.1, ty, rows, Stretch::Numpy, self.of)?
            .map_err(|row| self.wrong_row(row, shapes::unfit(&a.shape(row), &b.shape(row))))?
            .finish(ty, primitive::<Int64Type>)
    }
}
