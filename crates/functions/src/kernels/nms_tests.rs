use arrow::datatypes::Float32Type;
use lakebed_core::BoxFormat;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::testing::*;

fn scores(rows: &[Option<&[f32]>]) -> Given {
    let shapes: Vec<[usize; 1]> = rows.iter().map(|row| [row.map_or(0, <[_]>::len)]).collect();
    let rows: Vec<_> = rows
        .iter()
        .zip(&shapes)
        .map(|(row, shape)| row.map(|scores| (&shape[..], scores.to_vec())))
        .collect();
    tensors::<Float32Type>(&TensorType::tensor(DType::F32, vec![None]), &rows)
}

#[test]
fn better_boxes_drop_the_others() {
    // The first two share 16 of 20; the next two are the same.
    let five: &[[f32; 4]] = &[
        [0.0, 0.0, 4.0, 4.0],
        [0.0, 0.0, 4.0, 5.0],
        [9.0, 9.0, 2.0, 2.0],
        [9.0, 9.0, 2.0, 2.0],
        [50.0, 50.0, 0.0, 2.0],
    ];
    let none: &[[f32; 4]] = &[];
    let x = boxes(None, &[Some(five), Some(none), None, Some(five)]);
    let y = scores(&[
        Some(&[0.8, 0.9, 0.3, 0.3, f32::NAN]),
        Some(&[]),
        Some(&[]),
        Some(&[0.9, 0.8, 0.1, 0.2, 1.0]),
    ]);
    let rows = run("nms", &[x.clone(), y.clone(), literal(0.5)], 4).rows();
    assert_eq!(rows[0], Some((vec![3], vec![1.0, 2.0, 4.0])));
    assert_eq!(rows[1], Some((vec![0], vec![])));
    assert_eq!(rows[2], None);
    assert_eq!(rows[3], Some((vec![3], vec![4.0, 0.0, 3.0])));
    // At the threshold itself a box is kept: 16/20 is not above 0.8, and 1 is not above 1.
    let rows = run("nms", &[x.clone(), y.clone(), literal(0.8)], 4).rows();
    assert_eq!(rows[0].as_ref().unwrap().1, [1.0, 0.0, 2.0, 4.0]);
    let rows = run("nms", &[x.clone(), y.clone(), literal(1i64)], 4).rows();
    assert_eq!(rows[0].as_ref().unwrap().1, [1.0, 0.0, 2.0, 3.0, 4.0]);
    let error = call("nms", &[x.clone(), y, literal(1.5)], 4).unwrap_err();
    assert!(error.contains("from 0 to 1"), "{error}");
    let short = scores(&[Some(&[0.5]), None, None, None]);
    let error = call("nms", &[x, short, literal(0.5)], 4).unwrap_err();
    assert!(error.contains("row 0") && error.contains("5 boxes have 1 scores"), "{error}");
}

#[test]
fn conventions_hold() {
    let corners: &[[f32; 4]] = &[[0.0, 0.0, 4.0, 4.0], [3.0, 3.0, 4.0, 4.0]];
    let y = scores(&[Some(&[1.0, 1.0])]);
    // As corners they share 1 of 16; as sizes 1 of 31.
    for (format, threshold, kept) in [
        (BoxFormat::Ltrb, 0.05, vec![0.0]),
        (BoxFormat::Ltwh, 0.05, vec![0.0, 1.0]),
        (BoxFormat::Ltwh, 0.03, vec![0.0]),
    ] {
        let x = boxes(Some(format), &[Some(corners)]);
        let rows = run("nms", &[x, y.clone(), literal(threshold)], 1).rows();
        assert_eq!(rows, [Some((vec![kept.len()], kept))]);
    }
}

#[test]
fn every_pair_has_an_overlap() {
    let left: &[[f32; 4]] = &[[0.0, 0.0, 2.0, 2.0], [5.0, 5.0, 1.0, 1.0]];
    let right: &[[f32; 4]] = &[[1.0, 0.0, 2.0, 2.0], [5.0, 5.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]];
    let none: &[[f32; 4]] = &[];
    let a = boxes(None, &[Some(left), Some(none), Some(left), None]);
    let b = boxes(None, &[Some(right), Some(right), Some(none), Some(right)]);
    let answer = run("iou_pairwise", &[a.clone(), b], 4);
    assert_eq!(answer.ty().to_string(), "f64[?,?]");
    let third = 1.0 / 3.0;
    assert_eq!(
        answer.rows(),
        [
            Some((vec![2, 3], vec![third, 0.0, 0.0, 0.0, 1.0, 0.0])),
            Some((vec![0, 3], vec![])),
            Some((vec![2, 0], vec![])),
            None,
        ]
    );
    let one = run("tensor_array", &[literal(1i64), literal(0i64), literal(2i64), literal(2i64)], 1);
    let rows = run("iou_pairwise", &[a, constant(&one)], 4);
    assert_eq!(rows.ty().to_string(), "f64[?]");
    assert_eq!(rows.rows()[0], Some((vec![2], vec![third, 0.0])));
    let many = boxes(None, &[Some(&vec![[0.0, 0.0, 1.0, 1.0]; 50_000])]);
    let error = call("iou_pairwise", &[many.clone(), many], 1).unwrap_err();
    assert!(error.contains("row 0") && error.contains("2^31 - 1"), "{error}");
    let error = call("iou_pairwise", &[constant(&one), literal(1.0)], 1).unwrap_err();
    assert!(error.contains("`f32[4]` and `f64`"), "{error}");
}
