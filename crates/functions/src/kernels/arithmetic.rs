//! `+`, `-`, `*`, `/`, `%` and `^`, element by element, with NumPy's broadcasting (rules 14, 15).

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::compute::kernels::numeric;
use arrow::datatypes::DataType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::Operator;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use datafusion_expr::type_coercion::binary::BinaryTypeCoercer;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::primitive;
use crate::elementwise::Stretch;
use crate::elementwise::zip;
use crate::entry::Entry;
use crate::error::FunctionError;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes::Real;
use crate::native;
use crate::numbers::Numbers;
use crate::numbers::meet;
use crate::numbers::slice_of;
use crate::plain;
use crate::shapes;
use crate::value::Value;

/// An arithmetic operation of two operands.
#[derive(Debug)]
pub struct Arithmetic {
    operation: Operation,
    entry: Entry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Pow,
}

macro_rules! arithmetic {
    ($name:ident, $operation:ident, $tql:expr, $udf:literal, $sign:literal, $example:literal, $help:literal) => {
        /// The operation of this sign.
        pub static $name: Arithmetic = Arithmetic {
            operation: Operation::$operation,
            entry: Entry {
                tql: $tql,
                udf: $udf,
                aliases: &[],
                parameters: &["a", "b"],
                signature: concat!(
                    $udf,
                    "(a, b) -> number of the broadcast shape; in TQL: a ",
                    $sign,
                    " b"
                ),
                help: $help,
                example: $example,
            },
        };
    };
}

arithmetic!(
    ADD,
    Add,
    &[],
    "tensor_add",
    "+",
    "SELECT ARRAY[1, 2] + 1 AS more",
    "Sum. Integers and bools compute in 64 bits, and leaving them is an error; f16 and f32 stay unless met by f64."
);
arithmetic!(
    SUB,
    Sub,
    &[],
    "tensor_sub",
    "-",
    "SELECT ARRAY[1, 2] - 1 AS fewer",
    "Difference, under the rules of tensor_add."
);
arithmetic!(
    MUL,
    Mul,
    &[],
    "tensor_mul",
    "*",
    "SELECT ARRAY[[1], [2]] * ARRAY[10, 20] AS table",
    "Product, under the rules of tensor_add."
);
arithmetic!(
    DIV,
    Div,
    &[],
    "tensor_div",
    "/",
    "SELECT 1 / 2 AS half",
    "Quotient, always f64; dividing by zero gives infinity or NaN."
);
arithmetic!(
    MOD,
    Mod,
    &["MOD"],
    "tensor_mod",
    "%",
    "SELECT -7 % 3 AS remainder",
    "Remainder with the sign of the left operand; an integer divisor of 0 is an error."
);
arithmetic!(
    POW,
    Pow,
    &["POW", "POWER"],
    "tensor_pow",
    "^",
    "SELECT 2 ^ 10 AS power",
    "Power. Integers stay integers, so a negative exponent that is no constant needs a float base."
);

impl Operation {
    fn native(self) -> Option<Operator> {
        Some(match self {
            Operation::Add => Operator::Plus,
            Operation::Sub => Operator::Minus,
            Operation::Mul => Operator::Multiply,
            Operation::Div => Operator::Divide,
            Operation::Mod => Operator::Modulo,
            Operation::Pow => return None,
        })
    }
}

impl Arithmetic {
    fn dtype(&self, a: &TensorType, b: &TensorType, exponent: Option<&ScalarValue>) -> DType {
        let met = meet(&a.dtype, &b.dtype);
        match self.operation {
            Operation::Div => DType::F64,
            Operation::Pow if met.is_integer() && exponent.is_some_and(is_negative) => DType::F64,
            _ => met,
        }
    }
}

fn is_negative(value: &ScalarValue) -> bool {
    match value.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(Some(n))) => n < 0,
        _ => false,
    }
}

