use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use datafusion_common::ScalarValue;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::testing::*;

/// [[1, 2, 3], [4, 5, 6]], null, [[7, 8, 9]], no rows of three.
fn ragged() -> Given {
    let ty = TensorType::tensor(DType::I64, vec![None, Some(3)]);
    tensors::<Int64Type>(
        &ty,
        &[
            Some((&[2, 3], vec![1, 2, 3, 4, 5, 6])),
            None,
            Some((&[1, 3], vec![7, 8, 9])),
            Some((&[0, 3], vec![])),
        ],
    )
}

/// [[[0, 1], [2, 3]], [[4, 5], [6, 7]]] and null.
fn fixed() -> Given {
    let ty = TensorType::tensor(DType::F32, vec![Some(2), Some(2), Some(2)]);
    let values = (0..8u8).map(f32::from).collect();
    tensors::<Float32Type>(&ty, &[Some((&[2, 2, 2], values)), None])
}

fn null() -> Given {
    literal(ScalarValue::Null)
}

type Row = Option<(Vec<usize>, Vec<f64>)>;

fn row(shape: &[usize], values: &[f64]) -> Row {
    Some((shape.to_vec(), values.to_vec()))
}

#[test]
fn sums_along_each_axis() {
    let of = |axis: i64| run("tensor_sum", &[ragged(), literal(axis)], 4);
    let columns = of(0);
    assert_eq!(columns.ty().to_string(), "i64[3]");
    let wanted =
        [row(&[3], &[5.0, 7.0, 9.0]), None, row(&[3], &[7.0, 8.0, 9.0]), row(&[3], &[0.0; 3])];
    assert_eq!(columns.rows(), wanted);
    let lines = of(-1);
    assert_eq!(lines.ty().to_string(), "i64[?]");
    assert_eq!(lines.rows(), [row(&[2], &[6.0, 15.0]), None, row(&[1], &[24.0]), row(&[0], &[])]);
}

#[test]
fn several_axes_and_kept_dimensions() {
    let kept = run("tensor_sum", &[fixed(), literal("0, 2"), literal(true)], 2);
    assert_eq!(kept.ty().to_string(), "f32[1,2,1]");
    assert_eq!(kept.rows(), [row(&[1, 2, 1], &[10.0, 18.0]), None]);
    let two = run("tensor_array", &[literal(0i64), literal(2i64)], 1);
    let listed = run("tensor_sum", &[fixed(), constant(&two)], 2);
    assert_eq!(listed.ty().to_string(), "f32[?]");
    assert_eq!(listed.rows(), [row(&[2], &[10.0, 18.0]), None]);
    let all = run("tensor_amax", &[fixed(), null(), literal(true)], 2);
    assert_eq!(all.ty().to_string(), "f32[1,1,1]");
    assert_eq!(all.rows(), [row(&[1, 1, 1], &[7.0]), None]);
    let middle = run("tensor_avg", &[fixed(), literal(1i64)], 2);
    assert_eq!(middle.rows(), [row(&[2, 2], &[1.0, 2.0, 5.0, 6.0]), None]);
}

#[test]
fn null_literals_mean_not_given() {
    let plain = run("tensor_sum", &[ragged()], 4);
    for args in [vec![ragged(), null()], vec![ragged(), null(), null()]] {
        let answer = run("tensor_sum", &args, 4);
        assert_eq!(answer.field, plain.field);
        assert_eq!(answer.scalars(), [Some(21.0), None, Some(24.0), Some(0.0)]);
    }
    assert!(!crate::by_udf_name("tensor_sum").unwrap().is_strict());
    assert!(crate::by_udf_name("tensor_abs").unwrap().is_strict());
}

#[test]
fn wrong_axes_are_found_while_planning() {
    let error = call("tensor_sum", &[ragged(), literal(2i64)], 4).unwrap_err();
    assert!(error.contains("there is no dimension 2 among 2"), "{error}");
    let error = call("tensor_sum", &[ragged(), literal("0, -2")], 4).unwrap_err();
    assert!(error.contains("axis -2 is listed twice"), "{error}");
    let error = call("tensor_sum", &[ragged(), literal(0.5)], 4).unwrap_err();
    assert!(error.contains("`f64` is no integer"), "{error}");
    let error = call("tensor_any", &[ragged(), literal(0i64), literal(1i64)], 4).unwrap_err();
    assert!(error.contains("keepdims"), "{error}");
}

#[test]
fn a_line_that_overflows_names_its_row() {
    let ty = TensorType::tensor(DType::I64, vec![Some(2), Some(2)]);
    let rows =
        [Some((&[2usize, 2][..], vec![1, 2, 3, 4])), Some((&[2, 2], vec![1, 5, i64::MAX, 5]))];
    let x = tensors::<Int64Type>(&ty, &rows);
    let error = call("tensor_sum", &[x, literal(0i64)], 2).unwrap_err();
    assert!(error.contains("row 1") && error.contains("64 bits"), "{error}");
}

