use arrow::array::ArrayRef;
use arrow::array::Int64Array;
use arrow::array::ListArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use lakebed_core::DType;
use lakebed_core::TensorType;
use proptest::prelude::*;

use crate::testing::*;

fn ragged<P: arrow::datatypes::ArrowPrimitiveType>(
    dtype: DType,
    rows: &[Option<Vec<P::Native>>],
) -> Given
where
    P::Native: Default,
{
    let ty = TensorType::tensor(dtype, vec![None]);
    let shapes: Vec<[usize; 1]> =
        rows.iter().map(|row| [row.as_ref().map_or(0, Vec::len)]).collect();
    let rows: Vec<_> = rows
        .iter()
        .zip(&shapes)
        .map(|(row, shape)| row.as_ref().map(|values| (&shape[..], values.clone())))
        .collect();
    tensors::<P>(&ty, &rows)
}

#[test]
fn empties_have_the_neutral_answers() {
    let x = ragged::<Int32Type>(DType::I32, &[Some(vec![]), None, Some(vec![3, -1])]);
    let of = |name: &str| run(name, std::slice::from_ref(&x), 3).scalars();
    assert_eq!(of("tensor_sum"), [Some(0.0), None, Some(2.0)]);
    assert_eq!(of("tensor_prod"), [Some(1.0), None, Some(-3.0)]);
    assert_eq!(of("tensor_avg"), [Some(0.0), None, Some(1.0)]);
    assert_eq!(of("tensor_amin"), [Some(0.0), None, Some(-1.0)]);
    assert_eq!(of("tensor_amax"), [Some(0.0), None, Some(3.0)]);
    assert_eq!(of("l2_norm")[0], Some(0.0));
    assert_eq!(
        run("tensor_all", std::slice::from_ref(&x), 3).bools(),
        [Some(true), None, Some(true)]
    );
    assert_eq!(
        run("tensor_all_strict", std::slice::from_ref(&x), 3).bools(),
        [Some(false), None, Some(true)]
    );
}

#[test]
fn types_of_results() {
    let type_of = |name: &str, x: Given| run(name, &[x], 1).ty().to_string();
    let bytes = ragged::<UInt8Type>(DType::U8, &[Some(vec![255; 300])]);
    assert_eq!(type_of("tensor_sum", bytes.clone()), "i64");
    assert_eq!(run("tensor_sum", std::slice::from_ref(&bytes), 1).scalars(), [Some(76_500.0)]);
    assert_eq!(type_of("tensor_amax", bytes.clone()), "u8");
    assert_eq!(type_of("tensor_avg", bytes.clone()), "f64");
    assert_eq!(type_of("l1_norm", bytes), "f64");
    let floats = ragged::<Float32Type>(DType::F32, &[Some(vec![3.0, 4.0])]);
    assert_eq!(type_of("tensor_sum", floats.clone()), "f32");
    assert_eq!(type_of("l2_norm", floats.clone()), "f32");
    assert_eq!(run("l2_norm", &[floats], 1).scalars(), [Some(5.0)]);
}

#[test]
fn sums_that_leave_64_bits_name_the_row() {
    let x = ragged::<Int64Type>(DType::I64, &[Some(vec![1]), Some(vec![i64::MAX, 1])]);
    let error = call("tensor_sum", std::slice::from_ref(&x), 2).unwrap_err();
    assert!(error.contains("row 1") && error.contains("64 bits"), "{error}");
    let fine = ragged::<Int64Type>(DType::I64, &[Some(vec![i64::MAX, 1, -1])]);
    assert_eq!(run("tensor_sum", &[fine], 1).scalars().len(), 1);
    let zero = ragged::<Int64Type>(DType::I64, &[Some(vec![i64::MAX, 3, 0])]);
    assert_eq!(run("tensor_prod", &[zero], 1).scalars(), [Some(0.0)]);
    assert!(call("tensor_prod", &[x], 2).is_ok());
}

#[test]
fn a_million_floats_are_accurate() {
    let n = 1_000_000;
    let values: Vec<f32> = (0..n).map(|i: i32| 0.1 + (i % 7) as f32).collect();
    let exact: f64 = values.iter().map(|x| f64::from(*x)).sum();
    let squares: f64 = values.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>();
    let x = ragged::<Float32Type>(DType::F32, &[Some(values)]);
    let near = |name: &str, args: &[Given], wanted: f64| {
        let found = run(name, args, 1).scalars()[0].unwrap();
        assert!(((found - wanted) / wanted).abs() < 1e-6, "{name}: {found} for {wanted}");
    };
    near("tensor_sum", std::slice::from_ref(&x), exact);
    near("l1_norm", std::slice::from_ref(&x), exact);
    near("l2_norm", std::slice::from_ref(&x), squares.sqrt());
    near("dot", &[x.clone(), x.clone()], squares);
    near("cosine_similarity", &[x.clone(), x.clone()], 1.0);
    near("tensor_avg", &[x], exact / f64::from(n));
}

