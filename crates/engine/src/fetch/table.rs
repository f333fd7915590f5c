//! A [`Fetch`] as a table, for a context whose planner does not know the node.
//!
//! Its scan has the rows planned by that very context, and fetches above them. So nothing that the
//! context had is replaced: to its planner a late fetch is a scan like any other.

use std::fmt;
use std::sync::Arc;

use arrow_schema::Field;
use arrow_schema::Schema as ArrowSchema;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::common::Result;
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::Projection;
use datafusion::logical_expr::TableType;
use datafusion::logical_expr::UserDefinedLogicalNodeCore;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;

use super::node::Fetch;
use super::planner::exec;

/// What the scan is called in a plan.
const NAME: &str = "__fetch";

struct FetchTable {
    fetch: Fetch,
    schema: SchemaRef,
}

/// The columns of a join may share names: here each has its number for a name.
fn numbered(number: usize) -> String {
    format!("c{number}")
}

/// A plan that gives out what the node does, made of a scan and a projection.
///
/// # Errors
/// Those of the projection.
pub(crate) fn as_scan(fetch: Fetch) -> Result<LogicalPlan> {
    let schema = Arc::clone(fetch.schema());
    let fields: Vec<Field> = (0..)
        .zip(schema.fields())
        .map(|(number, field)| Field::clone(field).with_name(numbered(number)))
        .collect();
    let metadata = schema.as_arrow().metadata().clone();
    let own = Arc::new(ArrowSchema::new_with_metadata(fields, metadata));
    let source = provider_as_source(Arc::new(FetchTable { fetch, schema: own }));
    let scan = LogicalPlanBuilder::scan(NAME, source, None)?.build()?;
    let outputs = schema.iter().enumerate().map(|(number, (relation, field))| {
        let column = Column::new(Some(TableReference::bare(NAME)), numbered(number));
        Expr::Column(column).alias_qualified(relation.cloned(), field.name())
    });
    Ok(LogicalPlan::Projection(Projection::try_new(outputs.collect(), Arc::new(scan))?))
}

impl fmt::Debug for FetchTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fetch.fmt_for_explain(f)
    }
}

#[async_trait]
impl TableProvider for FetchTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = state.create_physical_plan(&self.fetch.input).await?;
        let create = |expr: &Expr, schema: &_| state.create_physical_expr(expr.clone(), schema);
        let fetched = exec(&self.fetch, self.fetch.input.schema(), &input, create).await?;
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let names = fetched.schema();
        let outputs = projection.unwrap_or(&all).iter().map(|number| {
            let column = PhysicalColumn::new(names.field(*number).name(), *number);
            (Arc::new(column) as Arc<dyn PhysicalExpr>, numbered(*number))
        });
        let outputs: Vec<_> = outputs.collect();
        Ok(Arc::new(ProjectionExec::try_new(outputs, fetched)?))
    }
}
