//! From a tree to a plan.

use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::DescribeAlias;
use datafusion::sql::sqlparser::ast::Query as QueryTree;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use lakebed_grammar::Explain;
use lakebed_grammar::Language;
use lakebed_grammar::Statement;

use super::Session;
use crate::catalog::QueryCatalog;
use crate::diagnose;
use crate::error::Error;
use crate::error::Result;
use crate::optimizer::origin::keeps_positions;
use crate::places::Places;
use crate::query::Query;
use crate::table::DatasetTable;

impl Session {
    /// Plans a lowered tree over the snapshots of a catalog.
    pub(super) async fn plan(
        &self,
        language: Language,
        catalog: Arc<QueryCatalog>,
        tree: QueryTree,
        statement: &Statement,
    ) -> Result<Query> {
        let mut state = match language {
            Language::Tql => self.inner.tql.clone(),
            Language::Sql => self.inner.sql.clone(),
        };
        // now() and its like are one moment for the whole query.
        state.mark_start_execution();
        state.register_catalog_list(catalog.list().map_err(Error::session)?);
        let query = SqlStatement::Query(Box::new(tree.clone()));
        let planned = match statement.explain {
            None => query,
            Some(explain) => SqlStatement::Explain {
                describe_alias: DescribeAlias::Explain,
                analyze: explain == Explain::Analyze,
                verbose: false,
                query_plan: false,
                estimate: false,
                statement: Box::new(query),
                format: None,
                options: None,
            },
        };
        let measured = match diagnose::checked(planned, &state, language).await {
            Ok(plan) => measure(&plan).await.map(|()| plan),
            Err(error) => Err(error),
        };
        match measured {
            Ok(plan) => Ok(Query::new(state, plan, Places::of(&tree, language))),
            Err(error) => Err(diagnose::planning(error, &tree, &state, language).await),
        }
    }
}

/// Learns what the columns weigh where rows are chosen above a scan: see [`crate::optimizer::FetchLate`].
async fn measure(plan: &LogicalPlan) -> Result<(), DataFusionError> {
    let mut tables: Vec<DatasetTable> = Vec::new();
    let mut chooses = false;
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::Sort(sort) => chooses |= !keeps_positions(sort),
            LogicalPlan::Join(_) => chooses = true,
            LogicalPlan::TableScan(scan) => {
                let provider = source_as_provider(&scan.source)?;
                tables.extend(provider.downcast_ref::<DatasetTable>().cloned());
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if chooses {
        for table in tables {
            table.measure().await?;
        }
    }
    Ok(())
}
