//! Which dataset a name in FROM means.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

use async_trait::async_trait;
use datafusion::catalog::CatalogProvider;
use datafusion::catalog::CatalogProviderList;
use datafusion::catalog::MemoryCatalogProvider;
use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::catalog::SchemaProvider;
use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::common::TableReference;
use datafusion::prelude::SessionContext;
use lakebed_dataset::Dataset;
use lakebed_dataset::Location;
use lakebed_dataset::Options;
use tokio::sync::Mutex;

use crate::diff::DiffTable;
use crate::diff::Versions;
use crate::foreign;
use crate::scan::failed;
use crate::table::DatasetTable;
use crate::table::TableOptions;
use crate::view;

/// The name of the current dataset in FROM, unless something else is registered under it.
pub(crate) const CURRENT: &str = "dataset";

/// The datasets of a session.
pub(crate) struct Registry {
    registered: RwLock<BTreeMap<String, Dataset>>,
    current: RwLock<Option<Dataset>>,
    options: Options,
    /// Tables that are no datasets.
    tables: RwLock<BTreeMap<String, Arc<dyn TableProvider>>>,
    /// A context of somebody else's, whose tables can be named as well.
    context: Option<SessionContext>,
}

impl Registry {
    pub fn new(options: Options, context: Option<SessionContext>) -> Registry {
        Registry {
            registered: RwLock::default(),
            current: RwLock::default(),
            options,
            tables: RwLock::default(),
            context,
        }
    }

    pub fn register_table(&self, name: &str, table: Arc<dyn TableProvider>) {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.insert(name.to_string(), table);
    }

    /// The table of a name, of this session or of the context.
    async fn table(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        let own = || {
            let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
            tables.get(name).cloned()
        };
        match (own(), &self.context) {
            (Some(own), _) => Some(own),
            (None, Some(context)) => context.table_provider(TableReference::bare(name)).await.ok(),
            (None, None) => None,
        }
    }

    pub fn register(&self, name: &str, dataset: Dataset) {
        let mut registered = self.registered.write().unwrap_or_else(PoisonError::into_inner);
        registered.insert(name.to_string(), dataset);
    }

    pub fn set_current(&self, dataset: Option<Dataset>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = dataset;
    }

    pub fn current(&self) -> Option<Dataset> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn names(&self) -> Vec<String> {
        let registered = self.registered.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = registered.keys().cloned().collect();
        drop(registered);
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        names.extend(tables.keys().cloned());
        drop(tables);
        if let Some(context) = &self.context {
            let catalogs = context.catalog_names();
            let catalogs = catalogs.iter().filter_map(|name| context.catalog(name));
            for catalog in catalogs {
                let schemas = catalog.schema_names();
                let schemas = schemas.iter().filter_map(|name| catalog.schema(name));
                names.extend(schemas.flat_map(|schema| schema.table_names()));
            }
        }
        names
    }

    /// Puts a newer snapshot in place of one that a name stands for.
    pub fn replace(&self, name: &str, dataset: &Dataset) {
        let mut registered = self.registered.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = registered.get_mut(name) {
            *place = dataset.clone();
            return;
        }
        drop(registered);
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let same =
            |own: &Dataset| own.id() == dataset.id() && own.branch_name() == dataset.branch_name();
        if let Some(own) = current.as_mut().filter(|own| name == CURRENT || same(own)) {
            *own = dataset.clone();
        }
    }

    fn known(&self, name: &str) -> Option<Dataset> {
        let registered = self.registered.read().unwrap_or_else(PoisonError::into_inner);
        let found = registered.get(name).cloned();
        drop(registered);
        found.or_else(|| if name == CURRENT { self.current() } else { None })
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("names", &self.names()).finish_non_exhaustive()
    }
}

/// The datasets of one query: a name means the same snapshot wherever the query writes it.
#[derive(Debug)]
pub(crate) struct QueryCatalog {
    registry: Arc<Registry>,
    /// What its tables show beside the datasets' columns.
    options: TableOptions,
    /// Tables that are differences.
    diffs: HashMap<String, Versions>,
    opened: Mutex<HashMap<String, Opened>>,
}