impl TensorFunction for Arithmetic {
    fn entry(&self) -> &'static Entry {
        match self.operation {
            Operation::Add => &ADD.entry,
            Operation::Sub => &SUB.entry,
            Operation::Mul => &MUL.entry,
            Operation::Div => &DIV.entry,
            Operation::Mod => &MOD.entry,
            Operation::Pow => &POW.entry,
        }
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [a, b] = args else { return Err(self.wrong_types(args, "two operands are needed")) };
        if let Some(ty) = self.operation.native().and_then(|op| plain::result_type(op, a, b)) {
            return Ok(Output::plain(ty, any_nullable(args)));
        }
        let (Some(x), Some(y)) = (a.numeric(), b.numeric()) else {
            return Err(
                self.wrong_types(args, "arithmetic takes numbers: cast JSON and text first")
            );
        };
        let dims = shapes::broadcast(x, y)
            .map_err(|clash| self.wrong_types(args, shapes::clash(clash)))?;
        let dtype = self.dtype(x, y, b.literal.as_ref());
        Ok(Output::tensor(TensorType::tensor(dtype, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [a, b] = args else { return Err(self.wrong_types(&[], "two operands are needed")) };
        if let Some(operator) = self.operation.native()
            && plain::result_type(operator, &a.arg, &b.arg).is_some()
        {
            return plain::evaluate(operator, a, b, rows, |x, y| {
                Ok(match self.operation {
                    Operation::Add => numeric::add(x, y),
                    Operation::Sub => numeric::sub(x, y),
                    Operation::Mul => numeric::mul(x, y),
                    Operation::Div => numeric::div(x, y),
                    Operation::Mod | Operation::Pow => numeric::rem(x, y),
                }?)
            });
        }
        let (a, b, ty) = (a.numbers()?, b.numbers()?, out.ty()?);
        match ty.dtype {
            DType::I64 => self.signed(&a, &b, ty, rows),
            DType::U64 => self.unsigned(&a, &b, ty, rows),
            DType::F64 => self.floats::<Float64Type>(&a, &b, ty, rows),
            // f16 computes in f32 and is rounded at the end.
            _ => self.floats::<Float32Type>(&a, &b, ty, rows),
        }
    }

    fn simplify(
        &self,
        exprs: Vec<Expr>,
        args: &[Arg],
        _context: &SimplifyContext,
    ) -> Result<ExprSimplifyResult> {
        let native = self.operation.native();
        let ([a, b], [left, right], Some(operator)) = (args, exprs.as_slice(), native) else {
            return Ok(ExprSimplifyResult::Original(exprs));
        };
        let planned = self.result(args)?;
        // Integers stay ours: DataFusion's wrap around silently.
        let float = |arg: &Arg| arg.scalar_dtype().is_some_and(DType::is_float);
        let same = (float(a) || float(b) || plain::result_type(operator, a, b).is_some())
            && args.iter().all(native::is_plain)
            && BinaryTypeCoercer::new(a.field.data_type(), &operator, b.field.data_type())
                .get_result_type()
                .is_ok_and(|ty| &ty == planned.field.data_type());
        let simplified = same.then(|| native::binary(left.clone(), operator, right.clone(), args));
        Ok(match simplified.flatten() {
            Some(expr) => ExprSimplifyResult::Simplified(expr),
            None => ExprSimplifyResult::Original(exprs),
        })
    }
}

/// The remainder with the sign of the left operand; `None` for a divisor of 0.
macro_rules! remainder {
    ($x:expr, $y:expr) => {
        if $y == 0 { None } else { Some($x.wrapping_rem($y)) }
    };
}

/// A loop over integers of one width: wraps and remembers that something went wrong, and looks for
/// the row only then, because null rows may hold anything.
macro_rules! integers {
    ($name:ident, $arrow:ty, $native:ty, $data_type:expr, $pow:expr) => {
        fn $name(
            &self,
            a: &Numbers,
            b: &Numbers,
            out: &TensorType,
            rows: usize,
        ) -> Result<ArrayRef> {
            let (x, y) = (a.elements_as(&$data_type)?, b.elements_as(&$data_type)?);
            let (left, right) = ((a, slice_of::<$arrow>(&x)?), (b, slice_of::<$arrow>(&y)?));
            let mut bad = false;
            let mut flagged = |(value, failed): ($native, bool)| {
                bad |= failed;
                value
            };
            let or_zero = |value: Option<$native>| (value.unwrap_or(0), value.is_none());
            let numpy = Stretch::Numpy;
            let built = match self.operation {
                Operation::Add => {
                    zip(left, right, out, rows, numpy, |x, y| flagged(x.overflowing_add(y)))
                }
                Operation::Sub => {
                    zip(left, right, out, rows, numpy, |x, y| flagged(x.overflowing_sub(y)))
                }
                Operation::Mul => {
                    zip(left, right, out, rows, numpy, |x, y| flagged(x.overflowing_mul(y)))
                }
                Operation::Mod | Operation::Div => {
                    zip(left, right, out, rows, numpy, |x, y| flagged(or_zero(remainder!(x, y))))
                }
                Operation::Pow => {
                    zip(left, right, out, rows, numpy, |x, y| flagged(or_zero($pow(x, y))))
                }
            }?;
            let built = built.map_err(|row| self.unfit(row, a, b))?;
            if bad {
                let failed =
                    zip(left, right, out, rows, numpy, |x: $native, y: $native| {
                        match self.operation {
                            Operation::Add => u8::from(x.checked_add(y).is_none()),
                            Operation::Sub => u8::from(x.checked_sub(y).is_none()),
                            Operation::Mul => u8::from(x.checked_mul(y).is_none()),
                            Operation::Mod | Operation::Div => u8::from(remainder!(x, y).is_none()),
                            Operation::Pow => u8::from($pow(x, y).is_none()),
                        }
                    })?;
                let failed = failed.map_err(|row| self.unfit(row, a, b))?;
                if let Some(row) = failed.find_row(rows, |failed| *failed != 0) {
                    return Err(self.failed(row));
                }
            }
            built.finish(out, primitive::<$arrow>)
        }
    };
}

impl Arithmetic {
    integers!(signed, Int64Type, i64, DataType::Int64, signed_power);
    integers!(unsigned, UInt64Type, u64, DataType::UInt64, unsigned_power);

    fn floats<T: ArrowPrimitiveType>(
        &self,
        a: &Numbers,
        b: &Numbers,
        out: &TensorType,
        rows: usize,
    ) -> Result<ArrayRef>
    where
        T::Native: Real,
    {
        let (x, y) = (a.elements_as(&T::DATA_TYPE)?, b.elements_as(&T::DATA_TYPE)?);
        let (left, right) = ((a, slice_of::<T>(&x)?), (b, slice_of::<T>(&y)?));
        let numpy = Stretch::Numpy;
        let built = match self.operation {
            Operation::Add => zip(left, right, out, rows, numpy, |x, y| x + y),
            Operation::Sub => zip(left, right, out, rows, numpy, |x, y| x - y),
            Operation::Mul => zip(left, right, out, rows, numpy, |x, y| x * y),
            Operation::Div => zip(left, right, out, rows, numpy, |x, y| x / y),
            Operation::Mod => zip(left, right, out, rows, numpy, |x, y| x % y),
            Operation::Pow => zip(left, right, out, rows, numpy, Real::power),
        }?;
        built.map_err(|row| self.unfit(row, a, b))?.finish(out, primitive::<T>)
    }

    fn failed(&self, row: usize) -> FunctionError {
        self.wrong_row(
            row,
            match self.operation {
                Operation::Mod | Operation::Div => "the divisor is 0",
                Operation::Pow => "the power does not fit in 64 bits, or the exponent is negative: cast the base to a float",
                _ => "the result does not fit in 64 bits: cast an operand to a float",
            },
        )
    }

    fn unfit(&self, row: usize, a: &Numbers, b: &Numbers) -> FunctionError {
        self.wrong_row(row, shapes::unfit(&a.shape(row), &b.shape(row)))
    }
}

fn signed_power(base: i64, exponent: i64) -> Option<i64> {
    match (base, u32::try_from(exponent)) {
        (_, Ok(exponent)) => base.checked_pow(exponent),
        (1, _) => Some(1),
        (-1, _) => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        (0, _) if exponent > 0 => Some(0),
        _ => None,
    }
}

fn unsigned_power(base: u64, exponent: u64) -> Option<u64> {
    match (base, u32::try_from(exponent)) {
        (_, Ok(exponent)) => base.checked_pow(exponent),
        (0 | 1, _) => Some(base),
        _ => None,
    }
}

#[cfg(test)]
#[path = "arithmetic_tests.rs"]
mod tests;
