//! What a scan will cost, column by column, before it runs.

use std::fmt;

use lakebed_core::human;

use super::bound::Bound;
use super::bound::distinct_parts;
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
            write!(f, ", {requests} requests, {}", human::bytes(*bytes))?;
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
    let parts = distinct_parts(bounds);
    columns
        .iter()
        .map(|index| {
            let own: Vec<&ScanPart> =
                parts.iter().filter(|part| part.column() == Some(*index)).collect();
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
