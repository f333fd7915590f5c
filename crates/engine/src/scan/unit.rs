//! One unit of work: narrow columns first, wide columns for the rows that pass.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::BooleanArray;
use arrow::array::RecordBatch;
use arrow::array::RecordBatchOptions;
use arrow::compute::concat;
use arrow::compute::filter;
use datafusion::common::DataFusionError;
use datafusion::common::Result;
use datafusion::common::internal_err;
use tokio::sync::mpsc;

use super::bound::distinct_parts;
use super::budget::InFlight;
use super::budget::Turn;
use super::budget::its_turn;
use super::conjunct::Conjunct;
use super::cost::RowBytes;
use super::cost::row_bytes;
use super::cost::touched;
use super::description::Unit;
use super::part::ScanPart;
use super::planning::PlannedFragment;
use super::planning::facts;
use super::planning::surviving;
use super::read::read_parts;
use super::rows::Alive;
use super::running::Running;
use crate::prune::ColumnFacts;
use crate::prune::Facts;
use crate::prune::spans::intersect;

/// Bytes of one batch, as far as averages tell.
const BATCH_BYTES: u64 = 16 << 20;

/// A batch and the memory that it holds until it is handed on.
#[derive(Debug)]
pub struct Delivery {
    /// The rows.
    pub batch: RecordBatch,
    /// What they hold.
    pub in_flight: InFlight,
}

/// Where batches go.
pub type Output = mpsc::Sender<Result<Delivery>>;

/// A unit while it runs.
pub struct UnitRun {
    scan: Arc<Running>,
    unit: Unit,
    turn: Turn,
    output: Output,
    alive: Alive,
    loaded: Vec<(ScanPart, ArrayRef)>,
    held: Vec<InFlight>,
}

impl UnitRun {
    /// A unit of a scan; `turn` says when it is next in line.
    pub fn new(scan: Arc<Running>, unit: Unit, turn: Turn, output: Output) -> UnitRun {
        let alive = Alive::Range(unit.rows.clone());
        UnitRun { scan, unit, turn, output, alive, loaded: Vec::new(), held: Vec::new() }
    }

    /// Runs to the end; an error is the last thing that is delivered.
    pub async fn run(mut self) {
        self.scan.metrics.units.add(1);
        let result = self.work().await;
        self.scan.traffic.record();
        if let Err(error) = result {
            // Nobody listens once the stream was dropped.
            let _ = self.output.send(Err(error)).await;
        }
    }

    async fn work(&mut self) -> Result<()> {
        let Some(planned) = self.scan.plan.fragments.get(self.unit.fragment) else {
            return internal_err!("unit of fragment {}, which was not planned", self.unit.fragment);
        };
        let planned = planned.clone();
        let passed = self.filter(&planned).await?;
        if passed { self.deliver(&planned).await } else { Ok(()) }
    }

    /// Leaves the rows that meet all conditions; false if none is left.
    async fn filter(&mut self, planned: &PlannedFragment) -> Result<bool> {
        let late = self.scan.late.now(&self.scan.layout)?;
        let mut todo: Vec<(u64, Conjunct)> = Vec::new();
        let rows = self.unit.rows.clone();
        let rank = |conjunct: &Conjunct| {
            row_bytes(&conjunct.bound.parts, &self.scan.layout, &planned.facts, &rows).rank()
        };
        for (conjunct, outcomes) in self.scan.conjuncts.iter().zip(&planned.outcomes) {
            let inside = outcomes
                .iter()
                .filter(|(range, _)| range.start < rows.end && rows.start < range.end);
            if !inside.map(|(_, outcome)| outcome).all(|outcome| outcome.always()) {
                todo.push((rank(conjunct), conjunct.clone()));
            }
        }
        if !late.is_empty() {
            let facts = self.late_facts(planned, &late).await?;
            let outcomes: Vec<_> = late.iter().map(|c| c.predicate.outcomes(&facts)).collect();
            let ranges = surviving(&outcomes, rows.clone());
            if ranges.is_empty() {
                self.scan.metrics.units_pruned.add(1);
                self.alive = Alive::Range(0..0);
                return Ok(false);
            }
            self.alive = Alive::of_ranges(&ranges);
            todo.extend(late.iter().map(|conjunct| (rank(conjunct), conjunct.clone())));
        }
        if !todo.is_empty() {
            self.prune_pages(planned, &todo).await?;
        }
        let reached = self.alive.len();
        todo.sort_by_key(|(rank, _)| *rank);
        for (_, conjunct) in &todo {
            if !self.alive.is_empty() {
                self.apply(planned, conjunct).await?;
            }
        }
        self.scan.metrics.rows_filtered.add(reached - self.alive.len());
        Ok(!self.alive.is_empty())
    }

