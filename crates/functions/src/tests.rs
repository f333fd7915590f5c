use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::Int32Array;
use arrow::array::StringViewArray;
use arrow::datatypes::Field;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Schema;
use datafusion_common::DFSchema;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::ExpressionPlacement;
use datafusion_expr::col;
use datafusion_expr::lit;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::testing::*;

#[test]
fn every_function_is_described_once() {
    let mut names = BTreeSet::new();
    for entry in crate::catalogue() {
        assert!(names.insert(entry.udf), "{} twice", entry.udf);
        for text in [entry.signature, entry.help, entry.example] {
            assert!(!text.is_empty(), "{}", entry.udf);
        }
        assert!(entry.example.starts_with("SELECT ") && entry.help.ends_with('.'), "{}", entry.udf);
        // As many names as arguments, or one that stands for any number of them.
        let udf = crate::by_udf_name(entry.udf).unwrap();
        let (_, most) = crate::TensorUdf::of_udf(&udf).unwrap().function().arity();
        let several = entry.parameters.iter().any(|name| name.starts_with('*'));
        assert_eq!(several, most == usize::MAX, "{}", entry.udf);
        assert!(several || entry.parameters.len() == most, "{}", entry.udf);
        assert_eq!(udf.signature().parameter_names.is_some(), !several, "{}", entry.udf);
        let error = call(entry.udf, &[], 1);
        assert!(error.is_ok() || error.unwrap_err().contains(entry.signature), "{}", entry.udf);
    }
    assert_eq!(crate::all().len(), names.len());
    assert_eq!(crate::udf_of_tql("mean"), Some("tensor_avg"));
    assert_eq!(crate::udf_of_tql("shape"), Some("tensor_shape"));
    assert!(crate::by_udf_name("SHAPE").is_some() && crate::by_udf_name("sum").is_none());
}

fn schema() -> DFSchema {
    let column =
        |name: &str, dtype: DType, nullable| TensorType::scalar(dtype).to_field(name, nullable);
    let label = Column::class_label("label", vec!["RBC".into(), "WBC".into()]);
    let boxes = TensorType::tensor(DType::F32, vec![None, Some(4)]);
    DFSchema::try_from(Schema::new(vec![
        column("id", DType::I32, false),
        column("score", DType::F32, true),
        column("name", DType::Text, true),
        column("flag", DType::Bool, true),
        TensorType::from_column(&label).to_field("label", true),
        boxes.to_field("boxes", true),
        Field::new("day", arrow::datatypes::DataType::Date32, true),
    ]))
    .unwrap()
}

fn simplified(name: &str, args: Vec<Expr>) -> String {
    let context = SimplifyContext::builder().with_schema(Arc::new(schema())).build();
    let udf = crate::by_udf_name(name).unwrap();
    match udf.simplify(args.clone(), &context).unwrap() {
        ExprSimplifyResult::Simplified(expr) => {
            let (_, before) = {
                use datafusion_expr::ExprSchemable;
                udf.call(args).to_field(context.schema().as_ref()).unwrap()
            };
            use datafusion_expr::ExprSchemable;
            let (_, after) = expr.to_field(context.schema().as_ref()).unwrap();
            assert_eq!(before.data_type(), after.data_type(), "{name}");
            assert!(before.is_nullable() || !after.is_nullable(), "{name} became nullable");
            expr.to_string()
        }
        ExprSimplifyResult::Original(_) => "unchanged".into(),
    }
}

