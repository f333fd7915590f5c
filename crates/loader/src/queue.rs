//! Between who reads, who decodes and who asks: tasks in, batches out in their order.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use tokio::sync::OwnedSemaphorePermit;

use crate::batch::Batch;
use crate::error::Error;
use crate::error::Result;
use crate::group::Task;

/// A batch, or why there is none, and the room that it takes while it waits.
pub(crate) struct Done {
    pub batch: Result<Batch>,
    pub room: Option<OwnedSemaphorePermit>,
}

#[derive(Default)]
struct Inner {
    tasks: VecDeque<Task>,
    done: BTreeMap<u64, Done>,
    /// True once nobody adds tasks any more.
    read: bool,
    /// Tasks that are being worked on.
    working: usize,
    /// The batch that the consumer waits for, and whether a task would do as well. Woken for
    /// anything else, it would take a core from who works for it.
    awaited: Option<(u64, bool)>,
}

impl Inner {
    /// True if the consumer waits for what there is now.
    fn wakes(&self) -> bool {
        self.awaited.is_some_and(|(nth, works)| {
            let ended = self.read && self.tasks.is_empty() && self.working == 0;
            self.done.contains_key(&nth) || (works && !self.tasks.is_empty()) || ended
        })
    }
}

/// The queue; all waiting ends when it is stopped.
#[derive(Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    tasks: Condvar,
    done: Condvar,
    pub stop: AtomicBool,
}

/// What the consumer is to do next.
pub(crate) enum Next {
    Done(Box<Done>),
    Task(Box<Task>),
}

impl Queue {
    /// No code of others runs under the lock, so what a panicking thread leaves is whole.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, task: Task) {
        let mut inner = self.lock();
        inner.tasks.push_back(task);
        let wakes = inner.wakes();
        drop(inner);
        self.tasks.notify_one();
        if wakes {
            self.done.notify_all();
        }
    }

    /// Puts a finished task's batch, or an error in the place of a batch that could not be read.
    pub fn finish(&self, nth: u64, done: Done, was_task: bool) {
        let mut inner = self.lock();
        inner.done.insert(nth, done);
        inner.working -= usize::from(was_task);
        let wakes = inner.wakes();
        drop(inner);
        if wakes {
            self.done.notify_all();
        }
    }

    /// Says that there will be no more tasks.
    pub fn all_read(&self) {
        self.lock().read = true;
        self.tasks.notify_all();
        self.done.notify_all();
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        // Taken so that nobody is between asking for `stop` and waiting.
        drop(self.lock());
        self.tasks.notify_all();
        self.done.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The next task for a worker; `None` if there will be none.
    pub fn task(&self) -> Option<Task> {
        let mut inner = self.lock();
        loop {
            if self.is_stopped() {
                return None;
            }
            if let Some(task) = inner.tasks.pop_front() {
                inner.working += 1;
                return Some(task);
            }
            if inner.read {
                return None;
            }
            inner = self.tasks.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for batch `nth`, or with `work` for the task of it.
    pub fn next(&self, nth: u64, work: bool) -> Result<Next> {
        let mut inner = self.lock();
        loop {
            if let Some(done) = inner.done.remove(&nth) {
                return Ok(Next::Done(Box::new(done)));
            }
            let task = if work { inner.tasks.pop_front() } else { None };
            if let Some(task) = task {
                inner.working += 1;
                return Ok(Next::Task(Box::new(task)));
            }
            if inner.read && inner.tasks.is_empty() && inner.working == 0 {
                let reason = format!("ended before batch {nth} was made");
                return Err(Error::Thread { reason });
            }
            inner.awaited = Some((nth, work));
            inner = self.done.wait(inner).unwrap_or_else(PoisonError::into_inner);
            inner.awaited = None;
        }
    }
}
