//! `ONE_HOT(labels, n)`.

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::entry::Entry;
use crate::error::Result;
use crate::few::constant_size;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::numbers::slice_of;
use crate::row_writer::FULL;
use crate::row_writer::has_room;
use crate::row_writer::write;
use crate::value::Value;

use super::reduce::row_of;

/// Codes as vectors with a single 1.
#[derive(Debug)]
pub struct OneHot;

static ENTRY: Entry = Entry {
    tql: &["ONE_HOT"],
    udf: "one_hot",
    aliases: &[],
    parameters: &["labels", "n"],
    signature: "one_hot(labels[, n]) -> u8 of the shape of labels, and n",
    help: "Every code from 0 to n - 1 as a vector of n zeros with a 1 at the code's place. Without n, there are as many as the label has classes. A code outside is an error; n is a constant.",
    example: "SELECT ONE_HOT(2, 4) AS vector",
};

impl OneHot {
    fn classes(&self, args: &[Arg], ty: &TensorType) -> Result<u32> {
        let Some(n) = args.get(1) else {
            return match u32::try_from(ty.classes.len()) {
                Ok(count) if count > 0 => Ok(count),
                _ => Err(self.wrong_types(
                    args,
                    "without the names of classes it needs a number of them: ONE_HOT(x, 10)",
                )),
            };
        };
        constant_size(n).filter(|n| (1..=1 << 24).contains(n)).ok_or_else(|| {
            self.wrong_argument("the number of classes must be a constant integer from 1 to 2^24")
        })
    }
}

impl TensorFunction for OneHot {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let integers =
            |ty: &&TensorType| ty.dtype.is_integer() && ty.ndim() < lakebed_core::MAX_NDIM;
        let Some(ty) = args.first().and_then(Arg::numeric).filter(integers) else {
            return Err(self.wrong_types(args, "it takes codes, which are integers"));
        };
        let mut dims = ty.dims.clone();
        dims.push(Some(self.classes(args, ty)?));
        Ok(Output::tensor(TensorType::tensor(DType::U8, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&described, "an argument is needed"));
        };
        let x = x.numbers()?;
        let classes = usize::try_from(self.classes(&described, x.ty())?).unwrap_or(usize::MAX);
        // What does not fit in 64 signed bits is no code either.
        let codes = arrow::compute::cast(x.elements(), &DataType::Int64)?;
        let valid = codes.logical_nulls();
        let values = slice_of::<Int64Type>(&codes)?;
        write::<UInt8Type>(out.ty()?, rows, x.nulls(rows), |row, vectors| {
            let mut shape = x.shape(row);
            // A dimension is free: the types were checked.
            let _ = shape.push(classes);
            let start = vectors.len();
            if !has_room(start, &shape) {
                return Err(self.wrong_row(row, FULL));
            }
            vectors.resize(start + shape.elements(), 0);
            let vectors = vectors.get_mut(start..).unwrap_or(&mut []);
            let first = x.range(row).start;
            let codes = row_of(&x, values, row).iter().zip(vectors.chunks_exact_mut(classes));
            for (at, (code, vector)) in codes.enumerate() {
                let known = valid.as_ref().is_none_or(|valid| valid.is_valid(first + at));
                let place = usize::try_from(*code).ok().filter(|_| known);
                match place.and_then(|place| vector.get_mut(place)) {
                    Some(one) => *one = 1,
                    None => {
                        let reason = format!("the code {code} is not from 0 to {}", classes - 1);
                        return Err(self.wrong_row(row, reason));
                    }
                }
            }
            Ok(shape)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int32Array;
    use arrow::array::UInt64Array;
    use lakebed_core::DType;

    use crate::testing::*;

    #[test]
    fn codes_become_vectors() {
        let x = scalars(DType::I32, Arc::new(Int32Array::from(vec![Some(0), None, Some(2)])));
        let answer = run("one_hot", &[x.clone(), literal(3i64)], 3);
        assert_eq!(answer.ty().to_string(), "u8[3]");
        assert_eq!(
            answer.rows(),
            [Some((vec![3], vec![1.0, 0.0, 0.0])), None, Some((vec![3], vec![0.0, 0.0, 1.0]))]
        );
        let error = call("one_hot", &[x.clone(), literal(2i64)], 3).unwrap_err();
        assert!(error.contains("row 2") && error.contains("code 2 is not from 0 to 1"), "{error}");
        let error = call("one_hot", &[x], 3).unwrap_err();
        assert!(error.contains("ONE_HOT(x, 10)"), "{error}");
        let wide = scalars(DType::U64, Arc::new(UInt64Array::from(vec![u64::MAX])));
        assert!(call("one_hot", &[wide, literal(3i64)], 1).unwrap_err().contains("row 0"));
    }

    #[test]
    fn labels_know_their_classes() {
        let x = labels(&["RBC", "WBC"], &[Some(&[1, 0]), Some(&[]), None]);
        let answer = run("one_hot", &[x], 3);
        assert_eq!(answer.ty().to_string(), "u8[?,2]");
        assert_eq!(
            answer.rows(),
            [Some((vec![2, 2], vec![0.0, 1.0, 1.0, 0.0])), Some((vec![0, 2], vec![])), None]
        );
        let error = call("one_hot", &[literal(1.5), literal(2i64)], 1).unwrap_err();
        assert!(error.contains("integers"), "{error}");
    }
}
