//! What a scan counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::metrics::Count;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::metrics::MetricBuilder;
use datafusion::physical_plan::metrics::Time;
use lakebed_dataset::Dataset;
use lakebed_dataset::ReadCost;

/// Counters of one partition.
#[derive(Debug)]
pub struct ScanMetrics {
    /// Rows that came out, and time.
    pub baseline: BaselineMetrics,
    /// Units of work that ran.
    pub units: Count,
    /// Units that statistics refuted when they began.
    pub units_pruned: Count,
    /// Rows that were left out because statistics of their pages refute a condition.
    pub rows_pruned: Count,
    /// Rows that a condition left out.
    pub rows_filtered: Count,
    /// Samples that were decoded.
    pub samples_decoded: Count,
    /// What was read of each part.
    pub parts: PartMetrics,
}

impl ScanMetrics {
    /// The counters of a partition.
    pub fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> ScanMetrics {
        let counter = |name: &'static str| MetricBuilder::new(set).counter(name, partition);
        ScanMetrics {
            baseline: BaselineMetrics::new(set, partition),
            units: counter("units"),
            units_pruned: counter("units_pruned"),
            rows_pruned: counter("rows_pruned"),
            rows_filtered: counter("rows_filtered"),
            samples_decoded: counter("samples_decoded"),
            parts: PartMetrics::new(set, partition),
        }
    }
}

/// What was read of each part, by its name: chunks (counted again where rows were read in several
/// steps), bytes of samples, samples decoded, and the time from bytes to arrays.
#[derive(Debug)]
pub struct PartMetrics {
    set: ExecutionPlanMetricsSet,
    partition: usize,
    known: Mutex<BTreeMap<String, ([Count; 3], Time)>>,
}

impl PartMetrics {
    /// Counters that come into being when a part is read.
    pub fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> PartMetrics {
        PartMetrics { set: set.clone(), partition, known: Mutex::default() }
    }

    /// Adds what one read took.
    pub fn add(&self, part: &str, cost: &ReadCost) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (counters, time) = known.entry(part.to_string()).or_insert_with(|| {
            let builder = || MetricBuilder::new(&self.set);
            let counters = ["chunks_read", "bytes_read", "decoded"]
                .map(|what| builder().counter(format!("{what}[{part}]"), self.partition));
            let time = builder().subset_time(format!("decode_time[{part}]"), self.partition);
            (counters, time)
        });
        time.add_duration(cost.assembling);
        counters[0].add(cost.chunks);
        counters[1].add(usize::try_from(cost.bytes).unwrap_or(usize::MAX));
        counters[2].add(cost.decoded);
    }
}

/// Requests and bytes of the dataset while this scan ran.
///
/// The dataset counts for everybody, so of two queries at the same time each sees the sum.
#[derive(Debug)]
pub struct Traffic {
    requests: Count,
    bytes: Count,
    seen: Mutex<(u64, u64)>,
}

impl Traffic {
    /// Begins to count.
    pub fn new(set: &ExecutionPlanMetricsSet, dataset: &Dataset) -> Arc<Traffic> {
        Arc::new(Traffic {
            requests: MetricBuilder::new(set).global_counter("requests"),
            bytes: MetricBuilder::new(set).global_counter("bytes"),
            seen: Mutex::new(now(dataset)),
        })
    }

    /// Adds what has happened since the last time.
    pub fn record(&self, dataset: &Dataset) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (requests, bytes) = now(dataset);
        let since = |now: u64, then: u64| usize::try_from(now.saturating_sub(then)).unwrap_or(0);
        self.requests.add(since(requests, seen.0));
        self.bytes.add(since(bytes, seen.1));
        *seen = (requests, bytes);
    }
}

fn now(dataset: &Dataset) -> (u64, u64) {
    let counts = dataset.metrics().snapshot();
    (counts.reads(), counts.bytes_read)
}
