//! `tensor_random(position, seed)`: what `RANDOM()` becomes (rule 5).

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;

use crate::assemble::number_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::random;
use crate::random::Stream;
use crate::value::Value;
use crate::words::Words;
use crate::words::is_integer;

/// A random number of a position.
#[derive(Debug)]
pub struct Random;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_random",
    aliases: &[],
    parameters: &["position", "seed"],
    signature: "tensor_random(position, seed) -> i64 from 0 to 2^31 - 1; in TQL: RANDOM()",
    help: "A random number that the position and the seed decide: the upper 31 bits of SplitMix64. The same pair always gives the same number.",
    example: "SELECT tensor_random(0, 42) AS number",
};

impl TensorFunction for Random {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        if !args.iter().all(is_integer) {
            return Err(self.wrong_types(args, "position and seed are integers"));
        }
        Ok(Output::scalar(DType::I64, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [position, seed] = args else {
            return Err(self.wrong_types(&[], "two arguments are needed"));
        };
        let (positions, seeds) = (Words::try_new(position)?, Words::try_new(seed)?);
        let number = |row: usize| {
            let bits = random::bits(Stream::Numbers, seeds.get(row), positions.get(row));
            (bits >> 33).cast_signed()
        };
        let nulls = NullBuffer::union(positions.nulls(rows).as_ref(), seeds.nulls(rows).as_ref());
        Ok(number_rows::<Int64Type>((0..rows).map(number).collect(), nulls))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::array::UInt64Array;
    use lakebed_core::DType;

    use crate::testing::*;

    #[test]
    fn numbers_of_positions() {
        let positions: Vec<Option<u64>> = (0..10_000).map(Some).chain([None]).collect();
        let x = scalars(DType::U64, Arc::new(UInt64Array::from(positions)));
        let numbers = run("tensor_random", &[x.clone(), literal(42i64)], 10_001).scalars();
        assert_eq!(numbers[10_000], None);
        let numbers: Vec<f64> = numbers.into_iter().flatten().collect();
        assert!(numbers.iter().all(|number| (0.0..2_147_483_648.0).contains(number)));
        // The mean of 10000 uniform numbers is within five of its deviations, 0.29 / 100.
        let mean = numbers.iter().sum::<f64>() / 1e4 / 2_147_483_648.0;
        assert!((mean - 0.5).abs() < 0.0145, "{mean}");
        let mut lowest = [0usize; 16];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        numbers.iter().for_each(|number| lowest[*number as usize % 16] += 1);
        assert!(lowest.iter().all(|count| (500..750).contains(count)), "{lowest:?}");
        let others = run("tensor_random", &[x.clone(), literal(43i64)], 10_001).scalars();
        assert!(others.into_iter().flatten().zip(&numbers).all(|(a, b)| a != *b));
        // One at a time, in other batches and other types, they are the same.
        for at in [0i64, 7, 9_999] {
            let one = scalars(DType::I64, Arc::new(Int64Array::from(vec![at])));
            let number = run("tensor_random", &[one, literal(42i64)], 1).scalars();
            assert_eq!(number, [Some(numbers[usize::try_from(at).unwrap()])]);
            let number = run("tensor_random", &[literal(at), literal(42i64)], 1).scalars();
            assert_eq!(number, [Some(numbers[usize::try_from(at).unwrap()])]);
        }
        let error = call("tensor_random", &[x, literal(0.5)], 10_001).unwrap_err();
        assert!(error.contains("integers"), "{error}");
    }
}
