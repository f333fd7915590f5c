//! How a session is set up.

use std::num::NonZeroUsize;
use std::sync::Arc;

use datafusion::common::plan_datafusion_err;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::memory_pool::TrackConsumersPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::logical_expr::ScalarUDF;
use datafusion::optimizer::Analyzer;
use datafusion::optimizer::analyzer::AnalyzerRule;
use datafusion::prelude::SessionConfig;
use datafusion::prelude::SessionContext;
use lakebed_core::Limits;
use lakebed_dataset::Options;
use lakebed_grammar::Language;

use super::Inner;
use super::Session;
use crate::catalog::Registry;
use crate::decode::DecodeArguments;
use crate::decode::TensorDecode;
use crate::error::Error;
use crate::error::Result;
use crate::expr_planner::Operators;
use crate::lower::FunctionNames;
use crate::optimizer::ComputeInScan;
use crate::optimizer::FetchLate;
use crate::optimizer::KeepOrder;
use crate::optimizer::LateProjection;
use crate::optimizer::OneStream;
use crate::planner::Planner;
use crate::truth::Truth;
use crate::ungroup::relation::UngroupRelations;

/// Consumers that an out-of-memory error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);

/// How a [`Session`] is set up.
#[derive(Clone)]
pub struct SessionBuilder {
    memory_limit: usize,
    partitions: usize,
    batch_size: usize,
    limits: Limits,
    dataset_options: Options,
    seed: u64,
    functions: Vec<Arc<ScalarUDF>>,
    context: Option<SessionContext>,
}

impl std::fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("memory_limit", &self.memory_limit)
            .field("partitions", &self.partitions)
            .field("batch_size", &self.batch_size)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl Default for SessionBuilder {
    fn default() -> SessionBuilder {
        SessionBuilder {
            memory_limit: 2 << 30,
            partitions: std::thread::available_parallelism().map_or(4, NonZeroUsize::get),
            batch_size: 8192,
            limits: Limits::default(),
            dataset_options: Options::default(),
            seed: 0,
            functions: Vec::new(),
            context: None,
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

    /// What RANDOM and SAMPLE BY depend on beside the positions of rows; 0 unless it is set, so that
    /// a query gives the same rows until somebody wants others.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> SessionBuilder {
        self.seed = seed;
        self
    }

    /// Adds a function of one's own, for both languages, in any case. See
    /// `lakebed_functions::user` for a way to write one over tensors; any other scalar function of
    /// DataFusion is as welcome.
    #[must_use]
    pub fn function(mut self, function: ScalarUDF) -> SessionBuilder {
        self.functions.push(Arc::new(function));
        self
    }

    /// Over the tables of a context that is there already: names in FROM that the session does not
    /// know are looked up in it, and queries run on its memory, disk and object stores. What
    /// [`SessionBuilder::memory_limit`] says is then of no effect. Its functions are not taken over:
    /// [`SessionBuilder::function`] adds those that are wanted.
    #[must_use]
    pub fn context(mut self, context: &SessionContext) -> SessionBuilder {
        self.context = Some(context.clone());
        self
    }

    /// The session.
    ///
    /// # Errors
    /// [`Error::Session`] if the runtime cannot be made, or a function has a name that is taken.
    pub fn build(self) -> Result<Session> {
        let runtime = match &self.context {
            Some(context) => context.runtime_env(),
            None => {
                let pool =
                    TrackConsumersPool::new(FairSpillPool::new(self.memory_limit), NAMED_CONSUMERS);
                RuntimeEnvBuilder::new()
                    .with_memory_pool(Arc::new(pool))
                    .build_arc()
                    .map_err(Error::session)?
            }
        };
        let taken = FunctionNames::of(&SessionStateBuilder::new().with_default_features().build());
        for function in &self.functions {
            let name = function.name();
            if taken.contains(name) || lakebed_functions::by_udf_name(name).is_some() {
                return Err(Error::session(plan_datafusion_err!(
                    "there is a function '{name}' already: give yours another name"
                )));
            }
        }
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
            functions.extend(self.functions.iter().cloned());
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
                .with_relation_planners(vec![Arc::new(UngroupRelations)])
                .with_optimizer_rule(Arc::new(LateProjection))
                .with_optimizer_rule(Arc::new(ComputeInScan))
                .with_optimizer_rule(Arc::new(FetchLate::with_node()))
                .with_physical_optimizer_rule(Arc::new(OneStream))
                .with_physical_optimizer_rule(Arc::new(KeepOrder { language }));
            builder.scalar_functions().get_or_insert_default().extend(functions);
            let aggregates = lakebed_functions::aggregates().into_iter().map(Arc::new);
            builder.aggregate_functions().get_or_insert_default().extend(aggregates);
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
                seed: self.seed,
                registry: Arc::new(Registry::new(self.dataset_options, self.context)),
            }),
        })
    }
}