#[test]
fn lists_from_sql_count_as_vectors() {
    let list: ListArray = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![
        Some(vec![Some(1), Some(2)]),
        None,
        Some(vec![Some(1), None]),
    ]);
    let field =
        arrow::datatypes::Field::new("l", arrow::array::Array::data_type(&list).clone(), true);
    let given = Given {
        field: std::sync::Arc::new(field),
        value: datafusion_expr::ColumnarValue::Array(std::sync::Arc::new(list)),
    };
    // As SQL's aggregates pass over nulls.
    assert_eq!(
        run("tensor_sum", std::slice::from_ref(&given), 3).scalars(),
        [Some(3.0), None, Some(1.0)]
    );
    assert_eq!(run("tensor_shape", &[given], 3).rows()[2], Some((vec![1], vec![2.0])));
    let plain: ArrayRef = std::sync::Arc::new(Int64Array::from(vec![4]));
    assert_eq!(run("tensor_sum", &[scalars(DType::I64, plain)], 1).scalars(), [Some(4.0)]);
}

#[test]
fn a_matrix_and_a_vector_pair_row_by_row() {
    let ty = TensorType::tensor(DType::F64, vec![None, Some(2)]);
    let matrix = tensors::<Float64Type>(
        &ty,
        &[Some((&[2, 2], vec![1.0, 0.0, 0.0, 3.0])), None, Some((&[0, 2], vec![]))],
    );
    let vector = constant(&run("tensor_array", &[literal(1i64), literal(1i64)], 1));
    let dots = run("dot", &[matrix.clone(), vector.clone()], 3);
    assert_eq!(dots.rows(), [Some((vec![2], vec![1.0, 3.0])), None, Some((vec![0], vec![]))]);
    let cosines = run("cosine_similarity", &[vector, matrix.clone()], 3).rows();
    let half = 0.5f64.sqrt();
    assert!(cosines[0].as_ref().unwrap().1.iter().all(|c| (c - half).abs() < 1e-12));
    let three = constant(&run("tensor_array", &[literal(1i64), literal(1i64), literal(1i64)], 1));
    let error = call("dot", &[matrix, three], 3).unwrap_err();
    assert!(error.contains("vectors of 2 and 3 elements"), "{error}");
}

proptest! {
    #[test]
    fn reductions_agree_with_the_definition(
        rows in prop::collection::vec(
            prop::option::weighted(0.9, prop::collection::vec(
                prop_oneof![9 => -100.0f64..100.0, 1 => Just(f64::NAN)], 0..40)),
            1..8,
        )
    ) {
        let x = ragged::<Float64Type>(DType::F64, &rows);
        let found = |name: &str| run(name, std::slice::from_ref(&x), rows.len()).scalars();
        let expect = |name: &str, f: &dyn Fn(&[f64]) -> f64| {
            for (found, row) in found(name).into_iter().zip(&rows) {
                match (found, row.as_ref().map(|row| f(row))) {
                    (None, None) => {}
                    (Some(a), Some(b)) if a.is_nan() && b.is_nan() => {}
                    (Some(a), Some(b)) => assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{name}: {a} for {b}"),
                    other => panic!("{name}: {other:?}"),
                }
            }
        };
        let nan = |row: &[f64]| row.iter().any(|x| x.is_nan());
        expect("tensor_sum", &|row| row.iter().sum());
        expect("tensor_avg", &|row| if row.is_empty() { 0.0 } else { row.iter().sum::<f64>() / row.len() as f64 });
        expect("l1_norm", &|row| row.iter().map(|x| x.abs()).sum());
        expect("l2_norm", &|row| row.iter().map(|x| x.powi(2)).sum::<f64>().sqrt());
        expect("linf_norm", &|row| if nan(row) { f64::NAN } else { row.iter().fold(0.0, |m, x| x.abs().max(m)) });
        let extreme = |row: &[f64], largest: bool| {
            let mut sorted = row.to_vec();
            sorted.sort_by(f64::total_cmp);
            if nan(row) { return f64::NAN }
            (if largest { sorted.last() } else { sorted.first() }).copied().unwrap_or(0.0)
        };
        expect("tensor_amin", &|row| extreme(row, false));
        expect("tensor_amax", &|row| extreme(row, true));
        let bools = |name: &str| run(name, std::slice::from_ref(&x), rows.len()).bools();
        for (found, row) in bools("tensor_any").into_iter().zip(&rows) {
            prop_assert_eq!(found, row.as_ref().map(|row| row.iter().any(|x| *x != 0.0)));
        }
        for (found, row) in bools("tensor_all").into_iter().zip(&rows) {
            prop_assert_eq!(found, row.as_ref().map(|row| row.iter().all(|x| *x != 0.0)));
        }
    }
}
