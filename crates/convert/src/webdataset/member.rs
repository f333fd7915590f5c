//! What a member's extension makes of its bytes, and the columns of them.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BinaryViewBuilder;
use arrow::array::Int64Builder;
use arrow::array::StringViewBuilder;
use arrow::array::UInt32Builder;
use arrow::record_batch::RecordBatch;
use arrow_schema::SchemaRef;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use serde::de::IgnoredAny;

use crate::columns::ImageBuilder;
use crate::columns::arrow_schema;
use crate::error::Result;
use crate::media;
use crate::media::EncodedImage;
use crate::options::ImportOptions;
use crate::pipeline::BatchBuilder;
use crate::webdataset::npy::NpyArray;
use crate::webdataset::npy::NpyBuilder;

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Image,
    Class,
    Integer,
    Text,
    Json,
    Array { dtype: DType, ndim: usize },
    Bytes,
}

impl Kind {
    /// By the last part of an extension; of an array it is not known yet of what.
    pub fn of(extension: &str) -> Kind {
        match extension.rsplit('.').next().unwrap_or(extension) {
            "jpg" | "jpeg" | "jpe" | "jfif" | "png" => Kind::Image,
            "cls" => Kind::Class,
            "index" | "inx" | "id" => Kind::Integer,
            "txt" | "text" | "transcript" => Kind::Text,
            "json" | "jsn" => Kind::Json,
            "npy" => Kind::Array { dtype: DType::F32, ndim: 1 },
            _ => Kind::Bytes,
        }
    }

    fn column(&self, name: &str) -> Column {
        match self {
            Kind::Image => Column::image(name),
            Kind::Class => Column::class_label(name, Vec::new()),
            Kind::Integer => Column::scalar(name, DType::I64),
            Kind::Text => Column::text(name),
            Kind::Json => Column::json(name),
            Kind::Array { dtype, ndim } => Column::tensor(name, dtype.clone(), &vec![None; *ndim]),
            Kind::Bytes => Column::scalar(name, DType::Bytes),
        }
    }
}

/// `key`, then a column for each extension.
pub(crate) fn schema(names: &[String], kinds: &[Kind], nullable: &[bool]) -> Result<Schema> {
    let mut columns = vec![Column::text("key")];
    for ((name, kind), nullable) in names.iter().zip(kinds).zip(nullable) {
        let column = kind.column(name);
        columns.push(if *nullable { column.nullable() } else { column });
    }
    Ok(Schema::new(columns)?)
}

/// One member, read and checked.
#[derive(Debug)]
pub(crate) enum Value {
    Image(EncodedImage),
    Class(u32),
    Integer(i64),
    /// Text and JSON.
    Text(String),
    Array(NpyArray, Vec<u8>),
    Bytes(Vec<u8>),
}

impl Value {
    /// # Errors
    /// Why the bytes are not what the extension says.
    pub fn read(
        kind: &Kind,
        bytes: Vec<u8>,
        options: &ImportOptions,
    ) -> std::result::Result<Value, String> {
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_err(|e| format!("the text is no UTF-8: {e}"))
        };
        Ok(match kind {
            Kind::Image => Value::Image(media::check(bytes, options)?),
            Kind::Class => Value::Class(number(&text(bytes)?)?),
            Kind::Integer => Value::Integer(number(&text(bytes)?)?),
            Kind::Text => Value::Text(text(bytes)?),
            Kind::Json => {
                let text = text(bytes)?;
                serde_json::from_str::<IgnoredAny>(&text)
                    .map_err(|e| format!("wrong JSON: {e}"))?;
                Value::Text(text)
            }
            Kind::Array { dtype, ndim } => {
                let array = NpyArray::new(&bytes)?;
                if array.dtype() != dtype || array.shape.len() != *ndim {
                    return Err(format!(
                        "an array of {} with {} dimensions in a column of {dtype} with {ndim}",
                        array.dtype(),
                        array.shape.len()
                    ));
                }
                Value::Array(array, bytes)
            }
            Kind::Bytes => Value::Bytes(bytes),
        })
    }
}

