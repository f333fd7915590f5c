use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Int32Array;
use arrow::array::StringViewArray;
use arrow::array::UInt64Array;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int32Type;
use lakebed_core::DType;
use lakebed_core::TensorType;
use proptest::prelude::*;

use crate::testing::*;

const CELLS: [&str; 3] = ["RBC", "WBC", "Platelets"];

#[test]
fn class_labels_compare_by_name_and_by_code() {
    let column = labels(&CELLS, &[Some(&[0, 1, 1]), Some(&[]), None, Some(&[2])]);
    let same = run("tensor_eq", &[column.clone(), literal("WBC")], 4);
    assert_eq!(same.ty().to_string(), "bool[?]");
    let rows = same.rows();
    assert_eq!(rows[0], Some((vec![3], vec![0.0, 1.0, 1.0])));
    assert_eq!(rows[1], Some((vec![0], vec![])));
    assert_eq!(rows[2], None);
    assert_eq!(run("tensor_eq", &[literal(1i64), column.clone()], 4).rows(), rows);
    let any = run("tensor_any", &[same.given()], 4);
    assert_eq!(any.bools(), [Some(true), Some(false), None, Some(false)]);
    let error = call("tensor_eq", &[column, literal("WBCs")], 4).unwrap_err();
    assert!(error.contains("no class 'WBCs': did you mean 'WBC'?"), "{error}");
}

#[test]
fn nan_is_ieee_and_null_stays_null() {
    let ty = TensorType::tensor(DType::F32, vec![Some(3)]);
    let column = tensors::<Float32Type>(&ty, &[Some((&[3], vec![1.0, f32::NAN, -0.0])), None]);
    let rows = |name: &str, with: f64| run(name, &[column.clone(), literal(with)], 2).rows();
    assert_eq!(rows("tensor_eq", f64::NAN)[0], Some((vec![3], vec![0.0, 0.0, 0.0])));
    assert_eq!(rows("tensor_ne", f64::NAN)[0], Some((vec![3], vec![1.0, 1.0, 1.0])));
    assert_eq!(rows("tensor_eq", 0.0)[0], Some((vec![3], vec![0.0, 0.0, 1.0])));
    assert_eq!(rows("tensor_gt", 0.5)[0], Some((vec![3], vec![1.0, 0.0, 0.0])));
    assert_eq!(rows("tensor_gt", 0.5)[1], None);
}

#[test]
fn arrays_never_stretch() {
    let ty = TensorType::tensor(DType::I32, vec![None]);
    let a = tensors::<Int32Type>(&ty, &[Some((&[2], vec![1, 2])), Some((&[1], vec![1]))]);
    let b = tensors::<Int32Type>(&ty, &[Some((&[2], vec![1, 3])), Some((&[2], vec![1, 1]))]);
    let rows = run("tensor_eq", &[a, b], 2).rows();
    assert_eq!(rows, [Some((vec![2], vec![1.0, 0.0])), None]);
}

#[test]
fn signs_and_widths_do_not_confuse() {
    let big: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX, 1]));
    let small: ArrayRef = Arc::new(Int32Array::from(vec![-1, 1]));
    let (big, small) = (scalars(DType::U64, big), scalars(DType::I32, small));
    let less = run("tensor_lt", &[small.clone(), big.clone()], 2);
    assert_eq!(less.bools(), [Some(true), Some(false)]);
    assert_eq!(run("tensor_eq", &[small.clone(), big], 2).bools(), [Some(false), Some(true)]);
    assert_eq!(run("tensor_lt", &[small, literal(2.5)], 2).bools(), [Some(true), Some(true)]);
}

#[test]
fn texts_and_json_compare() {
    let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None, Some("b")]));
    let texts = scalars(DType::Text, texts);
    assert_eq!(
        run("tensor_ge", &[texts.clone(), literal("b")], 3).bools(),
        [Some(false), None, Some(true)]
    );
    let json: ArrayRef = Arc::new(StringViewArray::from(vec!["1", "\"b\"", "[1, 2.0]"]));
    let json = scalars(DType::Json, json);
    let answers = |name: &str, with: Given| run(name, &[json.clone(), with], 3).bools();
    assert_eq!(answers("tensor_eq", literal(1.0)), [Some(true), Some(false), Some(false)]);
    assert_eq!(answers("tensor_ne", literal(2i64)), [Some(true), Some(false), Some(false)]);
    assert_eq!(answers("tensor_eq", literal("b")), [Some(false), Some(true), Some(false)]);
    let error = call("tensor_eq", &[texts, literal(3i64)], 3).unwrap_err();
    assert!(error.contains("`text` and `i64`"), "{error}");
}

type Row = Option<Vec<f32>>;

fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    let number = prop_oneof![8 => (-3i8..3).prop_map(f32::from), 1 => Just(f32::NAN)];
    let row = prop::option::weighted(0.85, prop::collection::vec(number, 0..4));
    prop::collection::vec(row, 1..most)
}

