//! The engine's front door.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::common::TableReference;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionState;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::memory_pool::TrackConsumersPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::ScalarUDF;
use datafusion::optimizer::Analyzer;
use datafusion::optimizer::analyzer::AnalyzerRule;
use datafusion::prelude::SessionConfig;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement as DataFusionStatement;
use datafusion::sql::sqlparser::ast::DescribeAlias;
use datafusion::sql::sqlparser::ast::Query as QueryTree;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use futures::future::BoxFuture;
use lakebed_core::Limits;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use lakebed_grammar::Explain;
use lakebed_grammar::Language;
use lakebed_grammar::Statement;

use crate::catalog::CURRENT;
use crate::catalog::QueryCatalog;
use crate::catalog::Registry;
use crate::decode::DecodeArguments;
use crate::decode::TensorDecode;
use crate::diagnose;
use crate::error::Error;
use crate::error::Result;
use crate::expr_planner::Operators;
use crate::fetch::Planner;
use crate::lower;
use crate::lower::FunctionNames;
use crate::optimizer::ComputeInScan;
use crate::optimizer::FetchLate;
use crate::optimizer::LateProjection;
use crate::optimizer::OneStream;
use crate::optimizer::origin::keeps_positions;
use crate::query::Query;
use crate::table::DatasetTable;
use crate::table::TableOptions;
use crate::truth::Truth;

/// Consumers that an out-of-memory error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);

/// How a [`Session`] is set up.
#[derive(Debug, Clone)]
pub struct SessionBuilder {
    memory_limit: usize,
    partitions: usize,
    batch_size: usize,
    limits: Limits,
    dataset_options: Options,
}

impl Default for SessionBuilder {
    fn default() -> SessionBuilder {
        SessionBuilder {
            memory_limit: 2 << 30,
            partitions: std::thread::available_parallelism().map_or(4, NonZeroUsize::get),
            batch_size: 8192,
            limits: Limits::default(),
            dataset_options: Options::default(),
        }
    }
}

impl SessionBuilder {
    /// Bytes that all queries of the session may hold at once; what can spill does, the rest fails.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> SessionBuilder {
        self.memory_limit = bytes;
        self
    }

    /// Streams that a plan runs side by side, at least 1.
    #[must_use]
    pub fn partitions(mut self, partitions: usize) -> SessionBuilder {
        self.partitions = partitions.max(1);
        self
    }

    /// Rows of a batch at most, at least 1.
    #[must_use]
    pub fn batch_size(mut self, rows: usize) -> SessionBuilder {
        self.batch_size = rows.max(1);
        self
    }

    /// What texts and pictures may cost.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> SessionBuilder {
        self.limits = limits;
        self
    }

    /// How datasets that queries name are opened.
    #[must_use]
    pub fn dataset_options(mut self, options: Options) -> SessionBuilder {
        self.dataset_options = options;
        self
    }

    /// The session.
    ///
    /// # Errors
    /// [`Error::Session`] if the runtime cannot be made.
    pub fn build(self) -> Result<Session> {
        let pool = TrackConsumersPool::new(FairSpillPool::new(self.memory_limit), NAMED_CONSUMERS);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .build_arc()
            .map_err(Error::session)?;
        let state = |language: Language| {
            let mut config = SessionConfig::new()
                .with_target_partitions(self.partitions)
                .with_batch_size(self.batch_size)
                .with_create_default_catalog_and_schema(false);
            let options = config.options_mut();
            options.sql_parser.collect_spans = true;
            options.sql_parser.enable_ident_normalization = language == Language::Sql;
            let decode = Arc::new(ScalarUDF::new_from_impl(TensorDecode::new(self.limits.clone())));
            let mut functions: Vec<Arc<ScalarUDF>> =
                lakebed_functions::all().into_iter().map(Arc::new).collect();
            functions.push(Arc::clone(&decode));
            let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(Truth)];
            rules.extend(Analyzer::new().rules);
            rules.push(Arc::new(DecodeArguments::new(decode)));
            let mut builder = SessionStateBuilder::new()
                .with_expr_planners(vec![Arc::new(Operators::new(language))])
                .with_default_features()
                .with_config(config)
                .with_runtime_env(Arc::clone(&runtime))
                .with_analyzer_rules(rules)
                .with_query_planner(Arc::new(Planner))
                .with_optimizer_rule(Arc::new(LateProjection))
                .with_optimizer_rule(Arc::new(ComputeInScan))
                .with_optimizer_rule(Arc::new(FetchLate))
                .with_physical_optimizer_rule(Arc::new(OneStream));
            builder.scalar_functions().get_or_insert_default().extend(functions);
            builder.build()
        };
        let tql = state(Language::Tql);
        let functions = FunctionNames::of(&tql);
        Ok(Session {
            inner: Arc::new(Inner {
                sql: state(Language::Sql),
                tql,
                functions,
                limits: self.limits,
                registry: Arc::new(Registry::new(self.dataset_options)),
            }),
        })
    }
}

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

    /// Gives a snapshot a name for FROM; `name@n` is its entry n.
    pub fn register(&self, name: &str, dataset: Dataset) {
        self.inner.registry.register(name, dataset);
    }

    /// Plans a TQL query.
    ///
    /// # Errors
    /// [`Error::Syntax`], [`Error::Planning`], [`Error::Unsupported`] or [`Error::Dataset`], each
    /// with its place in the text where one is known.
    pub fn tql<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Query>> {
        Box::pin(async move {
            let statement = lakebed_grammar::parse_tql(text, &self.inner.limits)?;
            let catalog = self.catalog(true);
            let mut tables = self.open_all(&statement.query, &catalog).await?;
            let current = self.inner.registry.current().is_some();
            if current && !tables.contains_key(CURRENT) {
                let dataset = open(&catalog, CURRENT, None).await?;
                tables.insert(CURRENT.to_string(), table(&dataset));
            }
            let context = lower::Context {
                tables: &tables,
                current: current.then_some(CURRENT),
                functions: &self.inner.functions,
            };
            let lowered = lower::lower(&statement, &context)?;
            self.plan(&self.inner.tql, catalog, lowered, &statement).await
        })
    }

    /// Plans an SQL query.
    ///
    /// # Errors
    /// As [`Session::tql`].
    pub fn sql<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Query>> {
        Box::pin(async move {
            let statement = lakebed_grammar::parse_sql(text, &self.inner.limits)?;
            let catalog = self.catalog(false);
            self.open_all(&statement.query, &catalog).await?;
            let tree = (*statement.query).clone();
            self.plan(&self.inner.sql, catalog, tree, &statement).await
        })
    }

    /// Plans a query of either language.
    ///
    /// # Errors
    /// As [`Session::tql`].
    pub fn query<'a>(&'a self, language: Language, text: &'a str) -> BoxFuture<'a, Result<Query>> {
        Box::pin(async move {
            match language {
                Language::Tql => self.tql(text).await,
                Language::Sql => self.sql(text).await,
            }
        })
    }

    fn catalog(&self, positions: bool) -> Arc<QueryCatalog> {
        let registry = Arc::clone(&self.inner.registry);
        Arc::new(QueryCatalog::new(registry, TableOptions { positions }))
    }

    /// Opens every dataset that the query names.
    async fn open_all(
        &self,
        query: &QueryTree,
        catalog: &QueryCatalog,
    ) -> Result<HashMap<String, lower::Table>> {
        let mut tables = HashMap::new();
        for (name, span) in lower::names(query) {
            if let Entry::Vacant(place) = tables.entry(name) {
                let dataset = open(catalog, place.key(), span).await?;
                place.insert(table(&dataset));
            }
        }
        Ok(tables)
    }

    async fn plan(
        &self,
        state: &SessionState,
        catalog: Arc<QueryCatalog>,
        tree: QueryTree,
        statement: &Statement,
    ) -> Result<Query> {
        let mut state = state.clone();
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
        let planned = DataFusionStatement::Statement(Box::new(planned));
        // Some types are looked at by the analyzer only; it runs here for its errors, while the
        // tree with its places is at hand.
        let checked = state.statement_to_plan(planned).await.and_then(|plan| {
            let options = state.config_options();
            state.analyzer().execute_and_check(plan.clone(), options, |_, _| {})?;
            Ok(plan)
        });
        let measured = match checked {
            Ok(plan) => measure(&plan).await.map(|()| plan),
            Err(error) => Err(error),
        };
        match measured {
            Ok(plan) => Ok(Query::new(state, plan)),
            Err(error) => Err(diagnose::planning(error, &tree, &state).await),
        }
    }
}

