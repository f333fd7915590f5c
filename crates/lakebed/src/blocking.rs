//! For programs without an asynchronous runtime: the same engine, every call waits.
//!
//! ```no_run
//! use lakebed::blocking::Lakebed;
//!
//! let mut lakebed = Lakebed::open("photos.lakebed")?;
//! for batch in lakebed.query("SELECT labels, COUNT(*) AS n GROUP BY labels")? {
//!     let batch = batch?;
//!     assert_eq!(batch.num_columns(), 2);
//! }
//! lakebed.execute("UPDATE SET labels = 'cat' WHERE filename LIKE 'tom%'")?;
//! # Ok::<(), lakebed::blocking::Error>(())
//! ```
//!
//! What is not here is asynchronous and runs with [`Lakebed::wait`].

use std::future::Future;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use arrow_schema::SchemaRef;
use futures::StreamExt;
use futures::stream::BoxStream;
use lakebed_core::Schema;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use lakebed_engine::Executed;
use lakebed_engine::Language;
use lakebed_engine::Parameters;
use lakebed_engine::Session;
use tokio::runtime::Runtime;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A query; [`lakebed_engine::Error::render`] shows its place in the text.
    #[error(transparent)]
    Query(#[from] lakebed_engine::Error),
    /// A dataset.
    #[error(transparent)]
    Dataset(#[from] lakebed_dataset::Error),
    /// There is no current dataset.
    #[error("there is no current dataset: open or create one")]
    NoDataset,
    /// Threads cannot be started.
    #[error("cannot start threads: {0}")]
    Runtime(#[from] std::io::Error),
}

type Result<T, E = Error> = std::result::Result<T, E>;

/// An engine with its own threads, and perhaps a current dataset.
#[derive(Debug)]
pub struct Lakebed {
    runtime: Arc<Runtime>,
    session: Session,
}

impl Lakebed {
    /// An engine without a dataset: queries name theirs in FROM.
    ///
    /// # Errors
    /// If the threads or the session cannot be made.
    pub fn new() -> Result<Lakebed> {
        Lakebed::with_session(Session::new()?)
    }

    /// An engine over a session that is set up already.
    ///
    /// # Errors
    /// If the threads cannot be started.
    pub fn with_session(session: Session) -> Result<Lakebed> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Ok(Lakebed { runtime: Arc::new(runtime), session })
    }

    /// An engine whose current dataset is at a path or URL, perhaps with `@version`.
    ///
    /// # Errors
    /// Those of opening it.
    pub fn open(url: &str) -> Result<Lakebed> {
        let lakebed = Lakebed::new()?;
        let dataset = lakebed.wait(Dataset::open(url, Options::default()))?;
        lakebed.session.set_current(dataset);
        Ok(lakebed)
    }

    /// An engine whose current dataset is new and empty.
    ///
    /// # Errors
    /// Those of making it, for instance if there is one already.
    pub fn create(url: &str, schema: Schema) -> Result<Lakebed> {
        let lakebed = Lakebed::new()?;
        let dataset = lakebed.wait(Dataset::create(url, schema, Options::default()))?;
        lakebed.session.set_current(dataset);
        Ok(lakebed)
    }

    /// The session: datasets and tables by name, prepared statements, views.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The current dataset at its version.
    ///
    /// # Errors
    /// [`Error::NoDataset`].
    pub fn dataset(&self) -> Result<Dataset> {
        self.session.current().ok_or(Error::NoDataset)
    }

    /// Waits for anything asynchronous of this library. Not for use inside of an asynchronous
    /// runtime, which it would stop.
    pub fn wait<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// Runs a TQL query; the rows come batch by batch as they are asked for.
    ///
    /// # Errors
    /// As [`Session::tql`].
    pub fn query(&self, text: &str) -> Result<Batches> {
        self.query_with(Language::Tql, text, &Parameters::new())
    }

    /// Runs an SQL query; the current dataset is called `dataset`.
    ///
    /// # Errors
    /// As [`Session::sql`].
    pub fn sql(&self, text: &str) -> Result<Batches> {
        self.query_with(Language::Sql, text, &Parameters::new())
    }

    /// Runs a query with values for its parameters.
    ///
    /// # Errors
    /// As [`Session::query_with`].
    pub fn query_with(
        &self,
        language: Language,
        text: &str,
        parameters: &Parameters,
    ) -> Result<Batches> {
        let query = self.wait(self.session.query_with(language, text, parameters))?;
        let schema = query.schema();
        let stream = self.wait(query.stream())?;
        Ok(Batches { runtime: Arc::clone(&self.runtime), schema, stream })
    }

    /// Runs UPDATE, DELETE or INSERT in TQL, one commit; the current dataset is the new version
    /// then.
    ///
    /// # Errors
    /// As [`Session::execute`].
    pub fn execute(&mut self, text: &str) -> Result<Executed> {
        let parameters = Parameters::new();
        Ok(self.wait(self.session.execute(Language::Tql, text, &parameters, None))?)
    }

    /// Appends batches to the current dataset with one commit, which is current then.
    ///
    /// # Errors
    /// Those of writing and committing; nothing is committed then.
    pub fn append(
        &mut self,
        batches: impl IntoIterator<Item = RecordBatch>,
        message: &str,
    ) -> Result<Dataset> {
        let dataset = self.dataset()?;
        let committed = self.wait(async {
            let mut writer = dataset.append()?;
            for batch in batches {
                writer.write(&batch).await?;
            }
            writer.commit(message).await
        })?;
        self.session.set_current(committed.clone());
        Ok(committed)
    }
}

/// The batches of a running query. Dropping it stops all reading.
pub struct Batches {
    runtime: Arc<Runtime>,
    schema: SchemaRef,
    stream: BoxStream<'static, lakebed_engine::Result<RecordBatch>>,
}

impl Batches {
    /// The columns of the result.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Result<RecordBatch>> {
        let next = self.runtime.block_on(self.stream.next())?;
        Some(next.map_err(Error::from))
    }
}

impl std::fmt::Debug for Batches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batches").field("schema", &self.schema).finish_non_exhaustive()
    }
}
