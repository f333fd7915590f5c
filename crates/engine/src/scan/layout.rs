//! The columns of a table: what DataFusion sees and what the dataset calls them.

use std::sync::Arc;

use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::Schema as ArrowSchema;
use arrow_schema::SchemaRef;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorType;

/// The name of the hidden column of positions: `UInt64`, 0..n-1 in the snapshot.
pub const POSITION: &str = "__position";

/// The columns of a table in order.
#[derive(Debug)]
pub struct Layout {
    /// What DataFusion sees.
    pub schema: SchemaRef,
    /// The dataset's own description.
    pub dataset: Arc<Schema>,
    /// The tensor type of each column, positions included.
    pub types: Vec<TensorType>,
}

impl Layout {
    /// The columns of a dataset, and positions as the last one if asked for.
    pub fn new(dataset: Arc<Schema>, positions: bool) -> Layout {
        let mut types: Vec<TensorType> =
            dataset.columns.iter().map(TensorType::from_column).collect();
        let mut fields: Vec<Field> = types
            .iter()
            .zip(&dataset.columns)
            .map(|(ty, column)| ty.to_field(&column.name, column.nullable))
            .collect();
        if positions {
            types.push(TensorType::scalar(DType::U64));
            fields.push(Field::new(POSITION, DataType::UInt64, false));
        }
        Layout { schema: Arc::new(ArrowSchema::new(fields)), dataset, types }
    }

    /// The dataset's column at an index; `None` for positions.
    pub fn column(&self, index: usize) -> Option<&Column> {
        self.dataset.columns.get(index)
    }

    /// The index of the column of positions.
    pub fn position(&self) -> Option<usize> {
        let last = self.dataset.columns.len();
        (self.types.len() > last).then_some(last)
    }
}
