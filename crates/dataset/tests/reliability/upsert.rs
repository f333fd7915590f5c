//! Rows by key: values where the key is there, new rows elsewhere, once whoever does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::datatypes::Int64Type;
use arrow_schema::Schema as ArrowSchema;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Part;

async fn empty(url: &str) -> Dataset {
    let columns = vec![
        Column::scalar("a", DType::I64),
        Column::scalar("b", DType::I64),
        Column::scalar("value", DType::I64),
    ];
    Dataset::create(url, Schema::new(columns).unwrap(), Options::default()).await.unwrap()
}

fn batch(dataset: &Dataset, rows: &[[i64; 3]]) -> RecordBatch {
    let columns = &dataset.schema().columns;
    let field = |c: &Column| TensorType::from_column(c).to_field(&c.name, c.nullable);
    let arrays = (0..3).map(|nth| {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row[nth]))) as ArrayRef
    });
    let schema = Arc::new(ArrowSchema::new(columns.iter().map(field).collect::<Vec<_>>()));
    RecordBatch::try_new(schema, arrays.collect()).unwrap()
}

async fn rows(dataset: &Dataset) -> Vec<[i64; 3]> {
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    let reads = dataset.schema().columns.iter();
    let reads: Vec<ColumnRead> =
        reads.map(|column| ColumnRead { column: column.id, part: Part::Whole }).collect();
    let batch = dataset.take(&positions, &reads).await.unwrap();
    let value = |nth: usize, row: usize| batch.column(nth).as_primitive::<Int64Type>().value(row);
    (0..batch.num_rows()).map(|row| [value(0, row), value(1, row), value(2, row)]).collect()
}

#[tokio::test]
async fn keys_that_are_there_get_values_and_others_rows() {
    let dataset = empty("mem://upsert").await;
    let key = ["a", "b"];
    let first = batch(&dataset, &[[1, 1, 10], [1, 2, 20], [2, 1, 30]]);
    let dataset = dataset.upsert(&key, &first, "").await.unwrap();
    assert_eq!(rows(&dataset).await, [[1, 1, 10], [1, 2, 20], [2, 1, 30]]);
    let more = batch(&dataset, &[[2, 2, 40], [1, 2, 21]]);
    let dataset = dataset.upsert(&key, &more, "").await.unwrap();
    assert_eq!((dataset.version(), dataset.num_rows()), (2, 4), "one commit each");
    assert_eq!(rows(&dataset).await, [[1, 1, 10], [1, 2, 21], [2, 1, 30], [2, 2, 40]]);
    // By one column of the key: every row that has it.
    let by_a = batch(&dataset, &[[1, 7, 99]]);
    let dataset = dataset.upsert(&["a"], &by_a, "").await.unwrap();
    assert_eq!(rows(&dataset).await, [[1, 7, 99], [1, 7, 99], [2, 1, 30], [2, 2, 40]]);
    let twice = batch(&dataset, &[[5, 5, 1], [5, 5, 2]]);
    for (key, rows) in [(&["a", "b"][..], &twice), (&[], &by_a), (&["c"], &by_a)] {
        let refused = dataset.upsert(key, rows, "").await;
        assert!(matches!(refused, Err(Error::SchemaMismatch { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn of_many_who_bring_one_key_one_adds_it() {
    let dataset = empty("mem://upsert-race").await;
    let mut tasks = Vec::new();
    for writer in 0..6i64 {
        let dataset = dataset.clone();
        tasks.push(tokio::spawn(async move {
            for key in 0..5 {
                let one = batch(&dataset, &[[key, 0, writer]]);
                dataset.upsert(&["a"], &one, "").await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let mut seen: BTreeMap<i64, usize> = BTreeMap::new();
    for row in rows(&dataset.refresh().await.unwrap()).await {
        *seen.entry(row[0]).or_default() += 1;
    }
    assert_eq!(seen, (0..5).map(|key| (key, 1)).collect());
}
