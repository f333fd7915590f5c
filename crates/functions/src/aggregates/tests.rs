use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::array::Float64Array;
use arrow::array::Int64Array;
use arrow::datatypes::Int64Type;
use datafusion_common::ScalarValue;
use datafusion_expr::Accumulator;

use super::draw::Weights;

/// What a draw over these (place, weight) rows gives, the rows coming in the given pieces.
fn drawn(pieces: &[&[(i64, f64)]], count: Option<f64>, percent: bool, replace: bool) -> Vec<i64> {
    let mut all = Weights::default();
    for piece in pieces {
        let mut part = Weights::default();
        part.update_batch(&arguments(piece, count, percent, replace)).unwrap();
        let state: Vec<ArrayRef> =
            part.state().unwrap().iter().map(|value| value.to_array().unwrap()).collect();
        all.merge_batch(&state).unwrap();
    }
    let ScalarValue::List(list) = all.evaluate().unwrap() else { panic!("no list") };
    list.value(0).as_primitive::<Int64Type>().values().to_vec()
}

fn arguments(
    rows: &[(i64, f64)],
    count: Option<f64>,
    percent: bool,
    replace: bool,
) -> Vec<ArrayRef> {
    let n = rows.len();
    vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.1))),
        Arc::new(Float64Array::from(vec![count; n])),
        Arc::new(BooleanArray::from(vec![percent; n])),
        Arc::new(BooleanArray::from(vec![replace; n])),
        Arc::new(Int64Array::from(vec![7; n])),
    ]
}

#[test]
fn a_draw_does_not_depend_on_how_rows_arrive() {
    let rows: Vec<(i64, f64)> = (0..100).map(|at| (at, (at % 7) as f64)).collect();
    let (front, back) = rows.split_at(33);
    for replace in [true, false] {
        let whole = drawn(&[&rows], Some(20.0), false, replace);
        assert_eq!(whole.len(), 20);
        assert_eq!(drawn(&[back, front], Some(20.0), false, replace), whole);
        assert!(whole.iter().all(|at| at % 7 != 0), "a row of weight 0 was drawn");
    }
}

#[test]
fn rows_come_as_often_as_they_weigh() {
    let rows = [(0, 1.0), (1, 3.0), (2, 0.0)];
    let draws = drawn(&[&rows], Some(40_000.0), false, true);
    let ones = draws.iter().filter(|at| **at == 1).count();
    assert!((29_500..30_500).contains(&ones), "{ones} of 40,000");
    assert!(!draws.contains(&2));
    // Without replacement the heavy row comes first in three of four draws.
    let first = (0..20_000)
        .filter(|shift| {
            let rows = [(2 * shift, 1.0), (2 * shift + 1, 3.0)];
            drawn(&[&rows], Some(1.0), false, false) == [2 * shift + 1]
        })
        .count();
    assert!((14_700..15_300).contains(&first), "{first} of 20,000");
}

#[test]
fn sizes_are_rows_or_percent() {
    let rows: Vec<(i64, f64)> = (0..50).map(|at| (at, 1.0)).collect();
    assert_eq!(drawn(&[&rows], None, false, true).len(), 50);
    assert_eq!(drawn(&[&rows], Some(7.0), true, false).len(), 4);
    assert_eq!(drawn(&[&rows], Some(200.0), true, true).len(), 100);
    assert_eq!(drawn(&[&rows], Some(-3.0), false, true).len(), 0);
    let mut all = drawn(&[&rows], Some(99.0), false, false);
    all.sort_unstable();
    assert_eq!(all, (0..50).collect::<Vec<i64>>());
}

#[test]
fn weights_that_cannot_be_are_errors() {
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        let mut weights = Weights::default();
        let error = weights.update_batch(&arguments(&[(4, weight)], None, false, true));
        assert!(error.unwrap_err().to_string().contains("row 4"), "{weight}");
    }
    let mut nothing = Weights::default();
    nothing.update_batch(&arguments(&[(0, 0.0)], None, false, true)).unwrap();
    assert!(nothing.evaluate().unwrap_err().to_string().contains("no row has a positive weight"));
}
