//! `SUM`, `PROD`, `AVG`, `AMIN` and `AMAX` over all elements of a value, or along some of its
//! dimensions (rules 14, 15, 18).

use std::ops::Range;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::bool_rows;
use crate::assemble::number_rows;
use crate::axes;
use crate::bits::Bits;
use crate::by_row::OfRow;
use crate::by_row::each;
use crate::entry::Entry;
use crate::error::FunctionError;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes;
use crate::lanes::Element;
use crate::numbers::Numbers;
use crate::numbers::not_numbers;
use crate::numbers::with_numbers;
use crate::value::Value;

/// A reduction of a value to one number.
#[derive(Debug)]
pub struct Reduce {
    pub(super) operation: Operation,
    entry: Entry,
}

/// What a reduction computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Sum,
    Prod,
    Avg,
    Min,
    Max,
}

/// `SUM`.
pub static SUM: Reduce = Reduce {
    operation: Operation::Sum,
    entry: Entry {
        tql: &["SUM"],
        udf: "tensor_sum",
        aliases: &[],
        parameters: &["x", "axis", "keepdims"],
        signature: "tensor_sum(x[, axis[, keepdims]]) -> i64, u64, f32 or f64",
        help: "The sum of all elements, or along one axis or an array of them; 0 if there are none. With keepdims reduced dimensions stay, with size 1. Integers and bools sum in 64 bits, and leaving them is an error; f16 and f32 give f32.",
        example: "SELECT SUM(ARRAY[[1, 2], [3, 4]], 0) AS columns",
    },
};

/// `PROD`.
pub static PROD: Reduce = Reduce {
    operation: Operation::Prod,
    entry: Entry {
        tql: &["PROD"],
        udf: "tensor_prod",
        aliases: &["prod"],
        parameters: &["x", "axis", "keepdims"],
        signature: "tensor_prod(x[, axis[, keepdims]]) -> i64, u64, f32 or f64",
        help: "The product of all elements, under the rules of tensor_sum; 1 if there are none.",
        example: "SELECT PROD(SHAPE(ARRAY[[1, 2, 3], [4, 5, 6]])) AS elements",
    },
};

/// `AVG` and `MEAN`.
pub static AVG: Reduce = Reduce {
    operation: Operation::Avg,
    entry: Entry {
        tql: &["AVG", "MEAN"],
        udf: "tensor_avg",
        aliases: &[],
        parameters: &["x", "axis", "keepdims"],
        signature: "tensor_avg(x[, axis[, keepdims]]) -> f64",
        help: "The mean of all elements; 0 if there are none.",
        example: "SELECT AVG(ARRAY[1, 2, 6]) AS mean",
    },
};

/// `AMIN`.
pub static AMIN: Reduce = Reduce {
    operation: Operation::Min,
    entry: Entry {
        tql: &["AMIN"],
        udf: "tensor_amin",
        aliases: &["amin"],
        parameters: &["x", "axis", "keepdims"],
        signature: "tensor_amin(x[, axis[, keepdims]]) -> the element type of x",
        help: "The smallest element; 0 if there are none, NaN if one is NaN.",
        example: "SELECT AMIN(ARRAY[3, 1, 2]) AS smallest",
    },
};

/// `AMAX`.
pub static AMAX: Reduce = Reduce {
    operation: Operation::Max,
    entry: Entry {
        tql: &["AMAX"],
        udf: "tensor_amax",
        aliases: &["amax"],
        parameters: &["x", "axis", "keepdims"],
        signature: "tensor_amax(x[, axis[, keepdims]]) -> the element type of x",
        help: "The largest element; 0 if there are none, NaN if one is NaN.",
        example: "SELECT AMAX(ARRAY[3, 1, 2]) AS largest",
    },
};

