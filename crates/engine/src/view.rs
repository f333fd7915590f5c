//! Saved views: which rows of one snapshot a query chose, and the table that they are.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::array::UInt64Array;
use arrow::datatypes::Float64Type;
use arrow::datatypes::UInt64Type;
use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::Schema as ArrowSchema;
use datafusion::catalog::TableProvider;
use datafusion::common::Column as PlanColumn;
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use datafusion::datasource::ViewTable;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::Expr as PlanExpr;
use datafusion::logical_expr::JoinType;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::sql::sqlparser::ast::Distinct;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::GroupByExpr;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::ast::Query as QueryTree;
use datafusion::sql::sqlparser::ast::Select;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::ast::SetExpr;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::TableFactor;
use futures::StreamExt;
use futures::future::BoxFuture;
use lakebed_dataset::Dataset;
use lakebed_dataset::NewView;
use lakebed_dataset::ViewRows;
use lakebed_grammar::Clauses;
use lakebed_grammar::Language;
use lakebed_grammar::Span;

use crate::catalog::CURRENT;
use crate::error::Error;
use crate::error::Result;
use crate::lower;
use crate::lower::POSITION;
use crate::lower::ROW_ID;
use crate::lower::WEIGHT;
use crate::parameters::Parameters;
use crate::session::Session;
use crate::session::open;
use crate::stack::roomy;
use crate::table::DatasetTable;
use crate::table::TableOptions;

/// The column that carries the chosen rows.
const ROW: &str = "__row";
/// A row's place in its view.
const PLACE: &str = "__place";

/// The rows of a view in its order, which is what their positions tell.
pub(crate) fn table(
    dataset: Dataset,
    rows: &[u64],
    options: &TableOptions,
) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let number = |name: &str| Field::new(name, DataType::UInt64, false);
    let schema = Arc::new(ArrowSchema::new(vec![number(ROW), number(PLACE)]));
    let places = 0..u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from(rows.to_vec())),
        Arc::new(UInt64Array::from_iter_values(places)),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    let chosen = MemTable::try_new(schema, vec![vec![batch]])?;
    let names: Vec<String> = dataset.schema().columns.iter().map(|c| c.name.clone()).collect();
    let with_positions = TableOptions { positions: true, ..options.clone() };
    let all = DatasetTable::new(dataset, with_positions);
    let all = LogicalPlanBuilder::scan("__all", provider_as_source(Arc::new(all)), None)?;
    let chosen =
        LogicalPlanBuilder::scan("__view", provider_as_source(Arc::new(chosen)), None)?.build()?;
    let of = |table: &str, name: &str| {
        PlanExpr::Column(PlanColumn::new(Some(table.to_string()), name.to_string()))
    };
    let joined =
        all.join_on(chosen, JoinType::Inner, [of("__all", POSITION).eq(of("__view", ROW))])?;
    let mut shown: Vec<PlanExpr> = names.iter().map(|name| of("__all", name)).collect();
    if options.row_ids {
        shown.push(of("__all", ROW_ID));
    }
    if options.positions {
        shown.push(of("__view", PLACE).alias(POSITION));
        return Ok(Arc::new(ViewTable::new(joined.project(shown)?.build()?, None)));
    }
    // Who has no positions to sort by gets the rows in the view's order as far as SQL keeps one.
    let sorted = joined.sort([of("__view", PLACE).sort(true, false)])?;
    Ok(Arc::new(ViewTable::new(sorted.project(shown)?.build()?, None)))
}

