use std::sync::Arc;

use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int16Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use lakebed_core::DType;
use lakebed_core::TensorType;
use proptest::prelude::*;

use super::close;
use super::run_everywhere;
use crate::testing::*;

fn number() -> impl Strategy<Value = f32> {
    prop_oneof![
        6 => (-3i8..4).prop_map(f32::from),
        3 => -1.0f32..1.0,
        1 => prop::sample::select(vec![f32::NAN, f32::INFINITY]),
    ]
}

/// Rows of matrices with lines of `width`: how many lines, and numbers enough.
fn matrices(width: usize) -> impl Strategy<Value = Vec<Option<(usize, Vec<f32>)>>> {
    let matrix = (0usize..4, prop::collection::vec(number(), 4 * width))
        .prop_map(move |(lines, numbers)| (lines, numbers[..lines * width].to_vec()));
    prop::collection::vec(prop::option::weighted(0.8, matrix), 3)
}

fn given(width: usize, rows: &[Option<(usize, Vec<f32>)>]) -> Given {
    let shapes: Vec<[usize; 2]> =
        rows.iter().map(|row| [row.as_ref().map_or(0, |(lines, _)| *lines), width]).collect();
    let rows: Vec<_> = rows
        .iter()
        .zip(&shapes)
        .map(|(row, shape)| row.as_ref().map(|(_, numbers)| (&shape[..], numbers.clone())))
        .collect();
    tensors::<Float32Type>(&TensorType::tensor(DType::F32, vec![None, None]), &rows)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let lengths = product(a, a).sqrt() * product(b, b).sqrt();
    if lengths == 0.0 { 0.0 } else { product(a, b) / lengths }
}

proptest! {
    #[test]
    fn the_best_of_each_query_vector_is_summed(
        (width, d, q) in (1usize..20).prop_flat_map(|width| (Just(width), matrices(width), matrices(width))),
    ) {
        let scores = run_everywhere("maxsim", &[given(width, &d), given(width, &q)], 3).scalars();
        for ((d, q), score) in d.iter().zip(&q).zip(scores) {
            prop_assert_eq!(score.is_none(), d.is_none() || q.is_none());
            let (Some((_, d)), Some((_, q)), Some(score)) = (d, q, score) else { continue };
            let mut expected = 0.0;
            for query in q.chunks(width) {
                let all: Vec<f64> = d.chunks(width).map(|vector| cosine(query, vector)).collect();
                let nan = all.iter().any(|x| x.is_nan());
                expected += if nan { f64::NAN } else { all.into_iter().fold(0.0, f64::max) };
            }
            prop_assert!(close(score, expected), "{score} for {expected}");
        }
    }

    #[test]
    fn bits_are_counted_one_by_one(
        rows in prop::collection::vec(prop::option::weighted(0.8,
            prop::collection::vec((any::<i16>(), any::<u8>(), any::<i64>()), 0..5)), 3),
    ) {
        let shapes: Vec<[usize; 1]> = rows.iter().map(|row| [row.as_ref().map_or(0, Vec::len)]).collect();
        macro_rules! column {
            ($dtype:ident, $arrow:ty, $of:expr) => {{
                let rows: Vec<_> = rows
                    .iter()
                    .zip(&shapes)
                    .map(|(row, shape)| {
                        row.as_ref().map(|row| (&shape[..], row.iter().map($of).collect::<Vec<_>>()))
                    })
                    .collect();
                tensors::<$arrow>(&TensorType::tensor(DType::$dtype, vec![None]), &rows)
            }};
        }
        let short = column!(I16, Int16Type, |x: &(i16, u8, i64)| x.0);
        let byte = column!(U8, UInt8Type, |x: &(i16, u8, i64)| x.1);
        let long = column!(I64, Int64Type, |x: &(i16, u8, i64)| x.2);
        let differing = |a: i64, b: i64, width: u32| -> f64 {
            (0..width).filter(|bit| (a >> bit) & 1 != (b >> bit) & 1).count() as f64
        };
        for (a, b, of) in [
            (&short, &byte, (|x: &(i16, u8, i64)| (i64::from(x.0), i64::from(x.1), 16)) as fn(&_) -> _),
            (&byte, &long, |x: &(i16, u8, i64)| (i64::from(x.1), x.2, 64)),
            (&long, &short, |x: &(i16, u8, i64)| (x.2, i64::from(x.0), 64)),
            (&byte, &byte, |x: &(i16, u8, i64)| (i64::from(x.1), i64::from(x.1), 8)),
        ] {
            // A constant takes the narrower type where it fits, so constants are another matter.
            let bits = run("hamming_distance", &[a.clone(), b.clone()], 3).scalars();
            for (row, bits) in rows.iter().zip(bits) {
                let expected = row.as_ref().map(|row| {
                    row.iter().map(|x| { let (a, b, width) = of(x); differing(a, b, width) }).sum::<f64>()
                });
                prop_assert_eq!(bits, expected);
            }
        }
    }

    #[test]
    fn codes_are_the_place_of_the_one(
        rows in prop::collection::vec(prop::option::weighted(0.8, prop::collection::vec(0u8..4, 0..5)), 3),
    ) {
        let shapes: Vec<[usize; 1]> = rows.iter().map(|row| [row.as_ref().map_or(0, Vec::len)]).collect();
        let given: Vec<_> = rows
            .iter()
            .zip(&shapes)
            .map(|(row, shape)| row.clone().map(|codes| (&shape[..], codes)))
            .collect();
        let x = tensors::<UInt8Type>(&TensorType::tensor(DType::U8, vec![None]), &given);
        let answer = run_everywhere("one_hot", &[x, literal(4i64)], 3).rows();
        for (row, answer) in rows.iter().zip(answer) {
            let expected = row.as_ref().map(|row| {
                let vectors = row.iter().flat_map(|code| (0..4).map(move |at| f64::from(u8::from(at == *code))));
                (vec![row.len(), 4], vectors.collect::<Vec<f64>>())
            });
            prop_assert_eq!(answer, expected);
        }
    }

    #[test]
    fn random_rows_do_not_depend_on_their_batch(
        positions in prop::collection::vec(prop::option::weighted(0.9, any::<i64>()), 4),
        seed in any::<i64>(),
        weights in prop::collection::vec(prop::option::weighted(0.9, 0.0f64..3.0), 4),
    ) {
        let x = scalars(DType::I64, Arc::new(Int64Array::from(positions)));
        let weights = scalars(DType::F64, Arc::new(Float64Array::from(weights)));
        run_everywhere("tensor_random", &[x.clone(), literal(seed)], 4);
        run_everywhere("tensor_sample_key", &[x, literal(seed), weights], 4);
    }
}
