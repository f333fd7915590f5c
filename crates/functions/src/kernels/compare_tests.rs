use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Int32Array;
use arrow::array::StringViewArray;
use arrow::array::UInt64Array;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Int32Type;
use lakebed_core::DType;
use lakebed_core::TensorType;

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
