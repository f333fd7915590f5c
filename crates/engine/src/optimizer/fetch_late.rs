//! Wide columns are read when filters, sorts and joins have chosen the rows.
//!
//! Below what uses it, a wide column that nothing looks at is replaced by the position of its row,
//! and a [`Fetch`] reads it there, or the part of it that is asked for. What is wide is measured:
//! bytes a row in the chunks of the dataset. A scan alone does the same for its own conditions.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::Extension;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::Projection;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::optimizer::OptimizerConfig;
use datafusion::optimizer::OptimizerRule;

use super::origin::Origin;
use super::origin::origin;
use super::strip::strip;
use crate::decode::TENSOR_DECODE;
use crate::fetch::Fetch;
use crate::fetch::FetchedColumn;
use crate::table::DatasetTable;

/// Calls that read less than the column, where the rest of their arguments is constant.
const PARTS: [&str; 4] = ["tensor_slice", "tensor_slice_or_null", "tensor_shape", TENSOR_DECODE];

/// The optimizer rule.
#[derive(Debug)]
pub(crate) struct FetchLate {
    /// How a fetch stands in a plan: the node itself, or in a context whose planner does not know
    /// it, what does the same.
    pub plan: fn(Fetch) -> Result<LogicalPlan>,
}

impl FetchLate {
    /// The rule's name.
    pub const NAME: &str = "tensor_fetch_late";

    /// The rule for our own planner.
    pub fn with_node() -> FetchLate {
        FetchLate { plan: |fetch| Ok(LogicalPlan::Extension(Extension { node: Arc::new(fetch) })) }
    }
}

impl OptimizerRule for FetchLate {
    fn name(&self) -> &str {
        FetchLate::NAME
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let result = match &plan {
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => Transformed::no(plan),
            _ => self.at_root(plan)?,
        };
        result.transform_data(|plan| plan.transform_down_with_subqueries(|plan| self.below(plan)))
    }
}

impl FetchLate {
    /// What the query itself gives out counts as used.
    fn at_root(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        if uses_columns(&plan) {
            return Ok(Transformed::no(plan));
        }
        let columns = plan.schema().columns();
        match self.fetched(&plan, &columns, Vec::new())? {
            Some((plan, _)) => {
                let outputs = columns.into_iter().map(Expr::Column).collect();
                let plan = Projection::try_new(outputs, Arc::new(plan))?;
                Ok(Transformed::yes(LogicalPlan::Projection(plan)))
            }
            None => Ok(Transformed::no(plan)),
        }
    }

