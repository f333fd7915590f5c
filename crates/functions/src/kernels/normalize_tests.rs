use arrow::datatypes::UInt8Type;
use lakebed_core::BoxFormat;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::testing::*;

fn window(numbers: &[f64]) -> Given {
    let items: Vec<Given> = numbers.iter().map(|number| literal(*number)).collect();
    constant(&run("tensor_array", &items, 1))
}

/// Inside, cut at the left and the top, cut at the right and the bottom, outside.
const BOXES: &[[f32; 4]] = &[
    [200.0, 140.0, 100.0, 40.0],
    [50.0, 90.0, 100.0, 30.0],
    [450.0, 450.0, 100.0, 200.0],
    [0.0, 0.0, 10.0, 10.0],
];
/// In the window [100, 100, 400, 400], by hand.
const PARTS: [f64; 16] =
    [0.25, 0.1, 0.25, 0.1, 0.0, 0.0, 0.125, 0.05, 0.875, 0.875, 0.125, 0.125, 0.0, 0.0, 0.0, 0.0];

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (x, y) in found.iter().zip(expected) {
        assert!((x - y).abs() < 1e-6, "{found:?} {expected:?}");
    }
}

#[test]
fn boxes_become_parts_of_the_window() {
    let none: &[[f32; 4]] = &[];
    let x = boxes(Some(BoxFormat::Ltwh), &[Some(BOXES), Some(none), None]);
    let answer = run("normalize", &[x, window(&[100.0, 100.0, 400.0, 400.0])], 3);
    assert_eq!(answer.ty().box_format, Some(BoxFormat::Ltwh));
    assert_eq!(answer.ty().dtype, DType::F32);
    let rows = answer.rows();
    let (shape, parts) = rows[0].clone().unwrap();
    assert_eq!(shape, [4, 4]);
    close(&parts, &PARTS);
    assert_eq!(rows[1..], [Some((vec![0, 4], vec![])), None]);
}

#[test]
fn boxes_keep_their_convention() {
    for format in ["ltrb", "ccwh"] {
        let x = boxes(None, &[Some(BOXES)]);
        let converted = run("box_convert", &[x, literal(format)], 1);
        assert_eq!(converted.ty().box_format.unwrap().name(), format);
        let given = converted.given();
        let parts = run("normalize", &[given, window(&[100.0, 100.0, 400.0, 400.0])], 1);
        assert_eq!(parts.ty().box_format.unwrap().name(), format);
        let back = run("box_convert", &[parts.given(), literal("ltwh")], 1).rows();
        close(&back[0].as_ref().unwrap().1, &PARTS);
    }
    let one = run("box_convert", &[window(&[10.0, 20.0, 30.0, 40.0]), literal("ltrb")], 1);
    assert_eq!(one.rows(), [Some((vec![4], vec![10.0, 20.0, 40.0, 60.0]))]);
    let one = run("box_convert", &[window(&[10.0, 20.0, 30.0, 40.0]), literal("ccwh")], 1);
    assert_eq!(one.rows(), [Some((vec![4], vec![25.0, 40.0, 30.0, 40.0]))]);
    let error = call("box_convert", &[boxes(None, &[]), literal("xyxy")], 0).unwrap_err();
    assert!(error.contains("'ltrb'"), "{error}");
}

#[test]
fn windows_need_an_area() {
    let x = boxes(None, &[None, Some(BOXES)]);
    let error = call("normalize", &[x.clone(), window(&[0.0, 0.0, 0.0, 4.0])], 2).unwrap_err();
    assert!(error.contains("row 1") && error.contains("no area"), "{error}");
    let error = call("normalize", &[x.clone(), window(&[0.0, 0.0, 4.0])], 2).unwrap_err();
    assert!(error.contains("[x, y, w, h]"), "{error}");
    let error = call("normalize", &[literal(1.0), x], 2).unwrap_err();
    assert!(error.contains("`f64`"), "{error}");
}

#[test]
fn channels_by_their_mean_and_deviation() {
    let ty = TensorType::tensor(DType::U8, vec![None, None, Some(3)]);
    let pixels = vec![0, 51, 102, 153, 204, 255];
    let x =
        tensors::<UInt8Type>(&ty, &[Some((&[1, 2, 3], pixels)), None, Some((&[0, 5, 3], vec![]))]);
    let (mean, std) = (window(&[0.0, 0.2, 0.4]), window(&[1.0, 0.5, 0.2]));
    let scaled = run("normalize", &[x.clone(), mean.clone(), std.clone(), literal(255i64)], 3);
    assert_eq!(scaled.ty().to_string(), "f32[?,?,3]");
    let rows = scaled.rows();
    assert_eq!(rows[0].as_ref().unwrap().0, [1, 2, 3]);
    close(&rows[0].as_ref().unwrap().1, &[0.0, 0.0, 0.0, 0.6, 1.2, 3.0]);
    assert_eq!(rows[1..], [None, Some((vec![0, 5, 3], vec![]))]);
    let plain = run("normalize", &[x.clone(), literal(51.0), literal(2.0)], 3).rows();
    close(&plain[0].as_ref().unwrap().1, &[-25.5, 0.0, 25.5, 51.0, 76.5, 102.0]);
    let error = call("normalize", &[x.clone(), mean, literal(0.0)], 3).unwrap_err();
    assert!(error.contains("row 0") && error.contains("not be 0"), "{error}");
    let error = call("normalize", &[x, window(&[1.0, 2.0]), literal(1.0)], 3).unwrap_err();
    assert!(error.contains("one for each channel"), "{error}");
}

#[test]
fn the_floats_of_a_row_have_their_own_mean() {
    let ty = TensorType::tensor(DType::F32, vec![Some(1), Some(2), Some(1)]);
    let x = tensors::<arrow::datatypes::Float32Type>(
        &ty,
        &[Some((&[1, 2, 1], vec![1.0, f32::NAN])), Some((&[1, 2, 1], vec![3.0, 5.0])), None],
    );
    let means = tensors::<arrow::datatypes::Float64Type>(
        &TensorType::scalar(DType::F64),
        &[Some((&[], vec![1.0])), Some((&[], vec![2.0])), None],
    );
    let rows = run("normalize", &[x, means, literal(2.0)], 3).rows();
    let first = rows[0].as_ref().unwrap();
    assert_eq!(first.1[0], 0.0);
    assert!(first.1[1].is_nan());
    assert_eq!(rows[1..], [Some((vec![1, 2, 1], vec![0.5, 1.5])), None]);
}
