//! `tensor_sample_key(position, seed, weight)`: the order in which `SAMPLE BY` without replacement
//! draws rows (rule 5).

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;

use crate::assemble::number_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::few::Few;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::random;
use crate::random::Stream;
use crate::value::Value;
use crate::words::Words;
use crate::words::is_integer;

/// Weighted sampling without replacement by exponential keys (Efraimidis and Spirakis, 2006): the
/// rows with the smallest keys are drawn, the smallest first.
#[derive(Debug)]
pub struct SampleKey;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_sample_key",
    aliases: &[],
    parameters: &["position", "seed", "weight"],
    signature: "tensor_sample_key(position, seed, weight) -> f64; smaller is drawn first",
    help: "The key of a row in weighted sampling without replacement: -ln(u) / weight with a random u of its position and the seed. The n smallest keys are a sample of n rows in the order in which they are drawn. Null for a weight of 0, which is never drawn, and for null; a negative or infinite weight, or NaN, is an error.",
    example: "SELECT tensor_sample_key(0, 42, 2.5) AS draw",
};

impl TensorFunction for SampleKey {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (3, 3)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        match args {
            [position, seed, weight]
                if is_integer(position)
                    && is_integer(seed)
                    && weight.numeric().is_some_and(|ty| ty.is_scalar()) =>
            {
                Ok(Output::scalar(DType::F64, true))
            }
            _ => Err(self.wrong_types(args, "it takes a position, a seed and one weight")),
        }
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [position, seed, weight] = args else {
            return Err(self.wrong_types(&[], "three arguments are needed"));
        };
        let (positions, seeds) = (Words::try_new(position)?, Words::try_new(seed)?);
        let weights = Few::try_new(weight)?;
        let nulls = [positions.nulls(rows), seeds.nulls(rows), weights.nulls(rows)];
        let nulls = nulls.iter().fold(None, |all: Option<NullBuffer>, nulls| {
            NullBuffer::union(all.as_ref(), nulls.as_ref())
        });
        let mut keys = Vec::with_capacity(rows);
        let mut drawn = Vec::with_capacity(rows);
        for row in 0..rows {
            let weight = weights.row(row).first().copied().unwrap_or(0.0);
            let known = nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            if known && !(weight >= 0.0 && weight.is_finite()) {
                let reason = format!("the weight {weight} is not a finite number of at least 0");
                return Err(self.wrong_row(row, reason));
            }
            drawn.push(known && weight > 0.0);
            let u = random::bits(Stream::SampleKeys, seeds.get(row), positions.get(row));
            keys.push(-random::above_zero(u).ln() / weight);
        }
        Ok(number_rows::<Float64Type>(keys, Some(NullBuffer::from(drawn))))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Float64Array;
    use arrow::array::Int64Array;
    use lakebed_core::DType;

    use crate::testing::*;

    fn weights(weights: Vec<Option<f64>>) -> Given {
        scalars(DType::F64, Arc::new(Float64Array::from(weights)))
    }

    #[test]
    fn heavier_rows_come_first_as_often_as_they_weigh() {
        // Rows of weights 1, 2 and 5, drawn with 8000 seeds: the first is each in proportion.
        let mut firsts = [0u32; 3];
        let positions = scalars(DType::I64, Arc::new(Int64Array::from(vec![10, 11, 12])));
        let x = weights(vec![Some(1.0), Some(2.0), Some(5.0)]);
        for seed in 0..8000i64 {
            let args = [positions.clone(), literal(seed), x.clone()];
            let keys = run("tensor_sample_key", &args, 3).scalars();
            assert!(keys.iter().all(|key| key.unwrap() >= 0.0));
            let first = (0..3).min_by(|a, b| keys[*a].partial_cmp(&keys[*b]).unwrap()).unwrap();
            firsts[first] += 1;
        }
        // Five deviations around 1000, 2000 and 5000.
        for (count, (expected, off)) in firsts.iter().zip([(1000, 148), (2000, 194), (5000, 217)]) {
            assert!(count.abs_diff(expected) < off, "{firsts:?}");
        }
    }

    #[test]
    fn some_rows_are_never_drawn() {
        let positions = scalars(DType::I64, Arc::new(Int64Array::from(vec![0, 1, 2])));
        let of = |rows: Vec<Option<f64>>| {
            call("tensor_sample_key", &[positions.clone(), literal(1i64), weights(rows)], 3)
        };
        let keys = of(vec![Some(0.0), None, Some(1e-300)]).unwrap().scalars();
        assert!(keys[0].is_none() && keys[1].is_none() && keys[2].is_some());
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            let error = of(vec![Some(1.0), Some(wrong), None]).unwrap_err();
            assert!(error.contains("row 1") && error.contains("weight"), "{error}");
        }
        let bools = run("tensor_gt", &[positions.clone(), literal(1i64)], 3).given();
        let keys = run("tensor_sample_key", &[positions, literal(1i64), bools], 3).scalars();
        assert!(keys[0].is_none() && keys[1].is_none() && keys[2].is_some());
    }
}
