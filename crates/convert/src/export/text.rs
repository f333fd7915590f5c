//! What the formats of text share: which columns they hold.

use arrow::record_batch::RecordBatch;
use arrow_schema::Schema;
use lakebed_core::DType;
use lakebed_core::Layout;
use lakebed_core::TensorType;
use lakebed_core::cells::Cells;

use super::BytesAs;
use super::format::ExportFormat;
use crate::error::Error;
use crate::error::Result;

/// Checks that every column can be written as text.
///
/// # Errors
/// [`Error::CannotWrite`] for bytes and images unless they may become base64.
pub(super) fn check(format: ExportFormat, schema: &Schema, bytes: BytesAs) -> Result<()> {
    if bytes == BytesAs::Base64 {
        return Ok(());
    }
    for field in schema.fields() {
        if TensorType::from_field(field).is_some_and(|ty| holds_bytes(&ty)) {
            let reason = format!(
                "{format} is text, and it holds bytes: allow base64, leave the column out, or \
                 write Parquet"
            );
            return Err(Error::CannotWrite { column: field.name().clone(), row: None, reason });
        }
    }
    Ok(())
}

fn holds_bytes(ty: &TensorType) -> bool {
    match &ty.layout {
        Layout::Encoded => true,
        Layout::Sequence(inner) => holds_bytes(inner),
        _ => ty.dtype == DType::Bytes,
    }
}

/// The cells of a batch, by the schema of the export: that of a batch may lack metadata.
pub(super) fn cells(schema: &Schema, batch: &RecordBatch) -> Result<Vec<Cells>> {
    let columns = schema.fields().iter().zip(batch.columns());
    Ok(columns.map(|(field, array)| Cells::new(field, array)).collect::<Result<_, _>>()?)
}
