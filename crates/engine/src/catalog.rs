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
use datafusion::common::DataFusionError;
use datafusion::common::Result;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use tokio::sync::Mutex;

use crate::table::DatasetTable;
use crate::table::TableOptions;

/// The name of the current dataset in FROM, unless something else is registered under it.
pub(crate) const CURRENT: &str = "dataset";

/// The datasets of a session.
pub(crate) struct Registry {
    registered: RwLock<BTreeMap<String, Dataset>>,
    current: RwLock<Option<Dataset>>,
    options: Options,
}

impl Registry {
    pub fn new(options: Options) -> Registry {
        Registry { registered: RwLock::default(), current: RwLock::default(), options }
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
        registered.keys().cloned().collect()
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
    opened: Mutex<HashMap<String, Opened>>,
}

struct Opened {
    dataset: Dataset,
    /// True if the name stands for this very snapshot; else for the newest one.
    pinned: bool,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("pinned", &self.pinned).finish_non_exhaustive()
    }
}

impl QueryCatalog {
    pub fn new(registry: Arc<Registry>, options: TableOptions) -> QueryCatalog {
        QueryCatalog { registry, options, opened: Mutex::default() }
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
        let (dataset, pinned) = self.find(name).await?;
        let same = opened
            .values()
            .find(|other| !pinned && !other.pinned && other.dataset.id() == dataset.id());
        let dataset = same.map_or(dataset, |same| same.dataset.clone());
        opened.insert(name.to_string(), Opened { dataset: dataset.clone(), pinned });
        Ok(dataset)
    }

    async fn find(&self, name: &str) -> lakebed_dataset::Result<(Dataset, bool)> {
        if let Some(dataset) = self.registry.known(name) {
            return Ok((dataset, true));
        }
        let version = name
            .rsplit_once('@')
            .and_then(|(base, version)| version.parse::<u64>().ok().map(|version| (base, version)));
        if let Some((base, version)) = version
            && let Some(dataset) = self.registry.known(base)
        {
            return Ok((dataset.at(version).await?, true));
        }
        let dataset = Dataset::open(name, self.registry.options.clone()).await?;
        Ok((dataset, version.is_some()))
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
        let dataset =
            self.open(name).await.map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(Some(Arc::new(DatasetTable::new(dataset, self.options.clone()))))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.registry.known(name).is_some()
    }
}