#[test]
fn plain_scalars_become_native_expressions() {
    let eq = |a, b| simplified("tensor_eq", vec![a, b]);
    assert_eq!(eq(col("id"), lit(3i64)), "CAST(id AS Int64) = Int64(3)");
    assert_eq!(eq(col("name"), lit("x")), "name = CAST(Utf8(\"x\") AS Utf8View)");
    assert_eq!(eq(col("label"), lit("WBC")), "label = UInt32(1)");
    assert_eq!(eq(col("id"), lit(2.5)), "CAST(id AS Float64) = Float64(2.5)");
    assert_eq!(eq(col("score"), lit(2.5)), "unchanged");
    assert_eq!(eq(col("id"), lit(f64::NAN)), "unchanged");
    assert_eq!(eq(col("boxes"), lit(2.5)), "unchanged");
    assert_eq!(
        simplified("tensor_lt", vec![col("day"), lit("2024-01-01")]),
        "day < CAST(Utf8(\"2024-01-01\") AS Date32)"
    );
    assert_eq!(simplified("tensor_truth", vec![col("flag")]), "flag IS TRUE");
    assert_eq!(simplified("tensor_truth", vec![col("id")]), "id != Int32(0)");
    assert_eq!(simplified("tensor_add", vec![col("id"), lit(3i64)]), "unchanged");
    assert_eq!(
        simplified("tensor_mul", vec![col("score"), lit(2.0)]),
        "CAST(score AS Float64) * Float64(2)"
    );
    assert_eq!(simplified("tensor_div", vec![col("score"), col("score")]), "unchanged");
    assert_eq!(
        simplified("tensor_like", vec![col("name"), lit("a*_?")]),
        "name LIKE Utf8View(\"a%\\__\")"
    );
    assert_eq!(simplified("tensor_like", vec![col("name"), lit("*")]), "name != Utf8View(\"\")");
    assert_eq!(simplified("tensor_like", vec![col("name"), lit("[ab]")]), "unchanged");
    assert_eq!(simplified("tensor_is_null", vec![col("id")]), "id IS NULL");
    assert_eq!(
        simplified("tensor_is_null", vec![col("name")]),
        "name IS NULL OR name = Utf8View(\"\") IS TRUE"
    );
    assert_eq!(simplified("tensor_is_null", vec![col("boxes")]), "unchanged");
    assert_eq!(
        simplified("tensor_in", vec![col("label"), lit("WBC"), lit("RBC")]),
        "label IN ([UInt32(1), UInt32(0)])"
    );
    assert_eq!(simplified("tensor_in", vec![col("score"), lit(1.5)]), "unchanged");
    assert_eq!(
        simplified("tensor_between", vec![col("id"), lit(1i64), lit(2i64)]),
        "CAST(id AS Int64) >= Int64(1) AND CAST(id AS Int64) <= Int64(2)"
    );
    assert_eq!(
        simplified("tensor_index", vec![col("boxes"), lit("$, $:2"), lit(0i64), lit(1i64)]),
        "tensor_slice(boxes, Utf8(\"0, 1:2\"))"
    );
    assert_eq!(simplified("tensor_not", vec![col("flag")]), "NOT flag");
}

#[test]
fn wrong_types_are_found_while_planning() {
    use datafusion_expr::ExprSchemable;
    let planned = |name: &str, args: Vec<Expr>| {
        let udf = crate::by_udf_name(name).unwrap();
        udf.call(args).to_field(&schema()).unwrap_err().to_string()
    };
    let error = planned("tensor_eq", vec![col("boxes"), lit("x")]);
    assert!(error.contains("`f32[?,4]` and `text`"), "{error}");
    let error = planned("tensor_eq", vec![col("label"), lit("RBCs")]);
    assert!(error.contains("did you mean 'RBC'"), "{error}");
    let error = planned("tensor_slice", vec![col("boxes"), lit(":, 4")]);
    assert!(error.contains("index 4 is out of range for dimension 1 of size 4"), "{error}");
    let error = planned("tensor_truth", vec![col("day")]);
    assert!(error.contains("`date`") && error.contains("write a comparison"), "{error}");
}

#[test]
fn slices_of_columns_move_to_the_scan() {
    let placed = |name: &str, args: &[ExpressionPlacement]| {
        crate::by_udf_name(name).unwrap().placement(args)
    };
    let (column, literal) = (ExpressionPlacement::Column, ExpressionPlacement::Literal);
    let leaves = ExpressionPlacement::MoveTowardsLeafNodes;
    let stays = ExpressionPlacement::KeepInPlace;
    assert_eq!(placed("tensor_slice_or_null", &[column, literal]), leaves);
    // A strict slice may fail, so it stays above limits that drop rows without the element.
    assert_eq!(placed("tensor_slice", &[column, literal]), stays);
    assert_eq!(placed("tensor_shape", &[column]), leaves);
    assert_eq!(placed("tensor_slice_or_null", &[leaves, literal]), stays);
    assert_eq!(placed("l2_norm", &[column]), stays);
}

#[test]
fn null_literals_take_the_other_type() {
    let x: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    let x = scalars(DType::I32, x);
    assert_eq!(run("tensor_eq", &[x.clone(), literal(ScalarValue::Null)], 2).bools(), [None, None]);
    assert_eq!(run("tensor_add", &[literal(ScalarValue::Null), x], 2).scalars(), [None, None]);
    assert_eq!(run("tensor_is_null", &[literal(ScalarValue::Null)], 1).bools(), [Some(true)]);
    assert_eq!(run("tensor_truth", &[literal(ScalarValue::Null)], 1).bools(), [Some(false)]);
}

#[test]
fn null_and_empty_are_two_things() {
    let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some(""), None, Some("a")]));
    let texts = scalars(DType::Text, texts);
    let of = |name: &str, x: &Given| run(name, std::slice::from_ref(x), 3).bools();
    assert_eq!(of("tensor_is_null", &texts), [Some(true), Some(true), Some(false)]);
    assert_eq!(of("is_empty", &texts), [Some(true), None, Some(false)]);
    let ty = TensorType::tensor(DType::I32, vec![None]);
    let arrays = tensors::<Int32Type>(&ty, &[Some((&[0], vec![])), None, Some((&[1], vec![0]))]);
    assert_eq!(of("tensor_is_null", &arrays), [Some(true), Some(true), Some(false)]);
    assert_eq!(of("is_empty", &arrays), [Some(true), None, Some(false)]);
    assert_eq!(of("tensor_truth", &arrays), [Some(false), Some(false), Some(false)]);
    let json: ArrayRef = Arc::new(StringViewArray::from(vec![Some("null"), None, Some("{}")]));
    assert_eq!(
        of("tensor_is_null", &scalars(DType::Json, json)),
        [Some(true), Some(true), Some(false)]
    );
}

