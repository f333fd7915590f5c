//! Writing one pack: chunks of many columns, then their manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use bytes::Bytes;
use lakebed_core::Column;
use lakebed_core::ObjectId;
use lakebed_format::ALIGNMENT;
use lakebed_format::ChunkAddress;
use lakebed_format::ChunkBuilder;
use lakebed_format::ColumnSection;
use lakebed_format::EncodedChunk;
use lakebed_format::ManifestHeader;
use lakebed_format::PackPointer;
use lakebed_format::checksum::Checksum;
use lakebed_format::checksum::Running;
use lakebed_format::chunk::footer::footer;
use lakebed_format::manifest::SectionAddress;
use lakebed_store::ObjectWriter;

use crate::dataset::Shared;
use crate::error::Error;
use crate::error::Result;

/// A pack that is being written.
pub(crate) struct PackWriter {
    object: ObjectId,
    writer: Box<dyn ObjectWriter>,
    hash: Running,
    offset: u64,
    columns: Vec<ColumnWriter>,
    rows: u64,
    buffer_bytes: usize,
}

struct ColumnWriter {
    column: Column,
    builder: ChunkBuilder,
    section: ColumnSection,
    rows_written: u64,
}

impl std::fmt::Debug for PackWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackWriter({}, {} rows)", self.object, self.rows)
    }
}

impl PackWriter {
    pub async fn begin(
        shared: &Arc<Shared>,
        object: ObjectId,
        columns: &[Column],
    ) -> Result<PackWriter> {
        let column = |column: &Column| ColumnWriter {
            column: column.clone(),
            builder: ChunkBuilder::new(column.clone(), shared.options.chunk_bytes)
                .tiled_above(shared.options.tiled_above_bytes),
            section: ColumnSection::default(),
            rows_written: 0,
        };
        Ok(PackWriter {
            object,
            writer: shared.store.writer(&object.key("data")).await?,
            hash: Running::new(),
            offset: 0,
            columns: columns.iter().map(column).collect(),
            rows: 0,
            buffer_bytes: shared.options.buffer_bytes,
        })
    }

    /// Bytes that have left for the store.
    pub fn length(&self) -> u64 {
        self.offset
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds one array for each column, all of one length; `first_row` is for messages.
    pub async fn write(&mut self, arrays: &[ArrayRef], first_row: u64) -> Result<()> {
        let in_pack = self.rows;
        for (column, array) in self.columns.iter_mut().zip(arrays) {
            let mut full = Vec::new();
            column
                .builder
                .push(array, |chunk| {
                    full.push(chunk);
                    Ok(())
                })
                .map_err(|e| renumber(e, first_row.saturating_sub(in_pack)))?;
            for chunk in full {
                let (offset, hash, writer) = (&mut self.offset, &mut self.hash, &mut *self.writer);
                put_chunk(column, chunk, offset, hash, writer).await?;
            }
        }
        self.rows += arrays.first().map_or(0, |array| u64::try_from(array.len()).unwrap_or(0));
        self.keep_budget().await
    }

    /// Empties the fullest columns until all together are within the budget.
    async fn keep_budget(&mut self) -> Result<()> {
        loop {
            let total: usize = self.columns.iter().map(|c| c.builder.buffered_bytes()).sum();
            if total <= self.buffer_bytes {
                return Ok(());
            }
            let fullest = self.columns.iter_mut().max_by_key(|c| c.builder.buffered_bytes());
            let Some(fullest) = fullest.filter(|c| c.builder.buffered_rows() > 0) else {
                return Ok(());
            };
            let chunk = fullest.builder.finish()?;
            put_chunk(fullest, chunk, &mut self.offset, &mut self.hash, &mut *self.writer).await?;
        }
    }

    /// Writes what is buffered, the manifest, and makes the pack durable; no entry has it yet.
    pub async fn finish(mut self) -> Result<PackPointer> {
        let (offset, hash, writer) = (&mut self.offset, &mut self.hash, &mut *self.writer);
        for column in &mut self.columns {
            if column.builder.buffered_rows() > 0 {
                let chunk = column.builder.finish()?;
                put_chunk(column, chunk, offset, hash, writer).await?;
            }
        }
        let sections = self.columns.iter().map(|column| (&column.column, &column.section));
        let manifest = ManifestWriter {
            object: self.object,
            rows: self.rows,
            objects: Vec::new(),
            sections: sections.collect(),
        };
        let (offset, hash) = (self.offset, self.hash);
        let pointer = manifest.write(offset, hash, &mut *self.writer).await?;
        self.writer.finish().await?;
        Ok(pointer)
    }
}

/// What ends a pack.
pub(crate) struct ManifestWriter<'a> {
    pub object: ObjectId,
    pub rows: u64,
    /// Other packs that hold chunks.
    pub objects: Vec<ObjectId>,
    pub sections: Vec<(&'a Column, &'a ColumnSection)>,
}

