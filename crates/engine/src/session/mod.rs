//! The engine's front door.

mod builder;
mod context;
mod plan;
mod prepared;
mod tables;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::execution::SessionState;
use futures::future::BoxFuture;
use lakebed_core::Limits;
use lakebed_dataset::Dataset;
use lakebed_grammar::Language;
use lakebed_grammar::Statement;
use tables::table;

use crate::catalog::CURRENT;
use crate::catalog::QueryCatalog;
use crate::catalog::Registry;
use crate::error::Result;
use crate::hidden;
use crate::lower;
use crate::lower::FunctionNames;
use crate::parameters::Parameters;
use crate::query::Query;
use crate::stack::roomy;
use crate::stack::with_room;

pub use builder::SessionBuilder;
pub use context::SessionContextExt;
pub use prepared::PreparedStatement;
pub(crate) use tables::open;

/// Runs TQL and SQL over datasets. Cheap to clone; clones share datasets, memory and settings.
#[derive(Debug, Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    tql: SessionState,
    sql: SessionState,
    functions: FunctionNames,
    limits: Limits,
    seed: u64,
    registry: Arc<Registry>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("registry", &self.registry).finish_non_exhaustive()
    }
}

impl Session {
    /// A session of the default settings.
    ///
    /// # Errors
    /// As [`SessionBuilder::build`].
    pub fn new() -> Result<Session> {
        SessionBuilder::default().build()
    }

    /// To choose settings.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    /// The dataset that TQL queries without FROM are about; FROM calls it `dataset`.
    pub fn set_current(&self, dataset: Dataset) {
        self.inner.registry.set_current(Some(dataset));
    }

    /// The dataset that TQL queries without FROM are about, at its version.
    pub fn current(&self) -> Option<Dataset> {
        self.inner.registry.current()
    }

    /// Gives a snapshot a name for FROM; `name@n` is its entry n.
    pub fn register(&self, name: &str, dataset: Dataset) {
        self.inner.registry.register(name, dataset);
    }

    /// Gives any table of DataFusion a name for FROM, in both languages: Parquet files, tables in
    /// memory. TQL numbers its rows as they come, which is their order then.
    pub fn register_table(&self, name: &str, table: Arc<dyn TableProvider>) {
        self.inner.registry.register_table(name, table);
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    pub(crate) fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// Where names in FROM are looked up.
    pub(crate) fn registry(&self) -> &Registry {
        &self.inner.registry
    }

    /// Plans a TQL query.
    ///
    /// # Errors
    /// [`crate::Error::Syntax`], [`crate::Error::Planning`], [`crate::Error::Unsupported`] or [`crate::Error::Dataset`], each
    /// with its place in the text where one is known.
    pub fn tql<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Query>> {
        self.query(Language::Tql, text)
    }

    /// Plans an SQL query.
    ///
    /// # Errors
    /// As [`Session::tql`].
    pub fn sql<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Query>> {
        self.query(Language::Sql, text)
    }

    /// Plans a query of either language.
    ///
    /// # Errors
    /// As [`Session::tql`].
    pub fn query<'a>(&'a self, language: Language, text: &'a str) -> BoxFuture<'a, Result<Query>> {
        Box::pin(async move { self.query_with(language, text, &Parameters::new()).await })
    }

    /// Plans a query with values for its parameters: `?`, `$1` and `$name`, anywhere a value may
    /// stand, LIMIT and SAMPLE BY included.
    ///
    /// # Errors
    /// As [`Session::tql`], and for a parameter without a value.
    pub fn query_with<'a>(
        &'a self,
        language: Language,
        text: &'a str,
        parameters: &'a Parameters,
    ) -> BoxFuture<'a, Result<Query>> {
        roomy(async move {
            let statement = self.parse(language, text)?;
            self.bind(language, statement, parameters).await
        })
    }

    fn parse(&self, language: Language, text: &str) -> Result<Statement> {
        let limits = &self.inner.limits;
        Ok(with_room(|| match language {
            Language::Tql => lakebed_grammar::parse_tql(text, limits),
            Language::Sql => lakebed_grammar::parse_sql(text, limits),
        })?)
    }

    async fn bind(
        &self,
        language: Language,
        mut statement: Statement,
        parameters: &Parameters,
    ) -> Result<Query> {
        parameters.bind(&mut statement.query)?;
        let catalog = self.catalog(language == Language::Tql, &mut statement.query)?;
        self.plan_in(catalog, language, &statement, None).await
    }

    /// Plans a statement over the snapshots of a catalog. The table `changed` shows the positions of
    /// its rows as a column.
    pub(crate) async fn plan_in(
        &self,
        catalog: Arc<QueryCatalog>,
        language: Language,
        statement: &Statement,
        changed: Option<&str>,
    ) -> Result<Query> {
        match language {
            Language::Tql => self.plan_tql(catalog, statement, changed).await,
            Language::Sql => {
                let tables = self.open_all(&statement.query, &catalog).await?;
                let mut tree = (*statement.query).clone();
                if catalog.options().row_ids {
                    hidden::leave_out(&mut tree, &tables)?;
                }
                self.plan(language, catalog, tree, statement).await
            }
        }
    }

    async fn plan_tql(
        &self,
        catalog: Arc<QueryCatalog>,
        statement: &Statement,
        changed: Option<&str>,
    ) -> Result<Query> {
        let mut tables = self.open_all(&statement.query, &catalog).await?;
        let current = self.inner.registry.current().is_some();
        if current && !tables.contains_key(CURRENT) {
            let dataset = open(&catalog, CURRENT, None).await?;
            tables.insert(CURRENT.to_string(), table(&dataset, catalog.options()));
        }
        if let Some(table) = changed.and_then(|name| tables.get_mut(name)) {
            table.columns.push(lower::POSITION.to_string());
        }
        let context = lower::Context {
            tables: &tables,
            current: current.then_some(CURRENT),
            functions: &self.inner.functions,
            seed: self.inner.seed,
        };
        let lowered = lower::lower(statement, &context)?;
        self.plan(Language::Tql, catalog, lowered, statement).await
    }
}
