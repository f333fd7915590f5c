//! Whether a change goes together with the commits that came first.

use lakebed_core::ColumnId;
use lakebed_format::Entry;
use lakebed_format::Touched;
use lakebed_format::entry::Change;
use roaring::RoaringTreemap;

use crate::dataset::Dataset;
use crate::error::Result;

/// Row ids that a message names.
const NAMED: usize = 5;

/// The rows and columns that a change is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touching {
    /// Rows with new values.
    pub updated: RoaringTreemap,
    /// Rows to delete.
    pub deleted: RoaringTreemap,
    /// Columns with new values.
    pub columns: Vec<ColumnId>,
    /// Columns whose values it rests on.
    pub read: Vec<ColumnId>,
    /// True if rows that others add could change what it does.
    pub absence: bool,
}

impl Touching {
    /// Compares the change with every commit after version `checked`, which it goes together with,
    /// up to `head`.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] with rows and columns; damage, or an error of the store.
    pub async fn check(&self, checked: u64, head: &Dataset) -> Result<()> {
        if head.version() == checked {
            return Ok(());
        }
        let between = head.history(usize::MAX, |entry| entry.number <= checked).await?;
        if between.last().map(|entry| entry.number) != Some(checked) {
            return Err(head.conflict(format!(
                "version {checked}, which this change was prepared on, is no ancestor of version {} or has expired",
                head.version()
            )));
        }
        for entry in between.iter().filter(|entry| entry.number > checked) {
            self.check_one(entry, head).await?;
        }
        Ok(())
    }

    async fn check_one(&self, entry: &Entry, head: &Dataset) -> Result<()> {
        let adds = match &entry.change {
            Change::Append { rows, .. } => *rows,
            Change::Edit { appended, .. } | Change::Merge { appended, .. } => *appended,
            _ => 0,
        };
        if self.absence && adds > 0 {
            let reason = format!("version {} added {adds} rows meanwhile", entry.number);
            return Err(head.conflict(reason));
        }
        let (columns, touched) = match &entry.change {
            Change::Edit { columns, touched, .. } | Change::Merge { columns, touched, .. } => {
                (columns, touched)
            }
            Change::Revert { to } => {
                let reason = format!("version {} took everything back to {to}", entry.number);
                return Err(head.conflict(reason));
            }
            _ => return Ok(()),
        };
        let Some(region) = touched else { return Ok(()) };
        let bytes = head.region(region, "row ids").await?;
        let key = region.object.key("meta");
        let touched = Touched::from_bytes(&bytes).map_err(|e| head.in_object(&key, e))?;
        let refuse = |what: &str, rows: &RoaringTreemap, columns: &str| {
            let first: Vec<String> = rows.iter().take(NAMED).map(|id| id.to_string()).collect();
            let more = rows.len().saturating_sub(NAMED as u64);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let version = entry.number;
            Err(head.conflict(format!(
                "version {version} {what} rows with id {}{more}{columns}",
                first.join(", ")
            )))
        };
        // To delete what was deleted already is no conflict.
        let gone = &touched.deleted & &self.updated;
        if !gone.is_empty() {
            return refuse("deleted", &gone, "");
        }
        let changed = &touched.updated & &self.deleted;
        if !changed.is_empty() {
            return refuse("changed", &changed, ", which this change deletes");
        }
        let same = |id: &&u64| self.columns.iter().chain(&self.read).any(|own| own.0 == **id);
        let names: Vec<String> = columns
            .iter()
            .filter(same)
            .map(|id| match head.schema.by_id(ColumnId(*id)) {
                Some(column) => format!("'{}'", column.name),
                None => format!("{id}"),
            })
            .collect();
        let changed = &touched.updated & &self.updated;
        if !names.is_empty() && !changed.is_empty() {
            return refuse("changed", &changed, &format!(" in column {}", names.join(", ")));
        }
        Ok(())
    }
}