/// Learns what the columns weigh where rows are chosen above a scan: see [`FetchLate`].
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

async fn open(
    catalog: &QueryCatalog,
    name: &str,
    span: Option<lakebed_grammar::Span>,
) -> Result<Dataset> {
    let opened = catalog.open(name).await;
    opened.map_err(|source| Error::Dataset {
        name: name.to_string(),
        span,
        source: Box::new(source),
    })
}

fn table(dataset: &Dataset) -> lower::Table {
    lower::Table { columns: dataset.schema().columns.iter().map(|c| c.name.clone()).collect() }
}

/// Datasets in a `SessionContext` that somebody else made.
pub trait SessionContextExt {
    /// Registers a snapshot as a table, and the tensor functions under their own names
    /// (`tensor_slice`, `iou`, ...). No function that the context had is replaced.
    ///
    /// # Errors
    /// Those of registering a table, for instance if the name is taken.
    fn register_dataset(&self, name: &str, dataset: Dataset) -> Result<(), DataFusionError>;
}

impl SessionContextExt for SessionContext {
    fn register_dataset(&self, name: &str, dataset: Dataset) -> Result<(), DataFusionError> {
        let decode = Arc::new(ScalarUDF::new_from_impl(TensorDecode::new(Limits::default())));
        let before = self.state();
        let state = self.state_ref();
        {
            let mut state = state.write();
            let ours = lakebed_functions::all().into_iter().map(Arc::new);
            for function in ours.chain([Arc::clone(&decode)]) {
                let names: Vec<&str> = std::iter::once(function.name())
                    .chain(function.aliases().iter().map(String::as_str))
                    .collect();
                let taken: Vec<Arc<ScalarUDF>> = names
                    .iter()
                    .filter_map(|name| before.scalar_functions().get(*name).cloned())
                    .collect();
                let hidden = names.iter().any(|name| {
                    before.aggregate_functions().contains_key(*name)
                        || before.window_functions().contains_key(*name)
                });
                if hidden || taken.iter().any(|theirs| theirs.name() == function.name()) {
                    continue;
                }
                state.register_udf(Arc::clone(&function))?;
                for theirs in taken {
                    state.register_udf(theirs)?;
                }
            }
        }
        let has_rule =
            before.analyzer().rules.iter().any(|rule| rule.name() == DecodeArguments::NAME);
        if !has_rule {
            self.add_analyzer_rule(Arc::new(DecodeArguments::new(decode)));
            // A fetch needs a planner of its own, and the context has one already.
            self.add_optimizer_rule(Arc::new(LateProjection));
            self.add_optimizer_rule(Arc::new(ComputeInScan));
        }
        let table = DatasetTable::new(dataset, TableOptions { positions: false });
        self.register_table(TableReference::bare(name), Arc::new(table))?;
        Ok(())
    }
}
