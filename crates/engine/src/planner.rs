//! From logical plans to physical ones, the nodes of this crate included.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::DefaultPhysicalPlanner;
use datafusion::physical_planner::ExtensionPlanner;
use datafusion::physical_planner::PhysicalPlanner;

use crate::fetch::planner::Fetches;
use crate::ungroup::planner::Ungroups;

/// DataFusion's planner with [`Fetches`] and [`Ungroups`].
#[derive(Debug)]
pub(crate) struct Planner;

#[async_trait]
impl QueryPlanner for Planner {
    async fn create_physical_plan(
        &self,
        plan: &LogicalPlan,
        session: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let nodes: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> =
            vec![Arc::new(Fetches), Arc::new(Ungroups)];
        let planner = DefaultPhysicalPlanner::with_extension_planners(nodes);
        planner.create_physical_plan(plan, session).await
    }
}
