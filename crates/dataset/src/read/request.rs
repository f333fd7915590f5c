//! What is asked of a dataset.

use std::ops::Range;
use std::time::Duration;

use arrow_schema::Field;
use lakebed_core::ColumnId;
use lakebed_core::Schema;
use lakebed_format::FragmentPointer;
use lakebed_format::Part;
use lakebed_format::RowSet;

use crate::error::Error;
use crate::error::Result;

/// Rows that were appended together.
#[derive(Debug, Clone)]
pub struct Fragment {
    /// Its place among the fragments of the snapshot.
    pub index: usize,
    /// The position of its first row in the snapshot.
    pub first_position: u64,
    /// Its rows, without deleted ones.
    pub rows: u64,
    /// Where it is.
    pub pointer: FragmentPointer,
}

/// Rows of a fragment, counted from its first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// Consecutive rows.
    Range(Range<u64>),
    /// Some rows, strictly ascending.
    List(Vec<u64>),
}

impl Rows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Rows::Range(range) => {
                usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX)
            }
            Rows::List(list) => list.len(),
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows that lie in `chunk`, counted from its first row; `None` if there are none.
    pub(crate) fn within(&self, chunk: &Range<u64>) -> Option<RowSet> {
        let offset = |row: u64| usize::try_from(row - chunk.start).unwrap_or(usize::MAX);
        let set = match self {
            Rows::Range(range) => {
                let (start, end) = (range.start.max(chunk.start), range.end.min(chunk.end));
                if start >= end {
                    return None;
                }
                RowSet::Range(offset(start)..offset(end))
            }
            Rows::List(list) => {
                let from = list.partition_point(|row| *row < chunk.start);
                let to = list.partition_point(|row| *row < chunk.end);
                RowSet::List(list[from..to].iter().map(|row| offset(*row)).collect())
            }
        };
        (!set.is_empty()).then_some(set)
    }
}

/// A part of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnRead {
    /// The column.
    pub column: ColumnId,
    /// What of it.
    pub part: Part,
}

impl ColumnRead {
    /// The Arrow field that the read returns, under the column's name.
    ///
    /// # Errors
    /// A column that the schema does not have, or subscripts that its type does not have.
    pub fn field(&self, schema: &Schema) -> Result<Field> {
        let column = schema.by_id(self.column).ok_or_else(|| Error::SchemaMismatch {
            reason: format!("there is no column of id {}", self.column),
        })?;
        Ok(self.part.field(column, &column.name)?)
    }
}

/// A read of some rows of one fragment.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The fragment.
    pub fragment: Fragment,
    /// The rows.
    pub rows: Rows,
    /// The columns of the result, in order.
    pub columns: Vec<ColumnRead>,
}

/// What one column of a read took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadCost {
    /// Chunks that the rows lie in.
    pub chunks: usize,
    /// Bytes of samples. Metadata, and what lies between ranges that share a request, come on top.
    pub bytes: u64,
    /// Encoded images that were decoded.
    pub decoded: usize,
    /// From fetched bytes to arrays: checksums, decompression, decoding.
    pub assembling: Duration,
}
