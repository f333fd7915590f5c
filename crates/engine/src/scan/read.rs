//! Reading parts of columns: from parts to a request, and from its answer to arrays.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::UInt64Array;
use datafusion::common::Result;
use datafusion::common::internal_err;
use lakebed_dataset::Dataset;
use lakebed_dataset::Fragment;
use lakebed_dataset::ReadCost;
use lakebed_dataset::ReadRequest;

use super::failed;
use super::layout::Layout;
use super::part::ScanPart;
use super::rows::Alive;

/// What was read.
#[derive(Debug)]
pub struct PartsRead {
    /// An array for each part that was asked for, in order.
    pub arrays: Vec<ArrayRef>,
    /// What the parts that are stored took, by name.
    pub costs: Vec<(String, ReadCost)>,
}

/// Reads parts of some rows of a fragment, all in one request; positions and row
/// ids cost none.
///
/// # Errors
/// What the dataset says.
pub async fn read_parts(
    dataset: &Dataset,
    layout: &Layout,
    fragment: &Fragment,
    parts: &[ScanPart],
    rows: &Alive,
) -> Result<PartsRead> {
    let stored: Vec<_> = parts.iter().filter_map(|part| Some((part, part.read(layout)?))).collect();
    let (mut arrays, mut costs) = (Vec::new(), Vec::new());
    if !stored.is_empty() {
        let columns = stored.iter().map(|(_, read)| read.clone()).collect();
        let request = ReadRequest { fragment: fragment.clone(), rows: rows.to_rows(), columns };
        let (batch, spent) = dataset.read_with_cost(&request).await.map_err(failed)?;
        if batch.num_rows() != rows.len() {
            return internal_err!("asked for {} rows, got {}", rows.len(), batch.num_rows());
        }
        costs = stored.iter().map(|(part, _)| part.describe(layout)).zip(spent).collect();
        arrays = batch.columns().to_vec();
    }
    let mut stored = arrays.into_iter();
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(parts.len());
    for part in parts {
        arrays.push(match part {
            ScanPart::Position => {
                let positions = rows.iter().map(|row| fragment.first_position.saturating_add(row));
                Arc::new(UInt64Array::from_iter_values(positions))
            }
            ScanPart::RowId => {
                let rows: Vec<u64> = rows.iter().collect();
                let ids = dataset.row_ids(fragment, &rows).await.map_err(failed)?;
                Arc::new(UInt64Array::from(ids))
            }
            ScanPart::Column { .. } => match stored.next() {
                Some(array) => array,
                None => return internal_err!("the dataset read fewer columns than asked for"),
            },
        });
    }
    Ok(PartsRead { arrays, costs })
}
