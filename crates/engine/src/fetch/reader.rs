//! Reads parts of columns at positions in any order.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::UInt32Array;
use arrow::array::UInt64Array;
use arrow::compute::concat;
use arrow::compute::take;
use datafusion::common::Result;
use datafusion::common::exec_err;
use datafusion::common::internal_err;
use datafusion::physical_expr::PhysicalExpr;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream;
use lakebed_dataset::Dataset;
use lakebed_dataset::Fragment;
use lakebed_dataset::ReadCost;

use crate::scan::bound::Bound;
use crate::scan::bound::distinct_parts;
use crate::scan::cost::RowBytes;
use crate::scan::part::ScanPart;
use crate::scan::read::PartsRead;
use crate::scan::read::read_parts;
use crate::scan::rows::Alive;
use crate::table::DatasetTable;

/// Fragments that are read at the same time.
const FRAGMENTS_IN_FLIGHT: usize = 8;

/// What is read of a snapshot, wherever its rows are.
#[derive(Debug)]
pub(crate) struct Reader {
    pub table: DatasetTable,
    fragments: Arc<[Fragment]>,
    outputs: Vec<Bound>,
    parts: Vec<ScanPart>,
}

/// Rows of one fragment and what was read of them.
struct Piece {
    first: u64,
    rows: Alive,
    read: PartsRead,
}

/// What was read.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The outputs.
    pub arrays: Vec<ArrayRef>,
    /// Different rows that were read.
    pub rows: usize,
    /// What the parts took, by name.
    pub costs: Vec<(String, ReadCost)>,
}

impl Reader {
    /// Reads what `outputs`, expressions over the table, need.
    ///
    /// # Errors
    /// If an expression asks for a part that its column does not have.
    pub fn new(
        table: DatasetTable,
        fragments: Arc<[Fragment]>,
        outputs: &[Arc<dyn PhysicalExpr>],
    ) -> Result<Reader> {
        let outputs: Vec<Bound> =
            outputs.iter().map(|expr| Bound::new(expr, table.layout())).collect::<Result<_>>()?;
        let parts = distinct_parts(&outputs);
        Ok(Reader { table, fragments, outputs, parts })
    }

    /// Average bytes of a row.
    pub fn row_bytes(&self) -> RowBytes {
        self.table.bytes_of(&self.parts)
    }

    /// What is read, in words.
    pub fn describe(&self) -> String {
        let parts: Vec<String> =
            self.parts.iter().map(|part| part.describe(self.table.layout())).collect();
        parts.join(", ")
    }

    /// The outputs at some positions, null where the position is, how many different rows were
    /// read, and what each part of them took. `dataset` is the table's, counted as the caller likes.
    ///
    /// # Errors
    /// A position that the snapshot does not have, or what the dataset or an expression says.
    pub async fn read(&self, dataset: &Dataset, positions: &UInt64Array) -> Result<Fetched> {
        let ascending = positions.null_count() == 0
            && positions.values().windows(2).all(|pair| pair[0] < pair[1]);
        let mut unique: Vec<u64> = positions.iter().flatten().collect();
        if !ascending {
            unique.sort_unstable();
            unique.dedup();
        }
        let pieces: Vec<Piece> = stream::iter(self.split(&unique)?)
            .map(|(fragment, rows)| self.piece(dataset, fragment, rows))
            .buffered(FRAGMENTS_IN_FLIGHT)
            .try_collect()
            .await?;
        let order = (!ascending).then(|| {
            let place = |position: u64| {
                unique.binary_search(&position).ok().and_then(|at| u32::try_from(at).ok())
            };
            positions.iter().map(|position| position.and_then(place)).collect::<UInt32Array>()
        });
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for output in &self.outputs {
            outputs.push(self.output(output, &pieces, order.as_ref())?);
        }
        let costs = pieces.into_iter().flat_map(|piece| piece.read.costs).collect();
        Ok(Fetched { arrays: outputs, rows: unique.len(), costs })
    }

    /// Ascending positions by the fragment that holds them.
    fn split(&self, positions: &[u64]) -> Result<Vec<(Fragment, Vec<u64>)>> {
        let mut rest = positions;
        let mut split = Vec::new();
        while let Some(first) = rest.first() {
            let after = self.fragments.partition_point(|f| f.first_position <= *first);
            let Some(fragment) = after.checked_sub(1).and_then(|at| self.fragments.get(at)) else {
                return exec_err!("no fragment holds row {first}");
            };
            let end = fragment.first_position.saturating_add(fragment.rows);
            let count = rest.partition_point(|position| *position < end);
            if count == 0 {
                return exec_err!("the snapshot has {end} rows, and row {first} was asked for");
            }
            let (here, after) = rest.split_at(count);
            let rows = here.iter().map(|at| at - fragment.first_position).collect();
            split.push((fragment.clone(), rows));
            rest = after;
        }
        Ok(split)
    }

    async fn piece(&self, dataset: &Dataset, fragment: Fragment, rows: Vec<u64>) -> Result<Piece> {
        let rows = Alive::List(rows);
        let read = read_parts(dataset, self.table.layout(), &fragment, &self.parts, &rows).await?;
        Ok(Piece { first: fragment.first_position, rows, read })
    }

    fn output(
        &self,
        output: &Bound,
        pieces: &[Piece],
        order: Option<&UInt32Array>,
    ) -> Result<ArrayRef> {
        let mut arrays = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let mut parts = Vec::with_capacity(output.parts.len());
            for part in &output.parts {
                let at = self.parts.iter().position(|known| known == part);
                match at.and_then(|at| piece.read.arrays.get(at)) {
                    Some(array) => parts.push(Arc::clone(array)),
                    None => return internal_err!("a part was not read"),
                }
            }
            let position = |at: usize| piece.first.saturating_add(piece.rows.get(at));
            let what = || format!("a column of {}", self.table.dataset().url());
            arrays.push(output.evaluate_rows(parts, piece.rows.len(), position, what)?);
        }
        let all = match arrays.as_slice() {
            [] => output.empty()?,
            [one] => Arc::clone(one),
            many => concat(&many.iter().map(|array| &**array).collect::<Vec<&dyn Array>>())?,
        };
        match order {
            Some(order) => Ok(take(&all, order, None)?),
            None => Ok(all),
        }
    }
}