fn number<T: std::str::FromStr>(text: &str) -> std::result::Result<T, String>
where
    T::Err: std::fmt::Display,
{
    let text = text.trim();
    text.parse().map_err(|e| {
        let shown: String = text.chars().take(40).collect();
        format!("'{shown}' is not the number that the extension stands for: {e}")
    })
}

/// One sample: its key, and its members by their extension's place.
#[derive(Debug)]
pub(crate) struct Row {
    pub key: String,
    pub values: Vec<Option<Value>>,
}

enum ColumnBuilder {
    Image(ImageBuilder),
    Class(UInt32Builder),
    Integer(Int64Builder),
    Text(StringViewBuilder),
    Array(NpyBuilder),
    Bytes(BinaryViewBuilder),
}

impl ColumnBuilder {
    fn new(kind: &Kind) -> ColumnBuilder {
        match kind {
            Kind::Image => ColumnBuilder::Image(ImageBuilder::new()),
            Kind::Class => ColumnBuilder::Class(UInt32Builder::new()),
            Kind::Integer => ColumnBuilder::Integer(Int64Builder::new()),
            Kind::Text | Kind::Json => ColumnBuilder::Text(StringViewBuilder::new()),
            Kind::Array { dtype, ndim } => {
                ColumnBuilder::Array(NpyBuilder::new(dtype.width().unwrap_or(1), *ndim))
            }
            Kind::Bytes => ColumnBuilder::Bytes(BinaryViewBuilder::new()),
        }
    }

    fn push(&mut self, value: Option<Value>) -> Result<()> {
        match (self, value) {
            (ColumnBuilder::Image(builder), Some(Value::Image(image))) => builder.push(image)?,
            (ColumnBuilder::Image(builder), _) => builder.push_null(),
            (ColumnBuilder::Class(builder), Some(Value::Class(code))) => builder.append_value(code),
            (ColumnBuilder::Class(builder), _) => builder.append_null(),
            (ColumnBuilder::Integer(builder), Some(Value::Integer(number))) => {
                builder.append_value(number);
            }
            (ColumnBuilder::Integer(builder), _) => builder.append_null(),
            (ColumnBuilder::Text(builder), Some(Value::Text(text))) => builder.append_value(text),
            (ColumnBuilder::Text(builder), _) => builder.append_null(),
            (ColumnBuilder::Array(builder), Some(Value::Array(array, bytes))) => {
                builder.push(Some((&array, &bytes)))?;
            }
            (ColumnBuilder::Array(builder), _) => builder.push(None)?,
            (ColumnBuilder::Bytes(builder), Some(Value::Bytes(bytes))) => {
                builder.append_value(bytes);
            }
            (ColumnBuilder::Bytes(builder), _) => builder.append_null(),
        }
        Ok(())
    }

    fn finish(&mut self, column: &Column) -> Result<ArrayRef> {
        Ok(match self {
            ColumnBuilder::Image(builder) => builder.finish(column)?,
            ColumnBuilder::Class(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Integer(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Text(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Array(builder) => builder.finish(column)?,
            ColumnBuilder::Bytes(builder) => Arc::new(builder.finish()),
        })
    }
}

/// Puts samples together.
pub(crate) struct Builder {
    schema: Schema,
    arrow: SchemaRef,
    keys: StringViewBuilder,
    columns: Vec<ColumnBuilder>,
}

impl Builder {
    pub fn new(schema: Schema, kinds: &[Kind]) -> Builder {
        Builder {
            arrow: arrow_schema(&schema),
            schema,
            keys: StringViewBuilder::new(),
            columns: kinds.iter().map(ColumnBuilder::new).collect(),
        }
    }
}

impl BatchBuilder for Builder {
    type Row = Row;

    fn push(&mut self, row: Row) -> Result<()> {
        self.keys.append_value(row.key);
        for (builder, value) in self.columns.iter_mut().zip(row.values) {
            builder.push(value)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<RecordBatch> {
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(self.keys.finish())];
        for (builder, column) in self.columns.iter_mut().zip(self.schema.columns.iter().skip(1)) {
            arrays.push(builder.finish(column)?);
        }
        Ok(RecordBatch::try_new(SchemaRef::clone(&self.arrow), arrays)?)
    }
}
