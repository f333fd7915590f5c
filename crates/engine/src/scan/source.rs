//! The scan as DataFusion sees it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;

use arrow_schema::SchemaRef;
use arrow_schema::SortOptions;
use datafusion::common::Result;
use datafusion::common::Statistics;
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source::DataSource;
use datafusion::datasource::source::OpenArgs;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_expr::Partitioning;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::DisplayFormatType;
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::filter_pushdown::PushedDown;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::metrics::MetricBuilder;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use lakebed_dataset::Dataset;

use super::bound::Bound;
use super::bound::reads_less;
use super::budget::Budget;
use super::conjunct::Conjunct;
use super::description::ScanDescription;
use super::estimate::estimates;
use super::late::LateFilters;
use super::layout::Layout;
use super::layout::POSITION;
use super::metrics::ScanMetrics;
use super::metrics::Traffic;
use super::part::ScanPart;
use super::part::recognise;
use super::planning::Plan;
use super::planning::count_chunks;
use super::queue::Queue;
use super::queue::Units;
use super::running::Running;
use super::running::batches;
use super::statistics;
use crate::prune;

/// Most units that a partition has at work.
pub const MOST_AHEAD: usize = 8;

/// A scan of one snapshot of a dataset.
#[derive(Debug, Clone)]
pub struct DatasetSource {
    description: ScanDescription,
    dataset: Dataset,
    layout: Arc<Layout>,
    plan: Arc<Plan>,
    conjuncts: Arc<[Conjunct]>,
    outputs: Arc<[Bound]>,
    schema: SchemaRef,
    /// How many units of a partition run at the same time.
    ahead: usize,
    metrics: ExecutionPlanMetricsSet,
}

/// What the partitions of one execution share.
#[derive(Debug)]
struct Execution {
    /// Work that goes to whoever is free; `None` where each partition knows its own.
    queue: Option<Arc<Queue>>,
    late: Arc<LateFilters>,
    budget: OnceLock<Arc<Budget>>,
    traffic: OnceLock<Arc<Traffic>>,
}

impl DatasetSource {
    /// A scan of what was planned. `conjuncts` are those of `description.filters`, in their order.
    ///
    /// # Errors
    /// If the projection cannot be bound to the table.
    pub fn new(
        description: ScanDescription,
        dataset: Dataset,
        layout: Arc<Layout>,
        plan: Arc<Plan>,
        conjuncts: Arc<[Conjunct]>,
        ahead: usize,
    ) -> Result<DatasetSource> {
        let mut source = DatasetSource {
            schema: Arc::clone(&layout.schema),
            description,
            dataset,
            layout,
            plan,
            conjuncts,
            outputs: Arc::from([]),
            ahead,
            metrics: ExecutionPlanMetricsSet::new(),
        };
        source.bind()?;
        Ok(source)
    }

    /// What this scan does.
    pub fn description(&self) -> &ScanDescription {
        &self.description
    }

