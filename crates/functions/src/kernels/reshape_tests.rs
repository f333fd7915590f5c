use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Int64Array;
use arrow::array::StringViewArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use datafusion_common::ScalarValue;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::testing::*;

type Row = Option<(Vec<usize>, Vec<f64>)>;

fn row(shape: &[usize], values: &[f64]) -> Row {
    Some((shape.to_vec(), values.to_vec()))
}

/// [[0, 1, 2], [3, 4, 5]], null, [[6, 7, 8]].
fn ragged() -> Given {
    let ty = TensorType::tensor(DType::I64, vec![None, Some(3)]);
    tensors::<Int64Type>(
        &ty,
        &[Some((&[2, 3], (0..6).collect())), None, Some((&[1, 3], (6..9).collect()))],
    )
}

/// [0, 1, 2, 3, 4, 5] and null.
fn fixed() -> Given {
    let ty = TensorType::tensor(DType::F32, vec![Some(6)]);
    tensors::<Float32Type>(&ty, &[Some((&[6], (0..6u8).map(f32::from).collect())), None])
}

fn sizes(list: &[i64]) -> Given {
    let items: Vec<Given> = list.iter().map(|size| literal(*size)).collect();
    constant(&run("tensor_array", &items, 1))
}

#[test]
fn reshaping() {
    let matrix = run("reshape", &[fixed(), literal("2, -1")], 2);
    assert_eq!(matrix.ty().to_string(), "f32[2,3]");
    assert_eq!(matrix.rows(), [row(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), None]);
    let listed = run("reshape", &[fixed(), sizes(&[-1, 2])], 2);
    assert_eq!(listed.ty().to_string(), "f32[?,?]");
    assert_eq!(listed.rows(), [row(&[3, 2], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), None]);
    let deep = run("reshape", &[ragged(), literal("-1, 1, 3")], 3);
    assert_eq!(deep.ty().to_string(), "i64[?,1,3]");
    assert_eq!(deep.rows()[2], row(&[1, 1, 3], &[6.0, 7.0, 8.0]));
    let flat = run("tensor_flatten", &[ragged()], 3);
    assert_eq!(flat.rows()[0], row(&[6], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
    assert_eq!(run("tensor_flatten", &[fixed()], 2).ty().to_string(), "f32[6]");
    // Known sizes of rows that may be null, which then hold as many elements as the others.
    let ty = TensorType::tensor(DType::I64, vec![None]);
    let pairs =
        tensors::<Int64Type>(&ty, &[Some((&[2], vec![1, 2])), None, Some((&[2], vec![3, 4]))]);
    let pairs = run("reshape", &[pairs, literal("1, 2")], 3);
    assert_eq!(pairs.ty().to_string(), "i64[1,2]");
    assert_eq!(pairs.rows(), [row(&[1, 2], &[1.0, 2.0]), None, row(&[1, 2], &[3.0, 4.0])]);
}

#[test]
fn shapes_may_come_from_a_column() {
    let ty = TensorType::tensor(DType::I64, vec![Some(2)]);
    let shapes = tensors::<Int64Type>(
        &ty,
        &[Some((&[2], vec![3, 2])), Some((&[2], vec![1, 1])), Some((&[2], vec![-1, 1]))],
    );
    let rows = run("reshape", &[ragged(), shapes], 3).rows();
    assert_eq!(rows[0].as_ref().unwrap().0, [3, 2]);
    assert_eq!((&rows[1], rows[2].as_ref().unwrap().0.clone()), (&None, vec![3, 1]));
    let nulls = tensors::<Int64Type>(&ty, &[None, None, Some((&[2], vec![1, 3]))]);
    let rows = run("reshape", &[ragged(), nulls], 3).rows();
    assert_eq!(rows, [None, None, row(&[1, 3], &[6.0, 7.0, 8.0])]);
}

#[test]
fn shapes_that_do_not_fit_are_errors() {
    let planned = |shape: &str| call("reshape", &[fixed(), literal(shape)], 2).unwrap_err();
    assert!(planned("4, -1").contains("6 elements do not fit shape [4, -1]"));
    assert!(planned("-1, -1").contains("only one size may be -1"));
    assert!(planned("-2, -3").contains("do not fit"));
    assert!(planned("0, -1").contains("do not fit"));
    let error = call("reshape", &[ragged(), literal("6")], 3).unwrap_err();
    assert!(error.contains("row 2") && error.contains("3 elements"), "{error}");
    let error = call("reshape", &[fixed(), sizes(&[7])], 2).unwrap_err();
    assert!(error.contains("row 0"), "{error}");
}

#[test]
fn dimensions_of_one() {
    let tall = run("expand_dims", &[fixed(), literal(-1i64)], 2);
    assert_eq!(tall.ty().to_string(), "f32[6,1]");
    assert_eq!(tall.rows()[0].as_ref().unwrap().0, [6, 1]);
    assert_eq!(run("squeeze", &[tall.given()], 2).ty().to_string(), "f32[6]");
    let front = run("expand_dims", &[ragged(), literal(0i64)], 3);
    assert_eq!(front.ty().to_string(), "i64[1,?,3]");
    let back = run("squeeze", &[front.given(), literal(0i64)], 3);
    assert_eq!(
        (back.ty().to_string(), back.rows()),
        ("i64[?,3]".into(), run("tensor_abs", &[ragged()], 3).rows())
    );
    let error = call("squeeze", &[ragged(), literal(0i64)], 3).unwrap_err();
    assert!(error.contains("row 0") && error.contains("size 2, not 1"), "{error}");
    let error = call("squeeze", &[ragged(), literal(1i64)], 3).unwrap_err();
    assert!(error.contains("dimension 1 has size 3"), "{error}");
}

#[test]
fn null_scalars_become_null_tensors() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(4), None]));
    let numbers = || scalars(DType::I64, Arc::clone(&numbers));
    let one = run("expand_dims", &[numbers(), literal(0i64)], 2);
    assert_eq!(
        (one.ty().to_string(), one.rows()),
        ("i64[1]".into(), vec![row(&[1], &[4.0]), None])
    );
    let deep = run("reshape", &[numbers(), sizes(&[1, 1])], 2).rows();
    assert_eq!(deep, [row(&[1, 1], &[4.0]), None]);
}

