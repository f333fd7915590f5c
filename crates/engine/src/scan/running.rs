//! A partition of a scan while it runs: units side by side, batches in position order.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::common::Result;
use datafusion::common::exec_err;
use datafusion::common::runtime::SpawnedTask;
use futures::Stream;
use futures::stream;
use lakebed_dataset::Dataset;
use tokio::sync::mpsc;
use tokio::sync::watch;

use super::bound::Bound;
use super::budget::Budget;
use super::conjunct::Conjunct;
use super::description::Unit;
use super::late::LateFilters;
use super::layout::Layout;
use super::metrics::ScanMetrics;
use super::metrics::Traffic;
use super::planning::Plan;
use super::queue::Units;
use super::unit::Delivery;
use super::unit::UnitRun;

/// Batches that a unit makes before somebody takes one.
const BATCHES_AHEAD: usize = 1;

/// What the units of one partition share.
#[derive(Debug)]
pub struct Running {
    /// Which partition.
    pub partition: usize,
    /// The snapshot, counted by `traffic`.
    pub dataset: Dataset,
    /// The columns of the table.
    pub layout: Arc<Layout>,
    /// Fragments and statistics.
    pub plan: Arc<Plan>,
    /// The planned conditions.
    pub conjuncts: Arc<[Conjunct]>,
    /// Those that came later.
    pub late: Arc<LateFilters>,
    /// What comes out.
    pub outputs: Arc<[Bound]>,
    /// Its schema.
    pub schema: SchemaRef,
    /// True if rows are counted off against a limit as they pass.
    pub limited: bool,
    /// Bytes in flight, of all partitions.
    pub budget: Arc<Budget>,
    /// Counters of this partition.
    pub metrics: ScanMetrics,
    /// Requests and bytes, of all partitions.
    pub traffic: Arc<Traffic>,
}

/// A unit that was started.
struct Started {
    turn: watch::Sender<Option<usize>>,
    batches: mpsc::Receiver<Result<Delivery>>,
    task: SpawnedTask<()>,
}

struct Partition {
    scan: Arc<Running>,
    waiting: Units,
    started: VecDeque<Started>,
    ahead: usize,
    left: usize,
}

/// The batches of a partition's units in order, `ahead` units at work at the same time, at most
/// `fetch` rows. Nothing starts before the first poll; dropping the stream ends all work.
pub fn batches(
    scan: Arc<Running>,
    units: Units,
    ahead: usize,
    fetch: Option<usize>,
) -> impl Stream<Item = Result<RecordBatch>> + Send {
    let partition = Partition {
        scan,
        waiting: units,
        started: VecDeque::new(),
        ahead: ahead.max(1),
        left: fetch.unwrap_or(usize::MAX),
    };
    stream::try_unfold(partition, |mut partition| async move {
        Ok(partition.next().await?.map(|batch| (batch, partition)))
    })
}

impl Drop for Partition {
    /// Counts what units had read when nobody wanted more.
    fn drop(&mut self) {
        self.started.clear();
        self.scan.traffic.record();
    }
}

impl Partition {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if self.left == 0 {
                self.started.clear();
                return Ok(None);
            }
            while self.started.len() < self.ahead {
                let Some(unit) = self.waiting.next() else { break };
                self.start(unit);
            }
            let Some(first) = self.started.front_mut() else { return Ok(None) };
            if first.turn.borrow().is_none() {
                first.turn.send_replace(Some(self.left));
            }
            match first.batches.recv().await {
                Some(delivery) => {
                    // Whoever takes the batch accounts for it from here on.
                    let Delivery { batch, in_flight } = delivery?;
                    drop(in_flight);
                    let batch = batch.slice(0, batch.num_rows().min(self.left));
                    self.left -= batch.num_rows();
                    self.scan.metrics.baseline.record_output(batch.num_rows());
                    return Ok(Some(batch));
                }
                None => {
                    let Some(done) = self.started.pop_front() else { continue };
                    if let Err(error) = done.task.join_unwind().await {
                        return exec_err!("a unit of a scan ended early: {error}");
                    }
                }
            }
        }
    }

    fn start(&mut self, unit: Unit) {
        let (turn, its_turn) = watch::channel(None);
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let run = UnitRun::new(Arc::clone(&self.scan), unit, its_turn, sender);
        let task = SpawnedTask::spawn(run.run());
        self.started.push_back(Started { turn, batches, task });
    }
}
