//! Rows as CSV: a header line, commas, quotes where needed, lines that end in `\n`.
//!
//! Cells are as [`lakebed_core::cells`] says: text is as it is, tensors and sequences are JSON, and
//! a null is an empty cell; an empty text is one too, because CSV cannot tell them apart. Memory:
//! one batch.

use std::fs::File;

use arrow::record_batch::RecordBatch;
use arrow_schema::SchemaRef;

use super::ExportOptions;
use super::Sink;
use super::format::ExportFormat;
use super::staged::Staged;
use super::text;
use crate::error::Error;
use crate::error::Result;

/// Writes one CSV file.
pub(super) struct Writer {
    writer: csv::Writer<File>,
    schema: SchemaRef,
}

impl Writer {
    /// Opens the file and writes the header.
    ///
    /// # Errors
    /// [`Error::CannotWrite`].
    pub fn open(staged: &Staged, schema: &SchemaRef, options: &ExportOptions) -> Result<Writer> {
        text::check(ExportFormat::Csv, schema, options.bytes)?;
        let mut writer = csv::Writer::from_writer(staged.file()?);
        let names = schema.fields().iter().map(|field| field.name());
        writer.write_record(names).map_err(failed)?;
        Ok(Writer { writer, schema: SchemaRef::clone(schema) })
    }
}

impl Sink for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = text::cells(&self.schema, batch)?;
        for row in 0..batch.num_rows() {
            let fields = cells.iter().map(|cells| cells.csv(row));
            self.writer.write_record(fields).map_err(failed)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        let file = self.writer.into_inner().map_err(|e| failed(e.into_error().into()))?;
        file.sync_all().map_err(|e| failed(e.into()))
    }
}

fn failed(error: csv::Error) -> Error {
    Error::Format { format: ExportFormat::Csv, reason: error.to_string() }
}
