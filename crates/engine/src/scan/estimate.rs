//! What a scan will cost, column by column, before it runs.

use std::fmt;

use super::bound::Bound;
use super::conjunct::Conjunct;
use super::cost::row_bytes;
use super::cost::touched;
use super::layout::Layout;
use super::part::ScanPart;
use super::planning::Plan;
use super::planning::count_chunks;
use crate::prune::ColumnFacts;

/// What is read of one column at most: a condition may leave less, neighbours share requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// What is read of the column.
    pub name: String,
    /// Chunks that may hold an answer.
    pub chunks: usize,
    /// Chunks of the fragments that are looked at.
    pub chunks_all: usize,
    /// Requests for samples; directories come beside them the first time.
    pub requests: usize,
    /// Bytes of samples.
    pub bytes: u64,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Estimate { name, chunks, chunks_all, requests, bytes } = self;
        write!(f, "{name}: {chunks} of {chunks_all} chunks")?;
        if *requests > 0 {
            write!(f, ", {requests} requests, {}", size(*bytes))?;
        }
        Ok(())
    }
}

/// The estimates for `columns` of the table.
pub fn estimates(
    plan: &Plan,
    layout: &Layout,
    conjuncts: &[Conjunct],
    outputs: &[Bound],
    columns: &[usize],
) -> Vec<Estimate> {
    let bounds = conjuncts.iter().map(|conjunct| &conjunct.bound).chain(outputs);
    let parts: Vec<&ScanPart> = bounds.flat_map(|bound| &bound.parts).collect();
    columns
        .iter()
        .map(|index| {
            let mut own: Vec<&ScanPart> = Vec::new();
            for part in parts.iter().copied().filter(|part| part.column() == Some(*index)) {
                if !own.contains(&part) {
                    own.push(part);
                }
            }
            let names: Vec<String> = own.iter().map(|part| part.describe(layout)).collect();
            let name = names.join(" and ");
            let (chunks, chunks_all) = count_chunks(plan, *index);
            let mut estimate = Estimate { name, chunks, chunks_all, requests: 0, bytes: 0 };
            for unit in &plan.units {
                let Some(planned) = plan.fragments.get(unit.fragment) else { continue };
                let Some(ColumnFacts::Chunks(known)) = planned.facts.column(*index) else {
                    continue;
                };
                let row =
                    row_bytes(own.iter().copied(), layout, &planned.facts, &unit.rows).fetched;
                let rows = unit.rows.end - unit.rows.start;
                estimate.bytes = estimate.bytes.saturating_add(row.saturating_mul(rows));
                estimate.requests += touched(&known.first_rows, &unit.rows).len();
            }
            if estimate.bytes == 0 {
                estimate.requests = 0;
            }
            estimate
        })
        .collect()
}

/// Bytes for people: `512 B`, `1.5 KB`, `20 MB`.
pub fn size(bytes: u64) -> String {
    let mut unit = "B";
    let mut scale = 1u64;
    for (name, next) in [("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)] {
        if bytes >= next {
            (unit, scale) = (name, next);
        }
    }
    let (whole, tenth) = (bytes / scale, bytes % scale * 10 / scale);
    if scale == 1 || whole >= 20 {
        format!("{whole} {unit}")
    } else {
        format!("{whole}.{tenth} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 999, 1_500, 20_400, 1_234_567, 5_000_000_000].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.5 KB", "20 KB", "1.2 MB", "5.0 GB"]);
    }
}