#[test]
fn transposing() {
    let turned = run("transpose", &[ragged()], 3);
    assert_eq!(turned.ty().to_string(), "i64[3,?]");
    assert_eq!(turned.rows()[0], row(&[3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
    assert_eq!(turned.rows()[1], None);
    let cube = run("reshape", &[fixed(), literal("1, 2, 3")], 2).given();
    let last = run("transpose", &[cube.clone(), literal("2, 0, 1")], 2);
    assert_eq!(last.ty().to_string(), "f32[3,1,2]");
    assert_eq!(last.rows(), [row(&[3, 1, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]), None]);
    let listed = run("transpose", &[cube.clone(), sizes(&[-1, 0, 1])], 2);
    assert_eq!(listed.rows(), last.rows());
    let error = call("transpose", &[cube, literal("0, 0, 1")], 2).unwrap_err();
    assert!(error.contains("listed twice"), "{error}");
}

#[test]
fn joining() {
    let tall = run("tensor_concat", &[ragged(), ragged()], 3);
    assert_eq!(tall.ty().to_string(), "i64[?,3]");
    assert_eq!(tall.rows()[2], row(&[2, 3], &[6.0, 7.0, 8.0, 6.0, 7.0, 8.0]));
    let wide = run("tensor_concat", &[ragged(), ragged(), literal(-1i64)], 3);
    assert_eq!(wide.ty().to_string(), "i64[?,6]");
    let wanted = [0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 3.0, 4.0, 5.0];
    assert_eq!(wide.rows()[0], row(&[2, 6], &wanted));
    assert_eq!(wide.rows()[1], None);
    let null = literal(ScalarValue::Null);
    let longer = run("tensor_concat", &[fixed(), fixed(), null], 2);
    assert_eq!(longer.ty().to_string(), "f32[12]");
    let mixed = run("tensor_concat", &[fixed(), run("tensor_sign", &[fixed()], 2).given()], 2);
    assert_eq!(mixed.ty().to_string(), "f32[12]");
    let error = call("tensor_concat", &[ragged(), fixed()], 2).unwrap_err();
    assert!(error.contains("one number of dimensions"), "{error}");
    let six = run("tensor_flatten", &[ragged()], 3).given();
    let error = call("tensor_stack", &[six.clone(), literal(0i64), six], 3).unwrap_err();
    assert!(error.contains("one number of dimensions"), "{error}");
}

#[test]
fn stacking() {
    let two = run("tensor_stack", &[fixed(), fixed()], 2);
    assert_eq!(two.ty().to_string(), "f32[2,6]");
    assert_eq!(two.rows()[1], None);
    let pairs = run("tensor_stack", &[ragged(), ragged(), literal(2i64)], 3);
    assert_eq!(pairs.ty().to_string(), "i64[?,3,2]");
    assert_eq!(pairs.rows()[2], row(&[1, 3, 2], &[6.0, 6.0, 7.0, 7.0, 8.0, 8.0]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let numbers = scalars(DType::I64, numbers);
    let null = literal(ScalarValue::Null);
    let vector = run("tensor_stack", &[numbers.clone(), numbers, null], 2);
    assert_eq!(
        (vector.ty().to_string(), vector.rows()),
        ("i64[2]".into(), vec![row(&[2], &[1.0, 1.0]), None])
    );
}

#[test]
fn scalars_are_joined_as_text() {
    let names: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None]));
    let names = scalars(DType::Text, names);
    let joined = run("tensor_concat", &[names, literal("-"), literal(7i64)], 2).texts();
    assert_eq!(joined, [Some("a-7".into()), Some("-7".into())]);
    let reversed = run("tensor_reverse", &[literal("abç")], 1).texts();
    assert_eq!(reversed, [Some("çba".into())]);
}

#[test]
fn sorting() {
    let ty = TensorType::tensor(DType::F64, vec![None]);
    let x = tensors::<Float64Type>(
        &ty,
        &[Some((&[5], vec![3.0, f64::NAN, 1.0, 3.0, -2.0])), None, Some((&[0], vec![]))],
    );
    let shown = |name: &str, args: &[Given]| {
        format!("{:?}", run(name, args, 3).rows()[0].as_ref().unwrap().1)
    };
    assert_eq!(shown("tensor_sort", std::slice::from_ref(&x)), "[-2.0, 1.0, 3.0, 3.0, NaN]");
    assert_eq!(shown("tensor_sort", &[x.clone(), literal(true)]), "[NaN, 3.0, 3.0, 1.0, -2.0]");
    assert_eq!(shown("argsort", std::slice::from_ref(&x)), "[4.0, 2.0, 0.0, 3.0, 1.0]");
    assert_eq!(shown("argsort", &[x.clone(), literal(true)]), "[1.0, 0.0, 3.0, 2.0, 4.0]");
    assert_eq!(shown("topk", &[x.clone(), literal(3i64)]), "[NaN, 3.0, 3.0]");
    assert_eq!(shown("tensor_unique", std::slice::from_ref(&x)), "[-2.0, 1.0, 3.0, NaN]");
    assert_eq!(run("topk", &[x.clone(), literal(3i64)], 3).rows()[1..], [None, row(&[0], &[])]);
    let lines = run("tensor_sort", &[ragged(), literal(true)], 3).rows();
    assert_eq!(lines[0], row(&[2, 3], &[2.0, 1.0, 0.0, 5.0, 4.0, 3.0]));
    let top = run("topk", &[ragged(), literal(2i64)], 3);
    assert_eq!(top.ty().to_string(), "i64[?,?]");
    assert_eq!(top.rows()[0], row(&[2, 2], &[2.0, 1.0, 5.0, 4.0]));
    let ks: ArrayRef = Arc::new(Int64Array::from(vec![1, 1, 9]));
    let by_row = run("topk", &[ragged(), scalars(DType::I64, ks)], 3);
    assert_eq!(by_row.rows()[0], row(&[2, 1], &[2.0, 5.0]));
    assert_eq!(by_row.rows()[2], row(&[1, 3], &[8.0, 7.0, 6.0]));
    let error = call("topk", &[x, literal(-1i64)], 3).unwrap_err();
    assert!(error.contains("k is not below 0"), "{error}");
}

#[test]
fn class_labels_keep_their_names() {
    let x = labels(&["RBC", "WBC"], &[Some(&[1, 0, 1]), None]);
    let kinds = run("tensor_unique", std::slice::from_ref(&x), 2);
    assert_eq!(kinds.ty().classes[..], ["RBC".to_string(), "WBC".into()]);
    assert_eq!(kinds.rows(), [row(&[2], &[0.0, 1.0]), None]);
    let back = run("tensor_reverse", &[x], 2);
    assert_eq!((back.ty().classes.len(), back.rows()[0].clone()), (2, row(&[3], &[1.0, 0.0, 1.0])));
}

#[test]
fn distinct_texts() {
    let words = run("tensor_array", &[literal("b"), literal("a"), literal("b")], 1);
    let kinds = run("tensor_unique", &[words.given()], 1);
    assert_eq!(kinds.ty(), words.ty());
    let kinds = arrow::array::AsArray::as_list::<i32>(&kinds.array).value(0);
    let kinds: Vec<_> = arrow::array::AsArray::as_string_view(&kinds).iter().flatten().collect();
    assert_eq!(kinds, ["a", "b"]);
}

#[test]
fn backwards() {
    let down = run("tensor_reverse", &[ragged()], 3).rows();
    assert_eq!(down[0], row(&[2, 3], &[3.0, 4.0, 5.0, 0.0, 1.0, 2.0]));
    let across = run("tensor_reverse", &[ragged(), literal(1i64)], 3).rows();
    assert_eq!(across[0], row(&[2, 3], &[2.0, 1.0, 0.0, 5.0, 4.0, 3.0]));
}

#[test]
fn measures() {
    assert_eq!(run("tensor_size", &[ragged()], 3).scalars(), [Some(6.0), None, Some(3.0)]);
    assert_eq!(run("tensor_ndim", &[ragged()], 3).scalars(), [Some(2.0), None, Some(2.0)]);
    assert_eq!(run("tensor_dtype", &[fixed()], 2).texts(), [Some("f32".into()), None]);
    assert_eq!(run("tensor_size", &[literal(7i64)], 1).scalars(), [Some(1.0)]);
}

#[test]
fn matrix_products() {
    let ty = TensorType::tensor(DType::F64, vec![None, None]);
    let a =
        tensors::<Float64Type>(&ty, &[Some((&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])), None]);
    let b =
        tensors::<Float64Type>(&ty, &[Some((&[3, 2], vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0])), None]);
    let product = run("matmul", &[a.clone(), b.clone()], 2);
    assert_eq!(product.rows(), [row(&[2, 2], &[4.0, 5.0, 10.0, 11.0]), None]);
    let vector = sizes(&[1, 0, -1]);
    let column = run("matmul", &[a.clone(), vector.clone()], 2).rows();
    assert_eq!(column[0], row(&[2], &[-2.0, -2.0]));
    let line = run("matmul", &[vector.clone(), b], 2).rows();
    assert_eq!(line[0], row(&[2], &[0.0, -1.0]));
    assert_eq!(run("matmul", &[vector.clone(), vector], 1).scalars(), [Some(2.0)]);
    let whole = run("matmul", &[ragged(), run("transpose", &[ragged()], 3).given()], 3);
    assert_eq!(whole.ty().to_string(), "i64[?,?]");
    assert_eq!(whole.rows()[0], row(&[2, 2], &[5.0, 14.0, 14.0, 50.0]));
    let error = call("matmul", &[a.clone(), a], 2).unwrap_err();
    assert!(error.contains("shapes [2, 3] and [2, 3] do not multiply"), "{error}");
}

#[test]
fn masks_of_several_dimensions() {
    let over = run("tensor_gt", &[ragged(), literal(3i64)], 3).given();
    let chosen = run("tensor_index", &[ragged(), literal("$"), over.clone()], 3);
    assert_eq!(chosen.ty().to_string(), "i64[?]");
    assert_eq!(chosen.rows(), [row(&[2], &[4.0, 5.0]), None, row(&[3], &[6.0, 7.0, 8.0])]);
    let cube = run("expand_dims", &[ragged(), literal(2i64)], 3).given();
    let deep = run("tensor_index", &[cube, literal("$"), over.clone()], 3);
    assert_eq!(deep.ty().to_string(), "i64[?,1]");
    assert_eq!(deep.rows()[0], row(&[2, 1], &[4.0, 5.0]));
    let other = run("transpose", &[over], 3).given();
    let error = call("tensor_index", &[ragged(), literal("$"), other.clone()], 3).unwrap_err();
    assert!(error.contains("a mask of shape [3, 2] does not fit shape [2, 3]"), "{error}");
    let nothing = run("tensor_index_or_null", &[ragged(), literal("$"), other], 3).rows();
    assert_eq!(nothing, [None, None, None]);
}
