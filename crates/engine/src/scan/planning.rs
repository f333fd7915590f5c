//! Before a scan runs: which fragments there are, what statistics say, and the units of work.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

use datafusion::common::ColumnStatistics;
use datafusion::common::DataFusionError;
use datafusion::common::Result;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::try_join_all;
use futures::stream;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_dataset::Dataset;
use lakebed_dataset::Fragment;
use lakebed_dataset::RowIdRange;
use lakebed_dataset::Scalar;
use lakebed_dataset::Stats;

use super::conjunct::Conjunct;
use super::cost;
use super::cost::row_bytes;
use super::description::Unit;
use super::layout::Layout;
use super::part::ScanPart;
use crate::prune::ColumnFacts;
use crate::prune::Facts;
use crate::prune::Outcomes;
use crate::prune::Spans;
use crate::prune::spans::intersect;

/// Most rows of one unit: one page of a scalar column.
const UNIT_ROWS: u64 = 64 * 1024;
/// Most bytes that the conditions of one unit read.
const UNIT_FILTER_BYTES: u64 = 32 << 20;
/// Most bytes that one unit gives out, were no row left out by a condition.
const UNIT_FILTERED_OUTPUT_BYTES: u64 = 128 << 20;
/// The same without conditions.
const UNIT_OUTPUT_BYTES: u64 = 32 << 20;
/// Rows that are worth a task of their own.
const SPREAD_ROWS: u64 = 8 * 1024;
/// Bytes that are worth a task of their own.
const SPREAD_BYTES: u64 = 1 << 20;
/// Fragments whose metadata is fetched at the same time.
const METADATA_IN_FLIGHT: usize = 16;

/// A fragment, and what is known of it before a row is read.
#[derive(Debug, Clone)]
pub struct PlannedFragment {
    /// The fragment.
    pub fragment: Fragment,
    /// Statistics of the columns that the scan was planned with.
    pub facts: Facts,
    /// The possible outcomes of each planned condition.
    pub outcomes: Vec<Spans<Outcomes>>,
}

/// What a scan starts from.
#[derive(Debug, Default)]
pub struct Plan {
    /// Fragments in position order, those that a limit makes needless left out.
    pub fragments: Vec<PlannedFragment>,
    /// What to do, in position order.
    pub units: Vec<Unit>,
    /// Statistics of whole columns, once somebody has asked for them.
    pub(super) columns: Mutex<BTreeMap<usize, ColumnStatistics>>,
}

/// Loads metadata, prunes by it, and cuts what is left into units.
///
/// `columns` are those of the table whose statistics are wanted; `limit` is a number of rows that
/// is enough, and takes effect without conditions only. `streams` is how many partitions want work.
///
/// # Errors
/// What the dataset says.
pub async fn plan(
    dataset: &Dataset,
    layout: &Layout,
    conjuncts: &[Conjunct],
    outputs: &[ScanPart],
    columns: &[usize],
    limit: Option<u64>,
    streams: usize,
) -> Result<Plan> {
    let limit = limit.filter(|_| conjuncts.is_empty());
    let all = dataset.fragments().await.map_err(super::failed)?;
    let mut wanted = limit.unwrap_or(u64::MAX);
    let mut chosen = Vec::new();
    for fragment in all.iter().filter(|fragment| fragment.rows > 0) {
        if wanted == 0 {
            break;
        }
        wanted = wanted.saturating_sub(fragment.rows);
        chosen.push(fragment.clone());
    }
    let fragments: Vec<PlannedFragment> = stream::iter(chosen)
        .map(|fragment| async move {
            let facts = facts(dataset, layout, &fragment, columns).await?;
            let outcomes = conjuncts.iter().map(|c| c.predicate.outcomes(&facts)).collect();
            Ok::<_, DataFusionError>(PlannedFragment { fragment, facts, outcomes })
        })
        .buffered(METADATA_IN_FLIGHT)
        .try_collect()
        .await?;
    let mut units = Vec::new();
    let mut wanted = limit.unwrap_or(u64::MAX);
    for (index, planned) in fragments.iter().enumerate() {
        let first = 0..planned.fragment.rows.min(wanted);
        wanted -= first.end;
        let ranges = surviving(&planned.outcomes, first);
        for range in ranges {
            cut(range, planned, layout, conjuncts, outputs, |rows| {
                units.push(Unit { fragment: index, rows });
            });
        }
    }
    if limit.is_none() {
        spread(&mut units, &fragments, layout, conjuncts, outputs, streams);
    }
    Ok(Plan { fragments, units, columns: Mutex::default() })
}

