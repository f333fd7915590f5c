//! Rows as JSON lines: one object a line, in the order of the columns; values are as
//! [`lakebed_core::cells`] says. Memory: one batch, and the text of one row.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write;

use arrow::record_batch::RecordBatch;
use arrow_schema::SchemaRef;

use super::ExportOptions;
use super::Sink;
use super::format::ExportFormat;
use super::staged::Staged;
use super::text;
use crate::error::Error;
use crate::error::Result;

/// Writes one file of JSON lines.
pub(super) struct Writer {
    file: BufWriter<File>,
    schema: SchemaRef,
    /// `"name":` for each column.
    keys: Vec<Vec<u8>>,
}

impl Writer {
    /// Opens the file.
    ///
    /// # Errors
    /// [`Error::CannotWrite`]; also for two columns of one name, which an object cannot hold.
    pub fn open(staged: &Staged, schema: &SchemaRef, options: &ExportOptions) -> Result<Writer> {
        text::check(ExportFormat::JsonLines, schema, options.bytes)?;
        let mut keys: Vec<Vec<u8>> = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let mut key = serde_json::to_vec(field.name()).map_err(|e| failed(e.into()))?;
            key.push(b':');
            if keys.contains(&key) {
                let reason = "two columns have this name: rename one with AS".to_string();
                return Err(Error::CannotWrite { column: field.name().clone(), row: None, reason });
            }
            keys.push(key);
        }
        let file = BufWriter::with_capacity(1 << 16, staged.file()?);
        Ok(Writer { file, schema: SchemaRef::clone(schema), keys })
    }
}

impl Sink for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = text::cells(&self.schema, batch)?;
        let mut text = Vec::new();
        for row in 0..batch.num_rows() {
            text.clear();
            text.push(b'{');
            for (index, (cells, key)) in cells.iter().zip(&self.keys).enumerate() {
                if index > 0 {
                    text.push(b',');
                }
                text.extend(key);
                serde_json::to_writer(&mut text, &cells.json(row)).map_err(|e| failed(e.into()))?;
            }
            text.extend(b"}\n");
            self.file.write_all(&text).map_err(failed)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let file = self.file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::Format { format: ExportFormat::JsonLines, reason: error.to_string() }
}
