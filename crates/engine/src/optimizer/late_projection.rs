//! Work for the rows that a sort with a limit keeps, not for all that it sees.
//!
//! The planner puts what SELECT computes below the sort. A picture is then decoded for every row of
//! which five are shown, and an index that is out of range in a row that nobody asked for is an
//! error. This rule computes such columns above the sort.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::Projection;
use datafusion::logical_expr::Sort;
use datafusion::optimizer::ApplyOrder;
use datafusion::optimizer::OptimizerConfig;
use datafusion::optimizer::OptimizerRule;

use crate::decode::TENSOR_DECODE;

/// Calls that are dear, or that fail in rows without the element.
const LATE: [&str; 3] = [TENSOR_DECODE, "tensor_slice", "tensor_index"];

/// The optimizer rule.
#[derive(Debug)]
pub(crate) struct LateProjection;

impl LateProjection {
    /// The rule's name.
    pub const NAME: &str = "tensor_late_projection";
}

impl OptimizerRule for LateProjection {
    fn name(&self) -> &str {
        LateProjection::NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Sort(sort) = &plan else { return Ok(Transformed::no(plan)) };
        let (Some(_), LogicalPlan::Projection(projection)) = (sort.fetch, sort.input.as_ref())
        else {
            return Ok(Transformed::no(plan));
        };
        match moved(sort, projection)? {
            Some(moved) => Ok(Transformed::yes(moved)),
            None => Ok(Transformed::no(plan)),
        }
    }
}

fn moved(sort: &Sort, projection: &Projection) -> Result<Option<LogicalPlan>> {
    let mut keys: HashSet<&Column> = HashSet::new();
    for key in &sort.expr {
        key.expr.add_column_refs(&mut keys);
    }
    let outputs = projection.schema.columns();
    let mut inside: Vec<Expr> = Vec::new();
    let mut outside: Vec<Expr> = Vec::with_capacity(outputs.len());
    let mut needed: Vec<Column> = Vec::new();
    for (expr, output) in projection.expr.iter().zip(outputs) {
        if is_late(expr)? && !keys.contains(&output) {
            needed.extend(expr.column_refs().into_iter().cloned());
            outside.push(expr.clone());
        } else {
            inside.push(expr.clone());
            outside.push(Expr::Column(output));
        }
    }
    if inside.len() == outside.len() {
        return Ok(None);
    }
    // In one order, so that plans can be compared.
    needed.sort();
    for column in needed {
        let expr = Expr::Column(column);
        if !inside.contains(&expr) {
            inside.push(expr);
        }
    }
    // Two columns of one name cannot stand side by side; then everything stays as it was.
    let Ok(inner) = Projection::try_new(inside, Arc::clone(&projection.input)) else {
        return Ok(None);
    };
    let sorted = LogicalPlan::Sort(Sort {
        expr: sort.expr.clone(),
        input: Arc::new(LogicalPlan::Projection(inner)),
        fetch: sort.fetch,
    });
    let outer = Projection::try_new(outside, Arc::new(sorted))?;
    Ok(Some(LogicalPlan::Projection(outer)))
}

fn is_late(expr: &Expr) -> Result<bool> {
    expr.exists(|inner| {
        Ok(match inner {
            Expr::ScalarFunction(call) => LATE.contains(&call.func.name()),
            _ => false,
        })
    })
}