/// The rows that may meet all conditions.
pub fn surviving(outcomes: &[Spans<Outcomes>], rows: Range<u64>) -> Vec<Range<u64>> {
    let mut ranges = if rows.is_empty() { Vec::new() } else { vec![rows] };
    for spans in outcomes {
        ranges = intersect(&ranges, &spans.ranges(|outcome| outcome.yes));
    }
    ranges
}

/// The statistics of some columns of one fragment.
///
/// # Errors
/// What the dataset says.
pub async fn facts(
    dataset: &Dataset,
    layout: &Layout,
    fragment: &Fragment,
    columns: &[usize],
) -> Result<Facts> {
    let mut facts = Facts::new(fragment.rows);
    let stored = columns.iter().filter_map(|index| Some((*index, layout.column(*index)?)));
    let loaded = try_join_all(stored.map(|(index, column)| async move {
        let chunks = dataset.chunks(fragment, column.id).await.map_err(super::failed)?;
        Ok::<_, DataFusionError>((index, column, chunks))
    }))
    .await?;
    for (index, column, chunks) in loaded {
        match chunks {
            Some(chunks) => facts.insert(index, ColumnFacts::Chunks(chunks)),
            None => {
                if let Some(stats) = absent(column, fragment.rows) {
                    facts.insert(index, ColumnFacts::All(Box::new(stats)));
                }
            }
        }
    }
    if let Some(position) = layout.position() {
        facts.insert(position, ColumnFacts::Consecutive(fragment.first_position));
    }
    if let Some(row_id) = layout.row_id().filter(|row_id| columns.contains(row_id))
        && let Some(range) = dataset.row_id_range(fragment).await.map_err(super::failed)?
    {
        facts.insert(row_id, of_row_ids(range, fragment.rows));
    }
    Ok(facts)
}

/// What holds of the ids of a fragment's rows.
fn of_row_ids(range: RowIdRange, rows: u64) -> ColumnFacts {
    if range.consecutive {
        return ColumnFacts::Consecutive(range.first);
    }
    ColumnFacts::All(Box::new(Stats {
        rows,
        elements: rows,
        min: Some(Scalar::UInt(range.first)),
        max: Some(Scalar::UInt(range.last)),
        ..Stats::default()
    }))
}

/// What holds of rows that were written before the column was added.
fn absent(column: &Column, rows: u64) -> Option<Stats> {
    let Some(fill) = &column.fill else {
        return Some(Stats { rows, nulls: rows, ..Stats::default() });
    };
    if !column.dims.is_empty() || column.sequence {
        return None;
    }
    let value = match &column.dtype {
        DType::Bool => Scalar::Bool(fill.as_bool()?),
        DType::Text => Scalar::Text(fill.as_str()?.to_string()),
        dtype if dtype.is_unsigned_integer() => Scalar::UInt(fill.as_u64()?),
        dtype if dtype.is_signed_integer() => Scalar::Int(fill.as_i64()?),
        DType::F64 => Scalar::Float(fill.as_f64()?),
        _ => return None,
    };
    let empty = value == Scalar::Text(String::new());
    Some(Stats {
        rows,
        elements: rows,
        empties: if empty { rows } else { 0 },
        exact: true,
        distinct: Some(vec![value.clone()]),
        min: Some(value.clone()),
        max: Some(value),
        ..Stats::default()
    })
}