    /// Leaves out rows of pages whose statistics refute a condition. Directories only are read,
    /// and what is left needs them next.
    async fn prune_pages(
        &mut self,
        planned: &PlannedFragment,
        todo: &[(u64, Conjunct)],
    ) -> Result<()> {
        let mut columns = Vec::new();
        for (_, conjunct) in todo {
            conjunct.predicate.columns(&mut columns);
        }
        columns.sort_unstable();
        columns.dedup();
        let mut pages = planned.facts.clone();
        let mut finer = false;
        for index in columns {
            let (Some(column), Some(ColumnFacts::Chunks(chunks))) =
                (self.scan.layout.column(index), planned.facts.column(index))
            else {
                continue;
            };
            let touched: Vec<usize> = touched(&chunks.first_rows, &self.unit.rows).collect();
            let dataset = &self.scan.dataset;
            let found = dataset.pages(&planned.fragment, column.id, &touched).await;
            if let Some(found) = found.map_err(super::failed)? {
                finer |= found.first_rows.len() > chunks.first_rows.len();
                pages.insert(index, ColumnFacts::Chunks(found));
            }
        }
        if !finer {
            return Ok(());
        }
        let outcomes: Vec<_> = todo.iter().map(|(_, c)| c.predicate.outcomes(&pages)).collect();
        let mut ranges = self.alive.to_ranges();
        for spans in &outcomes {
            ranges = intersect(&ranges, &spans.ranges(|outcome| outcome.yes));
        }
        let left = Alive::of_ranges(&ranges);
        self.scan.metrics.rows_pruned.add(self.alive.len() - left.len());
        self.alive = left;
        Ok(())
    }

    /// The statistics that late conditions ask for, those included that were not planned with.
    async fn late_facts(&self, planned: &PlannedFragment, late: &[Conjunct]) -> Result<Facts> {
        let mut columns = Vec::new();
        for conjunct in late {
            conjunct.predicate.columns(&mut columns);
        }
        columns.sort_unstable();
        columns.dedup();
        if columns.iter().all(|column| planned.facts.column(*column).is_some()) {
            return Ok(planned.facts.clone());
        }
        facts(&self.scan.dataset, &self.scan.layout, &planned.fragment, &columns).await
    }

    /// Applies one condition to the rows that are left.
    async fn apply(&mut self, planned: &PlannedFragment, conjunct: &Conjunct) -> Result<()> {
        let missing = self.missing(&conjunct.bound.parts);
        let row = self.row_bytes(&missing, planned);
        let step = self.step(row.worked);
        let first = planned.fragment.first_position;
        let mask = if step >= self.alive.len() {
            // It fits at once, so what was read serves later conditions and the result.
            self.load(planned, &missing, row).await?;
            let parts = self.take(&conjunct.bound.parts)?;
            conjunct.passes(parts, self.alive.len(), |at| first + self.alive.get(at))?
        } else {
            let mut masks: Vec<ArrayRef> = Vec::new();
            let mut start = 0;
            while start < self.alive.len() {
                let len = step.min(self.alive.len() - start);
                let rows = self.alive.slice(start, len);
                let in_flight = self.reserve(row.worked, len).await?;
                let read = self.read(planned, &missing, &rows).await?;
                let parts = self.assemble(&conjunct.bound.parts, &read, start, len)?;
                let mask = conjunct.passes(parts, len, |at| first + rows.get(at))?;
                drop(in_flight);
                masks.push(Arc::new(mask));
                start += len;
            }
            let masks: Vec<&dyn Array> = masks.iter().map(AsRef::as_ref).collect();
            BooleanArray::from(concat(&masks)?.to_data())
        };
        if mask.true_count() < self.alive.len() {
            self.alive = self.alive.filter(&mask);
            for (_, array) in &mut self.loaded {
                *array = filter(array, &mask)?;
            }
        }
        Ok(())
    }

    /// Gives out the rows that are left, in batches of bounded bytes.
    async fn deliver(&mut self, planned: &PlannedFragment) -> Result<()> {
        let scan = Arc::clone(&self.scan);
        let wanted = if scan.limited {
            // How many rows are still wanted is known only when all before have been counted.
            its_turn(&mut self.turn).await;
            self.turn.borrow().unwrap_or(usize::MAX)
        } else {
            usize::MAX
        };
        let total = self.alive.len().min(wanted);
        let parts = distinct_parts(scan.outputs.iter());
        let missing = self.missing(&parts);
        let row = self.row_bytes(&missing, planned);
        let whole = self.row_bytes(&parts, planned);
        // Bytes bound a step, not rows: pages that several batches share are read once. DataFusion
        // cuts what comes out to its batch size.
        let step = self.step(whole.worked);
        let mut start = 0;
        while start < total {
            let len = step.min(total - start);
            let rows = self.alive.slice(start, len);
            let mut in_flight = self.reserve(row.worked, len).await?;
            let read = self.read(planned, &missing, &rows).await?;
            let timer = scan.metrics.baseline.elapsed_compute().timer();
            let batch = self.batch(planned, &read, &rows, start)?;
            timer.done();
            if !missing.is_empty() {
                in_flight.settle(batch.get_array_memory_size());
            }
            if self.output.send(Ok(Delivery { batch, in_flight })).await.is_err() {
                return Ok(());
            }
            start += len;
        }
        Ok(())
    }

