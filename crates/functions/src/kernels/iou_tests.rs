use lakebed_core::BoxFormat;

use crate::testing::*;

#[test]
fn every_convention_means_the_same_box() {
    let ltrb: &[[f32; 4]] = &[[0.0, 0.0, 2.0, 2.0], [10.0, 10.0, 14.0, 12.0]];
    let ltwh: &[[f32; 4]] = &[[10.0, 10.0, 4.0, 2.0], [0.0, 0.0, 2.0, 2.0]];
    let ccwh: &[[f32; 4]] = &[[12.0, 11.0, 4.0, 2.0], [1.0, 1.0, 2.0, 2.0]];
    let sides = [
        boxes(Some(BoxFormat::Ltrb), &[Some(ltrb)]),
        boxes(Some(BoxFormat::Ltwh), &[Some(ltwh)]),
        boxes(Some(BoxFormat::Ccwh), &[Some(ccwh)]),
        boxes(None, &[Some(ltwh)]),
    ];
    for a in &sides {
        for b in &sides {
            assert_eq!(run("iou", &[a.clone(), b.clone()], 1).scalars(), [Some(1.0)]);
        }
    }
}

#[test]
fn empties_nulls_and_surplus_boxes() {
    let one: &[[f32; 4]] = &[[0.0, 0.0, 2.0, 2.0]];
    let two: &[[f32; 4]] = &[[1.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0]];
    let none: &[[f32; 4]] = &[];
    let a = boxes(None, &[Some(none), Some(one), Some(one), None]);
    let b = boxes(None, &[Some(none), Some(none), Some(two), Some(one)]);
    let answers = run("iou", &[a.clone(), b], 4).scalars();
    assert_eq!(answers, [Some(1.0), Some(0.0), Some(0.5), None]);
    let areas = run("area", &[a], 4).rows();
    assert_eq!(areas[0], Some((vec![0], vec![])));
    assert_eq!(areas[1], Some((vec![1], vec![4.0])));
    assert_eq!(areas[3], None);
    let error = call("iou", &[literal(1.0), literal(2.0)], 1).unwrap_err();
    assert!(error.contains("`f64` and `f64`"), "{error}");
}
