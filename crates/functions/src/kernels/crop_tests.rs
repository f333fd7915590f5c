use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt8Type;
use lakebed_core::BoxFormat;
use lakebed_core::DType;
use lakebed_core::TensorType;

use crate::testing::*;

/// Three lines of four pixels of two channels: line, column, channel as digits.
fn image() -> Vec<u8> {
    (0..3)
        .flat_map(|line| {
            (0..4).flat_map(move |column| [line * 100 + column * 10, line * 100 + column * 10 + 1])
        })
        .collect()
}

fn windows(rows: &[Option<[f32; 4]>]) -> Given {
    let ty = TensorType::tensor(DType::F32, vec![Some(4)]);
    let rows: Vec<_> =
        rows.iter().map(|row| row.map(|four| (&[4usize][..], four.to_vec()))).collect();
    tensors::<Float32Type>(&ty, &rows)
}

fn images(count: usize) -> Given {
    let ty = TensorType::tensor(DType::U8, vec![None, None, Some(2)]);
    let rows: Vec<_> = (0..count).map(|_| Some((&[3usize, 4, 2][..], image()))).collect();
    tensors::<UInt8Type>(&ty, &rows)
}

#[test]
fn windows_are_cut_to_the_image() {
    let given = [
        Some([1.0, 1.0, 2.0, 1.0]),
        Some([-5.0, -1.0, 6.0, 2.0]),
        Some([3.0, 2.0, 100.0, 100.0]),
        Some([0.0, 1.0, 4.0, 2.0]),
        Some([9.0, 9.0, 2.0, 2.0]),
        Some([0.5, 0.0, 0.2, 1.0]),
        Some([0.0, 0.0, -3.0, 1.0]),
        None,
    ];
    let answer = run("crop", &[images(8), windows(&given)], 8);
    assert_eq!(answer.ty().to_string(), "u8[?,?,2]");
    let expected = [
        Some((vec![1, 2, 2], vec![110.0, 111.0, 120.0, 121.0])),
        Some((vec![1, 1, 2], vec![0.0, 1.0])),
        Some((vec![1, 1, 2], vec![230.0, 231.0])),
        Some((vec![2, 4, 2], image()[8..].iter().map(|x| f64::from(*x)).collect())),
        Some((vec![0, 0, 2], vec![])),
        Some((vec![1, 1, 2], vec![0.0, 1.0])),
        Some((vec![1, 0, 2], vec![])),
        None,
    ];
    assert_eq!(answer.rows(), expected);
    let error = call("crop", &[images(1), windows(&[Some([0.0, f32::NAN, 1.0, 1.0])])], 1);
    assert!(error.unwrap_err().contains("row 0"), "NaN is no window");
}

#[test]
fn lines_without_pixels_cost_nothing() {
    let ty = TensorType::tensor(DType::U8, vec![None, None, Some(2)]);
    let x = tensors::<UInt8Type>(&ty, &[Some((&[2_000_000_000, 0, 2], vec![]))]);
    let rows = run("crop", &[x.clone(), windows(&[Some([0.0, 0.0, 9.0, 2e9])])], 1).rows();
    assert_eq!(rows, [Some((vec![2_000_000_000, 0, 2], vec![]))]);
    let rows = run("flip", &[x, literal("horizontal")], 1).rows();
    assert_eq!(rows, [Some((vec![2_000_000_000, 0, 2], vec![]))]);
}

#[test]
fn boxes_have_their_own_convention() {
    let ty = TensorType {
        htype: lakebed_core::HType::BBox,
        box_format: Some(BoxFormat::Ltrb),
        ..TensorType::tensor(DType::F32, vec![Some(4)])
    };
    let corners = tensors::<Float32Type>(&ty, &[Some((&[4], vec![1.0, 1.0, 2.0, 3.0]))]);
    let rows = run("crop", &[images(1), corners], 1).rows();
    assert_eq!(rows, [Some((vec![2, 1, 2], vec![110.0, 111.0, 210.0, 211.0]))]);
}

#[test]
fn constant_windows_are_slices() {
    use datafusion_common::DFSchema;
    use datafusion_expr::col;
    use datafusion_expr::simplify::ExprSimplifyResult;
    use datafusion_expr::simplify::SimplifyContext;
    let (of_any_size, fixed) = (vec![None, None, Some(3)], vec![Some(5), Some(5), Some(3)]);
    let schema = arrow::datatypes::Schema::new(vec![
        TensorType::tensor(DType::U8, of_any_size).to_field("images", true),
        TensorType::tensor(DType::U8, fixed).to_field("fixed", true),
    ]);
    let schema = std::sync::Arc::new(DFSchema::try_from(schema).unwrap());
    let context = SimplifyContext::builder().with_schema(schema).build();
    let crop = crate::by_udf_name("crop").unwrap();
    let simplified = |column: &str, window: [f64; 4]| {
        let items: Vec<Given> = window.iter().map(|number| literal(*number)).collect();
        let array = run("tensor_array", &items, 1).array;
        let window = datafusion_common::ScalarValue::try_from_array(&array, 0).unwrap();
        let args = vec![col(column), datafusion_expr::lit(window)];
        match crop.simplify(args, &context).unwrap() {
            ExprSimplifyResult::Simplified(expr) => expr.to_string(),
            ExprSimplifyResult::Original(_) => "unchanged".into(),
        }
    };
    assert_eq!(
        simplified("images", [100.0, 50.0, 400.0, 30.0]),
        "tensor_slice(images, Utf8(\"50:80, 100:500\"))"
    );
    assert_eq!(
        simplified("images", [-5.0, 0.5, 4.0, 1.0]),
        "tensor_slice(images, Utf8(\"0:2, 0:0\"))"
    );
    // A slice of a fixed shape has a fixed shape, and the plan's types must not change.
    assert_eq!(simplified("fixed", [0.0, 0.0, 1.0, 1.0]), "unchanged");
}
