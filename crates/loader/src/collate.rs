//! Samples of a column to one tensor, or to none.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::BooleanBufferBuilder;
use arrow::array::MutableArrayData;
use arrow::array::make_array;
use arrow::array::new_empty_array;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::DataType;

use crate::batch::BatchColumn;
use crate::batch::Tensor;
use crate::batch::Values;
use crate::error::Error;
use crate::error::Result;
use crate::sample::Sample;

/// How the samples of a column become one value of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Collate {
    /// One tensor with a new first dimension; all samples must have one shape.
    #[default]
    Stack,
    /// One tensor as large as the largest sample in each dimension, zeros behind the smaller ones,
    /// and a mask of what is not padding.
    Pad,
    /// Each sample by itself.
    List,
}

/// The samples of `rows` as one column of a batch.
pub(crate) fn collate(
    name: &str,
    how: Collate,
    samples: Vec<Sample>,
    rows: &[u64],
    empty: &DataType,
) -> Result<BatchColumn> {
    let fault = |nth: usize, reason: String| Error::Collate {
        column: name.to_string(),
        row: rows.get(nth).copied().unwrap_or(0),
        reason,
    };
    let valid = samples
        .iter()
        .any(Sample::is_null)
        .then(|| BooleanBuffer::collect_bool(samples.len(), |nth| !samples[nth].is_null()));
    let data_type = samples.iter().find(|s| !s.is_null()).map_or(empty, Sample::data_type).clone();
    for (nth, sample) in samples.iter().enumerate().filter(|(_, s)| !s.is_null()) {
        if *sample.data_type() != data_type {
            let found = sample.data_type();
            return Err(fault(nth, format!("its elements are {found}, before {data_type}")));
        }
    }
    let values = match how {
        Collate::List => Values::List(samples),
        Collate::Stack => {
            let mut known = samples.iter().filter(|sample| !sample.is_null());
            let shape = known.next().map(|s| s.shape().to_vec()).unwrap_or_default();
            for (nth, sample) in samples.iter().enumerate() {
                if !sample.is_null() && sample.shape() != shape {
                    let reason = format!(
                        "its shape is {:?}, that of others {shape:?}: pad or list the column, or \
                         bring its samples to one shape in a transform",
                        sample.shape()
                    );
                    return Err(fault(nth, reason));
                }
            }
            Values::Tensor(stack(&samples, &shape, &data_type)?)
        }
        Collate::Pad => {
            let ndim = samples.iter().filter(|s| !s.is_null()).map(|s| s.shape().len()).max();
            let mut shape = vec![0; ndim.unwrap_or(0)];
            for (nth, sample) in samples.iter().enumerate().filter(|(_, s)| !s.is_null()) {
                if sample.shape().len() != shape.len() {
                    let (found, most) = (sample.shape().len(), shape.len());
                    return Err(fault(nth, format!("it has {found} dimensions, others {most}")));
                }
                for (most, size) in shape.iter_mut().zip(sample.shape()) {
                    *most = (*most).max(*size);
                }
            }
            pad(&samples, &shape, &data_type)?
        }
    };
    Ok(BatchColumn { name: name.to_string(), values, valid })
}

fn zeros(data_type: &DataType, count: usize) -> ArrayRef {
    use arrow::array::BinaryViewArray;
    use arrow::array::BooleanArray;
    use arrow::array::StringViewArray;
    match data_type {
        DataType::Boolean => Arc::new(BooleanArray::from(vec![false; count])),
        DataType::Utf8View => Arc::new(StringViewArray::from(vec![""; count])),
        DataType::BinaryView => Arc::new(BinaryViewArray::from(vec![&[] as &[u8]; count])),
        other => {
            let nulls = arrow::array::new_null_array(other, count);
            // The values under the nulls are zeros.
            let data = nulls.to_data().into_builder().nulls(None).build();
            data.map_or_else(|_| new_empty_array(other), make_array)
        }
    }
}

fn stack(samples: &[Sample], shape: &[usize], data_type: &DataType) -> Result<Tensor> {
    let one: usize = shape.iter().product();
    let mut parts: Vec<ArrayRef> = Vec::with_capacity(samples.len());
    let mut zero = None;
    for sample in samples {
        parts.push(match sample.is_null() {
            true => Arc::clone(zero.get_or_insert_with(|| zeros(data_type, one))),
            false => Arc::clone(sample.elements()),
        });
    }
    let parts: Vec<&dyn Array> = parts.iter().map(|part| &**part).collect();
    let elements = match parts.as_slice() {
        [] => new_empty_array(data_type),
        parts => arrow::compute::concat(parts)?,
    };
    let sizes = std::iter::once(samples.len()).chain(shape.iter().copied());
    Ok(Tensor { shape: sizes.collect(), elements })
}

/// Copies each run along the last dimension, and fills up from an array of zeros.
fn pad(samples: &[Sample], shape: &[usize], data_type: &DataType) -> Result<Values> {
    let total: usize = shape.iter().product();
    let zero = zeros(data_type, total).to_data();
    let sources: Vec<_> = samples.iter().map(|sample| sample.elements().to_data()).collect();
    let arrays = std::iter::once(&zero).chain(&sources).collect();
    let mut out = MutableArrayData::new(arrays, false, total * samples.len());
    let mut mask = BooleanBufferBuilder::new(total * samples.len());
    for (nth, sample) in samples.iter().enumerate() {
        let mut done = 0;
        if !sample.is_null() {
            runs(sample.shape(), shape, &mut |from, to, count| {
                out.try_extend(0, 0, to - done)?;
                mask.append_n(to - done, false);
                out.try_extend(nth + 1, from, from + count)?;
                mask.append_n(count, true);
                done = to + count;
                Ok(())
            })?;
        }
        out.try_extend(0, 0, total - done)?;
        mask.append_n(total - done, false);
    }
    let sizes = std::iter::once(samples.len()).chain(shape.iter().copied()).collect();
    let tensor = Tensor { shape: sizes, elements: make_array(out.freeze()) };
    Ok(Values::Padded { tensor, mask: mask.finish() })
}

/// The contiguous runs of a small tensor, where they lie in it and in a large one, ascending.
fn runs(
    small: &[usize],
    large: &[usize],
    each: &mut impl FnMut(usize, usize, usize) -> Result<()>,
) -> Result<()> {
    let Some((count, outer)) = small.split_last() else {
        return each(0, 0, 1);
    };
    if *count == 0 {
        return Ok(());
    }
    for line in 0..outer.iter().product() {
        let (mut rest, mut to, mut stride) = (line, 0, large.last().copied().unwrap_or(0));
        for (size, most) in outer.iter().zip(large).rev() {
            to += rest % size * stride;
            rest /= size;
            stride *= most;
        }
        each(line * count, to, *count)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "collate/tests.rs"]
mod tests;