    /// The dataset.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    fn bind(&mut self) -> Result<()> {
        let projection = &self.description.projection;
        let outputs: Vec<Bound> = projection
            .iter()
            .map(|output| Bound::new(&output.expr, &self.layout))
            .collect::<Result<_>>()?;
        self.outputs = outputs.into();
        self.schema = Arc::new(projection.project_schema(&self.layout.schema)?);
        Ok(())
    }

    fn with_projection(&self, projection: ProjectionExprs) -> Result<DatasetSource> {
        let mut source = self.clone();
        source.description.projection = projection;
        source.metrics = ExecutionPlanMetricsSet::new();
        source.bind()?;
        Ok(source)
    }

    /// The same scan in one partition with as many units at work; `None` where a limit has dealt
    /// rows to partitions.
    pub fn as_one_stream(&self) -> Option<DatasetSource> {
        if self.description.fetch.is_some() {
            return None;
        }
        let mut source = self.clone();
        source.ahead = (self.ahead * self.description.partitions).clamp(2, MOST_AHEAD);
        source.description.partitions = 1;
        source.metrics = ExecutionPlanMetricsSet::new();
        Some(source)
    }

    /// This scan with all of a projection computed in its units; `None` if something would be
    /// computed twice or must not be moved.
    ///
    /// # Errors
    /// If the projection cannot be bound.
    pub fn absorb(&self, projection: &ProjectionExprs) -> Result<Option<DatasetSource>> {
        if self.repeats_work(projection)?
            || projection.iter().any(|output| is_volatile(&output.expr))
        {
            return Ok(None);
        }
        self.with_projection(self.description.projection.try_merge(projection)?).map(Some)
    }

    /// True if nothing but whole rows in order comes out, so that statistics are exact.
    fn is_complete(&self) -> bool {
        !self.description.is_filtered()
            && !self.description.cut_short
            && self.description.fetch.is_none()
    }

    /// The distinct columns that are read.
    fn columns(&self) -> Vec<usize> {
        let filter = self.conjuncts.iter().map(|conjunct| &conjunct.bound);
        let parts = self.outputs.iter().chain(filter).flat_map(|bound| &bound.parts);
        let mut columns: Vec<usize> = parts.filter_map(ScanPart::column).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    fn execution(&self, shared: bool) -> Execution {
        // Without conditions a limit is a number of rows, dealt to partitions beforehand.
        let shared = shared && self.description.fetch.is_none();
        let queue = || {
            let units = Arc::clone(&self.description.units);
            Arc::new(Queue::new(units, self.description.partitions))
        };
        Execution {
            queue: shared.then(queue),
            late: Arc::new(LateFilters::new(self.description.late_filters.clone())),
            budget: OnceLock::new(),
            traffic: OnceLock::new(),
        }
    }

    fn start(
        &self,
        partition: usize,
        context: &TaskContext,
        execution: &Execution,
    ) -> SendableRecordBatchStream {
        let budget = execution.budget.get_or_init(|| Arc::new(Budget::new(context.memory_pool())));
        let traffic = execution.traffic.get_or_init(|| {
            let count = |name: &'static str| MetricBuilder::new(&self.metrics).global_counter(name);
            let (total, pruned) = (count("chunks_total"), count("chunks_pruned"));
            for column in self.columns() {
                let (read, all) = count_chunks(&self.plan, column);
                total.add(all);
                pruned.add(all - read);
            }
            Arc::new(Traffic::new(&self.metrics, &self.dataset))
        });
        let running = Running {
            partition,
            dataset: traffic.dataset().clone(),
            layout: Arc::clone(&self.layout),
            plan: Arc::clone(&self.plan),
            conjuncts: Arc::clone(&self.conjuncts),
            late: Arc::clone(&execution.late),
            outputs: Arc::clone(&self.outputs),
            schema: Arc::clone(&self.schema),
            limited: self.description.fetch.is_some() && self.description.is_filtered(),
            budget: Arc::clone(budget),
            metrics: ScanMetrics::new(&self.metrics, partition),
            traffic: Arc::clone(traffic),
        };
        let units = match &execution.queue {
            Some(queue) => Units::Shared(Arc::clone(queue), partition),
            None => Units::Own(self.description.partition_units(partition).into_iter()),
        };
        let stream = batches(Arc::new(running), units, self.ahead, self.description.fetch);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream))
    }

    /// True if a condition on this output costs no more than reading what it needs anyway.
    fn is_cheap(&self, output: usize) -> bool {
        let exprs: &[_] = self.description.projection.as_ref();
        exprs.get(output).is_some_and(|output| {
            recognise(&output.expr, &self.layout).is_some()
                || prune::compile::is_value(&output.expr, &self.layout.types)
        })
    }

    /// The condition over the table, if this scan takes it.
    fn accept(&self, filter: &Arc<dyn PhysicalExpr>) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        if self.description.fetch.is_some() || self.description.cut_short || is_volatile(filter) {
            return Ok(None);
        }
        let mut cheap = true;
        filter.apply(|node| {
            if let Some(column) = node.downcast_ref::<Column>() {
                cheap &= self.is_cheap(column.index());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        if !cheap {
            return Ok(None);
        }
        self.description.projection.unproject_expr(filter).map(Some)
    }

    /// Would `projection` compute an expression of this scan twice?
    fn repeats_work(&self, projection: &ProjectionExprs) -> Result<bool> {
        let exprs: &[_] = self.description.projection.as_ref();
        let mut uses = vec![0usize; exprs.len()];
        for output in projection.iter() {
            output.expr.apply(|node| {
                if let Some(count) =
                    node.downcast_ref::<Column>().and_then(|column| uses.get_mut(column.index()))
                {
                    *count += 1;
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        let computed = |index: usize| {
            exprs.get(index).is_some_and(|output| recognise(&output.expr, &self.layout).is_none())
        };
        Ok(uses.iter().enumerate().any(|(index, count)| *count > 1 && computed(index)))
    }

    fn describe_projection(&self) -> String {
        let outputs: Vec<String> = self
            .description
            .projection
            .iter()
            .map(|output| {
                let text = match recognise(&output.expr, &self.layout) {
                    Some(part) => part.describe(&self.layout),
                    None => output.expr.to_string(),
                };
                if text == output.alias { text } else { format!("{text} as {}", output.alias) }
            })
            .collect();
        outputs.join(", ")
    }
}

impl DataSource for DatasetSource {
    fn open(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        Ok(self.start(partition, &context, &self.execution(false)))
    }

    fn create_sibling_state(&self, _config: &ConfigOptions) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(Arc::new(self.execution(true)))
    }

    fn open_with_args(&self, args: OpenArgs) -> Result<SendableRecordBatchStream> {
        let shared = args.sibling_state.and_then(|state| state.downcast::<Execution>().ok());
        match shared {
            Some(execution) => Ok(self.start(args.partition, &args.context, &execution)),
            None => self.open(args.partition, args.context),
        }
    }

    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scan = &self.description;
        write!(f, "dataset={}@{}", scan.url, scan.version)?;
        write!(f, ", projection=[{}]", self.describe_projection())?;
        let filters: Vec<String> =
            scan.filters.iter().chain(&scan.late_filters).map(ToString::to_string).collect();
        if !filters.is_empty() {
            write!(f, ", filter={}", filters.join(" AND "))?;
        }
        if let Some(fetch) = scan.fetch {
            write!(f, ", limit={fetch}")?;
        }
        let columns = self.columns();
        let reads = estimates(&self.plan, &self.layout, &self.conjuncts, &self.outputs, &columns);
        let read: usize = reads.iter().map(|column| column.chunks).sum();
        let all: usize = reads.iter().map(|column| column.chunks_all).sum();
        write!(f, ", chunks={read} of {all}")?;
        let reads: Vec<String> = reads.iter().map(ToString::to_string).collect();
        write!(f, ", reads at most [{}]", reads.join("; "))
    }

    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(self.description.partitions)
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        let mut properties = EquivalenceProperties::new(Arc::clone(&self.layout.schema));
        let options = SortOptions { descending: false, nulls_first: false };
        if let Some(position) = self.layout.position() {
            let expr = Arc::new(Column::new(POSITION, position));
            properties.add_ordering([PhysicalSortExpr::new(expr, options)]);
        }
        // As a projection above the scan would have it: casts keep the order, constants are known.
        let schema = Arc::clone(&self.schema);
        match self.description.projection.projection_mapping(&self.layout.schema) {
            Ok(mapping) => properties.project(&mapping, schema),
            Err(_) => EquivalenceProperties::new(schema),
        }
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Arc<Statistics>> {
        let partitions = match partition {
            Some(one) => one..one + 1,
            None => 0..self.description.partitions,
        };
        let rows: u64 = partitions
            .flat_map(|partition| self.description.partition_units(partition))
            .map(|unit| unit.rows.end - unit.rows.start)
            .sum();
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = match (self.description.is_filtered(), self.description.fetch) {
            (true, _) if rows == 0 => Precision::Exact(0),
            (true, Some(fetch)) => Precision::Inexact(rows.min(fetch)),
            (true, None) => Precision::Inexact(rows),
            // Which partition reads a unit is known when it has.
            (false, None) if partition.is_some() => Precision::Inexact(rows),
            (false, _) => Precision::Exact(rows),
        };
        for (of, output) in
            statistics.column_statistics.iter_mut().zip(self.description.projection.iter())
        {
            let column = output.expr.downcast_ref::<Column>().map(Column::index);
            if let Some((column, ty)) = column.and_then(|at| Some((at, self.layout.types.get(at)?)))
            {
                *of = statistics::of_column(&self.plan, column, ty);
                if !self.is_complete() || partition.is_some() {
                    *of = of.clone().to_inexact();
                }
            }
        }
        Ok(Arc::new(statistics))
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn DataSource>> {
        let mut source = self.clone();
        source.description.fetch = limit;
        source.metrics = ExecutionPlanMetricsSet::new();
        Some(Arc::new(source))
    }

    fn fetch(&self) -> Option<usize> {
        self.description.fetch
    }

    fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.metrics.clone()
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        if self.repeats_work(projection)? {
            return Ok(None);
        }
        let merged = self.description.projection.try_merge(projection)?;
        let mut parts_only = true;
        let mut saves = false;
        for output in merged.iter() {
            parts_only &= recognise(&output.expr, &self.layout).is_some();
            saves |= reads_less(&output.expr, &self.layout)?;
            if is_volatile(&output.expr) {
                return Ok(None);
            }
        }
        // An expression that reads whole columns is as well computed outside.
        if !parts_only && !saves {
            return Ok(None);
        }
        Ok(Some(Arc::new(self.with_projection(merged)?)))
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn DataSource>>> {
        let mut source = self.clone();
        let mut answers = Vec::with_capacity(filters.len());
        for filter in &filters {
            match self.accept(filter)? {
                Some(filter) => {
                    source.description.late_filters.push(filter);
                    answers.push(PushedDown::Yes);
                }
                None => answers.push(PushedDown::No),
            }
        }
        let result = FilterPushdownPropagation::with_parent_pushdown_result(answers.clone());
        if !answers.iter().any(|answer| matches!(answer, PushedDown::Yes)) {
            return Ok(result);
        }
        source.metrics = ExecutionPlanMetricsSet::new();
        Ok(result.with_updated_node(Arc::new(source) as Arc<dyn DataSource>))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let scan = &self.description;
        let outputs = scan.projection.iter().map(|output| &output.expr);
        for expr in scan.filters.iter().chain(&scan.late_filters).chain(outputs) {
            if f(expr)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }
}
