//! The physical node: batches come in, and leave with columns that were read for their rows.

use std::fmt;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::UInt64Type;
use arrow_schema::SchemaRef;
use datafusion::common::DataFusionError;
use datafusion::common::Result;
use datafusion::common::Statistics;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionMapping;
use datafusion::physical_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::DisplayAs;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::PlanProperties;
use datafusion::physical_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::metrics::Count;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::metrics::MetricBuilder;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream;
use lakebed_core::human;

use super::reader::Reader;
use crate::scan::budget::Budget;
use crate::scan::metrics::PartMetrics;
use crate::scan::metrics::Traffic;

/// Bytes of one read, as far as averages tell.
const READ_BYTES: u64 = 16 << 20;
/// Reads under way at the same time in a partition.
const READS_AHEAD: usize = 2;

/// The node.
#[derive(Debug, Clone)]
pub(crate) struct FetchExec {
    input: Arc<dyn ExecutionPlan>,
    position: Arc<dyn PhysicalExpr>,
    reader: Arc<Reader>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl FetchExec {
    /// Reads at `position`, an expression over the input; `schema` is the input's, then what the
    /// reader gives.
    ///
    /// # Errors
    /// If the input's columns are not the first of `schema`.
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        position: Arc<dyn PhysicalExpr>,
        reader: Arc<Reader>,
        schema: SchemaRef,
    ) -> Result<FetchExec> {
        let own = input.schema();
        let indices: Vec<usize> = (0..own.fields().len()).collect();
        let mapping = ProjectionMapping::from_indices(&indices, &own)?;
        let equal = input.equivalence_properties().project(&mapping, schema);
        let properties = PlanProperties::new(
            equal,
            input.output_partitioning().clone(),
            input.pipeline_behavior(),
            input.boundedness(),
        );
        Ok(FetchExec {
            input,
            position,
            reader,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }
}

impl DisplayAs for FetchExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let dataset = self.reader.table.dataset();
        write!(f, "FetchExec: dataset={}@{}", dataset.url(), dataset.version())?;
        write!(f, ", columns=[{}], at {}", self.reader.describe(), self.position)?;
        write!(f, ", about {} a row", human::bytes(self.reader.row_bytes().fetched))
    }
}

impl ExecutionPlan for FetchExec {
    fn name(&self) -> &str {
        "FetchExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        // The few rows of a TopK are read in one go.
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        f(&self.position)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input]) = <[Arc<dyn ExecutionPlan>; 1]>::try_from(children) else {
            return internal_err!("a fetch has one input");
        };
        if matches!(options.children_properties, ChildrenPropertiesMode::Keep) {
            let metrics = ExecutionPlanMetricsSet::new();
            return Ok(Arc::new(FetchExec { input, metrics, ..FetchExec::clone(&self) }));
        }
        let (position, reader) = (Arc::clone(&self.position), Arc::clone(&self.reader));
        Ok(Arc::new(FetchExec::new(input, position, reader, self.schema())?))
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
        let fetching = Arc::new(Fetching {
            reader: Arc::clone(&self.reader),
            position: Arc::clone(&self.position),
            schema: self.schema(),
            pool: Arc::clone(context.memory_pool()),
            partition,
            baseline: BaselineMetrics::new(&self.metrics, partition),
            fetched: MetricBuilder::new(&self.metrics).counter("rows_fetched", partition),
            decoded: MetricBuilder::new(&self.metrics).counter("samples_decoded", partition),
            parts: PartMetrics::new(&self.metrics, partition),
            traffic: Traffic::new(&self.metrics, self.reader.table.dataset()),
        });
        let bytes = READ_BYTES.min(Budget::new(context.memory_pool()).largest());
        let rows = usize::try_from(bytes / self.reader.row_bytes().worked.max(1));
        let rows = rows.unwrap_or(usize::MAX).max(1);
        let stream = input
            .map_ok(move |batch| {
                stream::iter(pieces(&batch, rows).into_iter().map(Ok::<_, DataFusionError>))
            })
            .try_flatten()
            .map(move |batch: Result<RecordBatch>| {
                let fetching = Arc::clone(&fetching);
                async move { fetching.fetch(&batch?).await }
            })
            .buffered(READS_AHEAD);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        inputs: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        if let [input] = inputs {
            statistics.num_rows = input.num_rows;
            for (own, known) in
                statistics.column_statistics.iter_mut().zip(&input.column_statistics)
            {
                *own = known.clone();
            }
        }
        Ok(Arc::new(statistics))
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

/// A batch in pieces of at most `rows` rows.
fn pieces(batch: &RecordBatch, rows: usize) -> Vec<RecordBatch> {
    let starts = (0..batch.num_rows()).step_by(rows);
    starts.map(|start| batch.slice(start, rows.min(batch.num_rows() - start))).collect()
}

/// One partition while it runs.
struct Fetching {
    reader: Arc<Reader>,
    position: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    pool: Arc<dyn MemoryPool>,
    partition: usize,
    baseline: BaselineMetrics,
    fetched: Count,
    decoded: Count,
    parts: PartMetrics,
    traffic: Traffic,
}

impl Fetching {
    async fn fetch(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let positions = self.position.evaluate(batch)?.into_array(batch.num_rows())?;
        let Some(positions) = positions.as_primitive_opt::<UInt64Type>() else {
            return internal_err!("positions are {}", positions.data_type());
        };
        let bytes = usize::try_from(self.reader.row_bytes().worked).unwrap_or(usize::MAX);
        let held = MemoryConsumer::new(format!("Fetch[{}]", self.partition)).register(&self.pool);
        held.try_grow(bytes.saturating_mul(batch.num_rows()))?;
        let read = self.reader.read(self.traffic.dataset(), positions).await;
        self.traffic.record();
        let read = read?;
        self.fetched.add(read.rows);
        for (part, cost) in &read.costs {
            self.decoded.add(cost.decoded);
            self.parts.add(part, cost);
        }
        let columns = batch.columns().iter().cloned().chain(read.arrays).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        self.baseline.record_output(batch.num_rows());
        Ok(batch)
    }
}
