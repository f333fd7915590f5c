use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Date32Array;
use arrow::array::Int64Array;
use arrow::array::UInt8Array;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int32Type;
use lakebed_core::DType;
use lakebed_core::TensorType;
use proptest::prelude::*;

use crate::testing::*;

fn ints(values: Vec<Option<i64>>) -> Given {
    let array: ArrayRef = Arc::new(Int64Array::from(values));
    scalars(DType::I64, array)
}

#[test]
fn integers_compute_in_64_bits_and_never_wrap() {
    let bytes: ArrayRef = Arc::new(UInt8Array::from(vec![250, 3]));
    let bytes = scalars(DType::U8, bytes);
    let sum = run("tensor_add", &[bytes.clone(), literal(10i64)], 2);
    assert_eq!(
        (sum.ty().to_string(), sum.scalars()),
        ("i64".into(), vec![Some(260.0), Some(13.0)])
    );
    let error = call("tensor_mul", &[ints(vec![Some(1), None, Some(i64::MAX)]), literal(2i64)], 3);
    let error = error.unwrap_err();
    assert!(error.contains("row 2") && error.contains("64 bits"), "{error}");
    // What lies under a null does not matter.
    let hidden = Int64Array::new(vec![i64::MAX].into(), Some(vec![false].into()));
    let hidden = scalars(DType::I64, Arc::new(hidden));
    assert_eq!(run("tensor_add", &[hidden, literal(1i64)], 1).scalars(), [None]);
    assert_eq!(
        run("tensor_sub", &[bytes, literal(251i64)], 2).scalars(),
        [Some(-1.0), Some(-248.0)]
    );
}

#[test]
fn division_is_ieee_and_the_remainder_has_the_left_sign() {
    let x = ints(vec![Some(-7), Some(1), Some(0)]);
    let of = |name: &str, with: Given| run(name, &[x.clone(), with], 3).scalars();
    assert_eq!(of("tensor_mod", literal(3i64)), [Some(-1.0), Some(1.0), Some(0.0)]);
    let quotients = of("tensor_div", literal(0i64));
    assert_eq!(quotients[..2], [Some(f64::NEG_INFINITY), Some(f64::INFINITY)]);
    assert!(quotients[2].unwrap().is_nan());
    assert_eq!(of("tensor_div", literal(2i64))[0], Some(-3.5));
    let error = call("tensor_mod", &[x.clone(), literal(0i64)], 3).unwrap_err();
    assert!(error.contains("row 0") && error.contains("divisor"), "{error}");
    assert_eq!(of("tensor_pow", literal(2i64)), [Some(49.0), Some(1.0), Some(0.0)]);
    assert_eq!(of("tensor_pow", literal(-1i64))[0], Some(-1.0 / 7.0));
    assert!(call("tensor_pow", &[literal(2i64), x], 3).unwrap_err().contains("row 0"));
}

#[test]
fn floats_keep_their_width_until_they_meet_f64() {
    let ty = TensorType::tensor(DType::F32, vec![Some(2)]);
    let vector = tensors::<Float32Type>(&ty, &[Some((&[2], vec![1.5, 2.5]))]);
    let type_of = |with: Given| run("tensor_add", &[vector.clone(), with], 1).ty().to_string();
    assert_eq!(type_of(literal(1i64)), "f32[2]");
    assert_eq!(type_of(literal(1.0)), "f64[2]");
    let negative = run("tensor_neg", std::slice::from_ref(&vector), 1);
    assert_eq!(negative.rows(), [Some((vec![2], vec![-1.5, -2.5]))]);
    assert_eq!(run("tensor_abs", &[negative.given()], 1).rows()[0].as_ref().unwrap().1, [1.5, 2.5]);
}

#[test]
fn dates_add_as_datafusion_says() {
    let dates: ArrayRef = Arc::new(Date32Array::from(vec![Some(10), None]));
    let dates = scalars(DType::Date, dates);
    let week = datafusion_common::ScalarValue::new_interval_dt(7, 0);
    let later = run("tensor_add", &[dates.clone(), literal(week)], 2);
    assert_eq!(later.field.data_type(), &arrow::datatypes::DataType::Date32);
    let same = run("tensor_lt", &[dates, later.given()], 2);
    assert_eq!(same.bools(), [Some(true), None]);
}

