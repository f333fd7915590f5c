use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt8Type;
use lakebed_core::DType;
use lakebed_core::HType;
use lakebed_core::TensorType;

use crate::testing::*;

fn size(h: i64, w: i64) -> Given {
    constant(&run("tensor_array", &[literal(h), literal(w)], 1))
}

fn gray(rows: &[Option<(&[usize], Vec<u8>)>]) -> Given {
    tensors::<UInt8Type>(&TensorType::tensor(DType::U8, vec![None, None]), rows)
}

#[test]
fn centers_lie_at_halves() {
    let x = gray(&[Some((&[2, 2], vec![0, 100, 200, 40])), None, Some((&[1, 1], vec![7]))]);
    let answer = run("resize", &[x.clone(), size(1, 4)], 3);
    assert_eq!(answer.ty().to_string(), "u8[?,?]");
    // The middle of both lines is [100, 70]; a quarter and three quarters between the two.
    assert_eq!(answer.rows()[0], Some((vec![1, 4], vec![100.0, 93.0, 78.0, 70.0])));
    assert_eq!(answer.rows()[1], None);
    assert_eq!(answer.rows()[2], Some((vec![1, 4], vec![7.0; 4])));
    let rows = run("resize", &[x.clone(), size(2, 2)], 3).rows();
    assert_eq!(rows[0], Some((vec![2, 2], vec![0.0, 100.0, 200.0, 40.0])));
    // Every place of the result, from the formula by hand: 0, 1/4, 3/4 and 1 of the way.
    let rows = run("resize", &[x.clone(), size(4, 2)], 3).rows();
    let expected = vec![0.0, 100.0, 50.0, 85.0, 150.0, 55.0, 200.0, 40.0];
    assert_eq!(rows[0], Some((vec![4, 2], expected)));
    // Down to one: all four meet, 85.
    assert_eq!(run("resize", &[x, size(1, 1)], 3).rows()[0], Some((vec![1, 1], vec![85.0])));
}

#[test]
fn nothing_is_smoothed() {
    // Of nine columns, three remain: those in the middle of three.
    let x = gray(&[Some((&[1, 9], vec![9, 1, 9, 9, 2, 9, 9, 3, 9]))]);
    let rows = run("resize", &[x.clone(), size(1, 3)], 1).rows();
    assert_eq!(rows[0], Some((vec![1, 3], vec![1.0, 2.0, 3.0])));
    let rows = run("resize", &[x, size(1, 3), literal("nearest")], 1).rows();
    assert_eq!(rows[0], Some((vec![1, 3], vec![1.0, 2.0, 3.0])));
}

#[test]
fn channels_stay_apart() {
    let ty = TensorType::tensor(DType::F32, vec![None, None, Some(3)]);
    let pixels = vec![0.0, 10.0, f32::INFINITY, 4.0, 30.0, f32::INFINITY];
    let x = tensors::<Float32Type>(&ty, &[Some((&[1, 2, 3], pixels))]);
    let rows = run("resize", &[x.clone(), size(1, 4)], 1).rows();
    let (shape, values) = rows[0].clone().unwrap();
    assert_eq!(shape, [1, 4, 3]);
    let of =
        |channel: usize| -> Vec<f64> { values.iter().skip(channel).step_by(3).copied().collect() };
    assert_eq!(of(0), [0.0, 1.0, 3.0, 4.0]);
    assert_eq!(of(1), [10.0, 15.0, 25.0, 30.0]);
    assert_eq!(of(2), [f64::INFINITY; 4]);
    let rows = run("resize", &[x, size(2, 2), literal("Nearest")], 1).rows();
    assert_eq!(rows[0].as_ref().unwrap().1[..4], [0.0, 10.0, f64::INFINITY, 4.0]);
}

#[test]
fn masks_are_never_mixed() {
    let ty =
        TensorType { htype: HType::SegmentMask, ..TensorType::tensor(DType::U8, vec![None, None]) };
    let x = tensors::<UInt8Type>(&ty, &[Some((&[1, 2], vec![3, 9]))]);
    let answer = run("resize", &[x.clone(), size(2, 3)], 1);
    assert_eq!(answer.ty().htype, HType::SegmentMask);
    assert_eq!(answer.rows(), [Some((vec![2, 3], vec![3.0, 9.0, 9.0, 3.0, 9.0, 9.0]))]);
    let bools = run("tensor_gt", &[x.clone(), literal(5i64)], 1);
    let answer = run("resize", &[bools.given(), size(1, 4)], 1);
    assert_eq!(answer.ty().to_string(), "bool[?,?]");
    assert_eq!(answer.rows(), [Some((vec![1, 4], vec![0.0, 0.0, 1.0, 1.0]))]);
    let error = call("resize", &[x, size(1, 1), literal("bilinear")], 1).unwrap_err();
    assert!(error.contains("'nearest'"), "{error}");
}

#[test]
fn sizes_are_whole_and_bounded() {
    let x = gray(&[None, Some((&[2, 2], vec![0; 4])), Some((&[0, 2], vec![]))]);
    for (h, w) in [(0, 4), (-1, 4), (4, 0), (4, 65_537)] {
        let error = call("resize", &[x.clone(), size(h, w)], 3).unwrap_err();
        assert!(error.contains("row 1") && error.contains("[h, w]"), "{error}");
    }
    let error = call("resize", &[x.clone(), size(60_000, 60_000)], 3).unwrap_err();
    assert!(error.contains("row 1") && error.contains("2^31 - 1"), "{error}");
    let error = call("resize", &[x.clone(), size(2, 2)], 3).unwrap_err();
    assert!(error.contains("row 2") && error.contains("no pixels"), "{error}");
    let half = constant(&run("tensor_array", &[literal(1.5), literal(2i64)], 1));
    assert!(call("resize", &[x, half], 3).unwrap_err().contains("whole numbers"));
}
