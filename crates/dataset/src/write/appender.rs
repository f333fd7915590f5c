//! Many small appends of one process as few commits.
//!
//! One task commits. What arrives while it does waits, and becomes one pack and one entry with
//! everything else that waits.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use lakebed_core::Column;
use lakebed_format::ChunkBuilder;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use super::Writer;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;

/// Appends that wait for the task; who comes then waits to be let in.
const WAITING: usize = 1024;
/// Appends of one commit.
const TOGETHER: usize = 4096;
/// Bytes of batches of one commit.
const TOGETHER_BYTES: usize = 64 << 20;
/// Times that a group is written again after others changed the columns, or garbage was collected.
const ATTEMPTS: u32 = 4;

/// Appends rows for many callers at once; see [`Dataset::appender`]. Clones share the commits.
#[derive(Debug, Clone)]
pub struct Appender {
    requests: mpsc::Sender<Request>,
}

/// Rows that are durable.
#[derive(Debug, Clone)]
pub struct Appended {
    /// The dataset with them.
    pub dataset: Dataset,
    /// Their row ids, in order.
    pub row_ids: Range<u64>,
}

#[derive(Debug)]
struct Request {
    batch: RecordBatch,
    answer: oneshot::Sender<Result<Appended>>,
}

impl Dataset {
    /// Begins to append for many callers at once: small appends that arrive while a commit runs
    /// share the next one. Ends with the last clone of the handle, after what waits is committed.
    ///
    /// # Errors
    /// A dataset that needs a feature which this program cannot write; [`Error::Task`] outside of a
    /// Tokio runtime.
    pub fn appender(&self, message: &str) -> Result<Appender> {
        crate::commit::check_writable(&self.log)?;
        let runtime =
            tokio::runtime::Handle::try_current().map_err(|e| Error::Task(e.to_string()))?;
        let (requests, waiting) = mpsc::channel(WAITING);
        let group = Group { head: self.clone(), message: message.to_string() };
        runtime.spawn(group.run(waiting));
        Ok(Appender { requests })
    }
}

impl Appender {
    /// Appends the rows of a batch, and returns once they are durable. The rows of one batch stay
    /// together, behind those of whoever came before. Who drops this call before it returns does
    /// not know whether the rows were appended.
    ///
    /// # Errors
    /// As [`Writer::write`] for a batch that does not fit: it fails alone. As [`Writer::commit`]:
    /// [`Error::Shared`] around it for all that shared the commit.
    pub async fn append(&self, batch: RecordBatch) -> Result<Appended> {
        let (answer, answered) = oneshot::channel();
        let stopped = || Error::Task("the appender's task has stopped".to_string());
        self.requests.send(Request { batch, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

/// What the task knows.
struct Group {
    head: Dataset,
    message: String,
}

impl Group {
    async fn run(mut self, mut waiting: mpsc::Receiver<Request>) {
        while let Some(first) = waiting.recv().await {
            let mut bytes = first.batch.get_array_memory_size();
            let mut group = vec![first];
            while group.len() < TOGETHER
                && bytes < TOGETHER_BYTES
                && let Ok(next) = waiting.try_recv()
            {
                bytes = bytes.saturating_add(next.batch.get_array_memory_size());
                group.push(next);
            }
            self.commit(group).await;
        }
    }

    /// Commits a group and answers everybody in it. Nobody is left to hear of an answer that
    /// cannot be sent.
    async fn commit(&mut self, mut group: Vec<Request>) {
        let mut attempt = 1;
        loop {
            match self.attempt(&mut group).await {
                Ok(()) => return,
                // The columns are others now, or the packs too old: the rows are still here.
                Err(Error::Conflict { .. } | Error::Fenced { .. }) if attempt < ATTEMPTS => {
                    attempt += 1;
                }
                Err(error) => {
                    if group.len() == 1
                        && let Some(alone) = group.pop()
                    {
                        drop(alone.answer.send(Err(error)));
                        return;
                    }
                    let error = Arc::new(error);
                    for request in group {
                        let shared = Error::Shared { source: Arc::clone(&error) };
                        drop(request.answer.send(Err(shared)));
                    }
                    return;
                }
            }
        }
    }

    /// One commit of all rows that fit. Takes out of the group who was answered.
    async fn attempt(&mut self, group: &mut Vec<Request>) -> Result<()> {
        self.head = self.head.refresh().await?;
        let written = match self.written(group).await {
            Ok(writer) => writer,
            // Somebody's rows do not fit: find out whose, and begin again without.
            Err(_) => {
                self.sort_out(group)?;
                self.written(group).await?
            }
        };
        if written.rows() == 0 {
            self.answer(group, self.head.log.next_row_id);
            return Ok(());
        }
        let rows = written.rows();
        self.head = written.commit(&self.message).await?;
        // Ids follow each other in the order of the rows.
        let first = self.head.entry.next_row_id.saturating_sub(rows);
        self.answer(group, first);
        Ok(())
    }

    async fn written(&self, group: &[Request]) -> Result<Writer> {
        let mut writer = self.head.append()?;
        for request in group {
            writer.write(&request.batch).await?;
        }
        Ok(writer)
    }

    fn answer(&self, group: &mut Vec<Request>, mut first: u64) {
        for request in group.drain(..) {
            let end = first + u64::try_from(request.batch.num_rows()).unwrap_or(0);
            let appended = Appended { dataset: self.head.clone(), row_ids: first..end };
            drop(request.answer.send(Ok(appended)));
            first = end;
        }
    }

    /// Answers those whose rows do not fit.
    fn sort_out(&self, group: &mut Vec<Request>) -> Result<()> {
        let writer = self.head.append()?;
        let mut fitting = Vec::with_capacity(group.len());
        for request in group.drain(..) {
            match fits(&writer, &request.batch) {
                Ok(()) => fitting.push(request),
                Err(error) => drop(request.answer.send(Err(error))),
            }
        }
        *group = fitting;
        Ok(())
    }
}

/// Writes the rows to nowhere, to see that they can be written.
fn fits(writer: &Writer, batch: &RecordBatch) -> Result<()> {
    let options = &writer.base.shared.options;
    let builder = |column: &Column| {
        ChunkBuilder::new(column.clone(), options.chunk_bytes)
            .tiled_above(options.tiled_above_bytes)
    };
    let arrays = writer.arrays(batch)?;
    for (column, array) in writer.columns.iter().zip(&arrays) {
        let mut builder = builder(column);
        builder.push(array, |_| Ok(()))?;
        if builder.buffered_rows() > 0 {
            builder.finish()?;
        }
    }
    Ok(())
}
