//! Tables of DataFusion that are no datasets: Parquet files, tables in memory, whatever has a
//! [`TableProvider`].

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::common::Result;
use datafusion::datasource::ViewTable;
use datafusion::datasource::provider_as_source;
use datafusion::functions_window::row_number::row_number;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::lit;

use crate::lower::POSITION;

/// The name under which a table is scanned.
const SCANNED: &str = "__foreign";

/// The table, and with `positions` a last column that numbers its rows from 0 as they come, so that
/// TQL has an order to keep. Whatever order the table gives its rows in is theirs: of files that are
/// read side by side it may be another each time, unless the query sorts.
pub(crate) fn table(
    table: Arc<dyn TableProvider>,
    positions: bool,
) -> Result<Arc<dyn TableProvider>> {
    if !positions {
        return Ok(table);
    }
    let schema = table.schema();
    let scan = LogicalPlanBuilder::scan(SCANNED, provider_as_source(table), None)?;
    let numbered = scan.window([row_number().alias(POSITION)])?;
    let names = schema.fields().iter().map(|field| field.name().as_str());
    let mut shown: Vec<Expr> =
        names.map(|name| Expr::Column(Column::new(Some(SCANNED), name))).collect();
    let number = Expr::Column(Column::from_name(POSITION));
    shown.push((number - lit(1u64)).alias(POSITION));
    Ok(Arc::new(ViewTable::new(numbered.project(shown)?.build()?, None)))
}
