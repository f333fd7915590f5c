//! How files become batches: read and checked in parallel, put together in order.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use futures::stream;

use crate::error::Error;
use crate::error::Problem;
use crate::error::Result;
use crate::options::ImportOptions;
use crate::options::OnError;
use crate::source::BatchStream;
use crate::source::Event;

/// One row, read and checked.
pub(crate) struct Loaded<R> {
    pub row: R,
    /// Bytes that the row adds to its batch.
    pub bytes: usize,
    /// What is odd about this row alone.
    pub warnings: Vec<Problem>,
    /// What is odd about many rows in the same way: the first is told, the others are counted.
    pub common: Vec<(Oddity, Problem)>,
}

/// Kinds of warnings that come in thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Oddity {
    /// An annotation declares another size than the image has.
    DeclaredSize,
    /// An annotation names another image than the one of its own name.
    OtherImage,
}

/// Puts rows together.
pub(crate) trait BatchBuilder: Send + 'static {
    type Row: Send + 'static;

    fn push(&mut self, row: Self::Row) -> Result<()>;

    /// The rows so far as a batch; the builder is empty again.
    fn finish(&mut self) -> Result<RecordBatch>;
}

/// What a row is loaded from.
pub(crate) trait Item: Send + 'static {
    /// The file that messages about the row name.
    fn file(&self) -> &str;
}

impl Item for String {
    fn file(&self) -> &str {
        self
    }
}

/// What is known about the source from its listing.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub warnings: Vec<Problem>,
    /// What cannot be imported.
    pub refused: Vec<Problem>,
    /// A row that is known to fail, so that a failing import fails at once.
    pub doomed: Option<Problem>,
}

/// Reads `items` with `load` on blocking tasks, in order.
///
/// Memory is bounded by the rows in flight (`parallel`) and the batch under construction.
pub(crate) fn run<I, B, L>(
    items: Vec<I>,
    load: L,
    builder: B,
    found: Found,
    options: &ImportOptions,
) -> BatchStream
where
    I: Item,
    B: BatchBuilder,
    L: Fn(I) -> Result<Loaded<B::Row>, Problem> + Send + Sync + 'static,
{
    let mut pending: VecDeque<Result<Event>> =
        found.warnings.into_iter().map(|warning| Ok(Event::Warning(warning))).collect();
    match options.on_error {
        OnError::Skip => {
            pending.extend(found.refused.into_iter().map(|problem| Ok(Event::Skipped(problem))));
        }
        OnError::Fail => {
            let first = found.refused.into_iter().next().or(found.doomed);
            pending.extend(first.map(|problem| Err(Error::File(problem))));
        }
    }
    let load = Arc::new(load);
    let loads = stream::iter(items)
        .map(move |item| {
            let load = Arc::clone(&load);
            async move {
                let file = item.file().to_string();
                match tokio::task::spawn_blocking(move || load(item)).await {
                    Ok(loaded) => Ok(loaded),
                    // A decoder that panics on a hostile file costs that file, not the import.
                    Err(e) if e.is_panic() => Ok(Err(Problem::new(
                        file,
                        "reading it failed inside a decoder: please report this file",
                    ))),
                    Err(e) => Err(Error::Stopped { reason: e.to_string() }),
                }
            }
        })
        .buffered(options.parallel.max(1));
    let state = State {
        loads: Box::pin(loads),
        builder,
        pending,
        common: BTreeMap::new(),
        rows: 0,
        bytes: 0,
        done: false,
        options: options.clone(),
    };
    Box::pin(stream::try_unfold(state, |mut state| async move {
        loop {
            if let Some(event) = state.pending.pop_front() {
                return event.map(|event| Some((event, state)));
            }
            if state.done {
                return Ok(None);
            }
            match state.loads.next().await {
                Some(Ok(loaded)) => state.take(loaded)?,
                Some(Err(e)) => return Err(e),
                None => state.end()?,
            }
        }
    }))
}

struct State<B, S> {
    loads: S,
    builder: B,
    pending: VecDeque<Result<Event>>,
    common: BTreeMap<Oddity, (u64, Problem)>,
    rows: usize,
    bytes: usize,
    done: bool,
    options: ImportOptions,
}

impl<B: BatchBuilder, S> State<B, S> {
    fn take(&mut self, loaded: Result<Loaded<B::Row>, Problem>) -> Result<()> {
        let loaded = match (loaded, self.options.on_error) {
            (Ok(loaded), _) => loaded,
            (Err(problem), OnError::Fail) => return Err(Error::File(problem)),
            (Err(problem), OnError::Skip) => {
                self.pending.push_back(Ok(Event::Skipped(problem)));
                return Ok(());
            }
        };
        let full = self.rows >= self.options.batch_rows
            || self.bytes.saturating_add(loaded.bytes) > self.options.batch_bytes;
        if full {
            self.close()?;
        }
        self.builder.push(loaded.row)?;
        self.rows += 1;
        self.bytes = self.bytes.saturating_add(loaded.bytes);
        self.pending.extend(loaded.warnings.into_iter().map(|warning| Ok(Event::Warning(warning))));
        for (oddity, problem) in loaded.common {
            self.common.entry(oddity).or_insert((0, problem)).0 += 1;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if self.rows > 0 {
            self.pending.push_back(Ok(Event::Batch(self.builder.finish()?)));
            self.rows = 0;
            self.bytes = 0;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.close()?;
        for (count, mut problem) in std::mem::take(&mut self.common).into_values() {
            match count {
                0 | 1 => {}
                2 => problem.cause.push_str(" (and 1 more file like it)"),
                _ => problem.cause.push_str(&format!(" (and {} more files like it)", count - 1)),
            }
            self.pending.push_back(Ok(Event::Warning(problem)));
        }
        self.done = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
