//! The physical node.

use std::fmt;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::array::ListArray;
use arrow::array::RecordBatch;
use arrow::array::UInt32Array;
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::datatypes::Int64Type;
use arrow_schema::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::common::Result;
use datafusion::common::exec_err;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::DisplayAs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::Partitioning;
use datafusion::physical_plan::PlanProperties;
use datafusion::physical_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream;

use super::How;
use crate::scan::layout::POSITION;

/// The node.
#[derive(Debug, Clone)]
pub(crate) struct UngroupExec {
    input: Arc<dyn ExecutionPlan>,
    how: How,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl UngroupExec {
    /// Takes the sequences of `input` apart; `schema` is the logical node's.
    pub fn new(input: Arc<dyn ExecutionPlan>, how: How, schema: SchemaRef) -> UngroupExec {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        let metrics = ExecutionPlanMetricsSet::new();
        UngroupExec { input, how, properties: Arc::new(properties), metrics }
    }
}

impl DisplayAs for UngroupExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.how {
            How::Split => f.write_str("UngroupExec: each element"),
            How::Parts(parts) => write!(f, "UngroupExec: in {parts} parts"),
            How::Lengths(lengths) => write!(f, "UngroupExec: in parts of {lengths:?}"),
        }
    }
}

impl ExecutionPlan for UngroupExec {
    fn name(&self) -> &str {
        "UngroupExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input]) = <[Arc<dyn ExecutionPlan>; 1]>::try_from(children) else {
            return internal_err!("UNGROUP BY has one input");
        };
        Ok(Arc::new(UngroupExec::new(input, self.how.clone(), self.schema())))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let most = context.session_config().batch_size();
        let (how, schema) = (self.how.clone(), self.schema());
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let stream = input
            .map(move |batch| apart(&batch?, &how, &schema))
            .map_ok(move |batch| {
                // A sequence may hold any number of rows.
                let starts = (0..batch.num_rows()).step_by(most);
                let pieces: Vec<Result<RecordBatch, DataFusionError>> = starts
                    .map(|start| Ok(batch.slice(start, most.min(batch.num_rows() - start))))
                    .collect();
                stream::iter(pieces)
            })
            .try_flatten()
            .inspect_ok(move |batch| baseline.record_output(batch.num_rows()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The parts of one batch's rows: where each begins and ends within its row's sequence.
struct Parts {
    /// The row of each part.
    rows: Vec<u32>,
    /// Which part of its row each is.
    frames: Vec<i64>,
    /// How many elements each has.
    lengths: Vec<usize>,
}

fn apart(batch: &RecordBatch, how: &How, schema: &SchemaRef) -> Result<RecordBatch> {
    let own = batch.schema();
    let position = own.index_of(POSITION).ok();
    let lists: Vec<(usize, &ListArray)> = (0..batch.num_columns())
        .filter(|at| Some(*at) != position)
        .filter_map(|at| batch.column(at).as_list_opt::<i32>().map(|list| (at, list)))
        .collect();
    let counts = counts(batch, &lists)?;
    let places = match position {
        Some(at) => Some(cast(batch.column(at), &DataType::Int64)?),
        None => None,
    };
    let places = places.as_ref().map(|places| places.as_primitive::<Int64Type>());
    let parts = parts(&counts, how, places)?;
    let rows = UInt32Array::from(parts.rows);
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(batch.num_columns() + 1);
    for (at, column) in batch.columns().iter().enumerate() {
        match lists.iter().find(|(list, _)| *list == at) {
            None => columns.push(take(column, &rows, None)?),
            Some((_, list)) => {
                let values = elements(list, &rows)?;
                columns.push(match how {
                    How::Split => values,
                    How::Parts(_) | How::Lengths(_) => {
                        let DataType::List(item) = list.data_type() else {
                            return internal_err!("a sequence is a list");
                        };
                        let offsets = OffsetBuffer::from_lengths(parts.lengths.iter().copied());
                        Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, None)?)
                    }
                });
            }
        }
    }
    columns.push(Arc::new(Int64Array::from(parts.frames)));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// How many elements each row's sequences have; they must agree.
fn counts(batch: &RecordBatch, lists: &[(usize, &ListArray)]) -> Result<Vec<usize>> {
    let schema = batch.schema();
    let of = |list: &ListArray| -> Vec<usize> {
        let lengths = list.offsets().lengths();
        lengths.enumerate().map(|(row, n)| if list.is_null(row) { 0 } else { n }).collect()
    };
    let Some(((first, list), rest)) = lists.split_first() else {
        return Ok(vec![0; batch.num_rows()]);
    };
    let counts = of(list);
    for (other, list) in rest {
        let others = of(list);
        if let Some(row) = (0..counts.len()).find(|row| counts.get(*row) != others.get(*row)) {
            return exec_err!(
                "UNGROUP BY: in row {row} of this batch '{}' has {} elements and '{}' {}: select sequences of one length",
                schema.field(*first).name(),
                counts.get(row).copied().unwrap_or(0),
                schema.field(*other).name(),
                others.get(row).copied().unwrap_or(0)
            );
        }
    }
    Ok(counts)
}

fn parts(counts: &[usize], how: &How, places: Option<&Int64Array>) -> Result<Parts> {
    let mut parts = Parts { rows: Vec::new(), frames: Vec::new(), lengths: Vec::new() };
    for (row, count) in counts.iter().enumerate() {
        let lengths: Vec<usize> = match how {
            How::Split => vec![1; *count],
            How::Parts(n) => {
                (0..*n).map(|part| count / n + usize::from(part < count % n)).collect()
            }
            How::Lengths(all) => {
                let place =
                    places.map_or(Some(row), |places| usize::try_from(places.value(row)).ok());
                match place.and_then(|place| all.get(place)) {
                    Some(length) => {
                        let full = count / length;
                        let rest = count % length;
                        let last = (rest > 0).then_some(rest);
                        std::iter::repeat_n(*length, full).chain(last).collect()
                    }
                    None => continue,
                }
            }
        };
        let Ok(row) = u32::try_from(row) else { return internal_err!("a batch of 2^32 rows") };
        parts.rows.extend(std::iter::repeat_n(row, lengths.len()));
        parts.frames.extend((0_i64..).take(lengths.len()));
        parts.lengths.extend(lengths);
    }
    Ok(parts)
}

/// The elements of the rows that have parts, one after another.
fn elements(list: &ListArray, rows: &UInt32Array) -> Result<ArrayRef> {
    let mut indices: Vec<u32> = Vec::new();
    let mut last = None;
    for row in rows.values() {
        if last == Some(*row) {
            continue;
        }
        last = Some(*row);
        let Ok(at) = usize::try_from(*row) else { continue };
        let offsets = list.value_offsets();
        let (Some(from), Some(to)) = (offsets.get(at), offsets.get(at + 1)) else { continue };
        indices.extend((*from..*to).map(i32::cast_unsigned));
    }
    let contiguous = indices.windows(2).all(|pair| matches!(pair, [a, b] if a + 1 == *b));
    match indices.first().and_then(|first| usize::try_from(*first).ok()) {
        Some(first) if contiguous => Ok(list.values().slice(first, indices.len())),
        _ => Ok(take(list.values(), &UInt32Array::from(indices), None)?),
    }
}
