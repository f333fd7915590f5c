//! A linear classifier of mean colours, trained batch by batch: multinomial logistic regression by
//! gradient descent.

use arrow::datatypes::Float32Type;
use arrow::datatypes::UInt8Type;
use lakebed_loader::Cause;
use lakebed_loader::Sample;

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

/// Weights `f32[classes, features + 1]`, the last of each row its bias.
pub struct Softmax {
    features: usize,
    weights: Vec<Vec<f32>>,
}

impl Softmax {
    /// Knows nothing yet.
    pub fn new(features: usize, classes: usize) -> Softmax {
        Softmax { features, weights: vec![vec![0.0; features + 1]; classes] }
    }

    /// The probability of each class.
    fn probabilities(&self, sample: &[f32]) -> Vec<f32> {
        let logit = |weights: &Vec<f32>| {
            let product: f32 = weights.iter().zip(sample).map(|(w, x)| w * x).sum();
            product + weights[self.features]
        };
        let logits: Vec<f32> = self.weights.iter().map(logit).collect();
        let most = logits.iter().copied().fold(f32::MIN, f32::max);
        let powers: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
        let sum: f32 = powers.iter().sum();
        powers.into_iter().map(|power| power / sum).collect()
    }

    /// One step against the gradient of the mean cross entropy of a batch: `features` is
    /// `f32[samples, features]`, `classes` one code a sample.
    pub fn learn(&mut self, features: &[f32], classes: &[u32], rate: f32) {
        let mut steps = vec![vec![0f32; self.features + 1]; self.weights.len()];
        let mut samples = 0f32;
        for (sample, class) in features.chunks_exact(self.features).zip(classes) {
            samples += 1.0;
            for (code, (step, p)) in (0..).zip(steps.iter_mut().zip(self.probabilities(sample))) {
                let error = p - if code == *class { 1.0 } else { 0.0 };
                for (step, x) in step.iter_mut().zip(sample.iter().chain(&[1.0])) {
                    *step += error * x;
                }
            }
        }
        for (weights, step) in self.weights.iter_mut().zip(steps) {
            for (weight, step) in weights.iter_mut().zip(step) {
                *weight -= rate * step / samples.max(1.0);
            }
        }
    }

    /// The most probable class of each sample.
    pub fn predict(&self, features: &[f32]) -> Vec<u32> {
        let best = |sample: &[f32]| {
            let of_class = (0u32..).zip(self.probabilities(sample));
            of_class.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(code, _)| code)
        };
        features.chunks_exact(self.features).map(best).collect()
    }
}
