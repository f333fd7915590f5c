//! The columns after a merge.

use lakebed_core::Column;
use lakebed_core::Schema;

use super::MergeConflict;
use super::in_order;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;

/// The columns of our side with what theirs added, dropped and changed since `base`.
///
/// # Errors
/// [`Error::MergeConflicts`] for columns that both sides changed in ways that do not go together.
pub(super) fn merged(ours: &Dataset, theirs: &Dataset, base: &Dataset) -> Result<Schema> {
    let mut schema = (*ours.schema).clone();
    let mut conflicts = Vec::new();
    for column in &theirs.schema.columns {
        let before = base.schema.by_id(column.id);
        let place = schema.columns.iter().position(|own| own.id == column.id);
        match (before, place) {
            (None, None) => schema.columns.push(added(column, ours)),
            (None, Some(_)) => {}
            // We dropped it: their changes to it go with it.
            (Some(_), None) => {}
            (Some(before), Some(place)) => {
                let own = &mut schema.columns[place];
                if let Err(reason) = combine(own, column, before) {
                    let column = own.name.clone();
                    conflicts.push(MergeConflict::Column { column, reason });
                }
            }
        }
    }
    schema.columns.retain(|own| {
        let dropped = base.schema.by_id(own.id).is_some() && theirs.schema.by_id(own.id).is_none();
        !dropped
    });
    for (nth, column) in schema.columns.iter().enumerate() {
        if schema.columns[..nth].iter().any(|other| other.name == column.name) {
            conflicts.push(MergeConflict::Column {
                column: column.name.clone(),
                reason: "both sides have another column of this name: rename one".to_string(),
            });
        }
    }
    if !conflicts.is_empty() {
        in_order(&mut conflicts);
        return Err(Error::MergeConflicts {
            from: theirs.branch_name().to_string(),
            count: u64::try_from(conflicts.len()).unwrap_or(u64::MAX),
            conflicts,
        });
    }
    schema.validate()?;
    Ok(schema)
}

/// A column that only their rows have values of.
fn added(column: &Column, ours: &Dataset) -> Column {
    let mut column = column.clone();
    if column.fill.is_none() && ours.num_rows() > 0 {
        column.nullable = true;
    }
    column
}

/// Puts what they changed of a column into ours.
fn combine(own: &mut Column, theirs: &Column, before: &Column) -> std::result::Result<(), String> {
    if theirs.name != before.name {
        if own.name != before.name && own.name != theirs.name {
            return Err(format!(
                "we renamed '{}' to '{}', they to '{}'",
                before.name, own.name, theirs.name
            ));
        }
        own.name.clone_from(&theirs.name);
    }
    for class in &theirs.classes {
        if !own.classes.contains(class) {
            own.classes.push(class.clone());
        }
    }
    own.nullable |= theirs.nullable;
    Ok(())
}
