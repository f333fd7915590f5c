//! From the logical node to the physical one.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::UserDefinedLogicalNode;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::ExtensionPlanner;
use datafusion::physical_planner::PhysicalPlanner;

use super::exec::UngroupExec;
use super::node::Ungroup;

/// Plans [`Ungroup`].
pub(crate) struct Ungroups;

#[async_trait]
impl ExtensionPlanner for Ungroups {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let (Some(ungroup), [input]) = (node.as_any().downcast_ref::<Ungroup>(), physical_inputs)
        else {
            return Ok(None);
        };
        let schema = Arc::clone(node.schema().inner());
        Ok(Some(Arc::new(UngroupExec::new(Arc::clone(input), ungroup.how.clone(), schema))))
    }
}
