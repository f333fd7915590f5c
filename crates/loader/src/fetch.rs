//! Reads ahead: rows of several batches in one call, within a budget of bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;

use crate::builder::OnBadSample;
use crate::builder::Settings;
use crate::error::Error;
use crate::error::Result;
use crate::group::Group;
use crate::group::Task;
use crate::kept::Keeping;
use crate::kept::Kept;
use crate::order::Order;
use crate::queue::Done;
use crate::queue::Queue;

/// One of these shares of the budget is a group; three groups are held: one that is read, one that
/// waits, one that is decoded.
const GROUPS: usize = 8;
/// Batches of the first group at most, one for each worker: the first batch waits for all of them.
const FIRST: usize = 4;
/// How much larger a group may be than the one before it: few of them, for where rows lie scattered
/// a group reads what lies between them too.
const GROWTH: u64 = 4;
/// Rows that take no more than this share of the budget stay in memory.
const KEPT: usize = 4;
/// Batches of rows that stay that are dispatched together.
const BATCHES_OF_KEPT: u64 = 16;
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
    /// Places and rows, in the base order, of each batch.
    batches: Vec<(std::ops::Range<u64>, Vec<u64>)>,
    /// What was read, and where each row of all batches is in it.
    group: Result<(Arc<Group>, Vec<Option<usize>>)>,
}

/// Reads all batches of an epoch in their order. Ends when the queue's owner stops polling it.
pub(crate) async fn run(settings: &Settings, order: &Order, start: u64, queue: &Queue) {
    let (sender, mut reads) = mpsc::channel::<Read>(1);
    let reading = async move {
        let mut reader = Reader::new(settings, order, start);
        while let Some(read) = reader.next().await {
            let failed = read.group.is_err();
            if sender.send(read).await.is_err() || failed {
                return None;
            }
        }
        Some(reader)
    };
    let dispatching = async {
        let mut room = Room::new(settings.memory / 2, settings.workers);
        while let Some(Read { first, batches, group }) = reads.recv().await {
            let (group, found) = match group {
                Ok(read) => read,
                Err(error) => {
                    queue.finish(first, Done { batch: Err(error), room: None }, false);
                    break;
                }
            };
            let mut found = found.into_iter();
            for (nth, (places, rows)) in (first..).zip(batches) {
                let found: Vec<Option<usize>> = found.by_ref().take(rows.len()).collect();
                let room = room.take(group.decoded_bytes(&found)).await;
                let group = Arc::clone(&group);
                queue.push(Task { nth, places, rows, found, group, room });
            }
        }
    };
    // The last batches need not wait for what stays.
    if let (Some(mut reader), ()) = futures::join!(reading, dispatching) {
        reader.keep().await;
    }
}

/// As many permits as one call can take.
const MOST_PERMITS: usize = 1 << 28;

/// Room for batches that are decoded or wait.
struct Room {
    bytes: Arc<Semaphore>,
    permits: usize,
    /// A batch takes at least this, so that no more than so many wait.
    least: usize,
    /// What was acquired for the batches that come next.
    ahead: Option<OwnedSemaphorePermit>,
}

impl Room {
    fn new(bytes: usize, workers: usize) -> Room {
        let permits = (bytes / PERMIT).clamp(1, MOST_PERMITS);
        let waiting = workers.saturating_mul(WAITING).saturating_add(1);
        let least = (permits / waiting).max(1);
        Room { bytes: Arc::new(Semaphore::new(permits)), permits, least, ahead: None }
    }

    /// Waits for room for a batch of so many bytes. Where there is none it waits for that of several
    /// batches, up to half of all, so that this thread is not woken for each: with every core at
    /// work it takes one of them from a worker. Where few batches fit, a worker would have nothing
    /// to do meanwhile.
    async fn take(&mut self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let size = bytes.div_ceil(PERMIT).clamp(self.least, self.permits);
        if let Some(room) = self.ahead.as_mut().and_then(|ahead| ahead.split(size)) {
            return Some(room);
        }
        // Given back first: who waits for room holds none.
        self.ahead = None;
        let one = u32::try_from(size).unwrap_or(u32::MAX);
        if let Ok(room) = Arc::clone(&self.bytes).try_acquire_many_owned(one) {
            return Some(room);
        }
        let most = if size > self.least { size } else { (self.permits / 2).max(size) };
        let many = u32::try_from(most - most % size).unwrap_or(u32::MAX);
        self.ahead = Arc::clone(&self.bytes).acquire_many_owned(many).await.ok();
        self.ahead.as_mut()?.split(size)
    }
}

struct Reader<'a> {
    settings: &'a Settings,
    order: &'a Order,
    start: u64,
    /// The next batch, and the end of this rank's.
    next: u64,
    end: u64,
    /// The most batches of the next group: few at first, for the first batch's sake.
    batches: u64,
    /// How many of them the first group had at most.
    first: u64,
    /// Bytes that a row of the last group took; at first what rows take as they are stored.
    row_bytes: u64,
    /// What was read, as long as it is all that was to be read and may stay.
    keeping: Option<Keeping>,
}

