//! Arrow columns of other programs as columns of ours: which, and the arrays turned.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::BooleanArray;
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use arrow_schema::Field;
use lakebed_core::Column;
use lakebed_core::HType;
use lakebed_core::Schema;

use super::MAX_CLASSES;
use super::Open;
use crate::columns::arrow_schema;
use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::options::ImportOptions;
use crate::options::OnError;
use crate::source::Event;

mod arrays;
mod columns;
mod json;
mod labels;
mod lists;

use arrays::turn;
use columns::column_of;

/// How the columns of a file become columns of a dataset.
pub(super) struct Fit {
    file: String,
    /// Places in the file's batches, and what they become.
    chosen: Vec<usize>,
    pub schema: Schema,
    /// Of class labels that are text, by their place in the schema: the names found so far.
    names: BTreeMap<usize, BTreeSet<String>>,
    options: ImportOptions,
    rows: u64,
}

/// What is wrong in one row.
type BadRow = (usize, String);

impl Fit {
    /// Chooses types by the fields, and by a first batch for columns of bytes.
    ///
    /// # Errors
    /// [`Error::Whole`] for a column of a type that has no form here, with what to do.
    pub fn new(
        open: &Open<'_>,
        fields: &arrow_schema::Fields,
        sample: Option<&RecordBatch>,
    ) -> Result<Fit> {
        open.check_names(
            fields.iter().map(|field| field.name().as_str()).collect::<Vec<_>>().into_iter(),
        )?;
        let (mut chosen, mut columns, mut names) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (index, field) in fields.iter().enumerate() {
            let name = field.name();
            let inferred = column_of(field, sample.and_then(|batch| batch.columns().get(index)));
            let column = match (open.options.types.get(name), inferred) {
                (Some(super::ColumnType::Skip), _) => None,
                (Some(ty), inferred) => {
                    let inferred = inferred.unwrap_or_else(|| Column::text(name).nullable());
                    ty.column(&inferred)
                        .map_err(|e| open.problem(format!("column '{name}': {e}")))?
                }
                (None, Some(inferred)) => Some(inferred),
                (None, None) => {
                    let found = field.data_type();
                    let json = match json::is_nested(found) {
                        true => format!("give --type {name}=json, or "),
                        false => String::new(),
                    };
                    return Err(open.problem(format!(
                        "column '{name}': its type {found} has no form here: {json}leave it out with \
                         --type {name}=skip"
                    )));
                }
            };
            if let Some(column) = column {
                if column.htype == HType::ClassLabel && labels::are_texts(field.data_type()) {
                    names.insert(columns.len(), BTreeSet::new());
                }
                chosen.push(index);
                columns.push(column);
            }
        }
        let schema = Schema { columns };
        let (file, options) = (open.file.clone(), open.options.clone());
        Ok(Fit { file, chosen, schema, names, options, rows: 0 })
    }

    /// True if there are class labels that are text: every batch is to be shown to
    /// [`Fit::gather`] first, since all names must be known before the first code.
    pub fn needs_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// Notes the names of classes in a batch.
    pub fn gather(&mut self, batch: &RecordBatch) -> Result<()> {
        for (place, names) in &mut self.names {
            let Some(column) = self.schema.columns.get_mut(*place) else { continue };
            let array = self.chosen.get(*place).and_then(|index| batch.columns().get(*index));
            let problem = |cause: String| {
                let cause = format!("column '{}': {cause}", column.name);
                Error::Whole(Problem::new(self.file.as_str(), cause))
            };
            if let Some(array) = array {
                labels::gather(array, names).map_err(problem)?;
            }
            if names.len() > MAX_CLASSES {
                let name = &column.name;
                let advice = format!("more than {MAX_CLASSES} classes: give --type {name}=text");
                return Err(problem(advice));
            }
        }
        Ok(())
    }

    /// Ends the gathering: the names are the classes, sorted.
    pub fn name_classes(&mut self) {
        for (place, names) in std::mem::take(&mut self.names) {
            if let Some(column) = self.schema.columns.get_mut(place) {
                column.classes = names.into_iter().collect();
            }
        }
    }

    /// Turns a batch; its bad rows end the import or are left out.
    pub fn apply(&mut self, batch: &RecordBatch, events: &mut Vec<Event>) -> Result<()> {
        let mut bad: BTreeMap<usize, String> = BTreeMap::new();
        let mut arrays = Vec::with_capacity(self.chosen.len());
        for (index, column) in self.chosen.iter().zip(&self.schema.columns) {
            let array = batch.columns().get(*index).ok_or_else(|| Error::Stopped {
                reason: format!("a batch has {} columns", batch.num_columns()),
            })?;
            let mut rows = Vec::new();
            let turned = turn(column, array, &self.options.limits, &mut rows).map_err(|e| {
                let cause = format!("column '{}': {e}", column.name);
                Error::Whole(Problem::new(self.file.as_str(), cause))
            })?;
            if !column.nullable {
                let nulls = turned.nulls().into_iter();
                let nulls = nulls.flat_map(|nulls| nulls.iter().enumerate().filter(|(_, ok)| !ok));
                rows.extend(nulls.map(|(row, _)| (row, "it is null".to_string())));
            }
            for (row, cause) in rows {
                bad.entry(row).or_insert_with(|| format!("column '{}': {cause}", column.name));
            }
            arrays.push(turned);
        }
        let keep = BooleanBuffer::collect_bool(batch.num_rows(), |row| !bad.contains_key(&row));
        let keep = BooleanArray::new(keep, None);
        for (row, cause) in bad {
            let row = self.rows.saturating_add(u64::try_from(row).unwrap_or(u64::MAX));
            let problem = Problem::new(self.file.as_str(), format!("row {row}, {cause}"));
            match self.options.on_error {
                OnError::Fail => return Err(Error::File(problem)),
                OnError::Skip => events.push(Event::Skipped(problem)),
            }
        }
        self.rows += u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
        // Nulls where none may be are in rows that are about to be left out.
        let schema = arrow_schema(&self.schema);
        let open: Vec<Field> =
            schema.fields().iter().map(|field| Field::clone(field).with_nullable(true)).collect();
        let open = RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(open)), arrays)?;
        let kept =
            if keep.true_count() < keep.len() { filter_record_batch(&open, &keep)? } else { open };
        if kept.num_rows() > 0 {
            events.push(Event::Batch(RecordBatch::try_new(schema, kept.columns().to_vec())?));
        }
        Ok(())
    }
}
