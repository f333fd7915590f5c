use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int32Array;
use arrow::datatypes::Field;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use datafusion_common::config::ConfigOptions;
use datafusion_expr::ReturnFieldArgs;
use datafusion_expr::ScalarFunctionArgs;
use lakebed_core::TensorArray;

use super::*;
use crate::testing::*;

fn called(udf: &ScalarUDF, args: &[Given], rows: usize) -> Result<Answer, String> {
    let arg_fields: Vec<_> = args.iter().map(|arg| Arc::clone(&arg.field)).collect();
    let literals = vec![None; args.len()];
    let planning = ReturnFieldArgs { arg_fields: &arg_fields, scalar_arguments: &literals };
    let field = udf.return_field_from_args(planning).map_err(|error| error.to_string())?;
    let value = udf
        .invoke_with_args(ScalarFunctionArgs {
            args: args.iter().map(|arg| arg.value.clone()).collect(),
            arg_fields,
            number_rows: rows,
            return_field: Arc::clone(&field),
            config_options: Arc::new(ConfigOptions::default()),
        })
        .map_err(|error| error.to_string())?;
    Ok(Answer { field, array: value.into_array(rows).unwrap() })
}

fn ids() -> Given {
    let ids: ArrayRef = Arc::new(Int32Array::from(vec![Some(3), None, Some(-1)]));
    scalars(DType::I32, ids)
}

#[test]
fn functions_of_one_two_and_no_numbers() {
    let doubled = UserFunction::unary("FQ", |x: i64| 2 * x).into_udf();
    assert_eq!(doubled.name(), "fq");
    assert!(doubled.is_strict());
    let answer = called(&doubled, &[ids()], 3).unwrap();
    assert_eq!(answer.ty().to_string(), "i64");
    assert_eq!(answer.scalars(), [Some(6.0), None, Some(-2.0)]);
    let added = UserFunction::binary("addq", |a: f64, b: f64| a + b).into_udf();
    let ty = TensorType::tensor(DType::F32, vec![None]);
    let x = tensors::<Float32Type>(
        &ty,
        &[Some((&[2], vec![0.5, 1.0])), Some((&[0], vec![])), Some((&[1], vec![2.0]))],
    );
    let answer = called(&added, &[ids(), x], 3).unwrap();
    assert_eq!(answer.rows(), [Some((vec![2], vec![3.5, 4.0])), None, Some((vec![1], vec![1.0]))]);
    let seven = UserFunction::constant("zeroq", || 7i64).into_udf();
    assert_eq!(called(&seven, &[], 2).unwrap().scalars(), [Some(7.0), Some(7.0)]);
}

#[test]
fn wrong_calls_name_the_function() {
    let doubled = UserFunction::unary("fq", |x: i64| 2 * x).into_udf();
    let error = called(&doubled, &[ids(), ids()], 3).unwrap_err();
    assert!(error.contains("fq was given 2 arguments: write fq(a)"), "{error}");
    let text: ArrayRef = Arc::new(arrow::array::StringViewArray::from(vec!["x"]));
    let error = called(&doubled, &[scalars(DType::Text, text)], 1).unwrap_err();
    assert!(error.contains("fq: `text`: it takes numbers"), "{error}");
}

#[test]
fn a_function_of_whole_tensors() {
    // The largest step between neighbours, or null for fewer than two.
    let plan = |args: &[Arg]| match args {
        [x] if x.numeric().is_some() => Ok(Output::scalar(DType::F64, true)),
        _ => Err(FunctionError::User { function: "steps".into(), reason: "numbers only".into() }),
    };
    let run = |args: &[Value], _: &Output, rows: usize| -> Result<ArrayRef> {
        let x = args[0].numbers()?;
        let elements = x.elements_as(&arrow::datatypes::DataType::Float64)?;
        let values = elements.as_primitive::<Float64Type>().values();
        let largest = |row: usize| {
            let row = values[x.range(row)].windows(2).map(|pair| pair[1] - pair[0]);
            row.reduce(f64::max)
        };
        let rows = (0..rows).map(|row| if x.is_null(row) { None } else { largest(row) });
        Ok(Arc::new(rows.collect::<arrow::array::Float64Array>()))
    };
    let udf = UserFunction::new("steps", 1..=1, plan, run)
        .described("steps(x) -> f64", "The largest step between neighbours.")
        .into_udf();
    let ty = TensorType::tensor(DType::I64, vec![None]);
    let x = tensors::<Int64Type>(&ty, &[Some((&[3], vec![1, 5, 6])), None, Some((&[1], vec![1]))]);
    assert_eq!(called(&udf, &[x], 3).unwrap().scalars(), [Some(4.0), None, None]);
    let ours = TensorUdf::of_udf(&udf).unwrap();
    assert_eq!(ours.function().entry().help, "The largest step between neighbours.");
}

#[test]
fn what_is_volatile_is_called_for_every_row() {
    use std::sync::atomic::AtomicU64;
    use std::sync::atomic::Ordering;
    let count = AtomicU64::new(0);
    let next = UserFunction::constant("next", move || count.fetch_add(1, Ordering::Relaxed))
        .with_volatility(Volatility::Volatile)
        .into_udf();
    assert_eq!(called(&next, &[], 3).unwrap().scalars(), [Some(0.0), Some(1.0), Some(2.0)]);
}

#[test]
fn a_result_can_be_a_tensor() {
    // One-element rows: [x, x].
    let plan = |args: &[Arg]| {
        let ty = TensorType::tensor(DType::F64, vec![None]);
        Ok(Output::tensor(ty, args.iter().any(Arg::nullable)))
    };
    let run = |args: &[Value], out: &Output, rows: usize| -> Result<ArrayRef> {
        let x = args[0].numbers()?;
        let elements = x.elements_as(&arrow::datatypes::DataType::Float64)?;
        let values = elements.as_primitive::<Float64Type>().values();
        let mut pairs = lakebed_core::TensorBuilder::<f64>::new(1);
        for row in 0..rows {
            match x.is_null(row) {
                true => pairs.push_null(None)?,
                false => pairs.push(&[values[x.range(row)][0]; 2], &[2])?,
            }
        }
        Ok(pairs.finish::<Float64Type>(out.ty()?)?)
    };
    let udf = UserFunction::new("twice", 1..=1, plan, run).into_udf();
    let answer = called(&udf, &[ids()], 3).unwrap();
    let tensor = TensorArray::try_new(answer.ty(), &answer.array).unwrap();
    assert!(tensor.is_null(1) && answer.array.null_count() == 1);
    assert_eq!(answer.rows()[0], Some((vec![2], vec![3.0, 3.0])));
    assert_eq!(
        Field::new("x", answer.array.data_type().clone(), true).data_type(),
        answer.field.data_type()
    );
}
