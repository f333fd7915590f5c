//! The rows of a view a few at a time, as they are stored.

use arrow::array::RecordBatch;

use super::OpenView;
use crate::error::Result;
use crate::read::Paced;

/// Reads a view's rows in order, in batches of bounded bytes.
pub(super) struct Batches<'a> {
    view: &'a OpenView,
    paced: Paced,
    at: u64,
}

impl<'a> Batches<'a> {
    /// The rows from `at` on, with all columns.
    pub fn new(view: &'a OpenView, at: u64) -> Batches<'a> {
        let columns = view.dataset.schema.columns.iter().map(|column| column.id);
        Batches { view, paced: Paced::new(&view.dataset, columns), at }
    }

    /// The next rows; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let most = u64::try_from(self.paced.at_most()).unwrap_or(u64::MAX);
        let end = self.view.len().min(self.at.saturating_add(most));
        if self.at >= end {
            return Ok(None);
        }
        let positions = self.view.positions_at(self.at..end).await?;
        let batch = self.paced.next(&positions).await?;
        self.at = self.at.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
        Ok(Some(batch))
    }
}
