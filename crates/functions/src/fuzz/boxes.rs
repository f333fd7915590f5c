use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use lakebed_core::BoxFormat;
use lakebed_core::DType;
use lakebed_core::TensorType;
use proptest::prelude::*;

use super::all_close;
use super::close;
use super::run_everywhere;
use crate::testing::*;

type Boxes = Vec<[f32; 4]>;

fn coordinate() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => (-4i16..12).prop_map(f32::from),
        2 => (-40i16..120).prop_map(|tenths| f32::from(tenths) / 10.0),
        1 => Just(f32::NAN),
    ]
}

fn some_boxes(most: usize) -> impl Strategy<Value = Boxes> {
    prop::collection::vec([coordinate(), coordinate(), coordinate(), coordinate()], 0..most)
}

fn column() -> impl Strategy<Value = (Option<BoxFormat>, Vec<Option<Boxes>>)> {
    let formats = [None, Some(BoxFormat::Ltwh), Some(BoxFormat::Ltrb), Some(BoxFormat::Ccwh)];
    let rows = prop::collection::vec(prop::option::weighted(0.8, some_boxes(6)), 3);
    (prop::sample::select(formats.to_vec()), rows)
}

fn given(format: Option<BoxFormat>, rows: &[Option<Boxes>]) -> Given {
    let rows: Vec<Option<&[[f32; 4]]>> = rows.iter().map(Option::as_deref).collect();
    boxes(format, &rows)
}

/// Left, top, right and bottom, written out for each convention.
fn corners(format: Option<BoxFormat>, four: [f32; 4]) -> [f64; 4] {
    let [a, b, c, d] = four.map(f64::from);
    match format {
        Some(BoxFormat::Ltrb) => [a, b, c, d],
        Some(BoxFormat::Ccwh) => [a - c / 2.0, b - d / 2.0, a + c / 2.0, b + d / 2.0],
        _ => [a, b, a + c, b + d],
    }
}

fn overlap(p: [f64; 4], q: [f64; 4]) -> f64 {
    let area = |b: [f64; 4]| {
        if b[2] > b[0] && b[3] > b[1] { (b[2] - b[0]) * (b[3] - b[1]) } else { 0.0 }
    };
    let shared = [p[0].max(q[0]), p[1].max(q[1]), p[2].min(q[2]), p[3].min(q[3])];
    let nan = p.iter().chain(&q).any(|x| x.is_nan());
    if nan || area(p) == 0.0 || area(q) == 0.0 {
        return 0.0;
    }
    area(shared) / (area(p) + area(q) - area(shared))
}

/// Takes the best of those that are left, and drops what it covers, until none is left.
fn suppressed(boxes: &[[f64; 4]], scores: &[f32], threshold: f64) -> Vec<f64> {
    let mut left: Vec<usize> = (0..boxes.len()).collect();
    let mut kept = Vec::new();
    while !left.is_empty() {
        let mut best = left[0];
        for at in &left[1..] {
            if scores[*at] > scores[best] || (scores[best].is_nan() && !scores[*at].is_nan()) {
                best = *at;
            }
        }
        kept.push(best as f64);
        left.retain(|at| *at != best && overlap(boxes[best], boxes[*at]) <= threshold);
    }
    kept
}

