//! A snapshot of a dataset as a table.

use std::fmt;
use std::sync::Arc;

use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::catalog::TableProvider;
use datafusion::common::DFSchema;
use datafusion::common::Result;
use datafusion::common::tree_node::TreeNode;
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::TableProviderFilterPushDown;
use datafusion::logical_expr::TableType;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::ExecutionPlan;
use lakebed_dataset::Dataset;

use crate::scan::bound::Bound;
use crate::scan::conjunct::Conjunct;
use crate::scan::description::ScanDescription;
use crate::scan::layout::Layout;
use crate::scan::part::ScanPart;
use crate::scan::planning;
use crate::scan::source::DatasetSource;

/// How a dataset appears as a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// True for a last column `__position: UInt64`, the row's place 0..n-1 in the snapshot. Every
    /// partition of a scan is in ascending order of it, and says so.
    pub positions: bool,
}

/// One snapshot of a dataset, one column of the table a column of the dataset.
pub struct DatasetTable {
    dataset: Dataset,
    options: TableOptions,
    layout: Arc<Layout>,
}

impl DatasetTable {
    /// A table over an opened snapshot.
    pub fn new(dataset: Dataset, options: TableOptions) -> DatasetTable {
        let layout = Arc::new(Layout::new(Arc::clone(dataset.schema()), options.positions));
        DatasetTable { dataset, options, layout }
    }

    /// The snapshot.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// How it appears.
    pub fn options(&self) -> &TableOptions {
        &self.options
    }

    fn filters(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
        let schema = DFSchema::try_from(Arc::clone(&self.layout.schema))?;
        filters.iter().map(|filter| state.create_physical_expr(filter.clone(), &schema)).collect()
    }
}

impl fmt::Debug for DatasetTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatasetTable({}@{})", self.dataset.url(), self.dataset.version())
    }
}

#[async_trait]
impl TableProvider for DatasetTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.layout.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let layout = Arc::clone(&self.layout);
        let everything = || (0..layout.types.len()).collect();
        let indices: Vec<usize> = projection.cloned().unwrap_or_else(everything);
        let projection = ProjectionExprs::from_indices(&indices, &layout.schema);
        let filters = self.filters(state, filters)?;
        let conjuncts: Vec<Conjunct> =
            filters.iter().map(|filter| Conjunct::new(filter, &layout)).collect::<Result<_>>()?;
        let mut outputs: Vec<ScanPart> = Vec::new();
        for output in projection.iter() {
            outputs.extend(Bound::new(&output.expr, &layout)?.parts);
        }
        let mut columns = indices;
        for conjunct in &conjuncts {
            conjunct.predicate.columns(&mut columns);
            columns.extend(conjunct.bound.parts.iter().filter_map(ScanPart::column));
        }
        columns.sort_unstable();
        columns.dedup();
        let enough = limit.map(|limit| u64::try_from(limit).unwrap_or(u64::MAX));
        let workers = state.config().target_partitions().max(1);
        // One stream stops as soon as it has enough; its units run side by side all the same.
        let streams = if limit.is_some() && !filters.is_empty() { 1 } else { workers };
        let plan =
            planning::plan(&self.dataset, &layout, &conjuncts, &outputs, &columns, enough, streams)
                .await?;
        // Without a limit there are as many partitions as asked for, though some may be empty: for
        // fewer, DataFusion would put a repartitioning above the scan, which keeps slices out.
        let partitions = match limit {
            None => streams,
            Some(_) => streams.min(plan.units.len()).max(1),
        };
        let description = ScanDescription {
            url: self.dataset.url().to_string(),
            version: self.dataset.version(),
            positions: self.options.positions,
            fragments: plan.fragments.iter().map(|planned| planned.fragment.index).collect(),
            units: plan.units.clone().into(),
            partitions,
            projection,
            cut_short: limit.is_some() && filters.is_empty(),
            filters,
            late_filters: Vec::new(),
            fetch: None,
        };
        let source = DatasetSource::new(
            description,
            self.dataset.clone(),
            layout,
            Arc::new(plan),
            conjuncts.into(),
            (2 * workers).div_ceil(partitions).clamp(2, 8),
        )?;
        Ok(DataSourceExec::from_data_source(source))
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        filters
            .iter()
            .map(|filter| {
                let foreign = filter.exists(|part| {
                    Ok(matches!(
                        part,
                        Expr::ScalarSubquery(_)
                            | Expr::Exists(_)
                            | Expr::InSubquery(_)
                            | Expr::SetComparison(_)
                            | Expr::OuterReferenceColumn(..)
                            | Expr::Placeholder(_)
                    ))
                })?;
                Ok(if foreign {
                    TableProviderFilterPushDown::Unsupported
                } else {
                    TableProviderFilterPushDown::Exact
                })
            })
            .collect()
    }
}
