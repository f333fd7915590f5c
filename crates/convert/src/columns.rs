//! Builders for the column forms that importers make.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BinaryViewBuilder;
use arrow::array::ListBuilder;
use arrow::array::StringViewBuilder;
use arrow::array::StructArray;
use arrow::buffer::Buffer;
use arrow::buffer::NullBuffer;
use arrow_schema::DataType;
use arrow_schema::SchemaRef;
use lakebed_core::Column;
use lakebed_core::Schema;
use lakebed_core::TensorType;
use lakebed_core::tensor_builder::shape_array;

use crate::error::Error;
use crate::error::Result;
use crate::media::EncodedImage;

/// Files from this size on keep the buffer that they were read into; smaller ones are copied
/// together, since thousands of buffers make every later step slow.
const OWN_BUFFER: usize = 1 << 20;

/// The Arrow schema of batches of `schema`.
pub(crate) fn arrow_schema(schema: &Schema) -> SchemaRef {
    let fields = schema
        .columns
        .iter()
        .map(|column| TensorType::from_column(column).to_field_ref(&column.name, column.nullable));
    Arc::new(arrow_schema::Schema::new(fields.collect::<Vec<_>>()))
}

/// Builds a `lakebed.encoded` column.
pub(crate) struct ImageBuilder {
    data: BinaryViewBuilder,
    sizes: Vec<i32>,
    valid: Vec<bool>,
}

impl ImageBuilder {
    pub fn new() -> ImageBuilder {
        let block = u32::try_from(OWN_BUFFER).unwrap_or(u32::MAX);
        ImageBuilder {
            data: BinaryViewBuilder::new().with_fixed_block_size(block),
            sizes: Vec::new(),
            valid: Vec::new(),
        }
    }

    /// A row without image.
    pub fn push_null(&mut self) {
        self.data.append_value([]);
        self.sizes.extend([0, 0, 0]);
        self.valid.push(false);
    }

    pub fn push(&mut self, image: EncodedImage) -> Result<()> {
        if image.bytes.len() >= OWN_BUFFER {
            let length = u32::try_from(image.bytes.len()).map_err(|e| Error::Stopped {
                reason: format!("an image of more than 4 GiB: {e}"),
            })?;
            let block = self.data.append_block(Buffer::from_vec(image.bytes));
            self.data.try_append_view(block, 0, length)?;
        } else {
            self.data.append_value(&image.bytes);
        }
        self.sizes.extend(image.shape);
        self.valid.push(true);
        Ok(())
    }

    pub fn finish(&mut self, column: &Column) -> Result<ArrayRef> {
        let data: ArrayRef = Arc::new(self.data.finish());
        let sizes = std::mem::take(&mut self.sizes);
        let nulls = NullBuffer::from(std::mem::take(&mut self.valid));
        let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
        let shape = shape_array(sizes, 3, data.len())?;
        let DataType::Struct(fields) = TensorType::from_column(column).data_type() else {
            return Err(wrong(column, "an encoded image"));
        };
        Ok(Arc::new(StructArray::try_new(fields, vec![data, shape], nulls)?))
    }
}

/// Builds a column of one list of texts a row.
pub(crate) struct TextListBuilder {
    texts: ListBuilder<StringViewBuilder>,
}

impl TextListBuilder {
    pub fn new() -> TextListBuilder {
        TextListBuilder { texts: ListBuilder::new(StringViewBuilder::new()) }
    }

    pub fn push<'a>(&mut self, texts: impl Iterator<Item = &'a str>) {
        for text in texts {
            self.texts.values().append_value(text);
        }
        self.texts.append(true);
    }

    /// The Arrow array; the builder is empty again.
    pub fn finish(&mut self, column: &Column) -> Result<ArrayRef> {
        let (_, offsets, values, nulls) = self.texts.finish().into_parts();
        let DataType::List(item) = TensorType::from_column(column).data_type() else {
            return Err(wrong(column, "a sequence"));
        };
        Ok(Arc::new(arrow::array::ListArray::try_new(item, offsets, values, nulls)?))
    }
}

fn wrong(column: &Column, expected: &str) -> Error {
    Error::Core(lakebed_core::Error::WrongType {
        expected: expected.to_string(),
        found: TensorType::from_column(column).to_string(),
    })
}
