use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::Decimal128Array;
use arrow::array::Float64Array;
use arrow::array::Int32Array;
use arrow::array::Int64Array;
use arrow::array::StringViewArray;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt8Type;
use datafusion_common::ScalarValue;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::testing::*;

type Row = Option<(Vec<usize>, Vec<f64>)>;

fn row(shape: &[usize], values: &[f64]) -> Row {
    Some((shape.to_vec(), values.to_vec()))
}

fn floats(values: &[f64]) -> Given {
    let ty = TensorType::tensor(DType::F64, vec![None]);
    tensors::<Float64Type>(&ty, &[Some((&[values.len()], values.to_vec())), None])
}

fn bytes(values: &[u8]) -> Given {
    let ty = TensorType::tensor(DType::U8, vec![None]);
    tensors::<UInt8Type>(&ty, &[Some((&[values.len()], values.to_vec())), None])
}

fn of(name: &str, args: &[Given]) -> Vec<f64> {
    let rows = run(name, args, 2).rows();
    assert_eq!(rows[1], None, "{name}");
    rows[0].clone().unwrap().1
}

#[test]
fn functions_of_one_float() {
    let x = [0.0, 0.5, 1.0];
    let given = || [floats(&x)];
    let near = |name: &str, wanted: [f64; 3]| {
        for (found, wanted) in of(name, &given()).iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-12, "{name}: {found} for {wanted}");
        }
    };
    near("tensor_exp", [1.0, 1.648_721_270_700_128, std::f64::consts::E]);
    near("tensor_expm1", [0.0, 0.648_721_270_700_128_2, 1.718_281_828_459_045]);
    near("tensor_log1p", [0.0, 0.405_465_108_108_164_4, std::f64::consts::LN_2]);
    near("tensor_sin", [0.0, 0.479_425_538_604_203, 0.841_470_984_807_896_5]);
    near("tensor_cos", [1.0, 0.877_582_561_890_372_8, 0.540_302_305_868_139_8]);
    near("tensor_tan", [0.0, 0.546_302_489_843_790_5, 1.557_407_724_654_902_3]);
    near("tensor_asin", [0.0, std::f64::consts::FRAC_PI_6, std::f64::consts::FRAC_PI_2]);
    near("tensor_acos", [std::f64::consts::FRAC_PI_2, 1.047_197_551_196_597_6, 0.0]);
    near("tensor_atan", [0.0, 0.463_647_609_000_806_1, std::f64::consts::FRAC_PI_4]);
    near("tensor_sinh", [0.0, 0.521_095_305_493_747_4, 1.175_201_193_643_801_4]);
    near("tensor_cosh", [1.0, 1.127_625_965_206_380_7, 1.543_080_634_815_243_7]);
    near("tensor_tanh", [0.0, 0.462_117_157_260_009_8, 0.761_594_155_955_764_9]);
    near("sigmoid", [0.5, 0.622_459_331_201_854_6, 0.731_058_578_630_004_9]);
    assert_eq!(of("tensor_log", &[floats(&[1.0, 0.0])]), [0.0, f64::NEG_INFINITY]);
    assert!(of("tensor_log", &[floats(&[-1.0])])[0].is_nan());
    assert_eq!(of("tensor_log2", &[floats(&[8.0])]), [3.0]);
    assert_eq!(of("tensor_log10", &[floats(&[1000.0])]), [3.0]);
    assert_eq!(of("tensor_cbrt", &[floats(&[27.0])]), [3.0]);
    assert_eq!(of("tensor_degrees", &[floats(&[std::f64::consts::PI])]), [180.0]);
    assert_eq!(of("tensor_radians", &[floats(&[180.0])]), [std::f64::consts::PI]);
}

#[test]
fn types_stay_or_become_f64() {
    let ty = |name: &str, x: Given| run(name, &[x], 2).ty().to_string();
    assert_eq!(ty("tensor_exp", bytes(&[1])), "f64[?]");
    let single = TensorType::tensor(DType::F32, vec![Some(1)]);
    let single = tensors::<Float32Type>(&single, &[Some((&[1], vec![1.5])), None]);
    assert_eq!(ty("tensor_exp", single.clone()), "f32[1]");
    assert_eq!(ty("tensor_floor", single), "f32[1]");
    assert_eq!(ty("tensor_floor", bytes(&[1])), "u8[?]");
    assert_eq!(ty("tensor_sign", bytes(&[1])), "i64[?]");
    let prices = Decimal128Array::from(vec![Some(250), None]).with_precision_and_scale(5, 2);
    let prices: ArrayRef = Arc::new(prices.unwrap());
    let prices = scalars(DType::Decimal(5, 2), prices);
    assert_eq!(run("tensor_floor", std::slice::from_ref(&prices), 2).scalars(), [Some(2.0), None]);
    assert_eq!(run("tensor_log", &[prices], 2).scalars(), [Some(2.5f64.ln()), None]);
    let error = call("tensor_exp", &[literal("x")], 1).unwrap_err();
    assert!(error.contains("tensor_exp of `text`"), "{error}");
}

