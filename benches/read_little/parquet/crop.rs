//! The mean of a slice of raw images in a binary column: what a user of Parquet would write.

use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::Volatility;
use datafusion::logical_expr::create_udf;

use crate::data::raw;

/// `crop_mean(image)`: of the square that all ways cut, in an image of [side, side, 3].
pub fn mean() -> ScalarUDF {
    let means = |arguments: &[ColumnarValue]| -> Result<ColumnarValue> {
        let images = ColumnarValue::values_to_arrays(arguments)?;
        let images = images[0].as_binary_view();
        let means = images.iter().flatten().map(mean_of).collect::<Float64Array>();
        Ok(ColumnarValue::Array(Arc::new(means)))
    };
    create_udf(
        "crop_mean",
        vec![DataType::BinaryView],
        DataType::Float64,
        Volatility::Immutable,
        Arc::new(means),
    )
}

fn mean_of(image: &[u8]) -> Option<f64> {
    let side = (image.len() / 3).isqrt();
    let (start, length) = raw::span(side);
    Some(sum_of_span(&image[start..start + length], side) as f64 / raw::ELEMENTS as f64)
}

/// The sum of the slice's elements in the bytes from its first to its last.
pub fn sum_of_span(span: &[u8], side: usize) -> u64 {
    span.chunks(side * 3)
        .map(|row| row[..raw::SLICE * 3].iter().map(|x| u64::from(*x)).sum::<u64>())
        .sum()
}
