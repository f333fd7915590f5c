use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Int64Array;
use arrow::array::StringViewArray;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use lakebed_core::TensorType;
use proptest::prelude::*;

use crate::testing::*;

fn matrix(rows: &[Option<(&[usize], Vec<i32>)>]) -> Given {
    tensors::<Int32Type>(&TensorType::tensor(DType::I32, vec![None, None]), rows)
}

fn ints(values: Vec<Option<i64>>) -> Given {
    let array: ArrayRef = Arc::new(Int64Array::from(values));
    scalars(DType::I64, array)
}

#[test]
fn slices_say_which_row_is_too_short() {
    let x = matrix(&[Some((&[2, 2], vec![1, 2, 3, 4])), Some((&[0, 2], vec![])), None]);
    let error = call("tensor_slice", &[x.clone(), literal("0")], 3).unwrap_err();
    assert!(error.contains("row 1") && error.contains("size 0"), "{error}");
    let rows = run("tensor_slice_or_null", &[x.clone(), literal("0, -1")], 3).scalars();
    assert_eq!(rows, [Some(2.0), None, None]);
    let flipped = run("tensor_slice", &[x.clone(), literal("::-1, 0")], 3).rows();
    assert_eq!(flipped, [Some((vec![2], vec![3.0, 1.0])), Some((vec![0], vec![])), None]);
    let too_many = call("tensor_slice", &[x, literal("0,0,0")], 3).unwrap_err();
    assert!(too_many.contains("too many subscripts: 3 for 2 dimensions"), "{too_many}");
    let scalar = call("tensor_slice", &[ints(vec![Some(1)]), literal("0")], 1).unwrap_err();
    assert!(scalar.contains("a value of type i64 has no dimensions"), "{scalar}");
    let text = call("tensor_slice", &[literal("abc"), literal("0")], 1).unwrap_err();
    assert!(text.contains("substr"), "{text}");
}

#[test]
fn shapes_and_their_parts() {
    let x = matrix(&[Some((&[2, 3], vec![0; 6])), None]);
    let shape = run("tensor_shape", &[x], 2);
    assert_eq!(shape.ty().to_string(), "i32[2]");
    assert_eq!(shape.rows(), [Some((vec![2], vec![2.0, 3.0])), None]);
    let first = run("tensor_slice", &[shape.given(), literal("0")], 2);
    assert_eq!((first.ty().to_string(), first.scalars()), ("i32".into(), vec![Some(2.0), None]));
    assert_eq!(run("tensor_shape", &[literal(3i64)], 1).rows(), [Some((vec![0], vec![]))]);
}

#[test]
fn an_index_that_no_row_has_is_null_in_conditions() {
    let ty = TensorType::tensor(DType::I32, vec![Some(2)]);
    let x = tensors::<Int32Type>(&ty, &[Some((&[2], vec![1, 2])), None]);
    assert_eq!(run("tensor_slice_or_null", &[x.clone(), literal("5")], 2).scalars(), [None, None]);
    assert!(call("tensor_slice", &[x.clone(), literal("5")], 2).unwrap_err().contains("index 5"));
    let by_value = [x, literal("$"), literal(5i64)];
    assert_eq!(run("tensor_index_or_null", &by_value, 2).scalars(), [None, None]);
    assert!(call("tensor_index", &by_value, 2).unwrap_err().contains("index 5"));
}

#[test]
fn words_are_taken_from_sequences() {
    let words = run("tensor_array", &[literal("a"), literal("b")], 1);
    assert_eq!(words.ty().to_string(), "sequence[text]");
    assert_eq!(run("tensor_slice", &[words.given(), literal("-1")], 1).texts(), [Some("b".into())]);
    let part = run("tensor_slice", &[words.given(), literal("1:")], 1);
    assert_eq!(run("tensor_contains", &[part.given(), literal("b")], 1).bools(), [Some(true)]);
    assert_eq!(run("tensor_contains", &[part.given(), literal("a")], 1).bools(), [Some(false)]);
}

#[test]
fn places_come_from_other_columns() {
    let x = matrix(&[Some((&[2, 3], vec![1, 2, 3, 4, 5, 6])), Some((&[1, 2], vec![7, 8]))]);
    let of = |text: &str, with: &[Given]| {
        let mut args = vec![x.clone(), literal(text)];
        args.extend_from_slice(with);
        call("tensor_index", &args, 2).map(|answer| answer.rows())
    };
    let last = of("$, -1", &[ints(vec![Some(1), Some(0)])]).unwrap();
    assert_eq!(last, [Some((vec![], vec![6.0])), Some((vec![], vec![8.0]))]);
    let cut = of(":, $:", &[ints(vec![Some(2), None])]).unwrap();
    assert_eq!(cut, [Some((vec![2, 1], vec![3.0, 6.0])), None]);
    let error = of("$", &[ints(vec![Some(1), Some(1)])]).unwrap_err();
    assert!(error.contains("row 1") && error.contains("index 1"), "{error}");
    let float = of("$", &[literal(1.0)]).unwrap_err();
    assert!(float.contains("`f64`"), "{float}");
    let few = of("$, $", &[ints(vec![Some(0), Some(0)])]).unwrap_err();
    assert!(few.contains("needs 2 values"), "{few}");
}

