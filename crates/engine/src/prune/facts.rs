//! The statistics of one fragment, column by column.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakebed_dataset::ColumnChunks;
use lakebed_dataset::Stats;

use super::outcomes::Outcomes;
use super::spans::Spans;
use super::steps::ValuePath;
use super::values::Values;

/// Rows that share one look at consecutive numbers.
const TOGETHER: u64 = 4096;

/// What is known of one column in one fragment.
#[derive(Debug, Clone)]
pub enum ColumnFacts {
    /// Statistics chunk by chunk.
    Chunks(Arc<ColumnChunks>),
    /// One statement for all rows, for a column that is absent there.
    All(Box<Stats>),
    /// Consecutive numbers from this one.
    Consecutive(u64),
}

/// What is known of a fragment; nothing is known of columns that are not listed.
#[derive(Debug, Clone)]
pub struct Facts {
    rows: u64,
    columns: BTreeMap<usize, ColumnFacts>,
}

impl Facts {
    /// Nothing but the number of rows.
    pub fn new(rows: u64) -> Facts {
        Facts { rows, columns: BTreeMap::new() }
    }

    /// Adds what is known of a column of the table.
    pub fn insert(&mut self, column: usize, facts: ColumnFacts) {
        self.columns.insert(column, facts);
    }

    /// Rows of the fragment.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// What is known of a column.
    pub fn column(&self, column: usize) -> Option<&ColumnFacts> {
        self.columns.get(&column)
    }

    /// Asks `of` about every span of rows of which something else is known.
    pub(crate) fn spans(
        &self,
        value: &ValuePath,
        of: impl Fn(&Values) -> Outcomes,
    ) -> Spans<Outcomes> {
        match self.columns.get(&value.column) {
            None => Spans::constant(self.rows, Outcomes::ANY),
            Some(ColumnFacts::All(stats)) => Spans::constant(self.rows, of(&value.values(stats))),
            Some(ColumnFacts::Consecutive(first)) => {
                let starts = (0..self.rows).step_by(usize::try_from(TOGETHER).unwrap_or(4096));
                Spans::new(starts.map(|start| {
                    let end = (start + TOGETHER).min(self.rows);
                    let last = first.saturating_add(end - 1);
                    (end, of(&Values::between(first.saturating_add(start), last)))
                }))
            }
            Some(ColumnFacts::Chunks(chunks)) => {
                let ends = chunks.first_rows.iter().skip(1).copied();
                let mut covered = 0;
                let mut spans: Vec<(u64, Outcomes)> = ends
                    .zip(&chunks.stats)
                    .map(|(end, stats)| {
                        covered = end;
                        (end, of(&value.values(stats)))
                    })
                    .collect();
                // Statistics that do not reach the end say nothing of the rest.
                if covered < self.rows {
                    spans.push((self.rows, Outcomes::ANY));
                }
                Spans::new(spans)
            }
        }
    }
}
