//! Adding, renaming and dropping columns without touching rows that are there.

use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_core::Column;
use lakebed_core::ColumnId;
use lakebed_format::entry::Change;

use crate::commit;
use crate::commit::Proposal;
use crate::commit::Proposed;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::fill;

enum Evolution {
    Add(Column),
    Rename { column: ColumnId, to: String },
    Drop { column: ColumnId },
}

impl Evolution {
    fn proposed(&self, head: &Dataset) -> Result<Proposed> {
        let mut schema = (*head.schema).clone();
        let mut entry = head.successor();
        let place = |id: &ColumnId| {
            let place = schema.columns.iter().position(|column| column.id == *id);
            place.ok_or_else(|| head.conflict("the column was dropped".to_string()))
        };
        match self {
            Evolution::Add(column) => {
                let mut column = column.clone();
                if column.fill.is_none() && !column.nullable && head.num_rows() > 0 {
                    return Err(Error::SchemaMismatch {
                        reason: format!(
                            "column '{}' needs a fill value, or must be nullable, for the {} rows that are there",
                            column.name,
                            head.num_rows()
                        ),
                    });
                }
                column.id = ColumnId(entry.next_column_id);
                entry.next_column_id = entry.next_column_id.saturating_add(1);
                entry.change = Change::AddColumn { column: column.id.0 };
                schema.columns.push(column);
            }
            Evolution::Rename { column, to } => {
                let place = place(column)?;
                let from = std::mem::replace(&mut schema.columns[place].name, to.clone());
                entry.change = Change::RenameColumn { column: column.0, from };
            }
            Evolution::Drop { column } => {
                let dropped = schema.columns.remove(place(column)?);
                entry.change = Change::DropColumn { column: column.0, name: dropped.name };
            }
        }
        schema.validate()?;
        Ok(Proposed { entry, schema: Some(schema), objects: Vec::new() })
    }
}

impl Proposal for Evolution {
    fn propose<'a>(&'a self, head: &'a Dataset) -> BoxFuture<'a, Result<Proposed>> {
        let proposed = self.proposed(head);
        async move { proposed }.boxed()
    }
}

impl Dataset {
    /// Adds a column; rows that are there have its fill value, or null. One commit, no rewriting.
    ///
    /// # Errors
    /// A column that cannot be stored, a name that is taken, a fill value that does not fit, a
    /// column with neither a fill value nor nulls, or an error of the commit.
    pub fn add_column<'a>(
        &'a self,
        column: Column,
        message: &'a str,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            column.validate()?;
            fill::check(&column, &self.shared.options.limits)?;
            commit::commit(self, message, &Evolution::Add(column)).await
        })
    }

    /// Gives a column another name. One commit, no rewriting.
    ///
    /// # Errors
    /// An unknown column, a name that is taken or cannot be one, or an error of the commit.
    pub fn rename_column<'a>(
        &'a self,
        name: &'a str,
        to: &'a str,
        message: &'a str,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let column = self.schema.column(name)?.id;
            let rename = Evolution::Rename { column, to: to.to_string() };
            commit::commit(self, message, &rename).await
        })
    }

    /// Drops a column. One commit, no rewriting: older versions keep its values, and compaction
    /// leaves them out.
    ///
    /// # Errors
    /// An unknown column, or an error of the commit.
    pub fn drop_column<'a>(
        &'a self,
        name: &'a str,
        message: &'a str,
    ) -> BoxFuture<'a, Result<Dataset>> {
        Box::pin(async move {
            let column = self.schema.column(name)?.id;
            commit::commit(self, message, &Evolution::Drop { column }).await
        })
    }
}
