//! A plan without some of its columns, and with the positions of the rows they belong to.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::Result;
use datafusion::common::plan_err;
use datafusion::datasource::provider_as_source;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::Join;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::Projection;
use datafusion::logical_expr::SubqueryAlias;
use datafusion::logical_expr::TableScan;
use datafusion::logical_expr::TableScanBuilder;

use super::origin::given_out;
use super::origin::nth;
use super::origin::passed;
use crate::scan::layout::POSITION;
use crate::table::DatasetTable;

/// A column to be left out of a plan's output.
#[derive(Debug, Clone)]
struct Wanted {
    column: Column,
    /// True if something further down still needs it.
    stays: bool,
}

/// Leaves `columns`, each with an [`super::origin`], out of the output of `plan`. Returns the new
/// plan and, for each column, the output that holds the position of its row; null where an outer
/// join has no row.
///
/// # Errors
/// If the columns of the new plan cannot be told apart.
pub(crate) fn strip(plan: &LogicalPlan, columns: &[Column]) -> Result<(LogicalPlan, Vec<Column>)> {
    let wanted: Vec<Wanted> =
        columns.iter().map(|column| Wanted { column: column.clone(), stays: false }).collect();
    without(plan, &wanted)
}

fn without(plan: &LogicalPlan, wanted: &[Wanted]) -> Result<(LogicalPlan, Vec<Column>)> {
    if wanted.is_empty() {
        return Ok((plan.clone(), Vec::new()));
    }
    match plan {
        LogicalPlan::TableScan(scan) => of_scan(scan, wanted),
        LogicalPlan::SubqueryAlias(alias) => {
            let inner = moved(plan, &alias.input, wanted)?;
            let (input, positions) = without(&alias.input, &inner)?;
            let indices = positions.iter().map(|p| input.schema().index_of_column(p));
            let indices = indices.collect::<Result<Vec<_>>>()?;
            let aliased = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?;
            let aliased = LogicalPlan::SubqueryAlias(aliased);
            let positions = indices.into_iter().map(|index| nth(&aliased, index)).collect();
            Ok((aliased, positions))
        }
        LogicalPlan::Projection(projection) => of_projection(projection, wanted),
        LogicalPlan::Filter(_) | LogicalPlan::Limit(_) | LogicalPlan::Sort(_) => {
            let Some(input) = plan.inputs().first().copied() else {
                return plan_err!("a plan node without an input");
            };
            let (input, positions) = without(input, wanted)?;
            Ok((plan.with_new_exprs(plan.expressions(), vec![input])?, positions))
        }
        LogicalPlan::Join(join) => of_join(plan, join, wanted),
        _ => plan_err!("columns cannot be left out below {}", plan.display()),
    }
}

fn of_scan(scan: &TableScan, wanted: &[Wanted]) -> Result<(LogicalPlan, Vec<Column>)> {
    let provider = source_as_provider(&scan.source)?;
    let Some(table) = provider.downcast_ref::<DatasetTable>() else {
        return plan_err!("{} is no dataset", scan.table_name);
    };
    let with_positions = table.with_positions();
    let layout = Arc::clone(with_positions.layout());
    let Some(position) = layout.position() else {
        return plan_err!("{} has no positions", scan.table_name);
    };
    let leaves = |index: &usize| {
        let name = layout.schema.field(*index).name();
        !wanted.iter().any(|wanted| !wanted.stays && wanted.column.name == *name)
    };
    let all = || (0..scan.source.schema().fields().len()).collect();
    let mut indices: Vec<usize> = scan.projection.clone().unwrap_or_else(all);
    indices.retain(leaves);
    if !indices.contains(&position) {
        indices.push(position);
    }
    let scan = TableScanBuilder::new(
        scan.table_name.clone(),
        provider_as_source(Arc::new(with_positions)),
    )
    .with_projection(Some(indices))
    .with_filters(scan.filters.clone())
    .with_fetch(scan.fetch)
    .build()?;
    let position = Column::new(Some(scan.table_name.clone()), POSITION);
    Ok((LogicalPlan::TableScan(scan), vec![position; wanted.len()]))
}

fn of_projection(projection: &Projection, wanted: &[Wanted]) -> Result<(LogicalPlan, Vec<Column>)> {
    let outputs = projection.schema.columns();
    let mut kept: Vec<Expr> = Vec::new();
    for (expr, output) in projection.expr.iter().zip(&outputs) {
        if !wanted.iter().any(|wanted| !wanted.stays && wanted.column == *output) {
            kept.push(expr.clone());
        }
    }
    let mut inner = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let index = projection.schema.index_of_column(&wanted.column)?;
        let Some(column) = projection.expr.get(index).and_then(passed) else {
            return plan_err!("{} is computed", wanted.column);
        };
        let stays = kept.iter().any(|expr| expr.column_refs().contains(column));
        inner.push(Wanted { column: column.clone(), stays });
    }
    let (input, positions) = without(&projection.input, &inner)?;
    let mut outputs = Vec::with_capacity(positions.len());
    for position in positions {
        let known = kept.iter().position(|expr| passed(expr) == Some(&position));
        outputs.push(known.unwrap_or_else(|| {
            kept.push(Expr::Column(position));
            kept.len() - 1
        }));
    }
    let stripped = LogicalPlan::Projection(Projection::try_new(kept, Arc::new(input))?);
    let positions = outputs.into_iter().map(|index| nth(&stripped, index)).collect();
    Ok((stripped, positions))
}

fn of_join(
    plan: &LogicalPlan,
    join: &Join,
    wanted: &[Wanted],
) -> Result<(LogicalPlan, Vec<Column>)> {
    let (left, _) = given_out(join);
    let mut sides: [Vec<(usize, Wanted)>; 2] = [Vec::new(), Vec::new()];
    for (place, wanted) in wanted.iter().enumerate() {
        let index = plan.schema().index_of_column(&wanted.column)?;
        let (side, input, index) = match index < left {
            true => (0, &join.left, index),
            false => (1, &join.right, index - left),
        };
        let column = nth(input, index);
        sides[side].push((place, Wanted { column, stays: wanted.stays }));
    }
    let mut inputs = Vec::with_capacity(2);
    let mut positions: Vec<Option<Column>> = vec![None; wanted.len()];
    for (input, side) in [&join.left, &join.right].into_iter().zip(sides) {
        let (places, side): (Vec<usize>, Vec<Wanted>) = side.into_iter().unzip();
        let (stripped, found) = without(input, &side)?;
        for (place, position) in places.into_iter().zip(found) {
            positions[place] = Some(position);
        }
        inputs.push(stripped);
    }
    let joined = plan.with_new_exprs(plan.expressions(), inputs)?;
    let positions: Option<Vec<Column>> = positions.into_iter().collect();
    match positions {
        Some(positions) => Ok((joined, positions)),
        None => plan_err!("a column of a join belongs to neither side"),
    }
}

/// Columns of a node as columns of its input, by their places.
fn moved(plan: &LogicalPlan, input: &LogicalPlan, wanted: &[Wanted]) -> Result<Vec<Wanted>> {
    wanted
        .iter()
        .map(|wanted| {
            let index = plan.schema().index_of_column(&wanted.column)?;
            Ok(Wanted { column: nth(input, index), stays: wanted.stays })
        })
        .collect()
}
