//! What a scan does, as data: enough to run it again elsewhere.

use std::ops::Range;
use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;

/// Some consecutive rows of one fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Which of the scan's fragments.
    pub fragment: usize,
    /// Rows within the fragment.
    pub rows: Range<u64>,
}

/// A scan of one snapshot.
///
/// Expressions are over the columns of the table ([`crate::scan::layout::Layout`]); calls that ask
/// for a part of a column are still calls here and become parts when the scan is bound.
#[derive(Debug, Clone)]
pub struct ScanDescription {
    /// Where the dataset is.
    pub url: String,
    /// Which entry of its log.
    pub version: u64,
    /// True if the table has a column of positions.
    pub positions: bool,
    /// True if the table has a column of row ids.
    pub row_ids: bool,
    /// The indexes, within the snapshot, of the fragments that units name.
    pub fragments: Vec<usize>,
    /// What to read, in position order; unit u belongs to partition u modulo `partitions`.
    pub units: Arc<[Unit]>,
    /// How many streams there are.
    pub partitions: usize,
    /// What comes out.
    pub projection: ProjectionExprs,
    /// Conditions that were known when the units were cut.
    pub filters: Vec<Arc<dyn PhysicalExpr>>,
    /// Conditions that came later, some of which tighten while the scan runs.
    pub late_filters: Vec<Arc<dyn PhysicalExpr>>,
    /// True if units were left out because a limit needs no more rows than those.
    pub cut_short: bool,
    /// At most so many rows: in all without conditions, a partition with them.
    pub fetch: Option<usize>,
}

impl ScanDescription {
    /// True if some row may be left out for what it holds.
    pub fn is_filtered(&self) -> bool {
        !self.filters.is_empty() || !self.late_filters.is_empty()
    }

    /// The units of a partition, the limit taken into account where it can be.
    pub fn partition_units(&self, partition: usize) -> Vec<Unit> {
        let mut left = match self.fetch {
            Some(fetch) if !self.is_filtered() => u64::try_from(fetch).unwrap_or(u64::MAX),
            _ => u64::MAX,
        };
        let mut mine = Vec::new();
        for (index, unit) in self.units.iter().enumerate() {
            if left == 0 {
                break;
            }
            let rows = (unit.rows.end - unit.rows.start).min(left);
            left -= rows;
            if index % self.partitions.max(1) == partition {
                let rows = unit.rows.start..unit.rows.start + rows;
                mine.push(Unit { fragment: unit.fragment, rows });
            }
        }
        mine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_over_all_partitions() {
        let unit = |fragment, rows| Unit { fragment, rows };
        let scan = ScanDescription {
            url: String::new(),
            version: 0,
            positions: false,
            row_ids: false,
            fragments: vec![0, 1],
            units: Arc::from([unit(0, 0..5), unit(0, 5..10), unit(1, 0..5), unit(1, 5..9)]),
            partitions: 2,
            projection: ProjectionExprs::new([]),
            filters: Vec::new(),
            late_filters: Vec::new(),
            cut_short: false,
            fetch: Some(12),
        };
        assert_eq!(scan.partition_units(0), [unit(0, 0..5), unit(1, 0..2)]);
        assert_eq!(scan.partition_units(1), [unit(0, 5..10)]);
    }
}