    fn batch(
        &self,
        planned: &PlannedFragment,
        read: &[(ScanPart, ArrayRef)],
        rows: &Alive,
        start: usize,
    ) -> Result<RecordBatch> {
        let first = planned.fragment.first_position;
        let mut columns = Vec::with_capacity(self.scan.outputs.len());
        for (output, field) in self.scan.outputs.iter().zip(self.scan.schema.fields()) {
            let parts = self.assemble(&output.parts, read, start, rows.len())?;
            let position = |at| first + rows.get(at);
            let what = || format!("column {}", field.name());
            columns.push(output.evaluate_rows(parts, rows.len(), position, what)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(Arc::clone(&self.scan.schema), columns, &options)
            .map_err(DataFusionError::from)
    }

    /// The parts among `wanted` that are not in memory.
    fn missing(&self, wanted: &[ScanPart]) -> Vec<ScanPart> {
        let known = |part: &ScanPart| self.loaded.iter().any(|(have, _)| have == part);
        wanted.iter().filter(|part| !known(part)).cloned().collect()
    }

    fn row_bytes(&self, parts: &[ScanPart], planned: &PlannedFragment) -> RowBytes {
        row_bytes(parts, &self.scan.layout, &planned.facts, &self.unit.rows)
    }

    /// How many rows of so many bytes one read may take.
    fn step(&self, bytes: u64) -> usize {
        let budget = BATCH_BYTES.min(self.scan.budget.largest());
        usize::try_from(budget / bytes.max(1)).unwrap_or(usize::MAX).max(1)
    }

    async fn reserve(&mut self, bytes: u64, rows: usize) -> Result<InFlight> {
        let bytes = bytes.saturating_mul(u64::try_from(rows).unwrap_or(u64::MAX));
        self.scan.budget.take(bytes, &mut self.turn, self.scan.partition).await
    }

    /// Reads parts of all rows that are left, and keeps them.
    async fn load(
        &mut self,
        planned: &PlannedFragment,
        parts: &[ScanPart],
        row: RowBytes,
    ) -> Result<()> {
        if parts.is_empty() {
            return Ok(());
        }
        let mut in_flight = self.reserve(row.worked, self.alive.len()).await?;
        let read = self.read(planned, parts, &self.alive).await?;
        in_flight.settle(read.iter().map(|(_, array)| array.get_array_memory_size()).sum());
        self.held.push(in_flight);
        self.loaded.extend(read);
        Ok(())
    }

    /// Reads parts of some rows.
    async fn read(
        &self,
        planned: &PlannedFragment,
        parts: &[ScanPart],
        rows: &Alive,
    ) -> Result<Vec<(ScanPart, ArrayRef)>> {
        let scan = &self.scan;
        let fragment = &planned.fragment;
        let read = read_parts(&scan.dataset, &scan.layout, fragment, parts, rows).await?;
        for (part, cost) in &read.costs {
            scan.metrics.samples_decoded.add(cost.decoded);
            scan.metrics.parts.add(part, cost);
        }
        Ok(parts.iter().cloned().zip(read.arrays).collect())
    }

    /// Parts of all rows that are left, from memory.
    fn take(&self, parts: &[ScanPart]) -> Result<Vec<ArrayRef>> {
        self.assemble(parts, &[], 0, self.alive.len())
    }

    /// Parts of `len` rows from the `start`-th on: from `read`, which holds just them, or from
    /// memory.
    fn assemble(
        &self,
        parts: &[ScanPart],
        read: &[(ScanPart, ArrayRef)],
        start: usize,
        len: usize,
    ) -> Result<Vec<ArrayRef>> {
        let find = |list: &[(ScanPart, ArrayRef)], part: &ScanPart| {
            list.iter().find(|(have, _)| have == part).map(|(_, array)| Arc::clone(array))
        };
        parts
            .iter()
            .map(|part| {
                if let Some(array) = find(read, part) {
                    return Ok(array);
                }
                match find(&self.loaded, part) {
                    Some(array) => Ok(array.slice(start, len)),
                    None => {
                        internal_err!("a part was not read: {}", part.describe(&self.scan.layout))
                    }
                }
            })
            .collect()
    }
}
