//! Functions against plain versions of them, on generated columns with nulls, empties and NaN.

mod boxes;
mod images;
mod texts;
mod vectors;

use std::sync::Arc;

use datafusion_common::ScalarValue;
use datafusion_expr::ColumnarValue;

use crate::testing::*;

/// Runs a call over all rows, and checks that every row has the same answer alone, beside constants
/// and as a constant.
fn run_everywhere(name: &str, args: &[Given], rows: usize) -> Answer {
    let whole = run(name, args, rows);
    let expected: Vec<String> = (0..rows).map(|row| shown(&whole, row)).collect();
    for (row, expected) in expected.iter().enumerate() {
        let alone: Vec<Given> = args.iter().map(|arg| one_row(arg, row)).collect();
        assert_eq!(&shown(&run(name, &alone, 1), 0), expected, "{name}: row {row} alone");
        let constants: Vec<Given> = args.iter().map(|arg| as_constant(arg, row)).collect();
        assert_eq!(
            &shown(&run(name, &constants, 1), 0),
            expected,
            "{name}: row {row} as constants"
        );
        for at in 0..args.len() {
            let mut mixed = args.to_vec();
            mixed[at] = as_constant(&args[at], row);
            // Other rows may not fit the constant, so this one stands twice.
            let mixed: Vec<Given> = mixed.iter().map(|arg| twice(arg, row)).collect();
            assert_eq!(
                &shown(&run(name, &mixed, 2), 1),
                expected,
                "{name}: row {row} beside argument {at} as a constant"
            );
        }
    }
    whole
}

fn shown(answer: &Answer, row: usize) -> String {
    format!("{:?}", ScalarValue::try_from_array(&answer.array, row).unwrap())
}

fn one_row(arg: &Given, row: usize) -> Given {
    with(arg, |array| array.slice(row, 1))
}

/// The row, twice.
fn twice(arg: &Given, row: usize) -> Given {
    with(arg, |array| {
        let places = arrow::array::UInt64Array::from(vec![row as u64; 2]);
        arrow::compute::take(array, &places, None).unwrap()
    })
}

fn with(arg: &Given, of: impl Fn(&dyn arrow::array::Array) -> arrow::array::ArrayRef) -> Given {
    let value = match &arg.value {
        ColumnarValue::Array(array) => ColumnarValue::Array(of(array.as_ref())),
        scalar => scalar.clone(),
    };
    Given { field: Arc::clone(&arg.field), value }
}

fn as_constant(arg: &Given, row: usize) -> Given {
    let value = match &arg.value {
        ColumnarValue::Array(array) => {
            ColumnarValue::Scalar(ScalarValue::try_from_array(array, row).unwrap())
        }
        scalar => scalar.clone(),
    };
    Given { field: Arc::clone(&arg.field), value }
}

/// Equal but for rounding; NaN is NaN.
fn close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-6 * a.abs().max(b.abs()).max(1.0)
}

fn all_close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| close(*a, *b))
}
