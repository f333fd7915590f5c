//! Batches as datasets take them.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema as ArrowSchema;
use lakebed::core::Schema;
use lakebed::core::TensorType;

/// The types of a dataset's columns.
pub fn types(schema: &Schema) -> Vec<TensorType> {
    schema.columns.iter().map(TensorType::from_column).collect()
}

/// Rows for a dataset of this schema, an array a column.
pub fn batch(schema: &Schema, arrays: Vec<ArrayRef>) -> RecordBatch {
    let fields: Vec<_> = schema
        .columns
        .iter()
        .zip(types(schema))
        .map(|(column, ty)| ty.to_field(&column.name, column.nullable))
        .collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}
