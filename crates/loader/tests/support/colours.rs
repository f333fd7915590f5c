//! Pictures as a few numbers, for a linear classifier.

use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt8Type;
use lakebed_loader::Cause;
use lakebed_loader::Sample;
use smartcore::error::Failed;
use smartcore::linalg::basic::matrix::DenseMatrix;

/// Cells of a side of the grid.
const GRID: usize = 4;
/// Numbers of a picture.
pub const FEATURES: usize = GRID * GRID * 3;

/// An image `u8[height, width, 3]` as the mean colours of a grid, each 0 to 1.
///
/// # Errors
/// For a sample that is no such image.
pub fn colours(image: &Sample) -> Result<Sample, Cause> {
    let &[height, width, 3] = image.shape() else { return Err("it is no colour image".into()) };
    let pixels = image.values::<UInt8Type>().ok_or("its pixels are not bytes")?;
    let mut sums = [0f32; FEATURES];
    let mut counts = [0f32; GRID * GRID];
    for (nth, pixel) in pixels.chunks_exact(3).enumerate() {
        let cell = nth / width * GRID / height * GRID + nth % width * GRID / width;
        counts[cell] += 1.0;
        for (sum, value) in sums[cell * 3..].iter_mut().zip(pixel) {
            *sum += f32::from(*value) / 255.0;
        }
    }
    for (nth, sum) in sums.iter_mut().enumerate() {
        *sum /= counts[nth / 3].max(1.0);
    }
    Sample::new::<Float32Type>(sums.to_vec(), &[FEATURES])
}

/// `f32[pictures, FEATURES]` as the matrix that smartcore learns from and predicts.
///
/// # Errors
/// If a picture is not whole.
pub fn matrix(features: Vec<f32>) -> Result<DenseMatrix<f32>, Failed> {
    DenseMatrix::new(features.len() / FEATURES, FEATURES, features, false)
}
