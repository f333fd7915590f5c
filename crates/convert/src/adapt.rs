//! Fits a source's batches to a dataset that may have rows already.
//!
//! The dataset decides the order of columns and the codes of classes. What cannot be fitted is an
//! error before the first file is read.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::ListArray;
use arrow::array::StructArray;
use arrow::array::UInt32Array;
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;
use arrow::record_batch::RecordBatchOptions;
use arrow_schema::SchemaRef;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorType;

use crate::columns::arrow_schema;
use crate::error::Error;
use crate::error::Result;

/// What becomes of each column that both have, in the dataset's order.
#[derive(Debug)]
pub(crate) struct Adapter {
    arrow: SchemaRef,
    steps: Vec<Step>,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The source's column as it is.
    Same(usize),
    /// The source's column, code `i` replaced by `codes[i]`.
    Recode { column: usize, codes: Vec<u32> },
}

impl Adapter {
    /// Compares a source's columns with a dataset's.
    ///
    /// # Errors
    /// [`Error::DoesNotFit`] with the column and what to do.
    pub fn new(source: &Schema, dataset: &Schema) -> Result<Adapter> {
        for column in &source.columns {
            if !dataset.columns.iter().any(|known| known.name == column.name) {
                return Err(refuse(
                    column,
                    format!(
                        "the source has it ({}) and the dataset has not: add it to the dataset first",
                        TensorType::from_column(column)
                    ),
                ));
            }
        }
        let mut columns = Vec::new();
        let mut steps = Vec::new();
        for column in &dataset.columns {
            // A column that the source lacks is the dataset's to fill.
            if let Some(step) = step(source, column)? {
                steps.push(step);
                columns.push(column.clone());
            }
        }
        Ok(Adapter { arrow: arrow_schema(&Schema { columns }), steps })
    }