impl ManifestWriter<'_> {
    /// Writes it behind `offset` bytes of this hash.
    pub async fn write(
        self,
        mut offset: u64,
        mut hash: Running,
        writer: &mut dyn ObjectWriter,
    ) -> Result<PackPointer> {
        let sections_offset = offset;
        let mut sections = BTreeMap::new();
        for (column, section) in self.sections {
            let bytes = section.to_bytes(column, &self.objects);
            let address = SectionAddress {
                offset,
                length: length_of(&bytes),
                checksum: Checksum::of(&bytes),
            };
            sections.insert(column.id, address);
            put_aligned(bytes, &mut offset, &mut hash, writer).await?;
        }
        let header = ManifestHeader {
            rows: self.rows,
            prefix_checksum: Some(hash.checksum()),
            objects: self.objects,
            sections,
        };
        let header_offset = offset;
        let bytes = header.to_bytes();
        let checksum = Checksum::of(&bytes);
        let length = header_offset + length_of(&bytes);
        writer.write(Bytes::from(bytes)).await?;
        Ok(PackPointer {
            object: self.object,
            sections_offset,
            header_offset,
            length,
            checksum,
            rows: self.rows,
        })
    }
}

/// Row numbers of the format count from the pack's first row; people count from theirs.
fn renumber(error: lakebed_format::Error, pack_start: u64) -> Error {
    match error {
        lakebed_format::Error::InvalidSample { column, row, reason } => {
            lakebed_format::Error::InvalidSample { column, row: row + pack_start, reason }.into()
        }
        other => other.into(),
    }
}

async fn put_chunk(
    column: &mut ColumnWriter,
    chunk: EncodedChunk,
    offset: &mut u64,
    hash: &mut Running,
    writer: &mut dyn ObjectWriter,
) -> Result<()> {
    let payload_offset = *offset;
    let payload_length = length_of(&chunk.payload);
    let footer = footer(
        column.column.id,
        column.rows_written,
        chunk.stats.rows,
        chunk.payload.len(),
        &chunk.directory,
    );
    put_aligned(chunk.payload, offset, hash, writer).await?;
    let directory_offset = *offset;
    let directory_length = length_of(&chunk.directory);
    let directory_checksum = Checksum::of(&chunk.directory);
    put_aligned(chunk.directory, offset, hash, writer).await?;
    put_aligned(footer.to_vec(), offset, hash, writer).await?;
    column.rows_written += chunk.stats.rows;
    column.section.chunks.push(ChunkAddress {
        object: None,
        payload_offset,
        payload_length,
        directory_offset,
        directory_length,
        directory_checksum,
    });
    column.section.stats.push(chunk.stats);
    Ok(())
}

/// Writes bytes and the zeros up to the next multiple of [`ALIGNMENT`].
async fn put_aligned(
    mut bytes: Vec<u8>,
    offset: &mut u64,
    hash: &mut Running,
    writer: &mut dyn ObjectWriter,
) -> Result<()> {
    let alignment = usize::try_from(ALIGNMENT).unwrap_or(1);
    bytes.resize(bytes.len().next_multiple_of(alignment), 0);
    hash.update(&bytes);
    *offset += length_of(&bytes);
    writer.write(Bytes::from(bytes)).await?;
    Ok(())
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
