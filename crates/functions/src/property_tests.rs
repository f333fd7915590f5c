//! The functions beside `ndarray` and plain loops, over ragged rows with nulls, empties and NaN.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the numbers of these tests are small"
)]

use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;
use ndarray::ArrayD;
use ndarray::Axis;
use ndarray::IxDyn;
use ndarray::Slice;
use proptest::prelude::*;

use crate::testing::*;

type Row = Option<(Vec<usize>, Vec<f64>)>;

fn element() -> impl Strategy<Value = f64> {
    prop_oneof![
        12 => (-20i32..20).prop_map(|n| f64::from(n) / 2.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(-0.0),
    ]
}

fn sample(ndim: usize) -> impl Strategy<Value = (Vec<usize>, Vec<f64>)> {
    prop::collection::vec(0usize..5, ndim).prop_flat_map(|shape| {
        let count = shape.iter().product::<usize>();
        (Just(shape), prop::collection::vec(element(), count))
    })
}

fn rows(ndim: usize) -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(prop::option::weighted(0.85, sample(ndim)), 1..6)
}

/// Rows of one shape.
fn even_rows(ndim: usize) -> impl Strategy<Value = (Vec<usize>, Vec<Row>)> {
    prop::collection::vec(1usize..4, ndim).prop_flat_map(|shape| {
        let count = shape.iter().product::<usize>();
        let row = prop::collection::vec(element(), count);
        let with_shape = shape.clone();
        let row = prop::option::weighted(0.85, row.prop_map(move |row| (with_shape.clone(), row)));
        (Just(shape), prop::collection::vec(row, 1..6))
    })
}

fn given(dims: Vec<Option<u32>>, rows: &[Row]) -> Given {
    let ty = TensorType::tensor(DType::F64, dims);
    let rows: Vec<_> = rows
        .iter()
        .map(|row| row.as_ref().map(|(shape, values)| (&shape[..], values.clone())))
        .collect();
    tensors::<Float64Type>(&ty, &rows)
}

fn ragged(ndim: usize, rows: &[Row]) -> Given {
    given(vec![None; ndim], rows)
}

fn known(shape: &[usize], rows: &[Row]) -> Given {
    given(shape.iter().map(|size| u32::try_from(*size).ok()).collect(), rows)
}

fn array((shape, values): &(Vec<usize>, Vec<f64>)) -> ArrayD<f64> {
    ArrayD::from_shape_vec(IxDyn(shape), values.clone()).unwrap()
}

fn back(array: &ArrayD<f64>) -> (Vec<usize>, Vec<f64>) {
    (array.shape().to_vec(), array.iter().copied().collect())
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (1.0 + b.abs())
}

fn check(what: &str, found: &[Row], wanted: &[Row]) {
    assert_eq!(found.len(), wanted.len());
    for (row, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        match (found, wanted) {
            (None, None) => {}
            (Some(a), Some(b)) => {
                let same = a.0 == b.0 && a.1.len() == b.1.len();
                let same = same && a.1.iter().zip(&b.1).all(|(a, b)| near(*a, *b));
                assert!(same, "{what}, row {row}: {a:?} for {b:?}");
            }
            other => panic!("{what}, row {row}: {other:?}"),
        }
    }
}

fn mapped(rows: &[Row], f: impl Fn(&ArrayD<f64>) -> ArrayD<f64>) -> Vec<Row> {
    rows.iter().map(|row| row.as_ref().map(|row| back(&f(&array(row))))).collect()
}

/// The lines along an axis, each reduced by `f`.
fn lines(x: &ArrayD<f64>, axis: usize, keep: bool, f: &dyn Fn(&[f64]) -> f64) -> ArrayD<f64> {
    let reduced = x.map_axis(Axis(axis), |line| f(&line.to_vec()));
    if keep { reduced.insert_axis(Axis(axis)) } else { reduced }
}

fn sorted(line: &[f64]) -> Vec<f64> {
    let mut line = line.to_vec();
    // NaN as one value after all others.
    line.sort_by(|a, b| a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())));
    line
}

fn mean(line: &[f64]) -> f64 {
    if line.is_empty() { 0.0 } else { line.iter().sum::<f64>() / line.len() as f64 }
}

fn variance(line: &[f64]) -> f64 {
    let centre = mean(line);
    mean(&line.iter().map(|x| (x - centre).powi(2)).collect::<Vec<_>>())
}

fn extreme(line: &[f64], largest: bool) -> f64 {
    if line.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let line = sorted(line);
    let best = if largest { line.last() } else { line.first() };
    best.copied().unwrap_or(0.0)
}

