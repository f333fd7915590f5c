//! The datasets that a query names, opened before it is planned.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::Query as QueryTree;
use lakebed_core::nearest::nearest;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error as DatasetError;

use super::Session;
use crate::catalog::CURRENT;
use crate::catalog::QueryCatalog;
use crate::diff;
use crate::diff::Versions;
use crate::error::Error;
use crate::error::Result;
use crate::lower;
use crate::table::TableOptions;

impl Session {
    /// The snapshots of one query; their tables show row ids if it speaks of them. What the query
    /// compares becomes a table.
    pub(crate) fn catalog(
        &self,
        positions: bool,
        query: &mut QueryTree,
    ) -> Result<Arc<QueryCatalog>> {
        let registry = Arc::clone(&self.inner.registry);
        let row_ids = lower::mentions(query, lower::ROW_ID);
        let diffs = diff::named(query)?;
        Ok(Arc::new(QueryCatalog::new(registry, TableOptions { positions, row_ids }, diffs)))
    }

    /// Opens every dataset that the query names.
    pub(super) async fn open_all(
        &self,
        query: &QueryTree,
        catalog: &QueryCatalog,
    ) -> Result<HashMap<String, lower::Table>> {
        let mut tables = HashMap::new();
        for (name, span) in lower::names(query) {
            if let Entry::Vacant(place) = tables.entry(name) {
                if let Some(versions) = catalog.diff(place.key()) {
                    self.open_both(versions, catalog, query).await?;
                    let columns = diff::COLUMNS.map(String::from).to_vec();
                    place.insert(lower::Table { columns, hidden: Vec::new() });
                    continue;
                }
                if let Some(table) = catalog.foreign(place.key()).await {
                    let schema = table.schema();
                    let columns = schema.fields().iter().map(|field| field.name().clone());
                    place.insert(lower::Table { columns: columns.collect(), hidden: Vec::new() });
                    continue;
                }
                let opened = open(catalog, place.key(), span).await;
                let dataset = opened.map_err(|error| self.with_near_name(error, query))?;
                place.insert(table(&dataset, catalog.options()));
            }
        }
        Ok(tables)
    }

    /// Opens two versions that are compared.
    async fn open_both(
        &self,
        versions: &Versions,
        catalog: &QueryCatalog,
        query: &QueryTree,
    ) -> Result<()> {
        let mut ids = Vec::with_capacity(2);
        for name in [&versions.earlier, &versions.later] {
            let opened = open(catalog, name, versions.span).await;
            ids.push(opened.map_err(|error| self.with_near_name(error, query))?.id());
        }
        if ids.first() != ids.last() {
            let message = format!(
                "diff compares two versions of one dataset, and '{}' and '{}' are two datasets",
                versions.earlier, versions.later
            );
            return Err(Error::planning(message, versions.span));
        }
        Ok(())
    }

    /// A name in FROM that is none may be near one that the query or the session gives.
    fn with_near_name(&self, error: Error, query: &QueryTree) -> Error {
        let Error::Dataset { name, span, source, help: None } = error else { return error };
        if !matches!(*source, DatasetError::NotADataset { .. }) {
            return Error::Dataset { name, span, source, help: None };
        }
        let mut known = lower::given_names(query);
        known.extend(self.inner.registry.names());
        known.extend(self.inner.registry.current().map(|_| CURRENT.to_string()));
        let help = nearest(&name, known.iter().map(String::as_str).filter(|near| *near != name))
            .map(|near| format!("did you mean '{near}'?"));
        Error::Dataset { name, span, source, help }
    }
}

/// Opens what a name in FROM stands for.
pub(crate) async fn open(
    catalog: &QueryCatalog,
    name: &str,
    span: Option<lakebed_grammar::Span>,
) -> Result<Dataset> {
    if let Some(name) = name.strip_suffix('@') {
        return Err(Error::planning("a version, branch or tag is missing behind '@'", span)
            .with_help(format!("write {name}@3, or {name} alone for the newest")));
    }
    let opened = catalog.open(name).await;
    opened.map_err(|source| Error::Dataset {
        name: name.to_string(),
        span,
        source: Box::new(source),
        help: None,
    })
}

/// What the lowering must know of a dataset.
pub(super) fn table(dataset: &Dataset, options: &TableOptions) -> lower::Table {
    lower::Table {
        columns: dataset.schema().columns.iter().map(|c| c.name.clone()).collect(),
        hidden: options.row_ids.then(|| lower::ROW_ID.to_string()).into_iter().collect(),
    }
}