#[test]
fn rounding() {
    let x = || floats(&[1.25, -2.5, 0.0, f64::NAN, f64::INFINITY]);
    let shown = |name: &str, args: &[Given]| format!("{:?}", of(name, args));
    assert_eq!(shown("tensor_floor", &[x()]), "[1.0, -3.0, 0.0, NaN, inf]");
    assert_eq!(shown("tensor_ceil", &[x()]), "[2.0, -2.0, 0.0, NaN, inf]");
    assert_eq!(shown("tensor_trunc", &[x()]), "[1.0, -2.0, 0.0, NaN, inf]");
    assert_eq!(shown("tensor_round", &[x()]), "[1.0, -3.0, 0.0, NaN, inf]");
    assert_eq!(shown("tensor_round", &[x(), literal(1i64)]), "[1.3, -2.5, 0.0, NaN, inf]");
    assert_eq!(shown("tensor_trunc", &[x(), literal(1i64)]), "[1.2, -2.5, 0.0, NaN, inf]");
    assert_eq!(shown("tensor_sign", &[x()]), "[1.0, -1.0, 0.0, NaN, 1.0]");
    assert_eq!(of("tensor_round", &[floats(&[1234.0]), literal(-2i64)]), [1200.0]);
    assert_eq!(
        of("tensor_round", &[bytes(&[149, 150, 251]), literal(-2i64)]),
        [100.0, 200.0, 300.0]
    );
    let ints: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MAX), None]));
    let error = call("tensor_round", &[scalars(DType::I64, ints), literal(-1i64)], 2).unwrap_err();
    assert!(error.contains("row 0") && error.contains("64 bits"), "{error}");
}

#[test]
fn predicates() {
    let x = floats(&[1.0, f64::NAN, f64::NEG_INFINITY]);
    assert_eq!(of("tensor_isnan", std::slice::from_ref(&x)), [0.0, 1.0, 0.0]);
    assert_eq!(of("tensor_isinf", std::slice::from_ref(&x)), [0.0, 0.0, 1.0]);
    assert_eq!(of("tensor_isfinite", &[x]), [1.0, 0.0, 0.0]);
    assert_eq!(of("tensor_isfinite", &[bytes(&[0, 9])]), [1.0, 1.0]);
}

#[test]
fn the_larger_and_the_smaller() {
    let x = floats(&[1.0, f64::NAN, 5.0]);
    let shown = |name: &str, args: &[Given]| format!("{:?}", of(name, args));
    assert_eq!(shown("maximum", &[x.clone(), literal(2.0)]), "[2.0, NaN, 5.0]");
    assert_eq!(shown("minimum", &[x.clone(), literal(2.0)]), "[1.0, NaN, 2.0]");
    assert_eq!(shown("maximum", &[literal(f64::NAN), x]), "[NaN, NaN, NaN]");
    let kept = run("maximum", &[bytes(&[1, 9]), bytes(&[3, 3])], 2);
    assert_eq!(
        (kept.ty().to_string(), kept.rows()[0].clone()),
        ("u8[?]".into(), row(&[2], &[3.0, 9.0]))
    );
    let widened = run("minimum", &[bytes(&[1, 9]), literal(-3i64)], 2);
    assert_eq!(widened.ty().to_string(), "i64[?]");
    assert_eq!(widened.rows()[0], row(&[2], &[-3.0, -3.0]));
    let error = call("maximum", &[bytes(&[1, 9]), bytes(&[1, 2, 3])], 2).unwrap_err();
    assert!(error.contains("shapes [2] and [3] do not broadcast"), "{error}");
}

#[test]
fn clipping() {
    let null = || literal(ScalarValue::Null);
    let x = || bytes(&[0, 7, 200]);
    assert_eq!(of("clip", &[x(), literal(5i64), literal(100i64)]), [5.0, 7.0, 100.0]);
    assert_eq!(run("clip", &[x(), literal(5i64), literal(9i64)], 2).ty().to_string(), "u8[?]");
    assert_eq!(of("clip", &[x(), null(), literal(100i64)]), [0.0, 7.0, 100.0]);
    assert_eq!(of("clip", &[x(), literal(5i64)]), [5.0, 7.0, 200.0]);
    assert_eq!(
        of("clip", &[floats(&[-0.5, 0.25, 3.0]), literal(0i64), literal(1i64)]),
        [0.0, 0.25, 1.0]
    );
    assert_eq!(of("clip", &[x(), literal(-5i64), literal(1000i64)]), [0.0, 7.0, 200.0]);
    assert_eq!(run("clip", &[x(), literal(0.5), null()], 2).ty().to_string(), "f64[?]");
    let each = bytes(&[5, 9, 9]);
    assert_eq!(of("clip", &[x(), each, null()]), [5.0, 9.0, 200.0]);
    let error = call("clip", &[x(), literal(300i64)], 2).unwrap_err();
    assert!(error.contains("no u8 reaches the bound 300"), "{error}");
    let error = call("clip", &[x()], 2).unwrap_err();
    assert!(error.contains("a bound is needed"), "{error}");
}

