//! Datasets in memory for the tests.

#![allow(dead_code, reason = "each test uses some of it")]

pub mod pictures;

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::RecordBatch;
use arrow::array::UInt64Array;
use arrow::datatypes::Int32Type;
use arrow::datatypes::Schema as ArrowSchema;
use arrow::datatypes::UInt64Type;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_dataset::Dataset;
use lakebed_dataset::Language;
use lakebed_dataset::NewView;
use lakebed_dataset::OpenView;
use lakebed_dataset::Options;
use lakebed_dataset::ViewRows;
use lakebed_loader::Batch;

/// Runs what waits.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

/// `id` is the row's position, `x` has `id % 4` elements that are all `id`; in commits of `each`.
pub async fn numbers(url: &str, rows: u64, each: u64) -> Dataset {
    let schema = Schema::new(vec![
        Column::scalar("id", DType::U64),
        Column::tensor("x", DType::I32, &[None]),
    ])
    .unwrap();
    let mut dataset = Dataset::create(url, schema, Options::default()).await.unwrap();
    let mut start = 0;
    while start < rows {
        let end = (start + each).min(rows);
        let mut x = TensorBuilder::<i32>::new(1);
        for id in start..end {
            let length = usize::try_from(id % 4).unwrap();
            x.push(&vec![i32::try_from(id).unwrap(); length], &[length]).unwrap();
        }
        let ids: ArrayRef = Arc::new(UInt64Array::from_iter_values(start..end));
        let columns = &dataset.schema().columns;
        let x = x.finish::<Int32Type>(&TensorType::from_column(&columns[1])).unwrap();
        let fields: Vec<_> = columns
            .iter()
            .map(|c| TensorType::from_column(c).to_field(&c.name, c.nullable))
            .collect();
        let batch = RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), vec![ids, x]).unwrap();
        let mut writer = dataset.append().unwrap();
        writer.write(&batch).await.unwrap();
        dataset = writer.commit("rows").await.unwrap();
        start = end;
    }
    dataset
}

/// Saves and opens a view.
pub async fn view(
    dataset: &Dataset,
    name: &str,
    positions: &[u64],
    weights: Option<Vec<f64>>,
) -> OpenView {
    let rows = ViewRows::Positions(positions.to_vec());
    let parameters = serde_json::Value::Null;
    let query = "SELECT *".to_string();
    let view = NewView { language: Language::Tql, query, parameters, seed: None, rows, weights };
    let dataset = dataset.save_view(name, view, "a view").await.unwrap();
    dataset.view(name).await.unwrap()
}

/// The ids of a batch, which must be the rows that it says.
pub fn ids(batch: &Batch) -> Vec<u64> {
    let ids = batch.tensor("id").unwrap().values::<UInt64Type>().unwrap().to_vec();
    assert_eq!(ids, batch.rows);
    ids
}
