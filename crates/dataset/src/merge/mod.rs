//! Three-way merge of branches by row id.
//!
//! Both sides are compared with the version where they parted. Rows and cells that one side changed
//! are taken over; what both changed differently is a conflict, which the policy settles or which
//! stops the merge. New rows of the other branch are adopted as they lie: no sample is copied.

mod ancestor;
mod apply;
mod bases;
mod columns;

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_core::ColumnId;
use roaring::RoaringTreemap;

use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::diff::Common;
use crate::diff::Diff;
use crate::error::Error;
use crate::error::Result;
pub use bases::Parted;

/// Conflicts that an error carries; all of them are counted.
const CARRIED: usize = 1000;

/// One side of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The branch that is merged into.
    Ours,
    /// The branch that is merged.
    Theirs,
}

/// What both sides did to the same row or column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MergeConflict {
    /// A cell has another new value on each side.
    Cell {
        /// The row.
        row_id: u64,
        /// The column's name on our side.
        column: String,
    },
    /// One side deleted a row that the other gave new values.
    Row {
        /// The row.
        row_id: u64,
        /// Who deleted it.
        deleted_by: Side,
    },
    /// Both sides changed a column, or made one of the same name. No policy settles this.
    Column {
        /// Its name.
        column: String,
        /// What each side did.
        reason: String,
    },
}

impl std::fmt::Display for MergeConflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MergeConflict::Cell { row_id, column } => {
                write!(f, "row {row_id}, column '{column}': both sides changed it")
            }
            MergeConflict::Row { row_id, deleted_by: Side::Ours } => {
                write!(f, "row {row_id}: we deleted it, they changed it")
            }
            MergeConflict::Row { row_id, deleted_by: Side::Theirs } => {
                write!(f, "row {row_id}: they deleted it, we changed it")
            }
            MergeConflict::Column { column, reason } => write!(f, "column '{column}': {reason}"),
        }
    }
}

/// Columns first, then cells by column and row, then rows.
fn in_order(conflicts: &mut [MergeConflict]) {
    conflicts.sort_by(|a, b| {
        let key = |conflict: &MergeConflict| match conflict {
            MergeConflict::Column { .. } => (0, 0),
            MergeConflict::Cell { row_id, .. } => (1, *row_id),
            MergeConflict::Row { row_id, .. } => (2, *row_id),
        };
        let column = |conflict: &MergeConflict| match conflict {
            MergeConflict::Column { column, .. } | MergeConflict::Cell { column, .. } => {
                column.clone()
            }
            MergeConflict::Row { .. } => String::new(),
        };
        let ((a_kind, a_row), (b_kind, b_row)) = (key(a), key(b));
        (a_kind, column(a), a_row).cmp(&(b_kind, column(b), b_row))
    });
}

/// Decides one conflict; see [`Policy::With`].
pub type Decide = Box<dyn Fn(&MergeConflict) -> Side + Send + Sync>;

/// What becomes of conflicts.
pub enum Policy {
    /// They stop the merge, which names them.
    Fail,
    /// Ours stays.
    Ours,
    /// Theirs is taken.
    Theirs,
    /// A function decides each. It may be asked again if another commit comes first.
    With(Decide),
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Policy::Fail => "Fail",
            Policy::Ours => "Ours",
            Policy::Theirs => "Theirs",
            Policy::With(_) => "With(..)",
        })
    }
}

struct Merge {
    /// A branch, a tag or a number.
    name: String,
    policy: Policy,
}

/// What is taken over from the other side.
struct Taken {
    /// Rows to add.
    added: RoaringTreemap,
    /// Rows to delete.
    deleted: RoaringTreemap,
    /// Cells to give their values.
    cells: BTreeMap<ColumnId, RoaringTreemap>,
}

impl Proposal for Merge {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        async move {
            let theirs = head.at_name(&self.name).await?;
            head.check_retained(theirs.version())?;
            let base = ancestor::common(head, &theirs, &self.name).await?;
            let (ours, other) = (head.diff(&base).await?, theirs.diff(&base).await?);
            let schema = columns::merged(head, &theirs, &base)?;
            let taken = self.settled(head, &theirs, &ours, &other).await?;
            apply::proposed(head, &theirs, schema, taken).await
        }
        .boxed()
    }
}

