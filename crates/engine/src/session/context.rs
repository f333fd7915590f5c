//! Datasets in a context of somebody else's.

use std::sync::Arc;

use datafusion::common::DataFusionError;
use datafusion::common::TableReference;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;
use futures::future::BoxFuture;
use lakebed_core::Limits;
use lakebed_dataset::Dataset;

use super::Session;
use super::SessionBuilder;
use crate::decode::DecodeArguments;
use crate::decode::TensorDecode;
use crate::error::Result;
use crate::optimizer::ComputeInScan;
use crate::optimizer::FetchLate;
use crate::optimizer::LateProjection;
use crate::query::Query;
use crate::table::DatasetTable;
use crate::table::TableOptions;

/// Datasets in a `SessionContext` that somebody else made.
pub trait SessionContextExt {
    /// Registers a snapshot as a table, and the tensor functions under their own names
    /// (`tensor_slice`, `iou`, ...). No function that the context had is replaced, nor its planner:
    /// wide columns are fetched late all the same, and are told by their types there (encoded
    /// images, and tensors of a fixed 64 bytes or more), where a [`Session`] measures their rows.
    ///
    /// # Errors
    /// Those of registering a table, for instance if the name is taken.
    fn register_dataset(&self, name: &str, dataset: Dataset) -> Result<(), DataFusionError>;

    /// A session of ours over this context: TQL, and SQL with our planner, over its tables beside
    /// datasets by path, on its memory and object stores. The context itself stays as it is.
    ///
    /// # Errors
    /// As [`SessionBuilder::build`].
    fn lakebed(&self) -> crate::error::Result<Session>;

    /// Plans a TQL query over the tables of this context and datasets by path. Who runs many takes a
    /// [`SessionContextExt::lakebed`] session once.
    ///
    /// # Errors
    /// As [`Session::tql`].
    fn tql<'a>(&'a self, text: &'a str) -> BoxFuture<'a, crate::error::Result<Query>>;
}

impl SessionContextExt for SessionContext {
    fn lakebed(&self) -> crate::error::Result<Session> {
        let options = self.state();
        let options = options.config().options();
        let partitions = options.execution.target_partitions;
        let batch_size = options.execution.batch_size.get();
        SessionBuilder::default()
            .context(self)
            .partitions(partitions)
            .batch_size(batch_size)
            .build()
    }

    fn tql<'a>(&'a self, text: &'a str) -> BoxFuture<'a, crate::error::Result<Query>> {
        Box::pin(async move { self.lakebed()?.tql(text).await })
    }

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
            self.add_optimizer_rule(Arc::new(LateProjection));
            self.add_optimizer_rule(Arc::new(ComputeInScan));
            // The node of a fetch needs our planner, and the context has its own.
            self.add_optimizer_rule(Arc::new(FetchLate { plan: crate::fetch::table::as_scan }));
        }
        let table = DatasetTable::new(dataset, TableOptions::default());
        self.register_table(TableReference::bare(name), Arc::new(table))?;
        Ok(())
    }
}
