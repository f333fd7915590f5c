//! One rank's batches of one epoch, and the threads that make them.

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;

use futures::SinkExt;
use futures::Stream;
use tokio::sync::oneshot;

use crate::batch::Batch;
use crate::builder::Settings;
use crate::decode::decode;
use crate::error::Error;
use crate::error::Result;
use crate::fetch;
use crate::group::Task;
use crate::order::Order;
use crate::queue::Done;
use crate::queue::Next;
use crate::queue::Queue;
use crate::state::State;

/// What all threads of an epoch share.
struct Epoch {
    settings: Arc<Settings>,
    order: Order,
    start: State,
    queue: Queue,
}

impl Epoch {
    fn state_after(&self, nth: u64) -> State {
        let shard = self.settings.shard;
        let position = shard.position_after(nth, self.start.position, self.order.len());
        State { position, ..self.start.clone() }
    }

    /// Makes a task's batch; `None` if stopped meanwhile.
    fn work(&self, mut task: Task) -> Option<Done> {
        let state = self.state_after(task.nth);
        let batch = decode(&self.settings, &task, state, &self.queue.stop).transpose()?;
        Some(Done { batch, room: task.room.take() })
    }
}

/// Says that nothing more is read, however the thread ends.
struct AllRead(Arc<Epoch>);

impl Drop for AllRead {
    fn drop(&mut self) {
        self.0.queue.all_read();
    }
}

/// The batches of one rank in one epoch, in their order, as an iterator; after an error it ends.
///
/// It owns the threads that read and decode ahead; dropping it at any time stops and joins them.
#[must_use]
pub struct Batches {
    epoch: Arc<Epoch>,
    next: u64,
    end: u64,
    skipped: u64,
    failed: bool,
    stop: Option<oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (next, end) = (self.next, self.end);
        f.debug_struct("Batches").field("next", &next).field("end", &end).finish_non_exhaustive()
    }
}

impl Batches {
    pub(crate) fn start(settings: Arc<Settings>, start: State) -> Result<Batches> {
        let source = &settings.source;
        let order = Order::new(source.rows, &source.kind, settings.seed, start.epoch);
        let end = settings.shard.batches(start.position, order.len());
        let workers = settings.workers;
        let epoch = Arc::new(Epoch { settings, order, start, queue: Queue::default() });
        // What is started so far stops and is joined if a later thread cannot be.
        let mut batches = Batches {
            epoch,
            next: 0,
            end,
            skipped: 0,
            failed: false,
            stop: None,
            threads: Vec::new(),
        };
        if end > 0 {
            batches.read()?;
            for nth in 0..workers {
                let epoch = Arc::clone(&batches.epoch);
                batches.spawn(format!("lakebed-load-{nth}"), move || {
                    while let Some(task) = epoch.queue.task() {
                        let nth = task.nth;
                        let Some(done) = epoch.work(task) else { return };
                        epoch.queue.finish(nth, done, true);
                    }
                })?;
            }
        }
        Ok(batches)
    }

    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let thread = std::thread::Builder::new().name(name).spawn(work);
        self.threads.push(thread.map_err(|e| fetch::not_started(&e))?);
        Ok(())
    }

    /// Starts the thread that reads, on a runtime of its own: the caller need not have one, and may
    /// block its own with asking for batches.
    fn read(&mut self) -> Result<()> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        // Its threads for blocking calls end with it.
        let runtime = runtime.enable_all().thread_name("lakebed-load-io").build();
        let runtime = runtime.map_err(|e| fetch::not_started(&e))?;
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        let all_read = AllRead(Arc::clone(&self.epoch));
        self.spawn("lakebed-load".to_string(), move || {
            let epoch = &*all_read.0;
            let start = epoch.start.position;
            let reading = fetch::run(&epoch.settings, &epoch.order, start, &epoch.queue);
            runtime.block_on(async {
                tokio::select! {
                    () = reading => {}
                    _ = stopped => {}
                }
            });
        })
    }

    /// Where the epoch stands after the batches that were taken so far.
    pub fn state(&self) -> State {
        match self.next.checked_sub(1) {
            Some(last) => self.epoch.state_after(last),
            None => self.epoch.start.clone(),
        }
    }

    /// Batches that are left.
    pub fn remaining(&self) -> u64 {
        self.end - self.next
    }

    /// Bad samples that were left out of the batches that were taken so far.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The same as a stream, for programs that wait for several things at once. One more thread
    /// hands the batches over; it and all others end soon after the stream is dropped.
    ///
    /// # Errors
    /// [`Error::Thread`] if it cannot be started.
    pub fn into_stream(self) -> Result<impl Stream<Item = Result<Batch>> + Send + Unpin> {
        let (mut sender, receiver) = futures::channel::mpsc::channel(0);
        let hand_over = move || {
            for batch in self {
                if futures::executor::block_on(sender.send(batch)).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("lakebed-stream".to_string());
        thread.spawn(hand_over).map_err(|e| fetch::not_started(&e))?;
        Ok(receiver)
    }

    fn join(&mut self) {
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so on its own.
            let _ = thread.join();
        }
    }

    fn wait(&self) -> Result<Batch> {
        let queue = &self.epoch.queue;
        loop {
            match queue.next(self.next, self.epoch.settings.workers == 0)? {
                Next::Done(done) => {
                    let Done { batch, room } = *done;
                    drop(room);
                    return batch;
                }
                Next::Task(task) => {
                    let nth = task.nth;
                    let stopped = || Error::Thread { reason: "was stopped".to_string() };
                    let done = self.epoch.work(*task).ok_or_else(stopped)?;
                    queue.finish(nth, done, true);
                }
            }
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Result<Batch>> {
        if self.next >= self.end {
            if !self.failed {
                // What reads may be keeping rows for the next epoch.
                self.join();
            }
            return None;
        }
        let batch = self.wait();
        match &batch {
            Ok(batch) => {
                self.next += 1;
                self.skipped += u64::try_from(batch.skipped.len()).unwrap_or(u64::MAX);
            }
            // `state` still names the batch that failed.
            Err(_) => (self.end, self.failed) = (self.next, true),
        }
        Some(batch)
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.epoch.queue.stop();
        if let Some(stop) = self.stop.take() {
            // The reader may have ended by itself.
            let _ = stop.send(());
        }
        self.join();
    }
}