struct Opened {
    dataset: Dataset,
    /// The positions of a view's rows.
    rows: Option<Arc<[u64]>>,
    /// True if the name stands for this very snapshot; else for the newest one.
    pinned: bool,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("pinned", &self.pinned).finish_non_exhaustive()
    }
}

impl QueryCatalog {
    pub fn new(
        registry: Arc<Registry>,
        options: TableOptions,
        diffs: HashMap<String, Versions>,
    ) -> QueryCatalog {
        QueryCatalog { registry, options, diffs, opened: Mutex::default() }
    }

    /// The versions that the table of a name compares.
    pub fn diff(&self, name: &str) -> Option<&Versions> {
        self.diffs.get(name)
    }

    /// What its tables show.
    pub fn options(&self) -> &TableOptions {
        &self.options
    }

    /// The dataset of a name: registered, the current one, or at a path or URL, each perhaps with
    /// `@version` behind.
    ///
    /// # Errors
    /// Those of opening it.
    pub async fn open(&self, name: &str) -> lakebed_dataset::Result<Dataset> {
        let mut opened = self.opened.lock().await;
        if let Some(opened) = opened.get(name) {
            return Ok(opened.dataset.clone());
        }
        let (dataset, pinned, rows) = self.find(name).await?;
        let same = opened
            .values()
            .find(|other| !pinned && !other.pinned && other.dataset.id() == dataset.id());
        let dataset = same.map_or(dataset, |same| same.dataset.clone());
        opened.insert(name.to_string(), Opened { dataset: dataset.clone(), rows, pinned });
        Ok(dataset)
    }

    /// A dataset that the session or the context knows by this name.
    async fn known(&self, name: &str) -> Option<Dataset> {
        if let Some(dataset) = self.registry.known(name) {
            return Some(dataset);
        }
        let table = self.registry.table(name).await?;
        table.downcast_ref::<DatasetTable>().map(|table| table.dataset().clone())
    }

    /// A table of this name that is no dataset.
    pub async fn foreign(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        if self.registry.known(name).is_some() {
            return None;
        }
        let table = self.registry.table(name).await?;
        table.downcast_ref::<DatasetTable>().is_none().then_some(table)
    }

    async fn find(
        &self,
        name: &str,
    ) -> lakebed_dataset::Result<(Dataset, bool, Option<Arc<[u64]>>)> {
        if let Some(dataset) = self.known(name).await {
            return Ok((dataset, true, None));
        }
        let location = Location::parse(name);
        let known = match location.version {
            Some(_) => self.known(&location.url).await,
            None => None,
        };
        let dataset = match known {
            Some(dataset) => dataset,
            None => Dataset::open(&location.url, self.registry.options.clone()).await?,
        };
        let Some(version) = &location.version else { return Ok((dataset, false, None)) };
        if dataset.views().contains_key(version) {
            let view = dataset.view(version).await?;
            let rows = view.positions().await?;
            return Ok((view.dataset().clone(), true, Some(rows.into())));
        }
        Ok((dataset.at_name(version).await?, true, None))
    }

    /// A list of catalogs whose only schema is this.
    pub fn list(self: Arc<Self>) -> Result<Arc<dyn CatalogProviderList>> {
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema("public", self)?;
        let list = MemoryCatalogProviderList::new();
        list.register_catalog("datafusion".to_string(), Arc::new(catalog));
        Ok(Arc::new(list))
    }
}

#[async_trait]
impl SchemaProvider for QueryCatalog {
    fn table_names(&self) -> Vec<String> {
        self.registry.names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(versions) = self.diffs.get(name) {
            let earlier = self.open(&versions.earlier).await.map_err(failed)?;
            let later = self.open(&versions.later).await.map_err(failed)?;
            return Ok(Some(Arc::new(DiffTable::new(earlier, later, self.options.positions))));
        }
        if let Some(table) = self.foreign(name).await {
            return foreign::table(table, self.options.positions).map(Some);
        }
        let dataset = self.open(name).await.map_err(failed)?;
        let rows = self.opened.lock().await.get(name).and_then(|opened| opened.rows.clone());
        Ok(Some(match rows {
            None => Arc::new(DatasetTable::new(dataset, self.options.clone())),
            Some(rows) => view::table(dataset, &rows, &self.options)?,
        }))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.registry.known(name).is_some()
    }
}
