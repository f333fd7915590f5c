//! A planned query, ready to run.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::execution::SessionState;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::logical_expr::ident;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::displayable;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::diagnose;
use crate::error::Error;
use crate::error::Result;
use crate::places::Places;
use crate::stack::roomy;
use crate::stack::with_room;

/// A query that has been planned against its datasets. Running it twice gives the same rows.
#[derive(Debug, Clone)]
pub struct Query {
    state: SessionState,
    plan: LogicalPlan,
    places: Places,
}

impl Query {
    pub(crate) fn new(state: SessionState, plan: LogicalPlan, places: Places) -> Query {
        Query { state, plan, places }
    }

    /// The columns of the result; their fields carry the tensor types
    /// ([`lakebed_core::TensorType::from_field`]).
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(self.plan.schema().inner())
    }

    /// The same query with some of its columns; what the others would read is not read.
    ///
    /// # Errors
    /// [`Error::Planning`] for a column that it has not.
    pub fn only<'a>(self, columns: impl IntoIterator<Item = &'a str>) -> Result<Query> {
        let late = |error| diagnose::late(error, &self.places);
        let plan = LogicalPlanBuilder::from(self.plan.clone())
            .project(columns.into_iter().map(ident))
            .and_then(LogicalPlanBuilder::build)
            .map_err(late)?;
        Ok(Query { plan, ..self })
    }

    /// The same query without its first `skip` rows, and `fetch` rows behind them at most.
    ///
    /// # Errors
    /// [`Error::Planning`], which no query is known to give.
    pub fn rows(self, skip: usize, fetch: Option<usize>) -> Result<Query> {
        let plan = LogicalPlanBuilder::from(self.plan.clone())
            .limit(skip, fetch)
            .and_then(LogicalPlanBuilder::build)
            .map_err(|error| diagnose::late(error, &self.places))?;
        Ok(Query { plan, ..self })
    }

    /// The plan as written, before any rule.
    pub fn logical_plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// The plan after all logical rules.
    ///
    /// # Errors
    /// [`Error::Planning`] where a rule finds the query without meaning.
    pub fn optimized_plan(&self) -> Result<LogicalPlan> {
        let optimized = with_room(|| self.state.optimize(&self.plan));
        optimized.map_err(|error| diagnose::late(error, &self.places))
    }

    /// Plans how to run: rules, pruning by the statistics of chunks, and the pieces of work.
    ///
    /// # Errors
    /// As [`Query::optimized_plan`].
    pub fn prepare<'a>(&'a self) -> BoxFuture<'a, Result<Prepared>> {
        roomy(async move {
            let frame = DataFrame::new(self.state.clone(), self.plan.clone());
            let context = Arc::new(frame.task_ctx());
            let plan = frame.create_physical_plan().await;
            let plan = plan.map_err(|error| diagnose::late(error, &self.places))?;
            Ok(Prepared { plan, context, places: self.places.clone() })
        })
    }

    /// Runs the query; the rows come in their order, batch by batch. Dropping the stream stops all
    /// reading.
    ///
    /// # Errors
    /// As [`Query::optimized_plan`]; the stream itself gives [`Error::Execution`].
    pub fn stream<'a>(&'a self) -> BoxFuture<'a, Result<BoxStream<'static, Result<RecordBatch>>>> {
        Box::pin(async move { self.prepare().await?.stream() })
    }

    /// Runs the query and gathers its batches.
    ///
    /// # Errors
    /// As [`Query::stream`].
    pub fn collect<'a>(&'a self) -> BoxFuture<'a, Result<Vec<RecordBatch>>> {
        Box::pin(async move { self.stream().await?.try_collect().await })
    }

    /// The logical plan after all rules, then the physical plan, as text.
    ///
    /// # Errors
    /// As [`Query::optimized_plan`].
    pub fn explain<'a>(&'a self) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let logical = self.optimized_plan()?;
            let physical = self.prepare().await?.plan;
            Ok(format!(
                "{}\n\n{}",
                logical.display_indent(),
                displayable(physical.as_ref()).indent(false)
            ))
        })
    }
}

/// A query that is ready to run, once: a plan keeps what a run leaves in it, such as the threshold
/// of a sort.
#[derive(Debug)]
pub struct Prepared {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    places: Places,
}

impl Prepared {
    /// The plan; it holds what the run cost, once that has ended.
    pub fn plan(&self) -> &Arc<dyn ExecutionPlan> {
        &self.plan
    }

    /// Runs it: see [`Query::stream`].
    ///
    /// # Errors
    /// If an operator cannot start; the stream itself gives [`Error::Execution`].
    pub fn stream(self) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let places = self.places;
        let placed = move |error| Error::execution(error).placed(&places);
        let stream = execute_stream(self.plan, self.context).map_err(&placed)?;
        Ok(stream.map_err(placed).boxed())
    }

    /// Runs it and gathers its batches.
    ///
    /// # Errors
    /// As [`Prepared::stream`].
    pub fn collect(self) -> BoxFuture<'static, Result<Vec<RecordBatch>>> {
        Box::pin(async move { self.stream()?.try_collect().await })
    }
}
