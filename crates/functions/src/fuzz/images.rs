use arrow::datatypes::Float64Type;
use arrow::datatypes::Int16Type;
use arrow::datatypes::UInt8Type;
use lakebed_core::DType;
use lakebed_core::TensorType;
use proptest::prelude::*;

use super::all_close;
use super::close;
use super::run_everywhere;
use crate::testing::*;

/// Height, width, and values enough for any number of channels.
type Image = ([usize; 2], Vec<u8>);

const MOST: usize = 6;

fn rows() -> impl Strategy<Value = (usize, Vec<Option<Image>>)> {
    let sizes = (0..MOST, 0..MOST).prop_map(|(h, w)| [h, w]);
    let image = (sizes, prop::collection::vec(any::<u8>(), MOST * MOST * 5));
    (1usize..=5, prop::collection::vec(prop::option::weighted(0.8, image), 3))
}

/// The images as u8; with five channels, as masks without any.
fn given(channels: usize, rows: &[Option<Image>]) -> Given {
    let shapes: Vec<Vec<usize>> = rows
        .iter()
        .map(|row| row.as_ref().map_or(Vec::new(), |(size, _)| shape(*size, channels)))
        .collect();
    let dims = match channels {
        5 => vec![None, None],
        _ => vec![None, None, u32::try_from(channels).ok()],
    };
    let rows: Vec<_> = rows
        .iter()
        .zip(&shapes)
        .map(|(row, shape)| {
            row.as_ref()
                .map(|(_, values)| (&shape[..], values[..shape.iter().product::<usize>()].to_vec()))
        })
        .collect();
    tensors::<UInt8Type>(&TensorType::tensor(DType::U8, dims), &rows)
}

fn shape([h, w]: [usize; 2], channels: usize) -> Vec<usize> {
    if channels == 5 { vec![h, w] } else { vec![h, w, channels] }
}

fn planes(channels: usize) -> usize {
    if channels == 5 { 1 } else { channels }
}

/// One number of an image.
fn at(image: &Image, channels: usize, y: usize, x: usize, c: usize) -> f64 {
    let ([_, w], values) = image;
    f64::from(values[(y * w + x) * planes(channels) + c])
}

/// The image whose numbers are `of` their line, column and channel.
fn drawn(size: [usize; 2], channels: usize, of: impl Fn(usize, usize, usize) -> f64) -> Vec<f64> {
    let mut values = Vec::new();
    for y in 0..size[0] {
        for x in 0..size[1] {
            for c in 0..planes(channels) {
                values.push(of(y, x, c));
            }
        }
    }
    values
}

