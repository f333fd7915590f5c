//! The commit of an append: packs become fragments after all others.

use std::sync::Arc;

use lakebed_core::Column;
use lakebed_format::FragmentPointer;
use lakebed_format::entry::Change;

use super::pack::FinishedPack;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;

/// Packs that wait for their commit, and the columns that they were written for.
pub(crate) struct Append {
    pub packs: Vec<FinishedPack>,
    pub columns: Arc<[Column]>,
}

impl Proposal for Append {
    fn propose(&self, head: &Dataset) -> Result<Proposed> {
        self.check(head)?;
        let mut entry = (*head.entry).clone();
        let mut objects = Vec::new();
        let mut rows = 0u64;
        for pack in &self.packs {
            let fragment = FragmentPointer {
                object: pack.object,
                sections_offset: pack.sections_offset,
                header_offset: pack.header_offset,
                length: pack.length,
                checksum: pack.checksum,
                rows: pack.rows,
                // Ids come from the entry that wins, so going on top of another rewrites nothing.
                first_row_id: entry.next_row_id,
                stamp: head.entry.number + 1,
            };
            entry.next_row_id = add(head, entry.next_row_id, pack.rows)?;
            rows = rows.saturating_add(pack.rows);
            let epoch = entry.epoch;
            let new = entry.tree.push(fragment, || head.shared.new_object(epoch))?;
            objects
                .extend(new.into_iter().map(|node| (node.pointer.object.key("meta"), node.bytes)));
        }
        entry.rows = add(head, entry.rows, rows)?;
        let fragments = u64::try_from(self.packs.len()).unwrap_or(u64::MAX);
        entry.change = Change::Append { rows, fragments };
        Ok(Proposed { entry, schema: None, objects })
    }
}

/// A counter of the head's entry, raised.
fn add(head: &Dataset, counter: u64, more: u64) -> Result<u64> {
    counter.checked_add(more).ok_or_else(|| {
        let key = lakebed_format::Entry::key(head.entry.number);
        head.damaged(&key, "log entry", format!("its counter {counter} cannot be right"))
    })
}

impl Append {
    /// Appends go together with everything that left the columns as they were written.
    fn check(&self, head: &Dataset) -> Result<()> {
        let oldest = self.packs.iter().map(|pack| pack.object.epoch).min().unwrap_or(0);
        if oldest + 1 < head.entry.epoch {
            return Err(Error::Fenced { prepared: head.entry.epoch - oldest });
        }
        let conflict = |reason: String| {
            Err(Error::Conflict { url: head.shared.url.clone(), number: head.entry.number, reason })
        };
        for written in self.columns.iter() {
            match head.schema.by_id(written.id) {
                Some(now)
                    if now.dtype == written.dtype
                        && now.dims == written.dims
                        && now.sequence == written.sequence
                        && now.compression == written.compression
                        && now.classes.starts_with(&written.classes) => {}
                _ => return conflict(format!("column '{}' was changed", written.name)),
            }
        }
        for column in &head.schema.columns {
            let known = self.columns.iter().any(|written| written.id == column.id);
            if !known && column.fill.is_none() && !column.nullable {
                return conflict(format!(
                    "column '{}' was added, and these rows have no value for it",
                    column.name
                ));
            }
        }
        Ok(())
    }
}
