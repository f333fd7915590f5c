//! The commit of an append: packs become fragments after all others.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_core::Column;
use lakebed_core::ColumnId;
use lakebed_format::Entry;
use lakebed_format::Overlay;
use lakebed_format::PackPointer;
use lakebed_format::Patch;
use lakebed_format::entry::Change;
use tokio::sync::Mutex;

use super::recode::Recoded;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::edit::RegionWriter;
use crate::edit::patched;
use crate::error::Result;
use crate::tree_edit::NewObjects;

/// Packs that wait for their commit, and the columns that they were written for.
pub(crate) struct Append {
    pub packs: Vec<PackPointer>,
    pub columns: Arc<[Column]>,
    /// Columns whose lists of classes these rows make longer.
    pub(super) grown: BTreeSet<ColumnId>,
    pub(super) recoded: Mutex<Option<Recoded>>,
}

impl Proposal for Append {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        self.proposed(head).boxed()
    }
}

impl Append {
    /// Packs of these columns, whose lists of classes are as they were when the packs were begun.
    pub(crate) fn new(packs: Vec<PackPointer>, columns: Arc<[Column]>) -> Append {
        Append { packs, columns, grown: BTreeSet::new(), recoded: Mutex::default() }
    }

    async fn proposed(&self, head: &Dataset) -> Result<Proposed> {
        self.check(head)?;
        let mut entry = head.successor();
        let mut objects = Vec::new();
        let schema = self.grown_schema(head)?;
        let now = schema.as_ref().unwrap_or(&head.schema);
        let overlays = self.overlays(head, now, entry.number).await?;
        let rows = self.push_under(head, overlays, &mut entry, &mut objects)?;
        let fragments = u64::try_from(self.packs.len()).unwrap_or(u64::MAX);
        entry.change = Change::Append { rows, fragments };
        Ok(Proposed { entry, schema, objects })
    }

    /// Puts the packs behind the rows of an entry, and gives the number of their rows.
    pub(crate) fn push(
        &self,
        head: &Dataset,
        entry: &mut Entry,
        objects: &mut NewObjects,
    ) -> Result<u64> {
        self.push_under(head, Vec::new(), entry, objects)
    }

    /// As [`Append::push`]; each pack under its overlays, if there are any.
    fn push_under(
        &self,
        head: &Dataset,
        overlays: Vec<Vec<Overlay>>,
        entry: &mut Entry,
        objects: &mut NewObjects,
    ) -> Result<u64> {
        let mut rows = 0u64;
        let mut writer = RegionWriter::new(head);
        let mut overlays = overlays.into_iter();
        for pack in &self.packs {
            // Ids come from the entry that wins, so going on top of another rewrites nothing.
            let mut fragment = pack.fragment(entry.next_row_id, entry.number);
            if let Some(overlays) = overlays.next() {
                let patch = Patch { overlays, ..Patch::default() };
                fragment = patched(&fragment, &patch, &mut writer)?;
            }
            entry.next_row_id = add(head, entry.next_row_id, pack.rows)?;
            rows = rows.saturating_add(pack.rows);
            let epoch = entry.epoch;
            let new = entry.tree.push(fragment, || head.shared.new_object(epoch))?;
            objects
                .extend(new.into_iter().map(|node| (node.pointer.object.key("meta"), node.bytes)));
        }
        objects.extend(writer.finish());
        entry.rows = add(head, entry.rows, rows)?;
        Ok(rows)
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
    pub(crate) fn check(&self, head: &Dataset) -> Result<()> {
        head.check_fence(self.packs.iter().map(|pack| pack.object))?;
        let conflict = |reason: String| Err(head.conflict(reason));
        for written in self.columns.iter() {
            match head.schema.by_id(written.id) {
                Some(now) if now.stores_like(written) => {}
                // Codes are put under the head's list.
                Some(now) if self.grown.contains(&written.id) && now.is_formed_like(written) => {}
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
