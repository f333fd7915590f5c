//! A snapshot of a dataset as a table.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::OnceLock;

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
use lakebed_core::Compression;
use lakebed_dataset::Dataset;
use lakebed_dataset::Part;

use crate::prune::Facts;
use crate::scan::bound::Bound;
use crate::scan::conjunct::Conjunct;
use crate::scan::cost::RowBytes;
use crate::scan::cost::row_bytes;
use crate::scan::description::ScanDescription;
use crate::scan::failed;
use crate::scan::layout::Layout;
use crate::scan::part::ScanPart;
use crate::scan::planning;
use crate::scan::source::DatasetSource;
use crate::scan::source::MOST_AHEAD;

/// How a dataset appears as a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// True for a last column `__position: UInt64`, the row's place 0..n-1 in the snapshot. Every
    /// partition of a scan is in ascending order of it, and says so.
    pub positions: bool,
    /// True for a column `__row_id: UInt64` behind the dataset's, which tells the row in every
    /// version.
    pub row_ids: bool,
}

/// One snapshot of a dataset, one column of the table a column of the dataset. Cheap to clone.
#[derive(Clone)]
pub struct DatasetTable {
    dataset: Dataset,
    options: TableOptions,
    layout: Arc<Layout>,
    measured: Arc<OnceLock<Measured>>,
}

/// What the columns' rows weigh, from the statistics of a fragment.
struct Measured {
    facts: Facts,
    rows: Range<u64>,
}

impl DatasetTable {
    /// A table over an opened snapshot.
    pub fn new(dataset: Dataset, options: TableOptions) -> DatasetTable {
        let layout = Arc::new(Layout::new(Arc::clone(dataset.schema()), &options));
        DatasetTable { dataset, options, layout, measured: Arc::default() }
    }

    /// The same snapshot with a column of positions.
    #[must_use]
    pub fn with_positions(&self) -> DatasetTable {
        if self.options.positions {
            return self.clone();
        }
        let options = TableOptions { positions: true, ..self.options.clone() };
        let layout = Arc::new(Layout::new(Arc::clone(self.dataset.schema()), &options));
        DatasetTable {
            dataset: self.dataset.clone(),
            options,
            layout,
            measured: Arc::clone(&self.measured),
        }
    }

    /// The columns.
    pub(crate) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// What tells snapshots apart.
    pub(crate) fn snapshot(&self) -> (String, u64) {
        (self.dataset.url().to_string(), self.dataset.version())
    }

    /// Learns what the rows of each column weigh, from the manifest of the largest fragment.
    ///
    /// # Errors
    /// What the dataset says.
    pub(crate) async fn measure(&self) -> Result<()> {
        if self.measured.get().is_some() {
            return Ok(());
        }
        let fragments = self.dataset.fragments().await.map_err(failed)?;
        let Some(largest) = fragments.iter().max_by_key(|fragment| fragment.rows) else {
            return Ok(());
        };
        let columns: Vec<usize> = (0..self.layout.dataset.columns.len()).collect();
        let facts = planning::facts(&self.dataset, &self.layout, largest, &columns).await?;
        // Somebody else may have been faster with the same figures.
        let _ = self.measured.set(Measured { facts, rows: 0..largest.rows });
        Ok(())
    }

    /// Stored bytes of a row of a column; `None` before [`DatasetTable::measure`].
    pub(crate) fn row_bytes(&self, name: &str) -> Option<u64> {
        let index = self.layout.dataset.columns.iter().position(|column| column.name == name)?;
        self.measured.get()?;
        let whole = ScanPart::Column { index, part: Part::Whole };
        Some(self.bytes_of(&[whole]).fetched)
    }

    /// Bytes of a row of a column as far as its type tells, encoded images as if they were large;
    /// `None` for what may be of any size.
    pub(crate) fn type_bytes(&self, name: &str) -> Option<u64> {
        let column = self.layout.dataset.columns.iter().find(|column| column.name == name)?;
        if column.compression == Compression::Encoded {
            return Some(u64::MAX);
        }
        let elements = column.fixed_elements().filter(|_| !column.sequence)?;
        u64::try_from(elements.saturating_mul(column.dtype.width()?)).ok()
    }

    /// What a row of some parts costs; nothing before [`DatasetTable::measure`].
    pub(crate) fn bytes_of(&self, parts: &[ScanPart]) -> RowBytes {
        match self.measured.get() {
            Some(measured) => row_bytes(parts, &self.layout, &measured.facts, &measured.rows),
            None => RowBytes::default(),
        }
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
            row_ids: self.options.row_ids,
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
            (2 * workers).div_ceil(partitions).clamp(2, MOST_AHEAD),
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
