//! Rows as an Arrow IPC stream: every type, view and extension as it is. Memory: one batch.

use std::fs::File;
use std::io::BufWriter;

use arrow::record_batch::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::SchemaRef;

use super::Sink;
use super::format::ExportFormat;
use super::staged::Staged;
use crate::error::Error;
use crate::error::Result;

/// Writes one stream to a file.
pub(super) struct Writer {
    schema: SchemaRef,
    writer: StreamWriter<BufWriter<File>>,
}

impl Writer {
    /// Opens the file and writes the schema.
    pub fn open(staged: &Staged, schema: &SchemaRef) -> Result<Writer> {
        let file = BufWriter::new(staged.file()?);
        let writer = StreamWriter::try_new(file, schema)?;
        Ok(Writer { schema: SchemaRef::clone(schema), writer })
    }
}

impl Sink for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        // The stream's own schema: that of a batch may lack metadata.
        let batch = batch.clone().with_schema(SchemaRef::clone(&self.schema))?;
        Ok(self.writer.write(&batch)?)
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        self.writer.finish()?;
        let failed = |error: std::io::Error| Error::Format {
            format: ExportFormat::ArrowStream,
            reason: error.to_string(),
        };
        let file = self.writer.into_inner()?;
        let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)
    }
}