#[test]
fn shapes_that_do_not_broadcast_are_errors() {
    let ty = |n| TensorType::tensor(DType::I32, vec![Some(n)]);
    let two = tensors::<Int32Type>(&ty(2), &[Some((&[2], vec![1, 2]))]);
    let three = tensors::<Int32Type>(&ty(3), &[Some((&[3], vec![1, 2, 3]))]);
    let error = call("tensor_add", &[two, three.clone()], 1).unwrap_err();
    assert!(error.contains("`i32[2]` and `i32[3]`"), "{error}");
    let open = TensorType::tensor(DType::I32, vec![None]);
    let open = tensors::<Int32Type>(&open, &[Some((&[2], vec![1, 2]))]);
    let error = call("tensor_add", &[open, three], 1).unwrap_err();
    assert!(error.contains("row 0") && error.contains("[2] and [3]"), "{error}");
}

/// NumPy's broadcast, element by element from the definition.
fn naive(a: &(Vec<usize>, Vec<i32>), b: &(Vec<usize>, Vec<i32>)) -> Option<(Vec<usize>, Vec<f64>)> {
    let ndim = a.0.len().max(b.0.len());
    let padded = |shape: &[usize]| {
        let mut dims = vec![1; ndim - shape.len()];
        dims.extend(shape);
        dims
    };
    let (p, q) = (padded(&a.0), padded(&b.0));
    let mut shape = Vec::new();
    for (m, n) in p.iter().zip(&q) {
        if m != n && *m != 1 && *n != 1 {
            return None;
        }
        shape.push(if *m == 1 { *n } else { *m });
    }
    let total: usize = shape.iter().product();
    let pick = |dims: &[usize], values: &[i32], flat: usize| {
        let (mut rest, mut at, mut step) = (flat, 0, 1);
        for axis in (0..ndim).rev() {
            let here = rest % shape[axis];
            rest /= shape[axis];
            at += if dims[axis] == 1 { 0 } else { here * step };
            step *= dims[axis];
        }
        values[at]
    };
    let values = (0..total).map(|i| f64::from(pick(&p, &a.1, i) + pick(&q, &b.1, i))).collect();
    Some((shape, values))
}

type Sum = (Vec<usize>, Vec<f64>);
type Row = Option<(Vec<usize>, Vec<i32>)>;

fn row(ndim: usize) -> impl Strategy<Value = Row> {
    let shape = prop::collection::vec(0usize..4, ndim);
    let sample = shape.prop_flat_map(|shape| {
        let count = shape.iter().product::<usize>();
        prop::collection::vec(-9i32..9, count).prop_map(move |values| (shape.clone(), values))
    });
    prop::option::weighted(0.9, sample)
}

proptest! {
    #[test]
    fn sums_broadcast_as_numpy(
        (left, right, ndims) in (0usize..4, 0usize..4).prop_flat_map(|(m, n)| (
            prop::collection::vec(row(m), 1..5), prop::collection::vec(row(n), 1..5), Just((m, n)),
        ))
    ) {
        let rows = left.len().min(right.len());
        let given = |side: &[Row], ndim: usize| {
            let ty = TensorType::tensor(DType::I32, vec![None; ndim]);
            let rows: Vec<_> = side.iter().map(|row| {
                row.as_ref().map(|(shape, values)| (&shape[..], values.clone()))
            }).collect();
            tensors::<Int32Type>(&ty, &rows)
        };
        let a = given(&left[..rows], ndims.0);
        let b = given(&right[..rows], ndims.1);
        let expected: Vec<Option<Option<Sum>>> = left.iter().zip(&right)
            .map(|(x, y)| Some(naive(x.as_ref()?, y.as_ref()?))).collect();
        let fits = expected.iter().all(|row| row.as_ref().is_none_or(Option::is_some));
        match call("tensor_add", &[a, b], rows) {
            Ok(answer) => {
                prop_assert!(fits);
                let expected: Vec<_> = expected.into_iter().map(Option::flatten).collect();
                prop_assert_eq!(answer.rows(), expected);
            }
            Err(error) => prop_assert!(!fits, "{}", error),
        }
    }
}
