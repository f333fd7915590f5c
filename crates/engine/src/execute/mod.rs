//! UPDATE, DELETE and INSERT: a query chooses rows and computes values, and one commit takes them.
//!
//! The query runs on the snapshot that the change is prepared on. If another commit changes what the
//! change read of the rows that it touches, the change is a conflict and nothing happens.

mod values;

use std::collections::BTreeSet;

use arrow::array::AsArray;
use arrow::array::RecordBatch;
use arrow::datatypes::UInt64Type;
use arrow_schema::Schema as ArrowSchema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;
use futures::StreamExt;
use futures::future::BoxFuture;
use lakebed_core::Column;
use lakebed_core::TensorType;
use lakebed_core::nearest::nearest;
use lakebed_dataset::Dataset;
use lakebed_dataset::Location;
use lakebed_grammar::Language;
use lakebed_grammar::change;
use lakebed_grammar::change::Change;
use lakebed_grammar::change::ChangeKind;
use lakebed_grammar::change::Name;

use crate::catalog::CURRENT;
use crate::error::Error;
use crate::error::Result;
use crate::parameters::Parameters;
use crate::query::Query;
use crate::session::Session;
use crate::session::open;
use crate::stack::roomy;
use crate::table::DatasetTable;

/// What a statement that changes rows did.
#[derive(Debug, Clone)]
pub struct Executed {
    /// Whether rows were updated, deleted or added.
    pub kind: ChangeKind,
    /// How many.
    pub rows: u64,
    /// The dataset after it.
    pub dataset: Dataset,
}

impl Session {
    /// Runs UPDATE, DELETE or INSERT, and commits once: all or nothing. The current dataset, or the
    /// name that was changed, then stands for the new version. Without rows there is no commit.
    ///
    /// # Errors
    /// As [`Session::query_with`]; [`Error::Planning`] for values that their columns do not take;
    /// [`Error::Dataset`] for a conflict with another commit, or any other error of the commit.
    pub fn execute<'a>(
        &'a self,
        language: Language,
        text: &'a str,
        parameters: &'a Parameters,
        message: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Executed>> {
        roomy(async move {
            let mut change = change::parse_change(text, language, self.limits())?;
            parameters.bind(&mut change.query.query)?;
            // Positions are a column of the table that is changed; rows to add have none.
            let positions = change.kind != ChangeKind::Insert || language == Language::Tql;
            let catalog = self.catalog(positions, &mut change.query.query)?;
            let name = change.table.as_ref().map_or(CURRENT, |table| table.text.as_str());
            let span = change.table.as_ref().and_then(|table| table.span);
            if change.table.is_none() && self.registry().current().is_none() {
                let error = Error::planning("there is no current dataset to change", None);
                return Err(error.with_help("name one: UPDATE \"path\" SET ..."));
            }
            let dataset = open(&catalog, name, span).await?;
            let failed = |source| Error::Dataset {
                name: name.to_string(),
                span,
                help: None,
                source: Box::new(source),
            };
            let version = Location::parse(name).version;
            if version.is_some_and(|version| dataset.views().contains_key(&version)) {
                let error = Error::planning("a view is not changed", span);
                return Err(error.with_help("change the dataset, or a branch made of the view"));
            }
            let columns = targets(&change, &dataset)?;
            let changed = Some(name).filter(|_| change.kind != ChangeKind::Insert);
            let query = self.plan_in(catalog, language, &change.query, changed).await?;
            let plan =
                Plan { dataset: &dataset, columns: &columns, query: &query, failed: &failed };
            let (edit, rows) = match change.kind {
                ChangeKind::Insert => plan.insert(&change).await?,
                ChangeKind::Update | ChangeKind::Delete => plan.edit(change.kind).await?,
            };
            let message = message.unwrap_or_else(|| text.trim());
            let message = cut(message, lakebed_dataset::MAX_MESSAGE);
            let dataset = edit.commit(message).await.map_err(failed)?;
            self.registry().replace(name, &dataset);
            Ok(Executed { kind: change.kind, rows, dataset })
        })
    }
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

struct Plan<'a> {
    dataset: &'a Dataset,
    columns: &'a [Column],
    query: &'a Query,
    failed: &'a (dyn Fn(lakebed_dataset::Error) -> Error + Sync),
}