#[test]
fn array_literals_choose_their_type() {
    let of = |items: &[Given]| run("tensor_array", items, 1);
    let small = of(&[literal(1i64), literal(0.1)]);
    assert_eq!(small.ty().to_string(), "f32[2]");
    assert_eq!(of(&[literal(1i64), literal(16_777_217i64)]).ty().to_string(), "i64[2]");
    assert_eq!(of(&[literal(0.5), literal(16_777_217i64)]).ty().to_string(), "f64[2]");
    assert_eq!(of(&[literal(1i64), literal(i64::MAX)]).ty().to_string(), "i64[2]");
    assert_eq!(of(&[literal(true), literal(false)]).ty().to_string(), "bool[2]");
    let matrix = of(&[constant(&small), constant(&small)]);
    assert_eq!(matrix.ty().to_string(), "f32[2,2]");
    let x: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), None]));
    let column = scalars(DType::I32, x);
    let rows = run("tensor_array", &[column, literal(1i64)], 2);
    assert_eq!(rows.ty().to_string(), "i64[2]");
    assert_eq!(rows.rows(), [Some((vec![2], vec![7.0, 1.0])), None]);
    let error = call("tensor_array", &[literal("a"), literal(1i64)], 1).unwrap_err();
    assert!(error.contains("`text` and `i64`"), "{error}");
    assert_eq!(run("tensor_array", &[], 1).rows(), [Some((vec![0], vec![]))]);
}

#[test]
fn membership() {
    let column = labels(&["RBC", "WBC"], &[Some(&[0, 1]), Some(&[1]), Some(&[]), None]);
    let has = run("tensor_contains", &[column.clone(), literal("WBC")], 4).bools();
    assert_eq!(has, [Some(true), Some(true), Some(false), None]);
    let one = run("tensor_in", &[column, literal("WBC"), literal("RBC")], 4).bools();
    assert_eq!(one, [Some(false), Some(true), Some(false), None]);
    let error = call("tensor_contains", &[literal(3i64), literal(3i64)], 1).unwrap_err();
    assert!(error.contains("compare with ="), "{error}");
    let text = run("tensor_contains", &[literal("red cell"), literal("Cell")], 1).bools();
    assert_eq!(text, [Some(false)]);
    let x: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(3), None]));
    let x = scalars(DType::I32, x);
    let among = run("tensor_in", &[x.clone(), literal(1i64), literal(2.5)], 3).bools();
    assert_eq!(among, [Some(true), Some(false), None]);
    let within = run("tensor_between", &[x, literal(1i64), literal(2i64)], 3).bools();
    assert_eq!(within, [Some(true), Some(false), None]);
}

#[test]
fn patterns() {
    let texts: ArrayRef = Arc::new(StringViewArray::from(vec![Some("Blood_1"), Some(""), None]));
    let texts = scalars(DType::Text, texts);
    let of = |name: &str, pattern: &str| run(name, &[texts.clone(), literal(pattern)], 3).bools();
    assert_eq!(of("tensor_like", "B*_?"), [Some(true), Some(false), None]);
    assert_eq!(of("tensor_like", "b*"), [Some(false), Some(false), None]);
    assert_eq!(of("tensor_ilike", "b*"), [Some(true), Some(false), None]);
    assert_eq!(of("tensor_like", "*"), [Some(true), Some(false), None]);
    // A pattern of each row's own; an empty text never matches.
    let own = run("tensor_like", &[texts.clone(), texts], 3).bools();
    assert_eq!(own, [Some(true), Some(false), None]);
}

#[test]
fn logic_is_element_by_element() {
    let ty = TensorType::tensor(DType::I32, vec![None]);
    let x = tensors::<Int32Type>(&ty, &[Some((&[3], vec![1, 0, 2])), None]);
    let y = run("tensor_gt", &[x.clone(), literal(1i64)], 2);
    assert_eq!(
        run("tensor_and", &[x.clone(), y.given()], 2).rows()[0].as_ref().unwrap().1,
        [0.0, 0.0, 1.0]
    );
    assert_eq!(
        run("tensor_or", &[x.clone(), literal(true)], 2).rows()[0].as_ref().unwrap().1,
        [1.0; 3]
    );
    assert_eq!(run("tensor_not", &[x], 2).rows(), [Some((vec![3], vec![0.0, 1.0, 0.0])), None]);
}
