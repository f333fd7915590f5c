//! Adding columns without touching rows that are there.

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

struct AddColumn {
    column: Column,
}

impl Proposal for AddColumn {
    fn propose(&self, head: &Dataset) -> Result<Proposed> {
        let mut schema = (*head.schema).clone();
        let mut column = self.column.clone();
        if column.fill.is_none() && !column.nullable && head.num_rows() > 0 {
            let name = &column.name;
            return Err(Error::SchemaMismatch {
                reason: format!(
                    "column '{name}' needs a fill value, or must be nullable, for the {} rows that are there",
                    head.num_rows()
                ),
            });
        }
        let mut entry = (*head.entry).clone();
        column.id = ColumnId(entry.next_column_id);
        entry.next_column_id = entry.next_column_id.saturating_add(1);
        entry.change = Change::AddColumn { column: column.id.0 };
        schema.columns.push(column);
        schema.validate()?;
        Ok(Proposed { entry, schema: Some(schema), objects: Vec::new() })
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
            commit::commit(self, message, &AddColumn { column }).await
        })
    }
}