#[test]
fn deviations_divide_by_n() {
    let of = |name: &str, args: &[Given]| run(name, args, 4).rows();
    // The mean of 1..6 is 3.5: 2 (0.25 + 2.25 + 6.25) / 6.
    assert_eq!(of("tensor_var", &[ragged()])[0], row(&[], &[17.5 / 6.0]));
    assert_eq!(of("tensor_std", &[ragged(), literal(0i64)])[0], row(&[3], &[1.5; 3]));
    assert_eq!(of("tensor_std", &[ragged()])[3], row(&[], &[0.0]));
    assert_eq!(of("tensor_std", &[ragged()])[1], None);
}

#[test]
fn medians() {
    let of = |args: &[Given]| run("tensor_median", args, 4).rows();
    assert_eq!(of(&[ragged()]), [row(&[], &[3.5]), None, row(&[], &[8.0]), row(&[], &[0.0])]);
    assert_eq!(of(&[ragged(), literal(1i64)])[0], row(&[2], &[2.0, 5.0]));
}

#[test]
fn places_of_extremes() {
    let ty = TensorType::tensor(DType::F64, vec![None, None]);
    let x = tensors::<Float64Type>(
        &ty,
        &[
            Some((&[2, 3], vec![3.0, 1.0, 1.0, 0.5, 9.0, 9.0])),
            Some((&[1, 3], vec![1.0, f64::NAN, 0.0])),
            None,
            Some((&[0, 3], vec![])),
        ],
    );
    let of = |name: &str, args: &[Given]| run(name, args, 4).rows();
    let flat = of("argmin", std::slice::from_ref(&x));
    assert_eq!(flat, [row(&[], &[3.0]), row(&[], &[1.0]), None, None]);
    let flat = of("argmax", std::slice::from_ref(&x));
    assert_eq!(flat, [row(&[], &[4.0]), row(&[], &[1.0]), None, None]);
    let lines = of("argmin", &[x.clone(), literal(1i64)]);
    assert_eq!(lines, [row(&[2], &[1.0, 0.0]), row(&[1], &[1.0]), None, row(&[0], &[])]);
    let columns = of("argmax", &[x, literal(0i64), literal(true)]);
    assert_eq!(columns[0], row(&[1, 3], &[0.0, 1.0, 1.0]));
    assert_eq!(columns[3], None);
}

#[test]
fn any_and_all_along_an_axis() {
    let over = run("tensor_gt", &[ragged(), literal(3i64)], 4).given();
    let of = |name: &str, axis: i64| run(name, &[over.clone(), literal(axis)], 4).rows();
    assert_eq!(of("tensor_any", 1)[0], row(&[2], &[0.0, 1.0]));
    assert_eq!(of("tensor_all", 0)[0], row(&[3], &[0.0; 3]));
    assert_eq!(of("tensor_all", 0)[3], row(&[3], &[1.0; 3]));
    assert_eq!(of("tensor_all_strict", 0)[3], row(&[3], &[0.0; 3]));
    assert_eq!(of("tensor_any", 0)[1], None);
}

#[test]
fn norms_along_an_axis() {
    let ty = TensorType::tensor(DType::U8, vec![Some(2), Some(2)]);
    let x = tensors::<UInt8Type>(&ty, &[Some((&[2, 2], vec![3, 4, 0, 5])), None]);
    let of = |name: &str| run(name, &[x.clone(), literal(1i64)], 2).rows();
    assert_eq!(of("l2_norm"), [row(&[2], &[5.0, 5.0]), None]);
    assert_eq!(of("l1_norm"), [row(&[2], &[7.0, 5.0]), None]);
    assert_eq!(of("linf_norm"), [row(&[2], &[4.0, 5.0]), None]);
}

#[test]
fn running_sums_and_steps() {
    let of = |name: &str, args: &[Given]| run(name, args, 4);
    let flat = of("cumsum", &[ragged()]);
    assert_eq!(flat.ty().to_string(), "i64[?]");
    assert_eq!(flat.rows()[0], row(&[6], &[1.0, 3.0, 6.0, 10.0, 15.0, 21.0]));
    let down = of("cumsum", &[ragged(), literal(0i64)]);
    assert_eq!(down.ty().to_string(), "i64[?,3]");
    assert_eq!(down.rows()[0], row(&[2, 3], &[1.0, 2.0, 3.0, 5.0, 7.0, 9.0]));
    assert_eq!(down.rows()[3], row(&[0, 3], &[]));
    let steps = of("diff", &[ragged()]);
    assert_eq!(steps.ty().to_string(), "i64[?,2]");
    assert_eq!(steps.rows()[0], row(&[2, 2], &[1.0; 4]));
    let steps = of("diff", &[ragged(), literal(0i64)]).rows();
    assert_eq!(steps, [row(&[1, 3], &[3.0; 3]), None, row(&[0, 3], &[]), row(&[0, 3], &[])]);
}
