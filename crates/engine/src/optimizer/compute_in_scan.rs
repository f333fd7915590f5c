//! What an aggregate or a sort needs of every row is computed where the rows are read.
//!
//! An aggregate that averages a slice would otherwise be given whole images, eight thousand at a
//! time. Its argument becomes a column of a projection right above the scan, which reads the slice
//! only and bounds its batches by bytes. The same holds for the keys of a sort, which would else
//! carry the columns that they are computed from.

use std::sync::Arc;

use arrow_schema::Field;
use arrow_schema::FieldRef;
use datafusion::common::Column;
use datafusion::common::DFSchema;
use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::Aggregate;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::Projection;
use datafusion::logical_expr::Sort;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::optimizer::ApplyOrder;
use datafusion::optimizer::OptimizerConfig;
use datafusion::optimizer::OptimizerRule;

use super::origin::origin;
use crate::decode::TENSOR_DECODE;

/// Calls that read less than their column when the scan makes them, or that decode.
const READS: [&str; 3] = [TENSOR_DECODE, "tensor_slice", "tensor_slice_or_null"];

/// The optimizer rule.
#[derive(Debug)]
pub(crate) struct ComputeInScan;

impl ComputeInScan {
    /// The rule's name.
    pub const NAME: &str = "tensor_compute_in_scan";
}

impl OptimizerRule for ComputeInScan {
    fn name(&self) -> &str {
        ComputeInScan::NAME
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Aggregate(aggregate) => of_aggregate(aggregate),
            LogicalPlan::Sort(sort) => of_sort(sort),
            other => Ok(Transformed::no(other)),
        }
    }
}

fn of_aggregate(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let mut moved = Moved::new(&aggregate.input);
    let plan = LogicalPlan::Aggregate(aggregate.clone());
    let names = NamePreserver::new(&plan);
    let mut replace = |exprs: &[Expr]| -> Result<Vec<Expr>> {
        exprs
            .iter()
            .map(|expr| {
                let saved = names.save(expr);
                Ok(saved.restore(moved.replace(expr.clone())?))
            })
            .collect()
    };
    let group = replace(&aggregate.group_expr)?;
    let aggr = replace(&aggregate.aggr_expr)?;
    if moved.columns.is_empty() {
        return Ok(Transformed::no(plan));
    }
    let mut needed: Vec<Column> = Vec::new();
    for expr in group.iter().chain(&aggr) {
        needed.extend(expr.column_refs().into_iter().cloned());
    }
    let Some(input) = moved.projection(needed)? else { return Ok(Transformed::no(plan)) };
    let aggregate = Aggregate::try_new(Arc::new(input), group, aggr)?;
    Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
}

fn of_sort(sort: Sort) -> Result<Transformed<LogicalPlan>> {
    let mut moved = Moved::new(&sort.input);
    let mut keys = sort.expr.clone();
    for key in &mut keys {
        key.expr = moved.replace(key.expr.clone())?;
    }
    let outputs = sort.input.schema().columns();
    let projection = match moved.columns.is_empty() {
        true => None,
        false => moved.projection(outputs.clone())?,
    };
    let Some(input) = projection else { return Ok(Transformed::no(LogicalPlan::Sort(sort))) };
    let sorted = LogicalPlan::Sort(Sort { expr: keys, input: Arc::new(input), fetch: sort.fetch });
    let outputs = outputs.into_iter().map(Expr::Column).collect();
    let plan = Projection::try_new(outputs, Arc::new(sorted))?;
    Ok(Transformed::yes(LogicalPlan::Projection(plan)))
}

/// Expressions on their way into a projection above a scan.
struct Moved<'a> {
    input: &'a Arc<LogicalPlan>,
    columns: Vec<(Expr, String)>,
}

impl<'a> Moved<'a> {
    fn new(input: &'a Arc<LogicalPlan>) -> Moved<'a> {
        Moved { input, columns: Vec::new() }
    }

    /// The expression with its largest movable parts replaced by columns.
    fn replace(&mut self, expr: Expr) -> Result<Expr> {
        let replaced = expr.transform_down(|expr| {
            if !self.moves(&expr)? {
                return Ok(Transformed::no(expr));
            }
            let known = self.columns.iter().find(|(known, _)| *known == expr);
            let name = match known {
                Some((_, name)) => name.clone(),
                None => {
                    let name = format!("__in_scan_{}", self.columns.len());
                    self.columns.push((expr, name.clone()));
                    name
                }
            };
            let column = Expr::Column(Column::new_unqualified(name));
            Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
        })?;
        Ok(replaced.data)
    }

    /// True for a computation over columns of one scan that reads less there.
    fn moves(&self, expr: &Expr) -> Result<bool> {
        // The whole of an argument or a key is moved, so that a CASE still guards its branches.
        if matches!(expr, Expr::Alias(_)) || expr.is_volatile() {
            return Ok(false);
        }
        let bound = expr.exists(|inner| {
            Ok(matches!(
                inner,
                Expr::AggregateFunction(_)
                    | Expr::WindowFunction(_)
                    | Expr::ScalarSubquery(_)
                    | Expr::Exists(_)
                    | Expr::InSubquery(_)
                    | Expr::SetComparison(_)
                    | Expr::OuterReferenceColumn(..)
                    | Expr::GroupingSet(_)
            ))
        })?;
        if bound {
            return Ok(false);
        }
        let reads_less = expr.exists(|inner| {
            Ok(matches!(inner, Expr::ScalarFunction(call) if READS.contains(&call.func.name())))
        })?;
        let mut wide = false;
        let columns = expr.column_refs();
        for column in &columns {
            match origin(self.input, column) {
                Some(origin) if !origin.reduced => wide |= origin.is_wide(),
                _ => return Ok(false),
            }
        }
        // A bare column is passed on as it is.
        let computes = !matches!(expr, Expr::Column(_));
        Ok(computes && !columns.is_empty() && (reads_less || wide))
    }

    /// The projection: `needed` columns of the input, and what was moved. `None` if names collide.
    fn projection(&self, needed: Vec<Column>) -> Result<Option<LogicalPlan>> {
        let mut outputs: Vec<Expr> = Vec::new();
        for column in needed {
            let moved = column.relation.is_none()
                && self.columns.iter().any(|(_, name)| *name == column.name);
            let expr = Expr::Column(column);
            if !moved && !outputs.contains(&expr) {
                outputs.push(expr);
            }
        }
        for (expr, name) in &self.columns {
            if self.input.schema().has_column_with_unqualified_name(name) {
                return Ok(None);
            }
            outputs.push(expr.clone().alias(name));
        }
        let projection = Projection::try_new(outputs, Arc::clone(self.input));
        Ok(projection.ok().map(LogicalPlan::Projection))
    }
}

/// The field of an expression over a schema, under another name.
pub(super) fn field_of(expr: &Expr, schema: &DFSchema, name: &str) -> Result<FieldRef> {
    let (_, field) = expr.to_field(schema)?;
    Ok(Arc::new(Field::clone(&field).with_name(name)))
}
