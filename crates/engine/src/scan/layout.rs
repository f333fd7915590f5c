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

use crate::table::TableOptions;

/// The name of the hidden column of positions: `UInt64`, 0..n-1 in the snapshot.
pub const POSITION: &str = "__position";

/// The name of the hidden column of row ids: `UInt64`, the same in every version.
pub const ROW_ID: &str = "__row_id";

/// The columns of a table in order.
#[derive(Debug)]
pub struct Layout {
    /// What DataFusion sees.
    pub schema: SchemaRef,
    /// The dataset's own description.
    pub dataset: Arc<Schema>,
    /// The tensor type of each column, row ids and positions included.
    pub types: Vec<TensorType>,
    row_id: Option<usize>,
    position: Option<usize>,
}

impl Layout {
    /// The columns of a dataset, and behind them what was asked for.
    pub fn new(dataset: Arc<Schema>, options: &TableOptions) -> Layout {
        let mut types: Vec<TensorType> =
            dataset.columns.iter().map(TensorType::from_column).collect();
        let mut fields: Vec<Field> = types
            .iter()
            .zip(&dataset.columns)
            .map(|(ty, column)| ty.to_field(&column.name, column.nullable))
            .collect();
        let mut hidden = |wanted: bool, name: &str| {
            wanted.then(|| {
                types.push(TensorType::scalar(DType::U64));
                fields.push(Field::new(name, DataType::UInt64, false));
                fields.len() - 1
            })
        };
        let row_id = hidden(options.row_ids, ROW_ID);
        // Positions come last: who adds them to a table moves no other column.
        let position = hidden(options.positions, POSITION);
        let schema = Arc::new(ArrowSchema::new(fields));
        Layout { schema, dataset, types, row_id, position }
    }

    /// The dataset's column at an index; `None` for row ids and positions.
    pub fn column(&self, index: usize) -> Option<&Column> {
        self.dataset.columns.get(index)
    }

    /// The index of the column of row ids.
    pub fn row_id(&self) -> Option<usize> {
        self.row_id
    }

    /// The index of the column of positions.
    pub fn position(&self) -> Option<usize> {
        self.position
    }
}