impl TensorFunction for Reduce {
    fn entry(&self) -> &'static Entry {
        match self.operation {
            Operation::Sum => &SUM.entry,
            Operation::Prod => &PROD.entry,
            Operation::Avg => &AVG.entry,
            Operation::Min => &AMIN.entry,
            Operation::Max => &AMAX.entry,
        }
    }

    fn arity(&self) -> (usize, usize) {
        (1, 3)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric) else {
            return Err(self.wrong_types(args, "it reduces numbers"));
        };
        let dtype = match (self.operation, &ty.dtype) {
            (Operation::Avg, _) => DType::F64,
            (Operation::Min | Operation::Max, dtype) => dtype.clone(),
            (_, DType::F64) => DType::F64,
            (_, DType::F16 | DType::F32) => DType::F32,
            (_, DType::U64) => DType::U64,
            _ => DType::I64,
        };
        let dims = axes::planned(ty, args).map_err(|reason| self.wrong_argument(reason))?;
        Ok(Output::tensor(TensorType::tensor(dtype, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let (x, axes) = axes::operand(self, args)?;
        if let Some(axes) = axes {
            return self.along(&x, &axes, out.ty()?, rows);
        }
        let dtype = &out.ty()?.dtype;
        let elements = x.elements();
        if let Some(bools) = elements.as_boolean_opt() {
            return self.bools(&x, bools.values(), rows);
        }
        with_numbers!(elements, T, values => match self.operation {
            Operation::Min => self.extreme::<T, _>(&x, values, rows, |a, b| a < b),
            Operation::Max => self.extreme::<T, _>(&x, values, rows, |a, b| a > b),
            _ => self.total(&x, values, dtype, rows),
        }, else Err(not_numbers(elements.data_type())))
    }
}

impl Reduce {
    fn extreme<T, F>(
        &self,
        x: &Numbers,
        values: &[T::Native],
        rows: usize,
        better: F,
    ) -> Result<ArrayRef>
    where
        T: arrow::datatypes::ArrowPrimitiveType,
        T::Native: Element,
        F: Fn(T::Native, T::Native) -> bool,
    {
        Ok(number_rows::<T>(each(x, values, rows, &Best(better)), x.nulls(rows)))
    }

    /// Bools are as many ones as there are trues.
    fn bools(&self, x: &Numbers, bools: &BooleanBuffer, rows: usize) -> Result<ArrayRef> {
        let bits = Bits::new(bools);
        let judged = |judge: &dyn Fn(Range<usize>) -> bool| {
            BooleanBuffer::collect_bool(rows, |row| judge(x.range(row)))
        };
        let nulls = x.nulls(rows);
        Ok(match self.operation {
            Operation::Max => bool_rows(judged(&|row| bits.any(row)), nulls),
            Operation::Min => {
                bool_rows(judged(&|row: Range<usize>| !row.is_empty() && bits.all(row)), nulls)
            }
            Operation::Prod => {
                let ones = judged(&|row| bits.all(row)).iter().map(i64::from).collect();
                number_rows::<Int64Type>(ones, nulls)
            }
            Operation::Sum => {
                let counts = (0..rows).map(|row| i64::from(bits.count(x.range(row)))).collect();
                number_rows::<Int64Type>(counts, nulls)
            }
            Operation::Avg => {
                let mean = |row: Range<usize>| match row.len() {
                    0 => 0.0,
                    count => f64::from(bits.count(row)) / count as f64,
                };
                number_rows::<Float64Type>((0..rows).map(|row| mean(x.range(row))).collect(), nulls)
            }
        })
    }

    fn total<E: Element>(
        &self,
        x: &Numbers,
        values: &[E],
        dtype: &DType,
        rows: usize,
    ) -> Result<ArrayRef> {
        let integers = !x.ty().dtype.is_float();
        let nulls = x.nulls(rows);
        let totals = match (self.operation, integers) {
            (Operation::Avg, true) => each(x, values, rows, &IntegerMean),
            (Operation::Avg, false) => each(x, values, rows, &Mean),
            (Operation::Prod, false) => each(x, values, rows, &Product),
            (_, false) => each(x, values, rows, &Sum),
            (operation, true) => {
                let totals = match operation {
                    Operation::Prod => each(x, values, rows, &IntegerProduct),
                    _ => each(x, values, rows, &IntegerSum),
                };
                return Ok(match dtype {
                    DType::U64 => number_rows::<UInt64Type>(self.fit(x, &totals)?, nulls),
                    _ => number_rows::<Int64Type>(self.fit(x, &totals)?, nulls),
                });
            }
        };
        Ok(match dtype {
            DType::F64 => number_rows::<Float64Type>(totals, nulls),
            _ => number_rows::<Float32Type>(rounded(&totals), nulls),
        })
    }

    /// One number a row; a row without one is an error unless it is null.
    fn fit<N: Default + TryFrom<i128>>(
        &self,
        x: &Numbers,
        totals: &[Option<i128>],
    ) -> Result<Vec<N>> {
        totals
            .iter()
            .enumerate()
            .map(|(row, total)| match total.and_then(|total| N::try_from(total).ok()) {
                Some(total) => Ok(total),
                None if x.is_null(row) => Ok(N::default()),
                None => Err(self.overflow(row)),
            })
            .collect()
    }

    pub(super) fn overflow(&self, row: usize) -> FunctionError {
        self.wrong_row(row, "the result does not fit in 64 bits: cast the column to a float")
    }
}

/// The best element; the default one if there is none.
pub(super) struct Best<F>(pub(super) F);

impl<E: Element, F: Fn(E, E) -> bool> OfRow<E> for Best<F> {
    type Answer = E;

    #[inline(always)]
    fn of(&self, row: &[E]) -> E {
        row.first().map_or(E::default(), |first| E::best(*first, row, &self.0))
    }
}

macro_rules! of_row {
    ($name:ident, $answer:ty, $row:ident => $of:expr) => {
        /// The total of this name.
        pub(super) struct $name;

        impl<E: Element> OfRow<E> for $name {
            type Answer = $answer;

            #[inline(always)]
            fn of(&self, $row: &[E]) -> $answer {
                $of
            }
        }
    };
}
of_row!(Sum, f64, row => lanes::sum_of(row, |value| value));
of_row!(Product, f64, row => row.iter().map(|value| value.to_f64()).product());
of_row!(IntegerSum, Option<i128>, row => Some(E::sum(row)));
of_row!(IntegerProduct, Option<i128>, row => lanes::product(row));
of_row!(Mean, f64, row => mean(lanes::sum_of(row, |value| value), row.len()));
of_row!(IntegerMean, f64, row => mean(E::sum(row) as f64, row.len()));

#[inline(always)]
fn mean(sum: f64, count: usize) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// f64 rounded to f32.
pub fn rounded(values: &[f64]) -> Vec<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "rounding to the result type is the point")]
    values.iter().map(|value| *value as f32).collect()
}

/// The elements of a row.
pub fn row_of<'a, E>(x: &Numbers, values: &'a [E], row: usize) -> &'a [E] {
    values.get(x.range(row)).unwrap_or(&[])
}

#[cfg(test)]
#[path = "reduce_tests.rs"]
mod tests;
