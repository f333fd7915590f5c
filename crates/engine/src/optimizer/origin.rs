//! Where a column of a plan comes from.

use datafusion::common::Column;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::Join;
use datafusion::logical_expr::JoinType;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::Sort;

use crate::scan::layout::POSITION;
use crate::table::DatasetTable;

/// A column of a table that reaches a place in a plan as it is.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The table.
    pub table: DatasetTable,
    /// The column's name in the table.
    pub name: String,
    /// True if something on the way chooses or rearranges rows that a scan cannot.
    pub reduced: bool,
}

/// Bytes of a row from which a column is wide: several times a position.
const WIDE: u64 = 64;

impl Origin {
    /// True for a column whose rows are worth leaving behind, as measured or by its type.
    pub fn is_wide(&self) -> bool {
        let bytes = self.table.row_bytes(&self.name).or_else(|| self.table.type_bytes(&self.name));
        bytes.is_some_and(|bytes| bytes >= WIDE)
    }
}

/// The table and column that `column`, an output of `plan`, is; `None` if it is computed, or if
/// something on the way looks at its values.
pub(crate) fn origin(plan: &LogicalPlan, column: &Column) -> Option<Origin> {
    let index = plan.schema().maybe_index_of_column(column)?;
    match plan {
        LogicalPlan::TableScan(scan) => {
            let provider = source_as_provider(&scan.source).ok()?;
            let table = provider.downcast_ref::<DatasetTable>()?.clone();
            let name = plan.schema().field(index).name().clone();
            (name != POSITION).then_some(Origin { table, name, reduced: false })
        }
        LogicalPlan::SubqueryAlias(alias) => origin(&alias.input, &nth(&alias.input, index)),
        LogicalPlan::Projection(projection) => {
            origin(&projection.input, passed(projection.expr.get(index)?)?)
        }
        LogicalPlan::Filter(_) | LogicalPlan::Limit(_) | LogicalPlan::Sort(_) => {
            if looks_at(plan, column) {
                return None;
            }
            let found = origin(plan.inputs().first()?, column)?;
            let chooses = match plan {
                LogicalPlan::Sort(sort) => !keeps_positions(sort),
                // The scan takes a limit that stands right above it.
                LogicalPlan::Limit(_) => false,
                _ => true,
            };
            Some(Origin { reduced: found.reduced || chooses, ..found })
        }
        LogicalPlan::Join(join) => {
            if looks_at(plan, column) {
                return None;
            }
            let (left, right) = given_out(join);
            let found = match index.checked_sub(left) {
                None => origin(&join.left, &nth(&join.left, index))?,
                Some(index) if index < right => origin(&join.right, &nth(&join.right, index))?,
                // The mark of a mark join.
                Some(_) => return None,
            };
            Some(Origin { reduced: true, ..found })
        }
        _ => None,
    }
}

/// How many columns of its left and of its right side a join gives out.
pub(crate) fn given_out(join: &Join) -> (usize, usize) {
    let (left, right) = (join.left.schema().fields().len(), join.right.schema().fields().len());
    match join.join_type {
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => (left, 0),
        JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => (0, right),
        JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => (left, right),
    }
}

/// The `index`-th output of a plan.
pub(crate) fn nth(plan: &LogicalPlan, index: usize) -> Column {
    Column::from(plan.schema().qualified_field(index))
}

/// The column that an expression of a projection passes on as it is.
pub(crate) fn passed(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Alias(alias) => passed(&alias.expr),
        _ => None,
    }
}

fn looks_at(plan: &LogicalPlan, column: &Column) -> bool {
    let index = plan.schema().maybe_index_of_column(column);
    plan.expressions().iter().any(|expr| {
        let mut refs = expr.column_refs().into_iter();
        refs.any(|other| plan.schema().maybe_index_of_column(other) == index)
    })
}

/// True if a sort leaves the order of a scan.
pub(crate) fn keeps_positions(sort: &Sort) -> bool {
    sort.expr
        .first()
        .is_some_and(|key| matches!(&key.expr, Expr::Column(c) if c.name == POSITION) && key.asc)
}
