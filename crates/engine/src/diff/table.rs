//! A difference as a table: columns first, then rows, then cells.

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::array::StringViewArray;
use arrow::array::UInt64Array;
use arrow_schema::Field;
use arrow_schema::Schema as ArrowSchema;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::TableType;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::streaming::StreamingTableExec;
use futures::TryStreamExt;
use futures::stream;
use lakebed_core::DType;
use lakebed_core::TensorType;
use lakebed_dataset::Dataset;
use lakebed_dataset::Diff;

use crate::scan::failed;
use crate::scan::layout::POSITION;

/// The columns: the id of a row, or null for a change of the schema; what happened; the column, or
/// null for a whole row.
pub(crate) const COLUMNS: [&str; 3] = ["row_id", "change", "column"];

/// What a version has otherwise than an earlier one.
pub(crate) struct DiffTable {
    changes: Arc<Changes>,
}

struct Changes {
    earlier: Dataset,
    later: Dataset,
    schema: SchemaRef,
}

/// One row of the table.
struct Change {
    row_id: Option<u64>,
    what: &'static str,
    column: Option<Arc<str>>,
}

impl DiffTable {
    /// The difference of two versions; it is looked for when it is read. With `positions` their
    /// column is the last.
    pub fn new(earlier: Dataset, later: Dataset, positions: bool) -> DiffTable {
        let [row_id, change, column] = COLUMNS;
        let (number, text) = (TensorType::scalar(DType::U64), TensorType::scalar(DType::Text));
        let mut fields = vec![
            number.to_field(row_id, true),
            text.to_field(change, false),
            text.to_field(column, true),
        ];
        fields.extend(positions.then(|| Field::clone(&number.to_field(POSITION, false))));
        let schema = Arc::new(ArrowSchema::new(fields));
        DiffTable { changes: Arc::new(Changes { earlier, later, schema }) }
    }
}

impl fmt::Debug for DiffTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes.fmt(f)
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.later.url();
        write!(f, "Diff({url}, {} to {})", self.earlier.version(), self.later.version())
    }
}

#[async_trait]
impl TableProvider for DiffTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.changes.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let stream: Arc<dyn PartitionStream> = Arc::clone(&self.changes) as _;
        let schema = Arc::clone(&self.changes.schema);
        let exec = StreamingTableExec::try_new(schema, vec![stream], projection, [], false, limit)?;
        Ok(Arc::new(exec))
    }
}

impl PartitionStream for Changes {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (earlier, later) = (self.earlier.clone(), self.later.clone());
        let (schema, rows) = (Arc::clone(&self.schema), context.session_config().batch_size());
        let batches = stream::once(async move {
            let diff = later.diff(&earlier).await.map_err(failed)?;
            Ok::<_, DataFusionError>(stream::iter(batches(changes(diff, &later), schema, rows)))
        });
        let schema = Arc::clone(&self.schema);
        Box::pin(RecordBatchStreamAdapter::new(schema, batches.try_flatten()))
    }
}

/// The changes one by one, from what holds them in little space.
fn changes(diff: Diff, later: &Dataset) -> impl Iterator<Item = Change> + Send + use<> {
    let schema = Arc::clone(later.schema());
    let of_column = |what, name: &str| Change { row_id: None, what, column: Some(name.into()) };
    let mut columns = Vec::new();
    columns.extend(diff.columns_added.iter().map(|c| of_column("column added", &c.name)));
    columns.extend(diff.columns_dropped.iter().map(|c| of_column("column dropped", &c.name)));
    columns.extend(diff.columns_changed.iter().map(|(before, after)| {
        let renamed = before.name != after.name;
        of_column(if renamed { "column renamed" } else { "column changed" }, &after.name)
    }));
    let of_row = |what| move |id| Change { row_id: Some(id), what, column: None };
    let cells = diff.changed.into_iter().flat_map(move |(id, rows)| {
        let column: Option<Arc<str>> = schema.by_id(id).map(|column| column.name.as_str().into());
        rows.into_iter().map(move |row| Change {
            row_id: Some(row),
            what: "changed",
            column: column.clone(),
        })
    });
    columns
        .into_iter()
        .chain(diff.added.into_iter().map(of_row("added")))
        .chain(diff.deleted.into_iter().map(of_row("deleted")))
        .chain(cells)
}

fn batches(
    mut changes: impl Iterator<Item = Change> + Send,
    schema: SchemaRef,
    rows: usize,
) -> impl Iterator<Item = Result<RecordBatch>> + Send {
    let mut position = 0;
    std::iter::from_fn(move || {
        let some: Vec<Change> = changes.by_ref().take(rows).collect();
        if some.is_empty() {
            return None;
        }
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(some.iter().map(|change| change.row_id).collect::<UInt64Array>()),
            Arc::new(some.iter().map(|change| Some(change.what)).collect::<StringViewArray>()),
            Arc::new(
                some.iter().map(|change| change.column.as_deref()).collect::<StringViewArray>(),
            ),
        ];
        let first = position;
        position += u64::try_from(some.len()).unwrap_or(0);
        if schema.fields().len() > arrays.len() {
            arrays.push(Arc::new(UInt64Array::from_iter_values(first..position)));
        }
        Some(RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(Into::into))
    })
}