impl Session {
    /// Runs a query and saves the rows that it chose, in their order and as often as it gave them, as
    /// a view of the snapshot that it was asked of: a name for `FROM "dataset@name"`, for training
    /// and for copies. What the query selects is not kept, only of which rows.
    ///
    /// Rows that SAMPLE BY drew have a weight in the view: the one that they were drawn by, divided
    /// by the sum of all of the view, so that these add up to 1. A draw with replacement repeats
    /// rows as their weights ask already; who draws from the view once more takes the weights of a
    /// draw without.
    ///
    /// # Errors
    /// As [`Session::query_with`]; [`Error::Planning`] for a query whose rows are not rows of one
    /// dataset: those of groups, joins, set operations and subqueries in FROM can be materialized
    /// instead; [`Error::Dataset`] for an error of the commit.
    pub fn save_view<'a>(
        &'a self,
        language: Language,
        text: &'a str,
        parameters: &'a Parameters,
        name: &'a str,
        message: &'a str,
    ) -> BoxFuture<'a, Result<Dataset>> {
        roomy(async move {
            let limits = self.limits();
            let mut statement = lakebed_grammar::parse::parse(text, language, limits)?;
            parameters.bind(&mut statement.query)?;
            let (table, span) = source(&statement.query)?;
            let table = table.unwrap_or_else(|| CURRENT.to_string());
            let weighs = Clauses::of(&statement.query).sample.is_some();
            let mut carried = vec![(ROW_ID, ROW)];
            carried.extend(weighs.then_some((WEIGHT, WEIGHT)));
            if let SetExpr::Select(select) = statement.query.body.as_mut() {
                select.projection.extend(carried.iter().map(|(name, alias)| {
                    SelectItem::ExprWithAlias {
                        expr: Expr::Identifier(Ident::with_quote('"', *name)),
                        alias: Ident::with_quote('"', *alias),
                    }
                }));
            }
            let catalog = self.catalog(language == Language::Tql, &mut statement.query)?;
            let dataset = open(&catalog, &table, span).await?;
            let query = self.plan_in(catalog, language, &statement, None).await?;
            let query = query.only(carried.iter().map(|(_, alias)| *alias))?;
            let (mut rows, mut weights) = (Vec::new(), Vec::new());
            let mut stream = query.stream().await?;
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                rows.extend_from_slice(batch.column(0).as_primitive::<UInt64Type>().values());
                if weighs {
                    let drawn_by = batch.column(1).as_primitive::<Float64Type>();
                    weights.extend(drawn_by.iter().map(Option::unwrap_or_default));
                }
            }
            let language = match language {
                Language::Tql => lakebed_dataset::Language::Tql,
                Language::Sql => lakebed_dataset::Language::Sql,
            };
            let view = NewView {
                language,
                query: text.trim().to_string(),
                parameters: parameters.to_json(),
                seed: Some(self.seed()),
                rows: ViewRows::Ids(rows),
                weights: weighs.then(|| shares(weights)),
            };
            let saved = dataset.save_view(name, view, message).await;
            saved.map_err(|source| Error::Dataset {
                name: table.clone(),
                span,
                help: None,
                source: Box::new(source),
            })
        })
    }
}

/// Weights as shares of their sum.
fn shares(weights: Vec<f64>) -> Vec<f64> {
    // Divided first, so that the sum of large weights stays finite.
    let largest = weights.iter().copied().fold(0.0, f64::max);
    let scaled: Vec<f64> = weights.into_iter().map(|weight| weight / largest).collect();
    let sum: f64 = scaled.iter().sum();
    scaled.into_iter().map(|weight| weight / sum).collect()
}

/// The one table whose rows the rows of a query are; none for the current dataset.
fn source(query: &QueryTree) -> Result<(Option<String>, Option<Span>)> {
    let refuse = |what: &str, span| {
        let message = format!("a view is rows of one dataset, and {what}");
        Err(Error::planning(message, span)
            .with_help("write such rows as a dataset of their own: INSERT INTO ... SELECT"))
    };
    let SetExpr::Select(select) = query.body.as_ref() else {
        return refuse("this is no single SELECT", Span::from_sqlparser(query.span()));
    };
    let select: &Select = select;
    let grouped = match &select.group_by {
        GroupByExpr::All(_) => true,
        GroupByExpr::Expressions(keys, _) => !keys.is_empty(),
    };
    if grouped || select.having.is_some() {
        return refuse("groups are none", Span::from_sqlparser(select.span()));
    }
    if Clauses::of(query).ungroup.is_some() {
        return refuse("UNGROUP BY makes rows of parts", Span::from_sqlparser(select.span()));
    }
    if select.distinct == Some(Distinct::Distinct) {
        return refuse("DISTINCT joins several", Span::from_sqlparser(select.span()));
    }
    let [from] = select.from.as_slice() else {
        return match select.from.as_slice() {
            [] => Ok((None, None)),
            _ => refuse("this joins several", Span::from_sqlparser(select.span())),
        };
    };
    if !from.joins.is_empty() {
        return refuse("this joins several", Span::from_sqlparser(from.span()));
    }
    let named = match &from.relation {
        TableFactor::Table { name, .. } => {
            let last = name.0.last().and_then(|part| part.as_ident());
            let is_it =
                |(name, _): &(String, Option<Span>)| last.is_some_and(|last| last.value == *name);
            // A name of WITH is a query, not a table.
            lower::names(query).into_iter().find(is_it)
        }
        _ => None,
    };
    match named {
        Some((name, span)) => Ok((Some(name), span)),
        None => refuse("this asks a subquery", Span::from_sqlparser(from.span())),
    }
}