impl Plan<'_> {
    /// Rows by position, and for UPDATE their values behind it.
    async fn edit(&self, kind: ChangeKind) -> Result<(lakebed_dataset::Edit, u64)> {
        let dataset = self.dataset;
        let mut edit = dataset.edit().map_err(self.failed)?;
        let read = read_columns(&self.query.optimized_plan()?, dataset);
        edit.rests_on(read.iter().map(String::as_str)).map_err(self.failed)?;
        let mut stream = self.query.stream().await?;
        let mut rows = 0u64;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let positions = batch.column(0).as_primitive::<UInt64Type>().values().to_vec();
            let ids = dataset.row_ids_at(&positions).await.map_err(self.failed)?;
            rows += u64::try_from(ids.len()).unwrap_or(0);
            if kind == ChangeKind::Delete {
                edit.delete(&ids);
                continue;
            }
            let values = self.fitted(&batch, 1)?;
            edit.update(&ids, &values).await.map_err(self.failed)?;
        }
        Ok((edit, rows))
    }

    async fn insert(&self, change: &Change) -> Result<(lakebed_dataset::Edit, u64)> {
        let given = self.query.schema().fields().len();
        if given != self.columns.len() {
            let span = change.columns.first().and_then(|name| name.span);
            let error = Error::planning(
                format!("{given} values are given for {} columns", self.columns.len()),
                span.or_else(|| change.table.as_ref().and_then(|table| table.span)),
            );
            let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            return Err(error.with_help(format!("the columns are {}", names.join(", "))));
        }
        let mut edit = self.dataset.edit().map_err(self.failed)?;
        let mut stream = self.query.stream().await?;
        let mut rows = 0u64;
        while let Some(batch) = stream.next().await {
            let batch = self.fitted(&batch?, 0)?;
            rows += u64::try_from(batch.num_rows()).unwrap_or(0);
            edit.append(&batch).await.map_err(self.failed)?;
        }
        Ok((edit, rows))
    }

    /// The values behind the first `skip` columns as the dataset's columns store them.
    fn fitted(&self, batch: &RecordBatch, skip: usize) -> Result<RecordBatch> {
        let schema = batch.schema();
        let mut fields = Vec::with_capacity(self.columns.len());
        let mut arrays = Vec::with_capacity(self.columns.len());
        let values = schema.fields().iter().zip(batch.columns()).skip(skip);
        for (column, (field, array)) in self.columns.iter().zip(values) {
            arrays.push(values::fitted(array, field, column)?);
            fields.push(TensorType::from_column(column).to_field(&column.name, true));
        }
        let schema = std::sync::Arc::new(ArrowSchema::new(fields));
        RecordBatch::try_new(schema, arrays)
            .map_err(|error| Error::planning(error.to_string(), None))
    }
}

/// The columns that get values.
fn targets(change: &Change, dataset: &Dataset) -> Result<Vec<Column>> {
    let schema = dataset.schema();
    if change.kind == ChangeKind::Insert && change.columns.is_empty() {
        return Ok(schema.columns.clone());
    }
    change.columns.iter().map(|name| target(name, dataset)).collect()
}

fn target(name: &Name, dataset: &Dataset) -> Result<Column> {
    let columns = &dataset.schema().columns;
    let same =
        |column: &&Column| column.name == name.text || column.name.eq_ignore_ascii_case(&name.text);
    let exact = columns.iter().find(|column| column.name == name.text);
    if let Some(column) = exact.or_else(|| columns.iter().find(same)) {
        return Ok(column.clone());
    }
    let error = Error::planning(format!("there is no column '{}'", name.text), name.span);
    Err(match nearest(&name.text, columns.iter().map(|column| column.name.as_str())) {
        Some(near) => error.with_help(format!("did you mean '{near}'?")),
        None => error,
    })
}

/// The columns of the dataset that a plan reads.
fn read_columns(plan: &LogicalPlan, dataset: &Dataset) -> BTreeSet<String> {
    let mut read = BTreeSet::new();
    // What this finds makes the conflict check finer; a plan without a scan reads nothing.
    let _ = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(table) = provider.downcast_ref::<DatasetTable>()
            && table.dataset().id() == dataset.id()
        {
            let names = scan.projected_schema.fields().iter().map(|field| field.name());
            read.extend(names.cloned());
            for filter in &scan.filters {
                read.extend(filter.column_refs().into_iter().map(|column| column.name.clone()));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    });
    read.retain(|name| dataset.schema().column(name).is_ok());
    read
}
