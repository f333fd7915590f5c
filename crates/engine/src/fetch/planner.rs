//! From logical plans to physical ones, [`Fetch`] included.

use std::sync::Arc;

use arrow_schema::FieldRef;
use arrow_schema::Schema as ArrowSchema;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::DFSchema;
use datafusion::common::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::UserDefinedLogicalNode;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::DefaultPhysicalPlanner;
use datafusion::physical_planner::ExtensionPlanner;
use datafusion::physical_planner::PhysicalPlanner;

use super::exec::FetchExec;
use super::node::Fetch;
use super::reader::Reader;
use crate::scan::failed;

/// DataFusion's planner and [`Fetch`].
#[derive(Debug)]
pub(crate) struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Fetches)]);
        planner.create_physical_plan(plan, session).await
    }
}

struct Fetches;

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
        let position =
            planner.create_physical_expr(&fetch.position, logical.schema(), session, context)?;
        let layout = fetch.table.layout();
        let table = DFSchema::try_from(Arc::clone(&layout.schema))?;
        let mut outputs = Vec::with_capacity(fetch.columns.len());
        for column in &fetch.columns {
            outputs.push(planner.create_physical_expr(&column.expr, &table, session, context)?);
        }
        let fragments = fetch.table.dataset().fragments().await.map_err(failed)?;
        let reader = Reader::new(fetch.table.clone(), fragments, &outputs)?;
        let own = physical.schema();
        let new = (0..outputs.len()).map(|at| Arc::clone(fetch.fetched_field(at)));
        let fields: Vec<FieldRef> = own.fields().iter().cloned().chain(new).collect();
        let schema = ArrowSchema::new_with_metadata(fields, own.metadata().clone());
        let reader = Arc::new(reader);
        let exec = FetchExec::new(Arc::clone(physical), position, reader, Arc::new(schema))?;
        Ok(Some(Arc::new(exec)))
    }
}
