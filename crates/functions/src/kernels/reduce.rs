//! `SUM`, `PROD`, `AVG`, `AMIN` and `AMAX` over all elements of a value (rules 14, 15, 18).

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::number_rows;
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
use crate::numbers::to_type;
use crate::numbers::with_numbers;
use crate::value::Value;

/// A reduction of a value to one number.
#[derive(Debug)]
pub struct Reduce {
    operation: Operation,
    entry: Entry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
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
        signature: "tensor_sum(x) -> i64, u64, f32 or f64",
        help: "The sum of all elements; 0 if there are none. Integers and bools sum in 64 bits, and leaving them is an error; f16 and f32 give f32.",
        example: "SELECT SUM(ARRAY[1, 2, 3]) AS total",
    },
};

/// `PROD`.
pub static PROD: Reduce = Reduce {
    operation: Operation::Prod,
    entry: Entry {
        tql: &["PROD"],
        udf: "tensor_prod",
        aliases: &["prod"],
        signature: "tensor_prod(x) -> i64, u64, f32 or f64",
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
        signature: "tensor_avg(x) -> f64",
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
        signature: "tensor_amin(x) -> the element type of x",
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
        signature: "tensor_amax(x) -> the element type of x",
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
        (1, 1)
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
        Ok(Output::tensor(TensorType::scalar(dtype), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let x = x.numbers()?;
        let dtype = &out.ty()?.dtype;
        let elements = x.native()?;
        with_numbers!(elements, T, values => match self.operation {
            Operation::Min => self.extreme::<T>(&x, values, dtype, rows, |a, b| a < b),
            Operation::Max => self.extreme::<T>(&x, values, dtype, rows, |a, b| a > b),
            _ => self.total(&x, values, dtype, rows),
        }, else Err(not_numbers(elements.data_type())))
    }
}

impl Reduce {
    fn extreme<T>(
        &self,
        x: &Numbers,
        values: &[T::Native],
        dtype: &DType,
        rows: usize,
        better: impl Fn(T::Native, T::Native) -> bool,
    ) -> Result<ArrayRef>
    where
        T: arrow::datatypes::ArrowPrimitiveType,
        T::Native: Element,
    {
        let best = (0..rows).map(|row| lanes::extreme(row_of(x, values, row), &better)).collect();
        to_type(&number_rows::<T>(best, x.nulls(rows)), &dtype.to_arrow())
    }

    fn total<E: Element>(
        &self,
        x: &Numbers,
        values: &[E],
        dtype: &DType,
        rows: usize,
    ) -> Result<ArrayRef> {
        let integers = !x.ty().dtype.is_float();
        if self.operation == Operation::Avg {
            let means = (0..rows).map(|row| mean(row_of(x, values, row), integers)).collect();
            return Ok(number_rows::<Float64Type>(means, x.nulls(rows)));
        }
        if !integers {
            let totals: Vec<f64> = (0..rows)
                .map(|row| {
                    let row = row_of(x, values, row);
                    match self.operation {
                        Operation::Prod => row.iter().map(|value| value.to_f64()).product(),
                        _ => lanes::sum_of(row, |value| value),
                    }
                })
                .collect();
            return if *dtype == DType::F64 {
                Ok(number_rows::<Float64Type>(totals, x.nulls(rows)))
            } else {
                Ok(number_rows::<Float32Type>(rounded(&totals), x.nulls(rows)))
            };
        }
        let total = |row: usize| {
            let values = row_of(x, values, row);
            match self.operation {
                Operation::Prod => lanes::product(values),
                _ => Some(E::sum(values)),
            }
        };
        if dtype.to_arrow() == DataType::UInt64 {
            let totals = self.fit(x, rows, |row| u64::try_from(total(row)?).ok())?;
            return Ok(number_rows::<UInt64Type>(totals, x.nulls(rows)));
        }
        let totals = self.fit(x, rows, |row| i64::try_from(total(row)?).ok())?;
        Ok(number_rows::<Int64Type>(totals, x.nulls(rows)))
    }

    /// One number a row; a row without one is an error unless it is null.
    fn fit<N: Default>(
        &self,
        x: &Numbers,
        rows: usize,
        total: impl Fn(usize) -> Option<N>,
    ) -> Result<Vec<N>> {
        (0..rows)
            .map(|row| match total(row) {
                Some(total) => Ok(total),
                None if x.is_null(row) => Ok(N::default()),
                None => Err(self.overflow(row)),
            })
            .collect()
    }

    fn overflow(&self, row: usize) -> FunctionError {
        self.wrong_row(row, "the result does not fit in 64 bits: cast the column to a float")
    }
}

fn mean<E: Element>(values: &[E], integers: bool) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let sum = if integers { E::sum(values) as f64 } else { lanes::sum_of(values, |value| value) };
    sum / values.len() as f64
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
