//! A query's rows as rows of a dataset.

use arrow::record_batch::RecordBatch;
use futures::StreamExt;

use crate::dataset::Dataset;
use crate::engine::Query;

/// Why rows were not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The query failed.
    #[error(transparent)]
    Query(#[from] crate::engine::Error),
    /// The dataset did not take them.
    #[error(transparent)]
    Dataset(#[from] crate::dataset::Error),
    /// A column of the query that is not of the dataset's type.
    #[error("the query's columns are not the dataset's: {0}")]
    Columns(#[from] arrow_schema::ArrowError),
}

/// Appends the rows of a query, in their order, to a dataset and commits once. The query's columns
/// are the dataset's, in the same order and of the same types. Encoded samples are copied as they
/// are. A query without rows commits nothing.
///
/// # Errors
/// [`Error`]; nothing is committed then.
pub async fn append(query: &Query, dataset: &Dataset, message: &str) -> Result<Dataset, Error> {
    let columns = dataset.schema().columns.iter();
    let fields: Vec<_> = columns
        .map(|column| {
            let ty = crate::core::TensorType::from_column(column);
            ty.to_field(&column.name, column.nullable)
        })
        .collect();
    let schema = std::sync::Arc::new(arrow_schema::Schema::new(fields));
    let mut writer = dataset.append()?;
    let mut stream = query.stream().await?;
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        // The types agree; names and the rest of the metadata are the dataset's.
        let batch = RecordBatch::try_new(std::sync::Arc::clone(&schema), batch.columns().to_vec())?;
        rows += batch.num_rows();
        writer.write(&batch).await?;
    }
    match rows {
        0 => Ok(dataset.clone()),
        _ => Ok(writer.commit(message).await?),
    }
}