impl Merge {
    /// What is taken over once the policy has settled the conflicts.
    async fn settled(
        &self,
        head: &Dataset,
        theirs: &Dataset,
        ours: &Diff,
        other: &Diff,
    ) -> Result<Taken> {
        let mut conflicts = Conflicts { policy: &self.policy, open: Vec::new(), count: 0 };
        let mut deleted = &other.deleted - &ours.deleted;
        for row_id in &(&deleted & &ours.rows_changed()) {
            let conflict = MergeConflict::Row { row_id, deleted_by: Side::Theirs };
            if conflicts.side(conflict) == Side::Ours {
                deleted.remove(row_id);
            }
        }
        // A row that we deleted has nowhere to put their values; to take their side would be to
        // bring the row back.
        let lost = &other.rows_changed() & &ours.deleted;
        let mut added = &other.added - &ours.added;
        for row_id in &lost {
            let conflict = MergeConflict::Row { row_id, deleted_by: Side::Ours };
            if conflicts.side(conflict) == Side::Theirs {
                added.insert(row_id);
            }
        }
        // Rows that both sides have and the base has not: one side took them from the other, by a
        // revert to its version. What differs in them was changed by one or by both.
        let twice = &other.added & &ours.added;
        let mut cells = BTreeMap::new();
        for column in &theirs.schema.columns {
            let id = &column.id;
            let none = RoaringTreemap::new();
            let mut rows = other.changed.get(id).unwrap_or(&none) - &ours.deleted;
            let mut both = &rows & ours.changed.get(id).unwrap_or(&none);
            rows |= &twice;
            if head.schema.by_id(*id).is_some() {
                both |= &twice;
            }
            let column = head.schema.by_id(*id).unwrap_or(column);
            let common = Common::new(head, theirs, both.iter().collect()).await?;
            let differ = common.unequal(column).await?;
            for row_id in &both {
                let column = column.name.clone();
                let conflict = MergeConflict::Cell { row_id, column };
                if !differ.contains(row_id) || conflicts.side(conflict) == Side::Ours {
                    rows.remove(row_id);
                }
            }
            if !rows.is_empty() {
                cells.insert(*id, rows);
            }
        }
        conflicts.check(&self.name)?;
        Ok(Taken { added, deleted, cells })
    }
}

struct Conflicts<'a> {
    policy: &'a Policy,
    open: Vec<MergeConflict>,
    count: u64,
}

impl Conflicts<'_> {
    fn side(&mut self, conflict: MergeConflict) -> Side {
        match self.policy {
            Policy::Ours => Side::Ours,
            Policy::Theirs => Side::Theirs,
            Policy::With(decide) => decide(&conflict),
            Policy::Fail => {
                self.count += 1;
                if self.open.len() < CARRIED {
                    self.open.push(conflict);
                }
                Side::Ours
            }
        }
    }

    fn check(mut self, from: &str) -> Result<()> {
        in_order(&mut self.open);
        match self.count {
            0 => Ok(()),
            count => {
                Err(Error::MergeConflicts { from: from.to_string(), count, conflicts: self.open })
            }
        }
    }
}

impl Dataset {
    /// Takes over what a branch (or any version, by name or number) has done since it and this
    /// branch parted. One commit with two parents.
    ///
    /// # Errors
    /// [`Error::MergeConflicts`] under [`Policy::Fail`], and for columns under every policy;
    /// [`Error::NoSuchRef`], [`Error::AncestorExpired`] if the version where they parted is gone, or
    /// an error of the commit.
    pub fn merge<'a>(
        &'a self,
        name: &'a str,
        policy: Policy,
        message: &'a str,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let newest = self.refresh().await?;
            let theirs = newest.at_name(name).await?;
            if ancestor::common(&newest, &theirs, name).await?.version() == theirs.version() {
                // There is nothing that this branch does not have.
                return Ok(newest);
            }
            commit::commit(&newest, message, &Merge { name: name.to_string(), policy }).await
        })
    }
}
