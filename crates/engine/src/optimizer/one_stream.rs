//! Rows of one scan that leave in its own order leave as one stream.
//!
//! Partitions that are merged by position again cost a comparison for every row, and what a
//! projection computes above them is no faster there than inside the scan, whose units of work run
//! side by side and come out in order anyway.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TransformedResult;
use datafusion::common::tree_node::TreeNode;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;

use crate::scan::source::DatasetSource;

/// The physical rule.
#[derive(Debug)]
pub(crate) struct OneStream;

impl PhysicalOptimizerRule for OneStream {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let Some(merge) = node.downcast_ref::<SortPreservingMergeExec>() else {
                return Ok(Transformed::no(node));
            };
            if merge.fetch().is_some() {
                return Ok(Transformed::no(node));
            }
            Ok(match one_stream(merge.input())? {
                Some(stream) => Transformed::yes(stream),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "tensor_one_stream"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The same rows of one scan from one partition, if the plan is no more than that scan and
/// projections of it.
fn one_stream(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(cooperative) = plan.downcast_ref::<CooperativeExec>() {
        let input = one_stream(cooperative.input())?;
        return Ok(input.map(|input| Arc::new(CooperativeExec::new(input)) as _));
    }
    Ok(one_source(plan)?.map(|source| DataSourceExec::from_data_source(source) as _))
}

fn one_source(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<DatasetSource>> {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        let source = scan.data_source().downcast_ref::<DatasetSource>();
        return Ok(source.and_then(DatasetSource::as_one_stream));
    }
    let Some(projection) = plan.downcast_ref::<ProjectionExec>() else { return Ok(None) };
    let input = match projection.input().downcast_ref::<CooperativeExec>() {
        Some(cooperative) => cooperative.input(),
        None => projection.input(),
    };
    let Some(source) = one_source(input)? else { return Ok(None) };
    let projection: &ProjectionExprs = projection.projection_expr();
    source.absorb(projection)
}
