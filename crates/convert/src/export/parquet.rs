//! Rows as one Parquet file.
//!
//! The Arrow schema is kept in the file, so tensors come back as `arrow.fixed_shape_tensor` and
//! `arrow.variable_shape_tensor` wherever these are known, and as lists elsewhere. Encoded images
//! are a plain binary column, byte for byte, with `lakebed.htype = image` in the field's metadata:
//! any reader can hand them to a decoder. Views become the older forms of text and bytes, which
//! every reader knows. Memory: one batch and one row group.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BinaryViewArray;
use arrow::record_batch::RecordBatch;
use arrow::record_batch::RecordBatchOptions;
use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::FieldRef;
use arrow_schema::Fields;
use arrow_schema::SchemaRef;
use arrow_schema::extension::EXTENSION_TYPE_METADATA_KEY;
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use lakebed_core::tensor_type::ENCODED_EXTENSION;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::basic::ZstdLevel;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::ExportOptions;
use super::Sink;
use super::format::ExportFormat;
use super::staged::Staged;
use crate::error::Error;
use crate::error::Result;

/// Writes one Parquet file.
pub(super) struct Writer {
    schema: SchemaRef,
    writer: ArrowWriter<BufWriter<File>>,
    row_group_bytes: usize,
}

impl Writer {
    /// Opens the file; its metadata are written at the end.
    pub fn open(staged: &Staged, schema: &SchemaRef, options: &ExportOptions) -> Result<Writer> {
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by(concat!("lakebed ", env!("CARGO_PKG_VERSION")).to_string());
        for field in schema.fields().iter().filter(|field| is_encoded(field)) {
            // Encoded images are all different, and as small as they get.
            let path = ColumnPath::new(vec![field.name().clone()]);
            properties = properties
                .set_column_compression(path.clone(), Compression::UNCOMPRESSED)
                .set_column_dictionary_enabled(path, false);
        }
        let fields: Fields = schema.fields().iter().map(plain_field).collect();
        let schema = Arc::new(arrow_schema::Schema::new(fields));
        let file = BufWriter::new(staged.file()?);
        let writer =
            ArrowWriter::try_new(file, SchemaRef::clone(&schema), Some(properties.build()))
                .map_err(failed)?;
        Ok(Writer { schema, writer, row_group_bytes: options.row_group_bytes.max(1) })
    }
}

impl Sink for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let fields = self.schema.fields().iter();
        let arrays = batch.columns().iter().zip(fields);
        let arrays = arrays.map(|(array, field)| plain(array, field)).collect::<Result<_>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let schema = SchemaRef::clone(&self.schema);
        let batch = RecordBatch::try_new_with_options(schema, arrays, &options)?;
        self.writer.write(&batch).map_err(failed)?;
        if self.writer.in_progress_size() >= self.row_group_bytes {
            self.writer.flush().map_err(failed)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let file = self.writer.into_inner().map_err(failed)?;
        let file = file.into_inner().map_err(|e| failed(e.into_error().into()))?;
        file.sync_all().map_err(|e| failed(e.into()))
    }
}

fn failed(error: ParquetError) -> Error {
    Error::Format { format: ExportFormat::Parquet, reason: error.to_string() }
}

/// True for a column of encoded images.
fn is_encoded(field: &Field) -> bool {
    matches!(field.data_type(), DataType::Struct(_))
        && field.metadata().get(EXTENSION_TYPE_NAME_KEY).is_some_and(|n| n == ENCODED_EXTENSION)
}

/// The field as it is written.
fn plain_field(field: &FieldRef) -> FieldRef {
    if is_encoded(field) {
        let mut metadata: HashMap<String, String> = field.metadata().clone();
        metadata.remove(EXTENSION_TYPE_NAME_KEY);
        metadata.remove(EXTENSION_TYPE_METADATA_KEY);
        metadata.insert("lakebed.htype".into(), "image".into());
        let binary = Field::new(field.name(), DataType::Binary, field.is_nullable());
        return Arc::new(binary.with_metadata(metadata));
    }
    let data_type = match plain_type(field.data_type()) {
        // Elements that may be null: pyarrow knows a canonical tensor by exactly this storage, and
        // takes one whose elements never are for a plain list.
        DataType::FixedSizeList(item, size) => {
            let item = Field::clone(&item).with_nullable(true);
            DataType::FixedSizeList(Arc::new(item), size)
        }
        other => other,
    };
    Arc::new(Field::clone(field).with_data_type(data_type))
}

/// The type without views, all the way down.
fn plain_type(data_type: &DataType) -> DataType {
    let item = |field: &FieldRef| {
        Arc::new(Field::clone(field).with_data_type(plain_type(field.data_type())))
    };
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::List(field) => DataType::List(item(field)),
        DataType::LargeList(field) => DataType::LargeList(item(field)),
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(item(field), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(item).collect()),
        other => other.clone(),
    }
}

/// The column as it is written.
fn plain(array: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    if array.data_type() == field.data_type() {
        return Ok(Arc::clone(array));
    }
    if field.data_type() == &DataType::Binary
        && let Some(images) = array.as_struct_opt()
        && let Some(files) = images.column(0).as_binary_view_opt()
    {
        // Of a row that is null its file is null, whatever lies there.
        let (views, buffers, _) = files.clone().into_parts();
        let files = BinaryViewArray::try_new(views, buffers, images.nulls().cloned())?;
        return Ok(arrow::compute::cast(&files, &DataType::Binary)?);
    }
    Ok(arrow::compute::cast(array, field.data_type())?)
}