/// Halves the largest units until every stream has one, as far as halves are worth a task.
fn spread(
    units: &mut Vec<Unit>,
    fragments: &[PlannedFragment],
    layout: &Layout,
    conjuncts: &[Conjunct],
    outputs: &[ScanPart],
    streams: usize,
) {
    let rows_of = |unit: &Unit| unit.rows.end - unit.rows.start;
    while units.len() < streams {
        let Some(at) = (0..units.len()).max_by_key(|at| rows_of(&units[*at])) else { return };
        let unit = units[at].clone();
        let rows = rows_of(&unit);
        let facts = &fragments[unit.fragment].facts;
        let parts = conjuncts.iter().flat_map(|c| &c.bound.parts).chain(outputs);
        let bytes = row_bytes(parts, layout, facts, &unit.rows).worked.saturating_mul(rows);
        if rows < 2 || (rows < 2 * SPREAD_ROWS && bytes < 2 * SPREAD_BYTES) {
            return;
        }
        let middle = unit.rows.start + rows / 2;
        units[at].rows.end = middle;
        units.insert(at + 1, Unit { fragment: unit.fragment, rows: middle..unit.rows.end });
    }
}

/// Cuts a range into units of bounded rows and bytes, where chunks begin if it can.
fn cut(
    range: Range<u64>,
    planned: &PlannedFragment,
    layout: &Layout,
    conjuncts: &[Conjunct],
    outputs: &[ScanPart],
    mut unit: impl FnMut(Range<u64>),
) {
    let filter: Vec<&ScanPart> = conjuncts.iter().flat_map(|c| &c.bound.parts).collect();
    let driver = if filter.is_empty() { outputs.iter().collect() } else { filter.clone() };
    let starts = starts(&driver, planned);
    let mut start = range.start;
    while start < range.end {
        let ahead = start..range.end.min(start + UNIT_ROWS);
        let read = row_bytes(filter.iter().copied(), layout, &planned.facts, &ahead).worked;
        let given = row_bytes(outputs, layout, &planned.facts, &ahead).worked;
        let budget = if filter.is_empty() { UNIT_OUTPUT_BYTES } else { UNIT_FILTERED_OUTPUT_BYTES };
        let rows = UNIT_ROWS.min(UNIT_FILTER_BYTES / read.max(1)).min(budget / given.max(1)).max(1);
        let hard = start.saturating_add(rows).min(range.end);
        let boundary = starts.partition_point(|first| *first <= hard);
        let end = match boundary.checked_sub(1).and_then(|last| starts.get(last)) {
            Some(first) if *first > start && hard < range.end => *first,
            _ => hard,
        };
        unit(start..end);
        start = end;
    }
}

/// Where the chunks of the widest of some parts begin.
fn starts(parts: &[&ScanPart], planned: &PlannedFragment) -> Vec<u64> {
    let chunks = parts.iter().filter_map(|part| match planned.facts.column(part.column()?)? {
        ColumnFacts::Chunks(chunks) => Some(chunks),
        _ => None,
    });
    let widest = chunks.max_by_key(|chunks| chunks.bytes.iter().sum::<u64>());
    widest.map(|chunks| chunks.first_rows.clone()).unwrap_or_default()
}

/// Chunks of a column that some units read, of how many in the planned fragments.
pub fn count_chunks(plan: &Plan, column: usize) -> (usize, usize) {
    let (mut read, mut all) = (0, 0);
    let mut units = plan.units.iter().peekable();
    for (index, planned) in plan.fragments.iter().enumerate() {
        let chunks = match planned.facts.column(column) {
            Some(ColumnFacts::Chunks(chunks)) => Some(chunks),
            _ => None,
        };
        all += chunks.map_or(0, |chunks| chunks.bytes.len());
        let mut next = 0;
        while let Some(unit) = units.next_if(|unit| unit.fragment == index) {
            let Some(chunks) = chunks else { continue };
            let touched = cost::touched(&chunks.first_rows, &unit.rows);
            read += touched.end.saturating_sub(touched.start.max(next));
            next = touched.end.max(next);
        }
    }
    (read, all)
}
