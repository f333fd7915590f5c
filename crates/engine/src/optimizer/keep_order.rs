//! The order of a result survives what is computed after the sort.
//!
//! DataFusion notes which order a query asks for at its sort. Above it, where a projection has
//! dropped the sort's keys, it sees no order that it could break, and may deal the rows out to
//! several partitions for that projection; whoever collects these takes them as they come.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::Partitioning;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use lakebed_grammar::Language;

/// The physical rule.
#[derive(Debug)]
pub(crate) struct KeepOrder {
    /// In TQL every result has an order, in SQL one that sorts.
    pub language: Language,
}

impl PhysicalOptimizerRule for KeepOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.kept(plan)
    }

    fn name(&self) -> &str {
        "tensor_keep_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

impl KeepOrder {
    /// The plan without what deals out ordered rows between its root and where their order is made.
    fn kept(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = plan.children()[..] else { return Ok(plan) };
        if plan.maintains_input_order().first() != Some(&true) || is_sort(&plan) {
            return Ok(plan);
        }
        let input = Arc::clone(input);
        if let Some(dealt) = plan.downcast_ref::<RepartitionExec>() {
            let deals = matches!(dealt.partitioning(), Partitioning::RoundRobinBatch(_));
            let ordered = input.output_partitioning().partition_count() == 1
                && input.output_ordering().is_some()
                && (self.language == Language::Tql || sorts(&input));
            if deals && ordered {
                return self.kept(input);
            }
        }
        let kept = self.kept(input)?;
        replace_children_if_necessary(plan, vec![kept])
    }
}

fn is_sort(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<SortExec>().is_some()
        || plan.downcast_ref::<SortPreservingMergeExec>().is_some()
}

/// True if the order of the rows is that of a sort below.
fn sorts(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let maintains = plan.maintains_input_order().first() == Some(&true);
    is_sort(plan) || matches!(plan.children()[..], [input] if maintains && sorts(input))
}