fn vectors(rows: &[Row]) -> Given {
    let shapes: Vec<[usize; 1]> =
        rows.iter().map(|row| [row.as_ref().map_or(0, Vec::len)]).collect();
    let rows: Vec<_> = rows
        .iter()
        .zip(&shapes)
        .map(|(row, shape)| row.as_ref().map(|values| (&shape[..], values.clone())))
        .collect();
    tensors::<Float32Type>(&TensorType::tensor(DType::F32, vec![None]), &rows)
}

/// Every comparison by its definition.
fn naive(name: &str, a: f64, b: f64) -> f64 {
    let holds = match name {
        "tensor_eq" => a == b,
        "tensor_ne" => a != b,
        "tensor_lt" => a < b,
        "tensor_le" => a <= b,
        "tensor_gt" => a > b,
        _ => a >= b,
    };
    f64::from(u8::from(holds))
}

const NAMES: [&str; 6] =
    ["tensor_eq", "tensor_ne", "tensor_lt", "tensor_le", "tensor_gt", "tensor_ge"];

proptest! {
    #[test]
    fn comparisons_agree_with_the_definition(
        left in rows(6), right in rows(6), column in prop::collection::vec(prop::option::of(-3i32..3), 6), number in -3.0f64..3.0,
    ) {
        let n = left.len().min(right.len());
        let (left, right) = (&left[..n], &right[..n]);
        let ints: ArrayRef = Arc::new(Int32Array::from(column[..n].to_vec()));
        let ints = scalars(DType::I32, ints);
        for name in NAMES {
            let with = |row: &Row, other: Option<f64>| {
                let values = row.as_ref()?;
                let other = other?;
                Some((vec![values.len()], values.iter().map(|x| naive(name, f64::from(*x), other)).collect()))
            };
            let found = run(name, &[vectors(left), literal(number)], n).rows();
            let expected: Vec<_> = left.iter().map(|row| with(row, Some(number))).collect();
            prop_assert_eq!(found, expected);
            let found = run(name, &[vectors(left), ints.clone()], n).rows();
            let expected: Vec<_> = left.iter().zip(&column).map(|(row, x)| with(row, x.map(f64::from))).collect();
            prop_assert_eq!(found, expected);
            let found = run(name, &[vectors(left), vectors(right)], n).rows();
            let expected: Vec<_> = left.iter().zip(right).map(|(a, b)| {
                let (a, b) = (a.as_ref()?, b.as_ref()?);
                (a.len() == b.len()).then(|| {
                    let pairs = a.iter().zip(b);
                    (vec![a.len()], pairs.map(|(x, y)| naive(name, f64::from(*x), f64::from(*y))).collect())
                })
            }).collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn similarities_agree_with_the_definition(left in rows(6), right in rows(6)) {
        let n = left.len().min(right.len());
        let (left, right) = (&left[..n], &right[..n]);
        let fits = left.iter().zip(right).all(|(a, b)| match (a, b) {
            (Some(a), Some(b)) => a.len() == b.len(),
            _ => true,
        });
        for name in ["dot", "cosine_similarity"] {
            let found = call(name, &[vectors(left), vectors(right)], n);
            prop_assert_eq!(found.is_ok(), fits);
            let Ok(found) = found else { continue };
            for ((found, a), b) in found.scalars().into_iter().zip(left).zip(right) {
                let expected = a.as_ref().zip(b.as_ref()).map(|(a, b)| {
                    let dot = |a: &[f32], b: &[f32]| -> f64 {
                        a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
                    };
                    let length = (dot(a, a) * dot(b, b)).sqrt();
                    match name {
                        "dot" => dot(a, b),
                        _ if length == 0.0 => 0.0,
                        _ => dot(a, b) / length,
                    }
                });
                match (found, expected) {
                    (None, None) => {}
                    (Some(x), Some(y)) => prop_assert!((x - y).abs() < 1e-6 || (x.is_nan() && y.is_nan()), "{x} for {y}"),
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_part_of_a_batch_is_compared_as_the_whole() {
    let column = labels(&CELLS, &[Some(&[0, 1]), None, Some(&[1]), Some(&[2, 1, 1])]);
    let datafusion_expr::ColumnarValue::Array(array) = &column.value else { panic!("a column") };
    let part = Given {
        field: Arc::clone(&column.field),
        value: datafusion_expr::ColumnarValue::Array(array.slice(1, 3)),
    };
    for name in ["tensor_eq", "tensor_ne"] {
        let whole = run(name, &[column.clone(), literal("WBC")], 4).rows();
        assert_eq!(run(name, &[part.clone(), literal("WBC")], 3).rows(), whole[1..]);
    }
    for name in ["tensor_shape", "tensor_sum", "tensor_not", "tensor_neg", "nonzero"] {
        let whole = run(name, std::slice::from_ref(&column), 4).rows();
        assert_eq!(run(name, std::slice::from_ref(&part), 3).rows(), whole[1..], "{name}");
    }
    let whole = run("tensor_slice", &[column, literal("-1:")], 4).rows();
    assert_eq!(run("tensor_slice", &[part, literal("-1:")], 3).rows(), whole[1..]);
}