impl<'a> Reader<'a> {
    fn new(settings: &'a Settings, order: &'a Order, start: u64) -> Reader<'a> {
        let end = settings.shard.batches(start, order.len());
        let first = settings.workers.clamp(1, FIRST).try_into().unwrap_or(1);
        let all = start == 0 && settings.shard.world == 1 && settings.kept.get().is_none();
        let keeping = all.then(|| Keeping::new(settings.memory / KEPT));
        Reader {
            settings,
            order,
            start,
            next: 0,
            end,
            batches: first,
            first,
            row_bytes: settings.source.row_bytes,
            keeping,
        }
    }

    async fn next(&mut self) -> Option<Read> {
        if self.next >= self.end {
            return None;
        }
        if let Some(kept) = self.settings.kept.get() {
            return Some(self.of_kept(kept));
        }
        let first = self.next;
        let most = u64::try_from((self.settings.memory / GROUPS).max(1)).unwrap_or(u64::MAX);
        let most_batches = self.most_batches(most);
        let mut batches = Vec::new();
        let mut rows = 0u64;
        let mut window = None;
        while self.next < self.end {
            let places = self.settings.shard.places(self.next, self.start, self.order.len());
            let count = places.end - places.start;
            let bytes = (rows + count).saturating_mul(self.row_bytes);
            let full = self.next - first >= most_batches || rows + count > GROUP_ROWS;
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
        let group = self.group(&batches).await;
        self.batches = self.batches.saturating_mul(GROWTH);
        Some(Read { first, batches, group })
    }

    /// The most batches of the next group, of so many bytes at most. Two groups of scattered rows
    /// come soon; the next one has all that is left of what they lie in, if that fits, for each of
    /// them reads nearly all of it.
    fn most_batches(&self, bytes: u64) -> u64 {
        let of_next = self.settings.shard.places(self.next, self.start, self.order.len());
        let Some(window) = self.order.window_end(of_next.start) else { return self.batches };
        let rows = (window - of_next.start) / self.settings.shard.world.max(1);
        let early = self.batches <= self.first.saturating_mul(GROWTH);
        if early || rows.saturating_mul(self.row_bytes) > bytes { self.batches } else { u64::MAX }
    }

    /// The next batches, of rows that need not be read.
    fn of_kept(&mut self, kept: &Kept) -> Read {
        let first = self.next;
        self.next = self.end.min(first.saturating_add(BATCHES_OF_KEPT));
        let places = |nth| self.settings.shard.places(nth, self.start, self.order.len());
        let rows = |places: &std::ops::Range<u64>| self.order.rows_at(places.clone()).collect();
        let batches: Vec<(_, Vec<u64>)> =
            (first..self.next).map(places).map(|places| (places.clone(), rows(&places))).collect();
        let found = kept.find(batches.iter().flat_map(|(_, rows)| rows)).collect();
        Read { first, batches, group: Ok((Arc::clone(&kept.group), found)) }
    }

    /// Keeps what was read for later epochs, if it may stay, with the rows behind the last batch.
    async fn keep(&mut self) {
        if self.keeping.is_none() {
            return;
        }
        let settings = self.settings;
        let after = match self.end.checked_sub(1) {
            Some(last) => settings.shard.position_after(last, self.start, self.order.len()),
            None => 0,
        };
        let dropped: Vec<u64> = self.order.rows_at(after..self.order.len()).collect();
        if !dropped.is_empty() && self.group(&[(after..self.order.len(), dropped)]).await.is_err() {
            // A later epoch that has them in a batch will say so.
            return;
        }
        let Some(keeping) = self.keeping.take() else { return };
        let kept = keeping.finish(&settings.source, &settings.columns, &settings.of_groups);
        if let Ok(Some(kept)) = kept {
            // Another epoch of this loader may have kept the same rows.
            let _ = settings.kept.set(kept);
        }
    }

    /// Reads the rows of batches, each once, and says where they are.
    async fn group(
        &mut self,
        batches: &[(std::ops::Range<u64>, Vec<u64>)],
    ) -> Result<(Arc<Group>, Vec<Option<usize>>)> {
        let rows = batches.iter().flat_map(|(_, rows)| rows);
        let wanted: Vec<u64> = rows.map(|row| self.settings.source.position(*row)).collect();
        let (positions, mut found) = distinct(&wanted);
        let mut bad = BTreeMap::new();
        let (positions, batch) = self.take(positions, &mut bad).await?;
        if !bad.is_empty() {
            let place = |position| positions.binary_search(position).ok();
            found = wanted.iter().map(place).collect();
        }
        let pool = &self.settings.of_groups;
        let whole = bad.is_empty();
        let remote = self.settings.source.dataset.is_remote();
        let columns = &self.settings.columns;
        let group = Arc::new(Group::new(batch.columns(), columns, bad, remote, pool)?);
        drop(batch);
        if let Some(bytes) = group.memory().checked_div(positions.len()) {
            self.row_bytes = u64::try_from(bytes).unwrap_or(u64::MAX).max(1);
        }
        let keeping = self.keeping.take().filter(|_| whole);
        self.keeping = keeping.and_then(|keeping| keeping.with(&group, &positions));
        Ok((group, found))
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

/// The positions ascending, each once, and where each of `wanted` is among them.
fn distinct(wanted: &[u64]) -> (Vec<u64>, Vec<Option<usize>>) {
    let mut order: Vec<(u64, usize)> = wanted.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut positions = Vec::with_capacity(order.len());
    let mut found = vec![None; order.len()];
    for (position, nth) in order {
        if positions.last() != Some(&position) {
            positions.push(position);
        }
        found[nth] = Some(positions.len() - 1);
    }
    (positions, found)
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
