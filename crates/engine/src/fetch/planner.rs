//! From the logical node to the physical one.

use std::sync::Arc;

use arrow_schema::FieldRef;
use arrow_schema::Schema as ArrowSchema;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::common::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::UserDefinedLogicalNode;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::ExtensionPlanner;
use datafusion::physical_planner::PhysicalPlanner;

use super::exec::FetchExec;
use super::node::Fetch;
use super::reader::Reader;
use crate::scan::failed;

/// Plans [`Fetch`].
pub(crate) struct Fetches;

#[async_trait]
impl ExtensionPlanner for Fetches {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn Session,
        context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (Some(fetch), [logical], [physical]) =
            (node.as_any().downcast_ref::<Fetch>(), logical_inputs, physical_inputs)
        else {
            return Ok(None);
        };
        let create = |expr: &Expr, schema: &DFSchema| {
            planner.create_physical_expr(expr, schema, session, context)
        };
        Ok(Some(exec(fetch, logical.schema(), physical, create).await?))
    }
}

/// The physical node over its planned input; `create` makes expressions over a schema.
pub(super) async fn exec(
    fetch: &Fetch,
    logical: &DFSchema,
    input: &Arc<dyn ExecutionPlan>,
    create: impl Fn(&Expr, &DFSchema) -> Result<Arc<dyn PhysicalExpr>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    // The node bounds its reads by what rows weigh.
    fetch.table.measure().await?;
    let position = create(&fetch.position, logical)?;
    let table = DFSchema::try_from(Arc::clone(&fetch.table.layout().schema))?;
    let mut outputs = Vec::with_capacity(fetch.columns.len());
    for column in &fetch.columns {
        outputs.push(create(&column.expr, &table)?);
    }
    let fragments = fetch.table.dataset().fragments().await.map_err(failed)?;
    let reader = Reader::new(fetch.table.clone(), fragments, &outputs)?;
    let own = input.schema();
    let new = (0..outputs.len()).map(|at| Arc::clone(fetch.fetched_field(at)));
    let fields: Vec<FieldRef> = own.fields().iter().cloned().chain(new).collect();
    let schema = ArrowSchema::new_with_metadata(fields, own.metadata().clone());
    let exec = FetchExec::new(Arc::clone(input), position, Arc::new(reader), Arc::new(schema))?;
    Ok(Arc::new(exec))
}