fn middle(line: &[f64]) -> f64 {
    if line.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let line = sorted(line);
    match line.len() {
        0 => 0.0,
        n if n % 2 == 1 => line[n / 2],
        n => f64::midpoint(line[n / 2 - 1], line[n / 2]),
    }
}

type Line = Box<dyn Fn(&[f64]) -> f64>;

fn reductions() -> [(&'static str, Line); 12] {
    let truth = |holds: bool| f64::from(u8::from(holds));
    [
        ("tensor_sum", Box::new(|line: &[f64]| line.iter().sum())),
        ("tensor_prod", Box::new(|line: &[f64]| line.iter().product())),
        ("tensor_avg", Box::new(mean)),
        ("tensor_var", Box::new(variance)),
        ("tensor_std", Box::new(|line: &[f64]| variance(line).sqrt())),
        ("tensor_amin", Box::new(|line: &[f64]| extreme(line, false))),
        ("tensor_amax", Box::new(|line: &[f64]| extreme(line, true))),
        ("tensor_median", Box::new(middle)),
        ("l1_norm", Box::new(|line: &[f64]| line.iter().map(|x| x.abs()).sum())),
        ("l2_norm", Box::new(|line: &[f64]| line.iter().map(|x| x * x).sum::<f64>().sqrt())),
        ("tensor_any", Box::new(move |line: &[f64]| truth(line.iter().any(|x| *x != 0.0)))),
        ("tensor_all", Box::new(move |line: &[f64]| truth(line.iter().all(|x| *x != 0.0)))),
    ]
}

fn broadcast(shape: &[usize], other: &[usize]) -> Option<Vec<usize>> {
    let ndim = shape.len().max(other.len());
    let size = |shape: &[usize], axis: usize| match (axis + shape.len()).checked_sub(ndim) {
        Some(own) => shape[own],
        None => 1,
    };
    (0..ndim)
        .map(|axis| match (size(shape, axis), size(other, axis)) {
            (m, n) if m == n => Some(m),
            (1, n) | (n, 1) => Some(n),
            _ => None,
        })
        .collect()
}

proptest! {
    #[test]
    fn reductions_along_an_axis(rows in rows(3), even in even_rows(3), axis in 0usize..3, keep: bool) {
        let (shape, even) = even;
        for (name, f) in reductions() {
            let place = literal(i64::try_from(axis).unwrap());
            let of = |x: Given, count: usize| run(name, &[x, place.clone(), literal(keep)], count).rows();
            check(name, &of(ragged(3, &rows), rows.len()), &mapped(&rows, |x| lines(x, axis, keep, &f)));
            check(name, &of(known(&shape, &even), even.len()), &mapped(&even, |x| lines(x, axis, keep, &f)));
        }
    }

    #[test]
    fn reductions_along_two_axes(rows in rows(3), first in 0usize..3, second in 0usize..3) {
        prop_assume!(first != second);
        // The dimension that stays, in front; the others as one.
        let kept = 3 - first - second;
        for (name, f) in reductions() {
            let places = literal(format!("{first}, {second}"));
            let found = run(name, &[ragged(3, &rows), places], rows.len()).rows();
            let wanted = mapped(&rows, |x| {
                let count = x.shape()[kept];
                let parts = (0..count).map(|at| f(&x.index_axis(Axis(kept), at).iter().copied().collect::<Vec<_>>()));
                ArrayD::from_shape_vec(IxDyn(&[count]), parts.collect()).unwrap()
            });
            check(name, &found, &wanted);
        }
    }

    #[test]
    fn places_of_extremes(rows in rows(2), largest: bool) {
        let name = if largest { "argmax" } else { "argmin" };
        let found = run(name, &[ragged(2, &rows), literal(1i64)], rows.len()).rows();
        for (found, row) in found.iter().zip(&rows) {
            let Some(row) = row else { prop_assert!(found.is_none()); continue };
            let x = array(row);
            if x.is_empty() && x.shape()[0] > 0 {
                prop_assert!(found.is_none());
                continue;
            }
            let (shape, places) = found.clone().unwrap();
            prop_assert_eq!(shape, vec![x.shape()[0]]);
            for (line, place) in x.rows().into_iter().zip(places) {
                let line = line.to_vec();
                let best = extreme(&line, largest);
                let first = line.iter().position(|x| *x == best || (x.is_nan() && best.is_nan()));
                prop_assert_eq!(first.map(|at| at as f64), Some(place));
            }
        }
    }

    #[test]
    fn dimensions_in_another_order(rows in rows(3), order in Just(vec![0usize, 1, 2]).prop_shuffle()) {
        let listed: Vec<String> = order.iter().map(ToString::to_string).collect();
        let found = run("transpose", &[ragged(3, &rows), literal(listed.join(","))], rows.len()).rows();
        check("transpose", &found, &mapped(&rows, |x| x.clone().permuted_axes(IxDyn(&order))));
        let found = run("transpose", &[ragged(3, &rows)], rows.len()).rows();
        check("transpose", &found, &mapped(&rows, |x| x.clone().reversed_axes()));
    }

    #[test]
    fn other_shapes(rows in rows(2)) {
        let found = run("reshape", &[ragged(2, &rows), literal("1, -1, 1")], rows.len()).rows();
        let wanted = mapped(&rows, |x| {
            ArrayD::from_shape_vec(IxDyn(&[1, x.len(), 1]), x.iter().copied().collect()).unwrap()
        });
        check("reshape", &found, &wanted);
        let found = run("tensor_flatten", &[ragged(2, &rows)], rows.len()).rows();
        check("flatten", &found, &mapped(&rows, |x| x.iter().copied().collect::<ndarray::Array1<f64>>().into_dyn()));
    }

    #[test]
    fn order_along_the_last_dimension(rows in rows(2), descending: bool, k in 0usize..6) {
        let by_line = |f: &dyn Fn(Vec<f64>) -> Vec<f64>| -> Vec<Row> {
            rows.iter().map(|row| row.as_ref().map(|row| {
                let x = array(row);
                let lines: Vec<Vec<f64>> = x.rows().into_iter().map(|line| f(line.to_vec())).collect();
                let last = f(vec![0.0; x.shape()[1]]).len();
                (vec![x.shape()[0], last], lines.concat())
            })).collect()
        };
        let in_order = |line: &[f64]| { let mut line = sorted(line); if descending { line.reverse() } line };
        let count = rows.len();
        let found = run("tensor_sort", &[ragged(2, &rows), literal(descending)], count).rows();
        check("sort", &found, &by_line(&|line| in_order(&line)));
        let top = run("topk", &[ragged(2, &rows), literal(k as i64)], count).rows();
        check("topk", &top, &by_line(&|line| { let mut line = sorted(&line); line.reverse(); line.truncate(k); line }));
        // The elements at the places are in order, and equal ones keep theirs.
        let places = run("argsort", &[ragged(2, &rows), literal(descending)], count).rows();
        for (row, found) in rows.iter().zip(&places) {
            let (Some(row), Some((_, places))) = (row, found) else {
                prop_assert!(row.is_none() && found.is_none());
                continue;
            };
            let x = array(row);
            let width = x.shape()[1].max(1);
            for (line, places) in x.rows().into_iter().zip(places.chunks(width)) {
                let line = line.to_vec();
                let at: Vec<usize> = places.iter().map(|place| *place as usize).collect();
                let taken: Vec<f64> = at.iter().map(|at| line[*at]).collect();
                prop_assert!(taken.iter().zip(in_order(&line)).all(|(a, b)| near(*a, b)));
                for pair in at.windows(2) {
                    prop_assert!(line[pair[0]] != line[pair[1]] || pair[0] < pair[1]);
                }
            }
        }
    }

    #[test]
    fn distinct_elements(rows in rows(2)) {
        let found = run("tensor_unique", &[ragged(2, &rows)], rows.len()).rows();
        let wanted: Vec<Row> = rows.iter().map(|row| row.as_ref().map(|(_, values)| {
            let mut kinds: Vec<f64> = Vec::new();
            for value in sorted(values) {
                if !kinds.iter().any(|kind| *kind == value || (kind.is_nan() && value.is_nan())) {
                    kinds.push(value);
                }
            }
            (vec![kinds.len()], kinds)
        })).collect();
        check("unique", &found, &wanted);
    }

    #[test]
    fn running_sums(rows in rows(3), axis in 0usize..3) {
        let place = literal(i64::try_from(axis).unwrap());
        let found = run("cumsum", &[ragged(3, &rows), place.clone()], rows.len()).rows();
        check("cumsum", &found, &mapped(&rows, |x| {
            let mut sums = x.clone();
            sums.accumulate_axis_inplace(Axis(axis), |before, sum| *sum += before);
            sums
        }));
        let found = run("diff", &[ragged(3, &rows), place], rows.len()).rows();
        check("diff", &found, &mapped(&rows, |x| {
            let size = x.shape()[axis];
            let part = |from: usize, to: usize| x.slice_axis(Axis(axis), Slice::from(from..to));
            if size == 0 { return x.clone() }
            &part(1, size) - &part(0, size - 1)
        }));
    }

    #[test]
    fn values_one_after_another(rows in rows(2), axis in 0usize..2) {
        let place = literal(i64::try_from(axis).unwrap());
        let x = ragged(2, &rows);
        let found = run("tensor_concat", &[x.clone(), x.clone(), place], rows.len()).rows();
        let twice = |x: &ArrayD<f64>| ndarray::concatenate(Axis(axis), &[x.view(), x.view()]).unwrap();
        check("concat", &found, &mapped(&rows, twice));
        for axis in 0usize..3 {
            let place = literal(i64::try_from(axis).unwrap());
            let found = run("tensor_stack", &[x.clone(), x.clone(), place], rows.len()).rows();
            let both = |x: &ArrayD<f64>| ndarray::stack(Axis(axis), &[x.view(), x.view()]).unwrap();
            check("stack", &found, &mapped(&rows, both));
        }
        let backwards = run("tensor_reverse", &[x, literal(i64::try_from(axis).unwrap())], rows.len()).rows();
        check("reverse", &backwards, &mapped(&rows, |x| {
            let mut x = x.clone();
            x.invert_axis(Axis(axis));
            x
        }));
    }

    #[test]
    fn operands_broadcast(a in sample(2), b in sample(2), c in sample(1)) {
        let one = |row: &(Vec<usize>, Vec<f64>)| ragged(row.0.len(), &[Some(row.clone())]);
        let (x, y, z) = (array(&a), array(&b), array(&c));
        let both = broadcast(&a.0, &b.0);
        let wide = |array: &ArrayD<f64>, to: &[usize]| array.broadcast(IxDyn(to)).unwrap().to_owned();
        match (&both, call("maximum", &[one(&a), one(&b)], 1)) {
            (Some(shape), Ok(found)) => {
                let largest = |x: f64, y: f64| if x.is_nan() || y.is_nan() { f64::NAN } else { x.max(y) };
                let (x, y) = (wide(&x, shape), wide(&y, shape));
                let wanted = ndarray::Zip::from(&x).and(&y).map_collect(|x, y| largest(*x, *y));
                check("maximum", &found.rows(), &[Some(back(&wanted))]);
            }
            (None, Err(error)) => prop_assert!(error.contains("do not broadcast"), "{}", error),
            (wanted, found) => panic!("{wanted:?} and {found:?}"),
        }
        let all = both.and_then(|both| broadcast(&both, &c.0));
        match (&all, call("tensor_where", &[one(&c), one(&a), one(&b)], 1)) {
            (Some(shape), Ok(found)) => {
                let (x, y, z) = (wide(&x, shape), wide(&y, shape), wide(&z, shape));
                let wanted = ndarray::Zip::from(&z).and(&x).and(&y)
                    .map_collect(|z, x, y| if *z != 0.0 { *x } else { *y });
                check("where", &found.rows(), &[Some(back(&wanted))]);
            }
            (None, Err(error)) => prop_assert!(error.contains("do not broadcast"), "{}", error),
            (wanted, found) => panic!("{wanted:?} and {found:?}"),
        }
    }

    #[test]
    fn matrix_products(
        (a, b) in (0usize..4, 0usize..4, 0usize..4).prop_flat_map(|(m, n, k)| {
            let matrix = |h: usize, w: usize| prop::collection::vec(-9i64..9, h * w)
                .prop_map(move |values| (vec![h, w], values));
            (matrix(m, n), matrix(n, k))
        })
    ) {
        let ty = TensorType::tensor(DType::I64, vec![None, None]);
        let one = |(shape, values): &(Vec<usize>, Vec<i64>)| {
            tensors::<Int64Type>(&ty, &[Some((&shape[..], values.clone()))])
        };
        let found = run("matmul", &[one(&a), one(&b)], 1).rows();
        let matrix = |(shape, values): &(Vec<usize>, Vec<i64>)| {
            ndarray::Array2::from_shape_vec((shape[0], shape[1]), values.clone()).unwrap()
        };
        let wanted = matrix(&a).dot(&matrix(&b));
        let wanted = wanted.mapv(|value| value as f64).into_dyn();
        check("matmul", &found, &[Some(back(&wanted))]);
    }

    #[test]
    fn masks_choose_elements(rows in rows(2), limit in element()) {
        let x = ragged(2, &rows);
        let mask = run("tensor_gt", &[x.clone(), literal(limit)], rows.len());
        let found = run("tensor_index", &[x, literal("$"), mask.given()], rows.len()).rows();
        let wanted: Vec<Row> = rows.iter().map(|row| row.as_ref().map(|(_, values)| {
            let chosen: Vec<f64> = values.iter().copied().filter(|value| *value > limit).collect();
            (vec![chosen.len()], chosen)
        })).collect();
        check("mask", &found, &wanted);
    }
}
