//! Asks the engine for the answers of records.

use std::collections::BTreeMap;
use std::panic;
use std::path::Path;
use std::sync::Mutex;
use std::sync::Once;
use std::sync::PoisonError;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::Duration;

use lakebed::engine::Error as EngineError;
use lakebed::engine::Language;
use lakebed::engine::Parameter;
use lakebed::engine::Parameters;
use lakebed::engine::Query;
use lakebed::engine::Session;
use lakebed::functions::UserFunction;
use lakebed::grammar::Span;
use serde_json::Value as Json;
use tokio::runtime::Runtime;

use super::Result;
use super::answer::Answer;
use super::corpus::Record;
use super::datasets;
use super::datasets::Layout;

/// What a query may take.
const TIME: Duration = Duration::from_secs(20);
/// Threads of the runtime, so that their panics are known.
const THREADS: &str = "conformance";
/// The name of the dataset in the reference's SQL.
const SQL_NAME: &str = "deeplake";

/// Panics since the last query; only one runner asks at a time.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());
static HOOK: Once = Once::new();

/// Datasets on disk and a session for each of them.
#[derive(Debug)]
pub struct Runner {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    root: tempfile::TempDir,
    sessions: BTreeMap<String, Session>,
    /// For records whose FROM says it all.
    without: Session,
}

impl Runner {
    /// Writes the datasets of a folder in a layout, and opens sessions of so many partitions.
    ///
    /// # Errors
    /// Those of writing.
    pub fn new(folder: &Path, layout: Layout, partitions: usize) -> Result<Runner> {
        note_panics();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name(THREADS)
            .enable_all()
            .build()?;
        let root = tempfile::tempdir()?;
        let written = runtime.block_on(datasets::build(folder, root.path(), layout))?;
        let session = || {
            Session::builder()
                .partitions(partitions)
                .function(UserFunction::unary("fq", |x: f64| 2.0 * x).into_udf())
                .function(UserFunction::binary("addq", |a: f64, b: f64| a + b).into_udf())
                .function(UserFunction::constant("zeroq", || 7_i64).into_udf())
                .build()
        };
        let mut sessions = BTreeMap::new();
        for (name, dataset) in written {
            let session = session()?;
            session.register(SQL_NAME, dataset.clone());
            session.set_current(dataset);
            sessions.insert(name, session);
        }
        Ok(Runner { runtime: Some(runtime), root, sessions, without: session()? })
    }

    /// The answer of a record.
    pub fn answer(&self, record: &Record) -> Answer {
        let session = match &record.dataset {
            None => self.without.clone(),
            Some(name) => match self.sessions.get(name) {
                Some(session) => session.clone(),
                None => return Answer::NotRun(format!("there is no dataset '{name}'")),
            },
        };
        let Some(runtime) = &self.runtime else {
            return Answer::NotRun("the runner ends".to_string());
        };
        let root = self.root.path().display().to_string();
        let mut record = record.clone();
        record.query = record.query.replace("{ROOT}", &root);
        taken_panics();
        let (sender, receiver) = mpsc::channel();
        let task = runtime.spawn(async move {
            // The receiver is gone if the time is over.
            let _ = sender.send(run(&session, &record).await);
        });
        let answer = match receiver.recv_timeout(TIME) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => {
                task.abort();
                Answer::Timeout
            }
            Err(RecvTimeoutError::Disconnected) => Answer::Panic("of the query".to_string()),
        };
        match taken_panics().pop() {
            Some(message) => Answer::Panic(message),
            None => answer,
        }
    }
}

/// A query that never ends may hold a thread of the runtime: leave it behind.
impl Drop for Runner {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn run(session: &Session, record: &Record) -> Answer {
    let language = if record.is_sql { Language::Sql } else { Language::Tql };
    let parameters = match parameters(record) {
        Ok(parameters) => parameters,
        Err(reason) => return Answer::NotRun(reason),
    };
    let query = session.query_with(language, &record.query, &parameters).await;
    match query {
        Ok(query) => rows(&query, &record.query).await,
        Err(error) => refused(&error, &record.query),
    }
}

/// The record's values for `?`.
fn parameters(record: &Record) -> std::result::Result<Parameters, String> {
    let mut parameters = Parameters::new();
    for value in record.params.as_ref().and_then(Json::as_array).into_iter().flatten() {
        let value: Parameter = match value {
            Json::Null => Parameter::Null,
            Json::Bool(value) => (*value).into(),
            Json::String(text) => text.as_str().into(),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(number), _) => number.into(),
                (None, Some(number)) => number.into(),
                (None, None) => return Err(format!("no number: {number}")),
            },
            other => return Err(format!("no parameter: {other}")),
        };
        parameters = parameters.with(value);
    }
    Ok(parameters)
}

async fn rows(query: &Query, text: &str) -> Answer {
    let batches = match query.collect().await {
        Ok(batches) => batches,
        Err(error) => return refused(&error, text),
    };
    match Answer::of_batches(&query.schema(), &batches) {
        Ok(answer) => answer,
        Err(error) => Answer::NotRun(format!("the answer cannot be read: {error}")),
    }
}

fn refused(error: &EngineError, text: &str) -> Answer {
    let in_query = error.span().is_some_and(|span| lies_in(span, text));
    Answer::Error { message: error.to_string(), in_query }
}

/// True if the place begins on a character of the text or right behind its last one, and does not
/// end before it begins.
fn lies_in(span: Span, text: &str) -> bool {
    let at = |number: u64| usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(line) = text.split('\n').nth(at(span.start.line)) else { return false };
    let begin = (span.start.line, span.start.column);
    at(span.start.column) <= line.chars().count() && (span.end.line, span.end.column) >= begin
}

/// Keeps the messages of panics in the runtime's threads; the others go where they went.
fn note_panics() {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() == Some(THREADS) {
                let message = info.to_string();
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(message);
            } else {
                before(info);
            }
        }));
    });
}

fn taken_panics() -> Vec<String> {
    std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner))
}
