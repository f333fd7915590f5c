//! `MAXSIM(d, q)`.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::assemble::number_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes;
use crate::lanes::Element;
use crate::numbers::Numbers;
use crate::numbers::slice_of;
use crate::value::Value;
use crate::vectors;
use crate::wide;
use crate::wide::Job;

use super::reduce::rounded;
use super::reduce::row_of;

/// Late interaction of two sets of vectors (Khattab and Zaharia, ColBERT, 2020).
#[derive(Debug)]
pub struct MaxSim;

static ENTRY: Entry = Entry {
    tql: &["MAXSIM"],
    udf: "maxsim",
    aliases: &[],
    parameters: &["document", "query"],
    signature: "maxsim(document, query) -> f32 or f64",
    help: "Of two matrices with vectors as rows: for each vector of the query the largest cosine similarity with a vector of the document, 0 if none is positive; and the sum of these. 0 if either has no rows.",
    example: "SELECT MAXSIM(ARRAY[[1, 0], [0, 2]], ARRAY[[1, 1], [0, 3]]) AS score",
};

impl TensorFunction for MaxSim {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let matrix = |arg: &Arg| arg.numeric().filter(|ty| ty.ndim() == 2).cloned();
        let types: Option<Vec<TensorType>> = args.iter().map(matrix).collect();
        let Some([d, q]) = types.as_deref() else {
            return Err(self.wrong_types(args, "it takes two matrices with vectors as rows"));
        };
        match (d.dims.last(), q.dims.last()) {
            (Some(Some(m)), Some(Some(n))) if m != n => {
                let reason = format!("vectors of {m} and {n} elements do not pair");
                Err(self.wrong_types(args, reason))
            }
            _ => Ok(Output::scalar(vectors::float_of(d, q), any_nullable(args))),
        }
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [d, q] = args else { return Err(self.wrong_types(&[], "two arguments are needed")) };
        let (d, q, dtype) = (d.numbers()?, q.numbers()?, &out.ty()?.dtype);
        let scores = if *dtype == DType::F32 || vectors::meet_in_f32(&d, &q) {
            let (x, y) = (d.elements_as(&DataType::Float32)?, q.elements_as(&DataType::Float32)?);
            let (x, y) = (slice_of::<Float32Type>(&x)?, slice_of::<Float32Type>(&y)?);
            self.scores((&d, x), (&q, y), rows)?
        } else {
            let (x, y) = (d.elements_as(&DataType::Float64)?, q.elements_as(&DataType::Float64)?);
            let (x, y) = (slice_of::<Float64Type>(&x)?, slice_of::<Float64Type>(&y)?);
            self.scores((&d, x), (&q, y), rows)?
        };
        let nulls = NullBuffer::union(d.nulls(rows).as_ref(), q.nulls(rows).as_ref());
        Ok(match dtype {
            DType::F32 => number_rows::<Float32Type>(rounded(&scores), nulls),
            _ => number_rows::<Float64Type>(scores, nulls),
        })
    }
}

impl MaxSim {
    fn scores<E: Element>(
        &self,
        (d, x): (&Numbers, &[E]),
        (q, y): (&Numbers, &[E]),
        rows: usize,
    ) -> Result<Vec<f64>> {
        let (mut lengths, mut best) = (Vec::new(), Vec::new());
        let mut scores = Vec::with_capacity(rows);
        for row in 0..rows {
            if d.is_null(row) || q.is_null(row) {
                scores.push(0.0);
                continue;
            }
            let (p, r) = (d.shape(row), q.shape(row));
            let size = p.last().copied().unwrap_or(0);
            if p.elements() == 0 || r.elements() == 0 {
                scores.push(0.0);
                continue;
            }
            if r.last() != Some(&size) {
                let reason = format!("shapes {p} and {r} do not pair");
                return Err(self.wrong_row(row, reason));
            }
            if !q.is_constant() || lengths.is_empty() {
                lengths.clear();
                lengths.extend(row_of(q, y, row).chunks_exact(size).map(length));
            }
            let (document, query) = (row_of(d, x, row), row_of(q, y, row));
            scores.push(wide::run(Late {
                document,
                query,
                size,
                lengths: &lengths,
                best: &mut best,
            }));
        }
        Ok(scores)
    }
}

#[inline(always)]
fn length<E: Element>(vector: &[E]) -> f64 {
    lanes::sum_of(vector, |value| value * value).sqrt()
}

/// The vectors of one row, and the lengths of the query's.
struct Late<'a, E> {
    document: &'a [E],
    query: &'a [E],
    size: usize,
    lengths: &'a [f64],
    best: &'a mut Vec<f64>,
}

impl<E: Element> Job for Late<'_, E> {
    type Answer = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        self.best.clear();
        self.best.resize(self.lengths.len(), 0.0);
        for vector in self.document.chunks_exact(self.size) {
            let own = length(vector);
            let query = self.query.chunks_exact(self.size);
            for ((best, other), length) in self.best.iter_mut().zip(query).zip(self.lengths) {
                let [product, ..] = lanes::products(vector, other);
                let lengths = own * length;
                let cosine = match product / lengths {
                    _ if lengths == 0.0 => 0.0,
                    // Rounding may leave the range by one bit; NaN stays.
                    cosine if cosine > 1.0 => 1.0,
                    cosine => cosine,
                };
                if cosine > *best || cosine.is_nan() {
                    *best = cosine;
                }
            }
        }
        self.best.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Float32Type;
    use lakebed_core::DType;
    use lakebed_core::TensorType;

    use crate::testing::*;

    fn matrices(rows: &[Option<(&[usize], Vec<f32>)>]) -> Given {
        tensors::<Float32Type>(&TensorType::tensor(DType::F32, vec![None, None]), rows)
    }

    #[test]
    fn the_best_of_every_query_vector_counts() {
        let d = matrices(&[
            Some((&[2, 2], vec![1.0, 0.0, 0.0, 2.0])),
            Some((&[1, 2], vec![-1.0, -1.0])),
            Some((&[0, 2], vec![])),
            None,
            Some((&[1, 2], vec![0.0, 0.0])),
            Some((&[2, 2], vec![f32::NAN, 1.0, 1.0, 1.0])),
        ]);
        let query = [Some((&[2usize, 2][..], vec![3.0, 4.0, 0.0, 5.0]))];
        let q = constant(&run("tensor_array", &[], 1));
        assert!(call("maxsim", &[d.clone(), q], 6).unwrap_err().contains("two matrices"));
        let expected = [Some(1.8), Some(0.0), Some(0.0), None, Some(0.0)];
        let column = matrices(&vec![query[0].clone(); 6]);
        for q in [column, constant(&run("tensor_slice", &[matrices(&query), literal(":")], 1))] {
            let answer = run("maxsim", &[d.clone(), q], 6);
            assert_eq!(answer.ty().to_string(), "f32");
            let scores = answer.scalars();
            for (score, expected) in scores.iter().zip(expected) {
                assert_eq!(score.is_none(), expected.is_none());
                let apart = score.unwrap_or(0.0) - expected.unwrap_or(0.0);
                assert!(apart.abs() < 1e-6, "{scores:?}");
            }
            assert!(scores[5].unwrap().is_nan());
        }
        let wrong = matrices(&[Some((&[1, 3], vec![1.0; 3]))]);
        let error = call("maxsim", &[matrices(&query), wrong], 1).unwrap_err();
        assert!(error.contains("row 0") && error.contains("[2, 2] and [1, 3]"), "{error}");
    }
}
