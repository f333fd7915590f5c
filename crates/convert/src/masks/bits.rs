//! Masks as bits: one stack of them a row.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::BooleanBufferBuilder;
use arrow::array::ListArray;
use arrow::array::StructArray;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::OffsetBuffer;
use arrow_schema::DataType;
use arrow_schema::Field;
use lakebed_core::Column;
use lakebed_core::Limits;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;

use crate::error::Result;
use crate::masks::rle::Rle;

/// The masks of one image, bool `[H, W, N]`.
#[derive(Debug)]
pub(crate) struct MaskStack {
    shape: [i32; 3],
    bits: BooleanBufferBuilder,
}

impl MaskStack {
    /// `[height, width, count]`, all background.
    ///
    /// # Errors
    /// A stack of more than `max_sample_bytes` (a byte each pixel, as samples are counted) or of
    /// more elements than one batch holds.
    pub fn new(height: u32, width: u32, count: usize, limits: &Limits) -> Result<MaskStack> {
        let pixels = u64::from(height) * u64::from(width);
        Limits::check("pixels of a mask", pixels, limits.max_pixels, "max_pixels")?;
        let elements = pixels.saturating_mul(u64::try_from(count).unwrap_or(u64::MAX));
        let most = limits.max_sample_bytes.min(u64::from(i32::MAX.unsigned_abs()));
        Limits::check("elements of an image's masks", elements, most, "max_sample_bytes")?;
        let size = |size: u64| {
            i32::try_from(size).map_err(|_| lakebed_core::Error::LimitExceeded {
                what: "one side of a mask".into(),
                found: size,
                limit: u64::from(i32::MAX.unsigned_abs()),
                setting: "max_pixels",
            })
        };
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let shape = [size(u64::from(height))?, size(u64::from(width))?, size(count)?];
        let elements = usize::try_from(elements).unwrap_or(0);
        let mut bits = BooleanBufferBuilder::new(elements);
        bits.append_n(elements, false);
        Ok(MaskStack { shape, bits })
    }

    /// Adds an object's pixels to mask `index`; what lies outside of it is left out.
    pub fn add(&mut self, index: usize, rle: &Rle) {
        let [height, width, count] = self.shape.map(|size| usize::try_from(size).unwrap_or(0));
        if index >= count {
            return;
        }
        for (column, rows) in rle.spans() {
            if column >= width {
                break;
            }
            for row in rows.start..rows.end.min(height) {
                self.bits.set_bit((row * width + column) * count + index, true);
            }
        }
    }

    /// Keeps the first `count` masks.
    pub fn truncate(&mut self, count: usize) {
        let [height, width, old] = self.shape.map(|size| usize::try_from(size).unwrap_or(0));
        let Some(kept) = i32::try_from(count).ok().filter(|_| count < old) else { return };
        let all = self.bits.finish();
        self.bits = BooleanBufferBuilder::new(height * width * count);
        for pixel in 0..height * width {
            for index in 0..count {
                self.bits.append(all.value(pixel * old + index));
            }
        }
        self.shape[2] = kept;
    }

    /// Roughly what the stack takes in a batch.
    pub fn bytes(&self) -> usize {
        self.bits.len() / 8 + 16
    }
}

/// Builds a ragged column of bools without spending a byte on each.
pub(crate) struct BitTensorBuilder {
    bits: BooleanBufferBuilder,
    offsets: Vec<i32>,
    sizes: Vec<i32>,
}

impl BitTensorBuilder {
    pub fn new() -> BitTensorBuilder {
        BitTensorBuilder { bits: BooleanBufferBuilder::new(0), offsets: vec![0], sizes: Vec::new() }
    }

    /// Adds a row of shape `[H, W, N]`.
    ///
    /// # Errors
    /// A batch of more than 2^31 - 1 elements.
    pub fn push(&mut self, mut stack: MaskStack) -> Result<()> {
        self.bits.append_buffer(&stack.bits.finish());
        let end = i32::try_from(self.bits.len()).map_err(|_| lakebed_core::Error::WrongType {
            expected: "at most 2^31 - 1 elements in one batch".into(),
            found: self.bits.len().to_string(),
        })?;
        self.offsets.push(end);
        self.sizes.extend(stack.shape);
        Ok(())
    }

    /// The Arrow array; the builder is empty again.
    ///
    /// # Errors
    /// A column that is not ragged with three dimensions.
    pub fn finish(&mut self, column: &Column) -> Result<ArrayRef> {
        let bits: BooleanBuffer = self.bits.finish();
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        let sizes = std::mem::take(&mut self.sizes);
        let item = Arc::new(Field::new_list_field(DataType::Boolean, false));
        let values = Arc::new(BooleanArray::new(bits, None));
        let data = ListArray::try_new(item, OffsetBuffer::new(offsets.into()), values, None)?;
        let shape = shape_array(sizes, 3, data.len())?;
        let ty = TensorType::from_column(column);
        let DataType::Struct(fields) = ty.data_type() else {
            return Err(lakebed_core::Error::WrongType {
                expected: "a ragged type".into(),
                found: ty.to_string(),
            }
            .into());
        };
        Ok(Arc::new(StructArray::try_new(fields, vec![Arc::new(data), shape], None)?))
    }
}