    /// A batch of the source as a batch of the dataset.
    pub fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let missing = |index: usize| Error::Stopped {
            reason: format!("a batch has {} columns, not {}", batch.num_columns(), index + 1),
        };
        let mut arrays = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let at = |index: usize| batch.columns().get(index).ok_or_else(|| missing(index));
            arrays.push(match step {
                Step::Same(index) => Arc::clone(at(*index)?),
                Step::Recode { column, codes } => recode(at(*column)?, codes)?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let arrow = SchemaRef::clone(&self.arrow);
        Ok(RecordBatch::try_new_with_options(arrow, arrays, &options)?)
    }
}

fn step(source: &Schema, column: &Column) -> Result<Option<Step>> {
    let found = source.columns.iter().enumerate().find(|(_, found)| found.name == column.name);
    let Some((index, found)) = found else {
        if column.nullable || column.fill.is_some() {
            return Ok(None);
        }
        return Err(refuse(
            column,
            "the dataset needs a value in every row and the source has no such column".into(),
        ));
    };
    let plain = |column: &Column| {
        let mut ty = TensorType::from_column(column);
        ty.classes = Arc::from([]);
        (ty, column.sequence)
    };
    if plain(found) != plain(column) || (found.nullable && !column.nullable) {
        let describe = |column: &Column| {
            let nullable = if column.nullable { ", nullable" } else { "" };
            format!("{} {}{nullable}", column.htype, TensorType::from_column(column))
        };
        return Err(refuse(
            column,
            format!("the source has {}, the dataset {}", describe(found), describe(column)),
        ));
    }
    if column.classes.get(..found.classes.len()) == Some(found.classes.as_slice()) {
        return Ok(Some(Step::Same(index)));
    }
    if column.dtype != DType::U32 || column.sequence {
        return Err(refuse(column, "the lists of classes differ".into()));
    }
    let codes = found.classes.iter().map(|class| {
        let code = column.class_code(class).map_err(|e| {
            refuse(column, format!("{e}; classes of the dataset: {}", column.classes.join(", ")))
        })?;
        u32::try_from(code).map_err(|e| refuse(column, e.to_string()))
    });
    Ok(Some(Step::Recode { column: index, codes: codes.collect::<Result<_>>()? }))
}

fn refuse(column: &Column, reason: String) -> Error {
    Error::DoesNotFit { column: column.name.clone(), reason }
}

/// Replaces class codes in a scalar or ragged column.
fn recode(array: &ArrayRef, codes: &[u32]) -> Result<ArrayRef> {
    if let Some(values) = array.as_primitive_opt::<UInt32Type>() {
        return Ok(Arc::new(recode_values(values, codes)?));
    }
    let wrong = || {
        Error::Core(lakebed_core::Error::WrongType {
            expected: "class codes".into(),
            found: array.data_type().to_string(),
        })
    };
    let (fields, mut children, nulls) =
        array.as_struct_opt().ok_or_else(wrong)?.clone().into_parts();
    let data = children.first_mut().ok_or_else(wrong)?;
    let list = data.as_list_opt::<i32>().ok_or_else(wrong)?.clone();
    let (item, offsets, values, list_nulls) = list.into_parts();
    let values = values.as_primitive_opt::<UInt32Type>().ok_or_else(wrong)?;
    let values = Arc::new(recode_values(values, codes)?);
    *data = Arc::new(ListArray::try_new(item, offsets, values, list_nulls)?);
    Ok(Arc::new(StructArray::try_new(fields, children, nulls)?))
}

fn recode_values(values: &UInt32Array, codes: &[u32]) -> Result<UInt32Array> {
    values.try_unary(|code| {
        let index = usize::try_from(code).unwrap_or(usize::MAX);
        codes.get(index).copied().ok_or_else(|| Error::Stopped {
            reason: format!("class code {code} in a column of {} classes", codes.len()),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lakebed_core::BoxFormat;
    use lakebed_core::TensorBuilder;

    fn classes(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn source() -> (Schema, RecordBatch) {
        let columns = vec![
            Column::class_label("one", classes(&["ant", "bee"])),
            Column::class_labels("many", classes(&["ant", "bee"])),
        ];
        let schema = Schema::new(columns).unwrap();
        let mut one = TensorBuilder::new(0);
        let mut many = TensorBuilder::new(1);
        for row in [vec![0u32, 1, 1], vec![], vec![1, 0]] {
            one.push(&[u32::try_from(row.len() / 2).unwrap()], &[]).unwrap();
            many.push(&row, &[row.len()]).unwrap();
        }
        let ty = |index: usize| TensorType::from_column(&schema.columns[index]);
        let arrays = vec![
            one.finish::<UInt32Type>(&ty(0)).unwrap(),
            many.finish::<UInt32Type>(&ty(1)).unwrap(),
        ];
        (schema.clone(), RecordBatch::try_new(arrow_schema(&schema), arrays).unwrap())
    }

    #[test]
    fn the_dataset_decides_order_and_codes() {
        let (source, batch) = source();
        let dataset = Schema::new(vec![
            Column::boxes("boxes", BoxFormat::Ltrb).nullable(),
            Column::class_labels("many", classes(&["bee", "cat", "ant"])),
            Column::class_label("one", classes(&["ant", "bee", "cat"])),
        ])
        .unwrap();
        let adapter = Adapter::new(&source, &dataset).unwrap();
        assert_eq!(adapter.steps[1], Step::Same(0));
        let batch = adapter.apply(&batch).unwrap();
        assert!(batch.column_by_name("boxes").is_none());
        let many = batch.column(0).as_struct().column(0).as_list::<i32>().values();
        assert_eq!(many.as_primitive::<UInt32Type>().values().to_vec(), [2, 0, 0, 0, 2]);
        let one = batch.column(1).as_primitive::<UInt32Type>();
        assert_eq!(one.values().to_vec(), [1, 0, 1]);
    }

    #[test]
    fn what_does_not_fit_is_told_before_reading() {
        let (source, _) = source();
        let many = Column::class_labels("many", classes(&["ant", "bee"]));
        let one = Column::class_label("one", classes(&["ant", "bee"]));
        let cases = [
            (vec![many.clone()], "one", "add it to the dataset"),
            (vec![many.clone(), one.clone(), Column::text("t")], "t", "a value in every row"),
            (
                vec![many.clone(), Column::class_label("one", classes(&["ant", "bees"]))],
                "one",
                "did you mean 'bees'",
            ),
            (vec![many, Column::scalar("one", DType::U32)], "one", "the source has class_label"),
        ];
        for (columns, name, text) in cases {
            let error = Adapter::new(&source, &Schema::new(columns).unwrap()).unwrap_err();
            let Error::DoesNotFit { column, reason } = error else { panic!("{error}") };
            assert_eq!(column, name);
            assert!(reason.contains(text), "{reason}");
        }
    }
}
