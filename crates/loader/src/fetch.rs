//! Reads ahead: rows of several batches in one call, within a budget of bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;

use crate::builder::OnBadSample;
use crate::builder::Settings;
use crate::error::Error;
use crate::error::Result;
use crate::group::Group;
use crate::group::Task;
use crate::order::Order;
use crate::queue::Done;
use crate::queue::Queue;

/// One of these shares of the budget is a group; three groups are held: one that is read, one that
/// waits, one that is decoded.
const GROUPS: usize = 8;
/// Rows of a group at most, however narrow: a group costs memory for each.
const GROUP_ROWS: u64 = 64 << 10;
/// Bytes of one permit of room.
const PERMIT: usize = 1 << 10;
/// Batches that wait at most for each worker, on top of the one that is taken next.
const WAITING: usize = 3;

/// What is read together.
struct Read {
    /// Number of the first batch.
    first: u64,
    /// Rows of each batch in the base order.
    batches: Vec<(std::ops::Range<u64>, Vec<u64>)>,
    group: Result<Group>,
}

/// Reads all batches of an epoch in their order. Ends when the queue's owner stops polling it.
pub(crate) async fn run(settings: &Settings, order: &Order, start: u64, queue: &Queue) {
    let (sender, mut reads) = mpsc::channel::<Read>(1);
    let reading = async move {
        let mut reader = Reader::new(settings, order, start);
        while let Some(read) = reader.next().await {
            let failed = read.group.is_err();
            if sender.send(read).await.is_err() || failed {
                break;
            }
        }
    };
    let dispatching = async {
        let permits = (settings.memory / 2 / PERMIT).clamp(1, MOST_PERMITS);
        let bytes = Arc::new(Semaphore::new(permits));
        let waiting = settings.workers.saturating_mul(WAITING).saturating_add(1);
        // A batch takes at least this of the room, so that no more than so many wait.
        let least = (permits / waiting).max(1);
        while let Some(Read { first, batches, group }) = reads.recv().await {
            let group = match group {
                Ok(group) => Arc::new(group),
                Err(error) => {
                    queue.finish(first, Done { batch: Err(error), room: None }, false);
                    break;
                }
            };
            for (nth, (places, rows)) in (first..).zip(batches) {
                let position = |row: &u64| settings.source.position(*row);
                let found = group.find(rows.iter().map(position));
                let size = found.iter().flatten().map(|row| group.decoded_bytes(*row));
                let size = size.fold(0, usize::saturating_add).div_ceil(PERMIT);
                let take = u32::try_from(size.clamp(least, permits)).unwrap_or(u32::MAX);
                let room = Arc::clone(&bytes).acquire_many_owned(take).await.ok();
                let group = Arc::clone(&group);
                queue.push(Task { nth, places, rows, found, group, room });
            }
        }
    };
    futures::join!(reading, dispatching);
}

/// As many permits as one call can take.
const MOST_PERMITS: usize = 1 << 28;

struct Reader<'a> {
    settings: &'a Settings,
    order: &'a Order,
    start: u64,
    /// The next batch, and the end of this rank's.
    next: u64,
    end: u64,
    /// The most batches of the next group: few at first, for the first batch's sake.
    batches: u64,
    /// Bytes that a row of the last group took.
    row_bytes: u64,
}

impl<'a> Reader<'a> {
    fn new(settings: &'a Settings, order: &'a Order, start: u64) -> Reader<'a> {
        let end = settings.shard.batches(start, order.len());
        Reader { settings, order, start, next: 0, end, batches: 1, row_bytes: 1 }
    }

    async fn next(&mut self) -> Option<Read> {
        if self.next >= self.end {
            return None;
        }
        let first = self.next;
        let most = u64::try_from((self.settings.memory / GROUPS).max(1)).unwrap_or(u64::MAX);
        let mut batches = Vec::new();
        let mut rows = 0u64;
        let mut window = None;
        while self.next < self.end {
            let places = self.settings.shard.places(self.next, self.start, self.order.len());
            let count = places.end - places.start;
            let bytes = (rows + count).saturating_mul(self.row_bytes);
            let full = self.next - first >= self.batches || rows + count > GROUP_ROWS;
            let window_here = self.order.window_end(places.start);
            // Half full at the end of a window: what follows lies elsewhere.
            let apart = window.is_some() && window_here != window && bytes > most / 2;
            if !batches.is_empty() && (full || bytes > most || apart) {
                break;
            }
            window = window_here;
            let of_batch: Vec<u64> = self.order.rows_at(places.clone()).collect();
            batches.push((places, of_batch));
            rows += count;
            self.next += 1;
        }
        let position = |row: &u64| self.settings.source.position(*row);
        let mut positions: Vec<u64> =
            batches.iter().flat_map(|(_, rows)| rows.iter().map(position)).collect();
        positions.sort_unstable();
        positions.dedup();
        let group = self.group(positions).await;
        self.batches = self.batches.saturating_mul(2);
        Some(Read { first, batches, group })
    }

    async fn group(&mut self, positions: Vec<u64>) -> Result<Group> {
        let mut bad = BTreeMap::new();
        let (positions, batch) = self.take(positions, &mut bad).await?;
        if batch.num_rows() > 0 {
            let rows = u64::try_from(batch.num_rows()).unwrap_or(u64::MAX);
            let bytes = u64::try_from(batch.get_array_memory_size()).unwrap_or(u64::MAX);
            self.row_bytes = (bytes / rows).max(1);
        }
        Group::new(positions, &batch, &self.settings.columns, bad)
    }

    /// Reads rows. If some are damaged and may be skipped, halves until they are found.
    fn take<'b>(
        &'b self,
        positions: Vec<u64>,
        bad: &'b mut BTreeMap<u64, String>,
    ) -> BoxFuture<'b, Result<(Vec<u64>, RecordBatch)>> {
        async move {
            let dataset = &self.settings.source.dataset;
            let reads = &self.settings.reads;
            let error = match dataset.take(&positions, reads).await {
                Ok(batch) => return Ok((positions, batch)),
                Err(error) => error,
            };
            let may_skip = self.settings.on_bad_sample == OnBadSample::Skip;
            if !may_skip || !is_of_rows(&error) {
                return Err(error.into());
            }
            if let [position] = positions[..] {
                bad.insert(position, error.to_string());
                return Ok((Vec::new(), dataset.take(&[], reads).await?));
            }
            let (left, right) = positions.split_at(positions.len() / 2);
            let (mut kept, left) = self.take(left.to_vec(), bad).await?;
            let (right_kept, right) = self.take(right.to_vec(), bad).await?;
            kept.extend(right_kept);
            let both = arrow::compute::concat_batches(&left.schema(), [&left, &right])?;
            Ok((kept, both))
        }
        .boxed()
    }
}

/// True for errors that other rows need not have: damage, limits, what a sample is.
fn is_of_rows(error: &lakebed_dataset::Error) -> bool {
    use lakebed_dataset::Error;
    error.is_damage() || matches!(error, Error::Sample { .. } | Error::Format(_) | Error::Core(_))
}

/// An error for a thread that did not start.
pub(crate) fn not_started(error: &std::io::Error) -> Error {
    Error::Thread { reason: format!("could not be started: {error}") }
}
