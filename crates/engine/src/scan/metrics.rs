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
use lakebed_dataset::Counts;
use lakebed_dataset::Dataset;
use lakebed_dataset::Meter;
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

/// Requests and bytes of one execution, whatever else is read at the same time.
#[derive(Debug)]
pub struct Traffic {
    requests: Count,
    bytes: Count,
    dataset: Dataset,
    meter: Arc<Meter>,
    seen: Mutex<Counts>,
}

impl Traffic {
    /// Begins to count what is read through [`Traffic::dataset`].
    pub fn new(set: &ExecutionPlanMetricsSet, dataset: &Dataset) -> Traffic {
        let (dataset, meter) = dataset.counted();
        Traffic {
            requests: MetricBuilder::new(set).global_counter("requests"),
            bytes: MetricBuilder::new(set).global_counter("bytes"),
            dataset,
            meter,
            seen: Mutex::default(),
        }
    }

    /// The dataset whose reads are counted here.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Adds what has happened since the last time; the end of the last reader does so too.
    pub fn record(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.meter.snapshot();
        let added = now - *seen;
        let narrow = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        self.requests.add(narrow(added.reads()));
        self.bytes.add(narrow(added.bytes_read));
        *seen = now;
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.record();
    }
}
