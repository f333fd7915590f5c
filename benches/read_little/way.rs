//! One of the three ways to do a work, and its answer.

use std::time::Duration;

use datafusion::arrow::array::Array;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::cast as cast_to;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::Float64Type;
use datafusion::arrow::datatypes::Int64Type;

use crate::data::mix;

/// What came out, whatever its order.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer {
    /// Rows.
    pub rows: usize,
    /// A digest of what must be equal bit for bit: ids, encoded images.
    pub digest: u64,
    /// A sum of what may differ by rounding.
    pub sum: f64,
}

impl Answer {
    /// True if both say the same; sums may differ by one part in a hundred thousand.
    pub fn agrees(&self, other: &Answer) -> bool {
        let scale = self.sum.abs().max(other.sum.abs()).max(1.0);
        self.rows == other.rows
            && self.digest == other.digest
            && (self.sum - other.sum).abs() <= scale * 1e-5
    }

    /// Of ids.
    pub fn of_ids(ids: impl IntoIterator<Item = i64>) -> Answer {
        let mut answer = Answer::default();
        for id in ids {
            answer.rows += 1;
            answer.digest = answer.digest.wrapping_add(mix(0, id as usize));
        }
        answer
    }

    /// Of byte strings.
    pub fn of_blobs<'a>(blobs: impl IntoIterator<Item = &'a [u8]>) -> Answer {
        let mut answer = Answer::default();
        for blob in blobs {
            answer.rows += 1;
            answer.digest = answer.digest.wrapping_add(digest(blob));
        }
        answer
    }

    /// Of numbers.
    pub fn of_numbers(numbers: impl IntoIterator<Item = f64>) -> Answer {
        let mut answer = Answer::default();
        for number in numbers {
            answer.rows += 1;
            answer.sum += number;
        }
        answer
    }

    /// Adds a group of `count` rows.
    pub fn add_group(&mut self, key: u64, count: usize) {
        self.rows += 1;
        self.digest = self.digest.wrapping_add(mix(key, count));
    }
}

/// A digest of bytes, eight at a time.
fn digest(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let step =
        |sum: u64, word: u64| (sum ^ word).rotate_left(23).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let sum =
        words.iter().fold(bytes.len() as u64, |sum, word| step(sum, u64::from_le_bytes(*word)));
    rest.iter().fold(sum, |sum, byte| step(sum, u64::from(*byte)))
}

/// The ids in the first column.
pub fn ids(batches: &[RecordBatch]) -> Answer {
    Answer::of_ids(
        batches
            .iter()
            .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().iter().copied()),
    )
}

/// The encoded images in the last column.
pub fn blobs(batches: &[RecordBatch]) -> Answer {
    let mut answer = Answer::default();
    for batch in batches {
        let column = batch.columns().last().unwrap();
        let column = column.as_struct_opt().map_or(column, |parts| parts.column(0));
        let column = cast_to(column, &DataType::BinaryView).unwrap();
        let of_batch = Answer::of_blobs(column.as_binary_view().iter().flatten());
        answer.rows += of_batch.rows;
        answer.digest = answer.digest.wrapping_add(of_batch.digest);
    }
    answer
}

/// Ids in the first column and encoded images in the last.
pub fn ids_and_blobs(batches: &[RecordBatch]) -> Answer {
    let (ids, blobs) = (ids(batches), blobs(batches));
    Answer { digest: ids.digest.wrapping_add(blobs.digest), ..blobs }
}

/// The numbers of all columns, as one sum.
pub fn numbers(batches: &[RecordBatch]) -> Answer {
    let mut answer = Answer::default();
    for batch in batches {
        answer.rows += batch.num_rows();
        for column in batch.columns() {
            let column = cast_to(column, &DataType::Float64).unwrap();
            answer.sum += column.as_primitive::<Float64Type>().iter().flatten().sum::<f64>();
        }
    }
    answer
}

/// The elements of vectors of one size in the first column, as one sum.
pub fn vectors(batches: &[RecordBatch]) -> Answer {
    let mut answer = Answer::default();
    for batch in batches {
        let vectors = batch.column(0).as_fixed_size_list();
        let elements = cast_to(vectors.values(), &DataType::Float64).unwrap();
        answer.rows += vectors.len();
        answer.sum += elements.as_primitive::<Float64Type>().values().iter().sum::<f64>();
    }
    answer
}

/// A key in the first column and a count in the second, a row a key.
pub fn groups(batches: &[RecordBatch]) -> Answer {
    let mut answer = Answer::default();
    for batch in batches {
        let part = |at: usize| cast_to(batch.column(at), &DataType::Int64).unwrap();
        let (keys, counts) = (part(0), part(1));
        let keys = keys.as_primitive::<Int64Type>().values();
        let counts = counts.as_primitive::<Int64Type>().values();
        for (key, count) in keys.iter().zip(counts) {
            answer.add_group(*key as u64, *count as usize);
        }
    }
    answer
}

/// One run.
#[derive(Debug, Default)]
pub struct Sample {
    /// From text to a physical plan; none where there is no plan.
    pub planning: Option<Duration>,
    /// The work itself.
    pub took: Duration,
    /// Requests, where they are counted.
    pub requests: Option<u64>,
    /// Bytes that those requests read.
    pub bytes: Option<u64>,
    /// What came out, if it was asked for.
    pub answer: Option<Answer>,
}

/// A way to do a work. Called with true, it also works out the answer, outside the clock.
pub type Way<'a> = Box<dyn FnMut(bool) -> Sample + 'a>;
