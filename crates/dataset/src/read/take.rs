//! Rows at any positions of a snapshot, in any order.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::array::UInt64Array;
use arrow::compute::concat_batches;
use arrow::compute::take_record_batch;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::future::BoxFuture;

use super::request::ColumnRead;
use super::request::Fragment;
use super::request::ReadRequest;
use super::request::Rows;
use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;

/// Fragments that are read at the same time.
const PARALLEL: usize = 8;

impl Dataset {
    /// The fragments that have rows at some of these positions, which ascend.
    pub(crate) async fn fragments_at(&self, sorted: &[u64]) -> Result<Arc<[Fragment]>> {
        self.fragments_where(&|positions, _| {
            let next = sorted.partition_point(|position| *position < positions.start);
            sorted.get(next).is_some_and(|position| positions.contains(position))
        })
        .await
    }

    /// The rows at positions, in the order of the positions, which may repeat.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] for a position behind the last row; as [`Dataset::read`] else.
    pub fn take<'a>(
        &'a self,
        positions: &'a [u64],
        columns: &'a [ColumnRead],
    ) -> BoxFuture<'a, Result<RecordBatch>> {
        Box::pin(async move {
            let mut sorted = positions.to_vec();
            sorted.sort_unstable();
            sorted.dedup();
            if let Some(last) = sorted.last().filter(|last| **last >= self.num_rows()) {
                let reason = format!("there is no row at position {last} of {}", self.num_rows());
                return Err(Error::SchemaMismatch { reason });
            }
            let fragments = self.fragments_at(&sorted).await?;
            let mut requests = Vec::new();
            let mut at = 0;
            for fragment in fragments.iter().filter(|fragment| fragment.rows > 0) {
                let end = fragment.first_position + fragment.rows;
                let count = sorted[at..].partition_point(|position| *position < end);
                if count > 0 {
                    let here = &sorted[at..at + count];
                    let rows = here.iter().map(|p| p - fragment.first_position).collect();
                    requests.push(ReadRequest {
                        fragment: fragment.clone(),
                        rows: Rows::List(rows),
                        columns: columns.to_vec(),
                    });
                    at += count;
                }
            }
            let read: Vec<_> = requests.iter().map(|request| self.read(request)).collect();
            let batches: Vec<RecordBatch> =
                futures::stream::iter(read).buffered(PARALLEL).try_collect().await?;
            let fields = columns.iter().map(|read| read.field(&self.schema));
            let schema = arrow_schema::Schema::new(fields.collect::<Result<Vec<_>>>()?);
            let batch = concat_batches(&Arc::new(schema), &batches)?;
            if sorted == positions {
                return Ok(batch);
            }
            let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
            let order = positions.iter().map(|p| number(sorted.partition_point(|s| s < p)));
            Ok(take_record_batch(&batch, &UInt64Array::from_iter_values(order))?)
        })
    }
}