proptest! {
    #[test]
    fn crops_hold_the_pixels_of_the_window(
        (channels, rows) in rows(),
        windows in prop::collection::vec(prop::option::weighted(0.9,
            [-4i8..8, -4i8..8, -2i8..8, -2i8..8]), 3),
    ) {
        let ty = TensorType::tensor(DType::I16, vec![Some(4)]);
        let given_windows: Vec<_> = windows
            .iter()
            .map(|w| w.map(|w| (&[4usize][..], w.map(i16::from).to_vec())))
            .collect();
        let args = [given(channels, &rows), tensors::<Int16Type>(&ty, &given_windows)];
        let answer = run_everywhere("crop", &args, 3).rows();
        for ((image, window), answer) in rows.iter().zip(&windows).zip(answer) {
            let (Some(image), Some([x, y, w, h])) = (image, window) else {
                prop_assert!(answer.is_none());
                continue;
            };
            let inside = |start: i8, size: i8, most: usize| -> Vec<usize> {
                (0..most).filter(|at| {
                    let at = i16::try_from(*at).unwrap();
                    at >= i16::from(start) && at < i16::from(start) + i16::from(size)
                }).collect()
            };
            let (xs, ys) = (inside(*x, *w, image.0[1]), inside(*y, *h, image.0[0]));
            let size = [ys.len(), xs.len()];
            let expected = drawn(size, channels, |y, x, c| at(image, channels, ys[y], xs[x], c));
            prop_assert_eq!(answer, Some((shape(size, channels), expected)));
        }
    }

    #[test]
    fn flips_are_mirrors((channels, rows) in rows()) {
        for direction in ["horizontal", "vertical"] {
            let args = [given(channels, &rows), literal(direction)];
            let answer = run_everywhere("flip", &args, 3).rows();
            for (image, answer) in rows.iter().zip(answer) {
                let expected = image.as_ref().map(|image| {
                    let [h, w] = image.0;
                    let values = drawn([h, w], channels, |y, x, c| match direction {
                        "vertical" => at(image, channels, h - 1 - y, x, c),
                        _ => at(image, channels, y, w - 1 - x, c),
                    });
                    (shape([h, w], channels), values)
                });
                prop_assert_eq!(answer, expected);
            }
        }
    }

    #[test]
    fn sizes_change_as_by_the_formula((channels, rows) in rows(), h in 1usize..9, w in 1usize..9) {
        let filled: Vec<Option<Image>> =
            rows.into_iter().map(|row| row.filter(|(size, _)| size[0] * size[1] > 0)).collect();
        let size = run("tensor_array", &[literal(h as u64), literal(w as u64)], 1);
        let of = |method: &str| {
            let args = [given(channels, &filled), constant(&size), literal(method)];
            run_everywhere("resize", &args, 3).rows()
        };
        let center = |to: usize, from: usize, size: usize| {
            (to as f64 + 0.5) * from as f64 / size as f64 - 0.5
        };
        for (image, answer) in filled.iter().zip(of("bilinear")) {
            let expected = image.as_ref().map(|image| {
                drawn([h, w], channels, |y, x, c| {
                    let [from_h, from_w] = image.0;
                    // Each pixel of the source weighs what is left of its distance; the edges go on.
                    let mut sum = 0.0;
                    for (dy, dx) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                        let (cy, cx) = (center(y, from_h, h), center(x, from_w, w));
                        let (py, px) = (cy.floor() + f64::from(dy), cx.floor() + f64::from(dx));
                        let weight = (1.0 - (cy - py).abs()) * (1.0 - (cx - px).abs());
                        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
                        let place = |p: f64, most: usize| p.clamp(0.0, (most - 1) as f64) as usize;
                        sum += weight * at(image, channels, place(py, from_h), place(px, from_w), c);
                    }
                    sum
                })
            });
            prop_assert_eq!(answer.is_none(), expected.is_none());
            let (Some((found_shape, found)), Some(expected)) = (answer, expected) else { continue };
            prop_assert_eq!(found_shape, shape([h, w], channels));
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found - expected).abs() <= 0.5 + 1e-9, "{found} for {expected}");
            }
        }
        for (image, answer) in filled.iter().zip(of("nearest")) {
            let expected = image.as_ref().map(|image| {
                let [from_h, from_w] = image.0;
                let values = drawn([h, w], channels, |y, x, c| {
                    // The pixel whose span holds the center, found by trying all.
                    let place = |to: usize, from: usize, size: usize| {
                        (0..from).rfind(|p| p * 2 * size <= (2 * to + 1) * from).unwrap()
                    };
                    at(image, channels, place(y, from_h, h), place(x, from_w, w), c)
                });
                (shape([h, w], channels), values)
            });
            prop_assert_eq!(answer, expected);
        }
    }

    #[test]
    fn brightness_is_the_weighted_sum((channels, rows) in rows()) {
        let args = [given(channels, &rows)];
        let filled = rows.iter().any(Option::is_some);
        if channels == 2 {
            prop_assert!(!filled || call("grayscale", &args, 3).is_err());
            return Ok(());
        }
        let answer = run_everywhere("grayscale", &args, 3).rows();
        for (image, answer) in rows.iter().zip(answer) {
            prop_assert_eq!(answer.is_none(), image.is_none());
            let (Some(image), Some((shape, gray))) = (image, answer) else { continue };
            let [h, w] = image.0;
            prop_assert_eq!(shape, vec![h, w, 1]);
            let expected = drawn([h, w], 1, |y, x, _| match channels {
                3 | 4 => {
                    let of = |c: usize| at(image, channels, y, x, c);
                    0.299 * of(0) + 0.587 * of(1) + 0.114 * of(2)
                }
                _ => at(image, channels, y, x, 0),
            });
            for (found, expected) in gray.iter().zip(&expected) {
                prop_assert!((found - expected).abs() <= 0.5 + 1e-9, "{found} for {expected}");
            }
        }
    }

    #[test]
    fn channels_have_their_own_mean(
        (channels, rows) in rows(),
        means in prop::collection::vec(-2.0f64..2.0, 5),
        stds in prop::collection::vec(0.1f64..2.0, 5),
        per_channel in any::<bool>(),
    ) {
        let count = if per_channel { planes(channels) } else { 1 };
        let vector = |numbers: &[f64]| {
            let items: Vec<Given> = numbers[..count].iter().map(|x| literal(*x)).collect();
            // Cast, as array literals of decimals are f32.
            let array = run("tensor_array", &items, 1);
            let ty = TensorType::tensor(DType::F64, vec![u32::try_from(count).ok()]);
            let shape = [count];
            assert_eq!(array.ty().dims, ty.dims);
            tensors::<Float64Type>(&ty, &vec![Some((&shape[..], numbers[..count].to_vec())); 3])
        };
        let args = [given(channels, &rows), vector(&means), vector(&stds), literal(255i64)];
        let answer = run_everywhere("normalize", &args, 3).rows();
        for (image, answer) in rows.iter().zip(answer) {
            prop_assert_eq!(answer.is_none(), image.is_none());
            let (Some(image), Some((found_shape, found))) = (image, answer) else { continue };
            prop_assert_eq!(found_shape, shape(image.0, channels));
            let of = |numbers: &[f64], c: usize| numbers[if count == 1 { 0 } else { c }];
            let expected = drawn(image.0, channels, |y, x, c| {
                (at(image, channels, y, x, c) / 255.0 - of(&means, c)) / of(&stds, c)
            });
            prop_assert!(all_close(&found, &expected), "{found:?} for {expected:?}");
        }
    }

    #[test]
    fn bins_count_what_lies_between_their_edges(
        rows in prop::collection::vec(prop::option::weighted(0.8, prop::collection::vec(prop_oneof![
            6 => (-20i32..30).prop_map(|n| f64::from(n) / 4.0),
            3 => -5.0f64..9.0,
            1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0]),
        ], 0..20)), 3),
        bins in 1i64..9,
        low in -4i32..3,
        width in 1i32..9,
    ) {
        let shapes: Vec<[usize; 1]> = rows.iter().map(|row| [row.as_ref().map_or(0, Vec::len)]).collect();
        let given: Vec<_> = rows
            .iter()
            .zip(&shapes)
            .map(|(row, shape)| row.clone().map(|values| (&shape[..], values)))
            .collect();
        let x = tensors::<Float64Type>(&TensorType::tensor(DType::F64, vec![None]), &given);
        let (low, high) = (f64::from(low), f64::from(low + width));
        let args = [x, literal(bins), literal(low), literal(high)];
        let answer = run_everywhere("histogram", &args, 3).rows();
        for (row, answer) in rows.iter().zip(answer) {
            let edge = |bin: i64| match bin == bins {
                true => high,
                false => low + bin as f64 * ((high - low) / bins as f64),
            };
            let expected: Option<Vec<f64>> = row.as_ref().map(|row| {
                (0..bins)
                    .map(|bin| {
                        let last = bin + 1 == bins;
                        row.iter()
                            .filter(|x| **x >= edge(bin) && (**x < edge(bin + 1) || (last && **x == high)))
                            .count() as f64
                    })
                    .collect()
            });
            prop_assert_eq!(answer.map(|(_, counts)| counts), expected);
        }
    }
}

#[test]
fn the_pixels_of_a_test_image_are_where_they_should_be() {
    let image: Image = ([2, 2], (0..12).collect());
    assert!(close(at(&image, 3, 1, 0, 2), 8.0));
}
