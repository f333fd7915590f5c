//! Rows as packs of bounded size, one after another.

use std::sync::Arc;

use arrow::array::ArrayRef;
use lakebed_core::Column;
use lakebed_format::PackPointer;

use super::pack::PackWriter;
use crate::dataset::Shared;
use crate::error::Result;

/// Rows of a pack are numbered with 32 bits, a batch more than this included.
const MAX_PACK_ROWS: u64 = 1 << 31;

/// Packs that are written one after another.
#[derive(Debug, Default)]
pub(crate) struct Packs {
    open: Option<PackWriter>,
    finished: Vec<PackPointer>,
}

impl Packs {
    /// Adds one array for each column, all of one length; `first_row` is for messages. True if a
    /// pack is complete with them: the next rows begin another.
    pub async fn write(
        &mut self,
        shared: &Arc<Shared>,
        columns: &[Column],
        arrays: &[ArrayRef],
        first_row: u64,
    ) -> Result<bool> {
        let mut pack = match self.open.take() {
            Some(pack) => pack,
            None => PackWriter::begin(shared, shared.new_pack(), columns).await?,
        };
        pack.write(arrays, first_row).await?;
        let is_full = pack.length() >= shared.options.pack_bytes || pack.rows() >= MAX_PACK_ROWS;
        if is_full {
            self.finished.push(pack.finish().await?);
        } else {
            self.open = Some(pack);
        }
        Ok(is_full)
    }

    /// True if a pack is complete.
    pub fn has_finished(&self) -> bool {
        !self.finished.is_empty()
    }

    /// Stored bytes of the pack that is written, what waits for its page apart.
    pub fn length(&self) -> u64 {
        self.open.as_ref().map_or(0, PackWriter::length)
    }

    /// All of them, durable.
    pub async fn finish(mut self) -> Result<Vec<PackPointer>> {
        if let Some(pack) = self.open {
            self.finished.push(pack.finish().await?);
        }
        Ok(self.finished)
    }
}