#[test]
fn where_chooses_elements() {
    let x = || floats(&[1.0, 5.0, 3.0]);
    let over = || run("tensor_gt", &[x(), literal(2.0)], 2).given();
    assert_eq!(of("tensor_where", &[over(), x(), literal(0.0)]), [0.0, 5.0, 3.0]);
    assert_eq!(of("tensor_where", &[over(), literal(1i64), literal(0i64)]), [0.0, 1.0, 1.0]);
    // A column of conditions, a row of values: the whole table.
    let ty = TensorType::tensor(DType::I64, vec![Some(2), Some(1)]);
    let sides = tensors::<Int64Type>(&ty, &[Some((&[2, 1], vec![1, 0])), None]);
    let table = run("tensor_where", &[sides, x(), literal(9.0)], 2);
    assert_eq!(table.ty().to_string(), "f64[2,?]");
    assert_eq!(table.rows()[0], row(&[2, 3], &[1.0, 5.0, 3.0, 9.0, 9.0, 9.0]));
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]));
    let flags = scalars(DType::Bool, flags);
    let ids: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(2), Some(3)]));
    let ids = scalars(DType::I32, ids);
    let chosen = run("tensor_where", &[flags.clone(), ids, literal(-7i64)], 3);
    assert_eq!(
        (chosen.ty().to_string(), chosen.scalars()),
        ("i64".into(), vec![Some(1.0), Some(-7.0), None])
    );
    let names: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), Some("b"), Some("c")]));
    let names = scalars(DType::Text, names);
    let chosen = run("tensor_where", &[flags, names, literal("none")], 3).texts();
    assert_eq!(chosen, [Some("a".into()), Some("none".into()), None]);
    let error = call("tensor_where", &[over(), literal("a"), literal("b")], 2).unwrap_err();
    assert!(error.contains("under a scalar condition"), "{error}");
}

#[test]
fn casts() {
    let cast = |x: Given, to: &str| run("tensor_cast", &[x, literal(to)], 2);
    let whole = cast(floats(&[1.7, -2.5]), "i32");
    assert_eq!(
        (whole.ty().to_string(), whole.rows()),
        ("i32[?]".into(), vec![row(&[2], &[1.0, -2.0]), None])
    );
    assert_eq!(cast(bytes(&[0, 3]), "bool").rows()[0], row(&[2], &[0.0, 1.0]));
    assert_eq!(cast(bytes(&[3]), "FLOAT").ty().to_string(), "f32[?]");
    let error = call("tensor_cast", &[floats(&[300.0]), literal("u8")], 2).unwrap_err();
    assert!(error.contains("row 0") && error.contains("does not fit in u8"), "{error}");
    let error = call("tensor_cast", &[floats(&[f64::NAN]), literal("i64")], 2).unwrap_err();
    assert!(error.contains("does not fit in i64"), "{error}");
    let error = call("tensor_cast", &[floats(&[1.0]), literal("text")], 2).unwrap_err();
    assert!(error.contains("'text' is no element type"), "{error}");
}

#[test]
fn squares_and_bits() {
    assert_eq!(of("square", &[bytes(&[200])]), [40_000.0]);
    let big: ArrayRef = Arc::new(Int64Array::from(vec![Some(2), None, Some(1 << 40)]));
    let error = call("square", &[scalars(DType::I64, big)], 3).unwrap_err();
    assert!(error.contains("row 2"), "{error}");
    assert_eq!(of("bitwise_and", &[bytes(&[6, 5]), literal(3i64)]), [2.0, 1.0]);
    assert_eq!(of("bitwise_or", &[bytes(&[6, 5]), literal(3i64)]), [7.0, 7.0]);
    assert_eq!(of("bitwise_xor", &[bytes(&[6, 5]), literal(3i64)]), [5.0, 6.0]);
    assert_eq!(of("bitwise_not", &[bytes(&[0, 1])]), [-1.0, -2.0]);
    assert_eq!(of("left_shift", &[bytes(&[3]), literal(2i64)]), [12.0]);
    assert_eq!(of("right_shift", &[bytes(&[12]), literal(2i64)]), [3.0]);
    assert_eq!(of("right_shift", &[bytes(&[12]), literal(-1i64)]), [24.0]);
    assert_eq!(of("left_shift", &[bytes(&[3]), literal(64i64)]), [0.0]);
    let error = call("bitwise_and", &[floats(&[1.0]), literal(1i64)], 2).unwrap_err();
    assert!(error.contains("cast others to BIGINT"), "{error}");
    assert_eq!(of("tensor_xor", &[bytes(&[0, 3]), literal(true)]), [1.0, 0.0]);
}

#[test]
fn angles_of_points() {
    let y: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(-1.0)]));
    let angles = run("tensor_atan2", &[scalars(DType::F64, y), literal(0i64)], 3).scalars();
    let quarter = std::f64::consts::FRAC_PI_2;
    assert_eq!(angles, [Some(quarter), None, Some(-quarter)]);
}