#[test]
fn vectors_of_places_and_masks() {
    let x = matrix(&[Some((&[3, 2], vec![1, 2, 3, 4, 5, 6])), Some((&[1, 2], vec![7, 8]))]);
    let ty = TensorType::tensor(DType::I64, vec![None]);
    let places = tensors::<Int64Type>(&ty, &[Some((&[2], vec![2, 0])), Some((&[2], vec![-1, 0]))]);
    let rows = run("tensor_index", &[x.clone(), literal("$"), places.clone()], 2).rows();
    assert_eq!(rows[0], Some((vec![2, 2], vec![5.0, 6.0, 1.0, 2.0])));
    assert_eq!(rows[1], Some((vec![2, 2], vec![7.0, 8.0, 7.0, 8.0])));
    let rows = run("tensor_index", &[x.clone(), literal(":, $"), literal_places()], 2).rows();
    assert_eq!(rows[0], Some((vec![3, 1], vec![2.0, 4.0, 6.0])));
    let column = run("tensor_slice", &[x.clone(), literal(":, 0")], 2);
    let mask = run("tensor_gt", &[column.given(), literal(2i64)], 2);
    let rows = run("tensor_index", &[x.clone(), literal("$"), mask.given()], 2).rows();
    assert_eq!(rows[0], Some((vec![2, 2], vec![3.0, 4.0, 5.0, 6.0])));
    assert_eq!(rows[1], Some((vec![1, 2], vec![7.0, 8.0])));
    let error = call("tensor_index", &[x.clone(), literal(":, $"), mask.given()], 2).unwrap_err();
    assert!(error.contains("a mask of 3 does not fit"), "{error}");
    let nonzero = run("nonzero", &[mask.given()], 2).rows();
    assert_eq!(nonzero, [Some((vec![2], vec![1.0, 2.0])), Some((vec![1], vec![0.0]))]);
    let matrix_places = run("nonzero", &[x], 2).rows();
    assert_eq!(matrix_places[1], Some((vec![2, 2], vec![0.0, 0.0, 0.0, 1.0])));
}

fn literal_places() -> Given {
    constant(&run("tensor_array", &[literal(1i64)], 1))
}

#[test]
fn json_members() {
    let json: ArrayRef = Arc::new(StringViewArray::from(vec![
        Some(r#"{"a": {"b": [1, "x", null]}}"#),
        Some("[5, 6]"),
        None,
    ]));
    let json = scalars(DType::Json, json);
    let a = run("json_get", &[json.clone(), literal("a")], 3);
    assert_eq!(a.ty().to_string(), "json");
    assert_eq!(a.texts(), [Some(r#"{"b":[1,"x",null]}"#.into()), None, None]);
    let b = run("tensor_slice", &[a.given(), literal("b")], 3);
    let item = |place: i64| run("json_get", &[b.given(), literal(place)], 3).texts()[0].clone();
    assert_eq!(item(0), Some("1".into()));
    assert_eq!(item(1), Some("\"x\"".into()));
    assert_eq!((item(2), item(3), item(-3)), (None, None, Some("1".into())));
    assert_eq!(
        run("tensor_slice", &[json.clone(), literal("-1")], 3).texts(),
        [None, Some("6".into()), None]
    );
    assert_eq!(
        run("tensor_truth", std::slice::from_ref(&json), 3).bools(),
        [Some(false), Some(true), Some(false)]
    );
    let has = run("tensor_contains", &[json, literal(6.0)], 3);
    assert_eq!(has.bools(), [Some(false), Some(true), None]);
}

fn naive(
    shape: &[usize],
    values: &[i32],
    picks: &[Vec<usize>],
    keep: &[bool],
) -> (Vec<usize>, Vec<f64>) {
    let mut out = Vec::new();
    for i in &picks[0] {
        for j in &picks[1] {
            out.push(f64::from(values[i * shape[1] + j]));
        }
    }
    let sizes =
        picks.iter().zip(keep).filter(|(_, keep)| **keep).map(|(pick, _)| pick.len()).collect();
    (sizes, out)
}

/// A subscript as text and the places that Python's rules choose, by walking.
fn pick(kind: u8, a: i64, b: i64, step: i64, size: usize) -> (String, Option<Vec<usize>>, bool) {
    let n = i64::try_from(size).unwrap();
    if kind == 0 {
        let at = if a < 0 { a + n } else { a };
        let found = (0..n).contains(&at).then(|| vec![usize::try_from(at).unwrap()]);
        return (a.to_string(), found, false);
    }
    let text = format!("{a}:{b}:{step}");
    let bound = |x: i64| {
        if x < 0 {
            (x + n).max(if step < 0 { -1 } else { 0 })
        } else {
            x.min(if step < 0 { n - 1 } else { n })
        }
    };
    let (mut at, stop) = (bound(a), bound(b));
    let mut places = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        places.push(usize::try_from(at).unwrap());
        at += step;
    }
    (text, Some(places), true)
}

proptest! {
    #[test]
    fn slices_agree_with_walking(
        shape in (0usize..5, 0usize..5),
        one in (0u8..3, -6i64..6, -6i64..6, prop_oneof![-3i64..0, 1i64..4]),
        two in (0u8..3, -6i64..6, -6i64..6, prop_oneof![-3i64..0, 1i64..4]),
    ) {
        let shape = [shape.0, shape.1];
        let values: Vec<i32> = (0..i32::try_from(shape[0] * shape[1]).unwrap()).collect();
        let x = matrix(&[Some((&shape, values.clone())), Some((&[5, 5], (0..25).collect()))]);
        let (text_one, picks_one, keep_one) = pick(one.0, one.1, one.2, one.3, shape[0]);
        let (text_two, picks_two, keep_two) = pick(two.0, two.1, two.2, two.3, shape[1]);
        let text = format!("{text_one}, {text_two}");
        let found = run("tensor_slice_or_null", &[x, literal(text.as_str())], 2).rows().remove(0);
        let expected = match (picks_one, picks_two) {
            (Some(p), Some(q)) => Some(naive(&shape, &values, &[p, q], &[keep_one, keep_two])),
            _ => None,
        };
        prop_assert_eq!(found, expected, "{}", text);
    }
}
