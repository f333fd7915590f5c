//! Images to files: one for each row, named by a column or by the row's position.
//!
//! Encoded images come out byte for byte; pixels become PNG files. A name may hold folders
//! (`train/cat/1.jpg`), so that what the importer of class folders read is written as it was; it
//! gets the extension of what the file is. Rows whose image is null have no file.

use arrow::record_batch::RecordBatch;
use arrow_schema::Schema;

use super::ExportOptions;
use super::Sink;
use super::columns::ColumnRef;
use super::columns::Images;
use super::columns::columns;
use super::columns::image_column;
use super::folder::Folder;
use super::names::Names;
use super::staged::Staged;
use crate::error::Error;
use crate::error::Result;

/// Writes images as files.
pub(super) struct Writer {
    folder: Folder,
    column: ColumnRef,
    names: Names,
}

impl Writer {
    /// # Errors
    /// [`Error::CannotWrite`] if no column holds images.
    pub fn open(staged: &Staged, schema: &Schema, options: &ExportOptions) -> Result<Writer> {
        let column = image_column(&columns(schema))?;
        let names = Names::new(schema, options.names.as_deref())?;
        Ok(Writer { folder: Folder::new(staged), column, names })
    }
}

/// Writes one image; a name that comes again is told with its row.
pub(super) fn put_image(
    folder: &Folder,
    column: &ColumnRef,
    position: u64,
    name: &str,
    bytes: &[u8],
) -> Result<()> {
    folder.put(name, bytes).map_err(|error| match error {
        Error::Write { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => {
            column.refuse(position, format!("another row has written '{name}': name rows apart"))
        }
        other => other,
    })
}

impl Sink for Writer {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let images = Images::new(&self.column, batch.column(self.column.index))?;
        let names = self.names.of(batch)?;
        for row in 0..batch.num_rows() {
            let position = self.folder.rows;
            let file = images.file(row).map_err(|e| self.column.refuse(position, e))?;
            if let Some(file) = file {
                let name = names.image(row, position, &file)?;
                put_image(&self.folder, &self.column, position, &name, &file)?;
            }
            self.folder.rows += 1;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