proptest! {
    #[test]
    fn pairs_overlap_as_by_hand((f, a) in column(), (g, b) in column()) {
        let answer = run_everywhere("iou_pairwise", &[given(f, &a), given(g, &b)], 3).rows();
        for ((a, b), answer) in a.iter().zip(&b).zip(answer) {
            let (Some(a), Some(b)) = (a, b) else {
                prop_assert!(answer.is_none());
                continue;
            };
            let (shape, overlaps) = answer.unwrap();
            prop_assert_eq!(shape, vec![a.len(), b.len()]);
            let expected: Vec<f64> = a
                .iter()
                .flat_map(|p| b.iter().map(move |q| overlap(corners(f, *p), corners(g, *q))))
                .collect();
            prop_assert!(all_close(&overlaps, &expected), "{overlaps:?} for {expected:?}");
        }
        run_everywhere("iou", &[given(f, &a), given(g, &b)], 3);
    }

    #[test]
    fn the_best_are_kept(
        (format, rows) in column(),
        scores in prop::collection::vec(prop_oneof![
            8 => (0u8..5).prop_map(f32::from), 1 => Just(f32::NAN)
        ], 8),
        threshold in prop::sample::select(vec![0.0, 0.1, 0.5, 1.0]),
    ) {
        let shapes: Vec<[usize; 1]> = rows.iter().map(|row| [row.as_ref().map_or(2, Vec::len)]).collect();
        let given_scores: Vec<_> =
            shapes.iter().map(|shape| Some((&shape[..], scores[..shape[0]].to_vec()))).collect();
        let ty = TensorType::tensor(DType::F32, vec![None]);
        let given_scores = tensors::<Float32Type>(&ty, &given_scores);
        let args = [given(format, &rows), given_scores, literal(threshold)];
        let answer = run_everywhere("nms", &args, 3).rows();
        for (row, answer) in rows.iter().zip(answer) {
            let expected = row.as_ref().map(|row| {
                let corners: Vec<[f64; 4]> = row.iter().map(|b| corners(format, *b)).collect();
                suppressed(&corners, &scores, threshold)
            });
            prop_assert_eq!(answer.map(|(_, kept)| kept), expected);
        }
    }

    #[test]
    fn boxes_move_into_windows(
        (format, rows) in column(),
        windows in prop::collection::vec(prop::option::weighted(0.9,
            (-3i16..8, -3i16..8, 1i16..9, 1i16..9)), 3),
    ) {
        let four = |w: &(i16, i16, i16, i16)| [w.0, w.1, w.2, w.3].map(f64::from);
        let given_windows: Vec<_> =
            windows.iter().map(|w| w.as_ref().map(|w| (&[4usize][..], four(w).to_vec()))).collect();
        let ty = TensorType::tensor(DType::F64, vec![Some(4)]);
        let args = [given(format, &rows), tensors::<Float64Type>(&ty, &given_windows)];
        let answer = run_everywhere("normalize", &args, 3);
        prop_assert_eq!(answer.ty().box_format, format);
        for ((row, window), answer) in rows.iter().zip(&windows).zip(answer.rows()) {
            let (Some(row), Some(window)) = (row, window) else {
                prop_assert!(answer.is_none());
                continue;
            };
            let [x, y, w, h] = four(window);
            let (shape, parts) = answer.unwrap();
            prop_assert_eq!(shape, vec![row.len(), 4]);
            for (part, given) in parts.chunks(4).zip(row) {
                let part: [f64; 4] = part.try_into().unwrap();
                #[expect(clippy::cast_possible_truncation, reason = "they were f32")]
                let found = corners(format, part.map(|x| x as f32));
                let [l, t, r, b] = corners(format, *given);
                let clip = |at: f64, start: f64, size: f64| {
                    if at.is_nan() { at } else { (at - start).max(0.0).min(size) / size }
                };
                let expected = [clip(l, x, w), clip(t, y, h), clip(r, x, w), clip(b, y, h)];
                // A NaN of one side of a size or center hides the other side.
                let nan = expected.iter().any(|x| x.is_nan());
                let same = found.iter().zip(expected).all(|(a, b)| {
                    close(*a, b) || (nan && a.is_nan())
                });
                prop_assert!(same, "{found:?} for {expected:?}");
            }
        }
    }

    #[test]
    fn conventions_are_the_same_boxes((format, rows) in column()) {
        for target in [BoxFormat::Ltwh, BoxFormat::Ltrb, BoxFormat::Ccwh] {
            let answer =
                run_everywhere("box_convert", &[given(format, &rows), literal(target.name())], 3);
            prop_assert_eq!(answer.ty().box_format, Some(target));
            for (row, answer) in rows.iter().zip(answer.rows()) {
                prop_assert_eq!(row.is_none(), answer.is_none());
                let (Some(row), Some((_, numbers))) = (row, answer) else { continue };
                let [before, after]: [Vec<f64>; 2] = [
                    row.iter().flat_map(|b| corners(format, *b)).collect(),
                    numbers
                        .chunks(4)
                        .flat_map(|four| {
                            let four: [f64; 4] = four.try_into().unwrap();
                            #[expect(clippy::cast_possible_truncation, reason = "they were f32")]
                            corners(Some(target), four.map(|x| x as f32))
                        })
                        .collect(),
                ];
                if !before.iter().any(|x| x.is_nan()) {
                    prop_assert!(all_close(&before, &after), "{before:?} {after:?}");
                }
            }
        }
    }
}