    fn below(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        if let LogicalPlan::Analyze(analyze) = &plan {
            let input = self.at_root(LogicalPlan::clone(&analyze.input))?;
            return input.transform_data(|input| {
                Ok(Transformed::yes(plan.with_new_exprs(vec![], vec![input])?))
            });
        }
        if !uses_columns(&plan) {
            return Ok(Transformed::no(plan));
        }
        let [input] = plan.inputs()[..] else { return Ok(Transformed::no(plan)) };
        let mut used: BTreeSet<Column> = BTreeSet::new();
        for expr in plan.expressions() {
            used.extend(expr.column_refs().into_iter().cloned());
        }
        let used: Vec<Column> = used.into_iter().collect();
        let Some((input, calls)) = self.fetched(input, &used, plan.expressions())? else {
            return Ok(Transformed::no(plan));
        };
        let names = NamePreserver::new(&plan);
        let expressions = plan
            .expressions()
            .into_iter()
            .map(|expr| {
                let saved = names.save(&expr);
                let replaced = expr.transform_down(|expr| {
                    Ok(match calls.iter().find(|(call, _)| *call == expr) {
                        Some((_, column)) => Transformed::new(
                            Expr::Column(column.clone()),
                            true,
                            TreeNodeRecursion::Jump,
                        ),
                        None => Transformed::no(expr),
                    })
                })?;
                Ok(saved.restore(replaced.data))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Transformed::yes(plan.with_new_exprs(expressions, vec![input])?))
    }

    /// The input of a consumer with the wide columns among `used` fetched on top; `None` if nothing is
    /// gained.
    fn fetched(
        &self,
        input: &LogicalPlan,
        used: &[Column],
        expressions: Vec<Expr>,
    ) -> Result<Option<(LogicalPlan, Calls)>> {
        let mut wide: Vec<(Column, Origin)> = Vec::new();
        for column in used {
            if let Some(origin) = origin(input, column)
                && origin.reduced
                && origin.is_wide()
            {
                wide.push((column.clone(), origin));
            }
        }
        if wide.is_empty() {
            return Ok(None);
        }
        let columns: Vec<Column> = wide.iter().map(|(column, _)| column.clone()).collect();
        // Two columns of one name cannot stand side by side; then everything stays as it was.
        let Ok((mut plan, positions)) = strip(input, &columns) else { return Ok(None) };
        let mut calls: Calls = Vec::new();
        let mut groups: Vec<(Column, DatasetTable, Vec<FetchedColumn>)> = Vec::new();
        for ((column, origin), position) in wide.into_iter().zip(positions) {
            let (parts, whole) = uses(&expressions, &column)?;
            let index = input.schema().index_of_column(&column)?;
            let (relation, field) = input.schema().qualified_field(index);
            let own = Expr::Column(Column::new_unqualified(origin.name.clone()));
            let mut outputs = Vec::new();
            if whole || parts.is_empty() {
                let field = Arc::clone(field);
                outputs.push(FetchedColumn::new(own.clone(), relation.cloned(), field));
            } else {
                for call in parts {
                    let name = format!("__fetched_{}", calls.len());
                    let field = super::compute_in_scan::field_of(&call, input.schema(), &name)?;
                    let over_table = call.clone().transform(|expr| {
                        Ok(match &expr {
                            Expr::Column(c) if *c == column => Transformed::yes(own.clone()),
                            _ => Transformed::no(expr),
                        })
                    })?;
                    outputs.push(FetchedColumn::new(over_table.data, None, field));
                    calls.push((call, Column::new_unqualified(name)));
                }
            }
            match groups.iter_mut().find(|(known, ..)| *known == position) {
                Some((_, _, list)) => list.extend(outputs),
                None => groups.push((position, origin.table, outputs)),
            }
        }
        for (position, table, outputs) in groups {
            let node = Fetch::try_new(plan, table, position, outputs)?;
            plan = (self.plan)(node)?;
        }
        Ok(Some((plan, calls)))
    }
}

/// True for nodes that compute from columns instead of passing rows on.
fn uses_columns(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_))
}

/// Calls of the consumer and the columns that stand for them.
type Calls = Vec<(Expr, Column)>;

/// The calls that ask for a part of a column, and whether something needs all of it.
fn uses(expressions: &[Expr], column: &Column) -> Result<(Vec<Expr>, bool)> {
    let mut parts: Vec<Expr> = Vec::new();
    let mut whole = false;
    for expression in expressions {
        expression.apply(|expr| {
            if is_part(expr, column) {
                if !parts.contains(expr) {
                    parts.push(expr.clone());
                }
                return Ok(TreeNodeRecursion::Jump);
            }
            whole |= matches!(expr, Expr::Column(c) if c == column);
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok((parts, whole))
}

fn is_part(expr: &Expr, column: &Column) -> bool {
    let Expr::ScalarFunction(call) = expr else { return false };
    if !PARTS.contains(&call.func.name()) {
        return false;
    }
    let [first, rest @ ..] = &call.args[..] else { return false };
    let of_column = matches!(first, Expr::Column(c) if c == column)
        || (call.func.name() != TENSOR_DECODE && is_decode(first, column));
    of_column && rest.iter().all(|argument| matches!(argument, Expr::Literal(..)))
}

fn is_decode(expr: &Expr, column: &Column) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if call.func.name() == TENSOR_DECODE
        && matches!(&call.args[..], [Expr::Column(c)] if c == column))
}
