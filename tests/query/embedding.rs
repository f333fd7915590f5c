//! The engine inside of other programs: tables and contexts of theirs, prepared statements, a front
//! that waits.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::array::Int64Array;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::array::StringArray;
use datafusion::datasource::MemTable;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::ParquetReadOptions;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use lakebed::arrays;
use lakebed::arrays::Rows;
use lakebed::blocking::Lakebed;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::Schema;
use lakebed::engine::Cost;
use lakebed::engine::Error;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::engine::Session;
use lakebed::engine::SessionContextExt;
use serde_json::json;

use crate::data::dataset;
use crate::data::session;
use crate::data::table;

/// Prices of four of the five ids, and of one that there is not.
fn prices() -> RecordBatch {
    let id: ArrayRef = Arc::new(Int64Array::from(vec![5, 2, 3, 1, 9]));
    let shop: ArrayRef = Arc::new(StringArray::from(vec!["east", "west", "east", "west", "east"]));
    RecordBatch::try_from_iter([("id", id), ("shop", shop)]).unwrap()
}

fn memory() -> Arc<MemTable> {
    let batch = prices();
    Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap())
}

#[tokio::test]
async fn tables_of_other_kinds_are_asked_in_both_languages() {
    let s = session("embed-tables").await;
    s.register_table("prices", memory());
    let rows = |text: &'static str| {
        let s = s.clone();
        async move {
            match s.tql(text).await {
                Ok(query) => table(&query).await,
                Err(error) => panic!("{}", error.render(text)),
            }
        }
    };
    // In the order of the table, which TQL keeps.
    assert_eq!(rows("SELECT id FROM prices").await, json!({ "id": [5, 2, 3, 1, 9] }));
    assert_eq!(
        rows("SELECT * FROM prices WHERE shop == 'west'").await,
        json!({ "id": [2, 1], "shop": ["west", "west"] })
    );
    let joined = rows("SELECT dataset.id AS id, SHAPE(boxes)[0] AS n, shop FROM dataset JOIN prices ON dataset.id = prices.id WHERE shop == 'east'").await;
    assert_eq!(joined, json!({ "id": [3, 5], "n": [2, 3], "shop": ["east", "east"] }));
    let sql =
        s.sql("SELECT shop, count(*) AS n FROM prices GROUP BY shop ORDER BY shop").await.unwrap();
    assert_eq!(table(&sql).await, json!({ "shop": ["east", "west"], "n": [3, 2] }));
    // A name that is none is near one of them.
    let error = s.tql("SELECT id FROM price").await.unwrap_err();
    assert_eq!(error.help(), Some("did you mean 'prices'?"));
}

#[tokio::test]
async fn a_context_that_is_there_already_answers_tql_over_its_parquet_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.parquet");
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(&file).unwrap(), prices().schema(), None)
            .unwrap();
    writer.write(&prices()).unwrap();
    writer.close().unwrap();
    let context = SessionContext::new();
    let path = file.to_str().unwrap();
    context.register_parquet("prices", path, ParquetReadOptions::default()).await.unwrap();
    context.register_dataset("cells", dataset("embed-context").await).unwrap();
    // In SQL by the context's own planner.
    let frame = context
        .sql("SELECT cells.id, tensor_shape(boxes)[1] AS n FROM cells JOIN prices USING (id) ORDER BY cells.id")
        .await
        .unwrap();
    assert_eq!(frame.count().await.unwrap(), 4);
    // In TQL by ours.
    let text = "SELECT cells.id AS id, shop FROM cells JOIN prices ON cells.id = prices.id \
                WHERE ANY(labels == 'WBC')";
    let query = context.tql(text).await.unwrap();
    assert_eq!(table(&query).await, json!({ "id": [3, 5], "shop": ["east", "east"] }));
    // Versions of what the context calls by a name.
    let query = context.tql("SELECT COUNT(*) AS n FROM \"cells@1\"").await.unwrap();
    assert_ne!(table(&query).await, json!({ "n": [5] }));
    let unknown = context.tql("SELECT id FROM cell").await.unwrap_err();
    assert_eq!(unknown.help(), Some("did you mean 'cells'?"));
}

#[tokio::test]
async fn a_statement_is_parsed_once_and_bound_many_times() {
    let s = session("embed-prepared").await;
    let statement = s.prepare(Language::Tql, "SELECT id WHERE id > ? AND id < $most").unwrap();
    assert_eq!(statement.parameters(), ["?", "$most"]);
    for (least, most, expected) in [(1_i64, 4_i64, json!([3, 2])), (3, 9, json!([5, 4]))] {
        let values = Parameters::new().with(least).with_named("most", most);
        let query = statement.bind(&values).await.unwrap();
        assert_eq!(table(&query).await["id"], expected);
    }
    assert!(statement.bind(&Parameters::new()).await.is_err());
    assert!(matches!(s.prepare(Language::Tql, "SELECT WHERE"), Err(Error::Syntax(_))));
}

#[tokio::test]
async fn some_columns_and_rows_of_a_query_and_what_they_cost() {
    let s = session("embed-rows").await;
    let query = s.tql("SELECT id, name, images ORDER BY id DESC").await.unwrap();
    let part = query.clone().only(["id"]).unwrap().rows(1, Some(2)).unwrap();
    assert_eq!(table(&part).await, json!({ "id": [4, 3] }));
    assert!(query.clone().only(["nothing"]).is_err());
    let cost = |query: lakebed::engine::Query| async move {
        let prepared = query.prepare().await.unwrap();
        let plan = Arc::clone(prepared.plan());
        let mut stream = prepared.stream().unwrap();
        while let Some(batch) = stream.next().await {
            batch.unwrap();
        }
        drop(stream);
        Cost::of(&plan)
    };
    let (narrow, wide) = (cost(query.clone().only(["id"]).unwrap()).await, cost(query).await);
    assert!(narrow.requests >= 1 && narrow.bytes < wide.bytes, "{narrow:?} {wide:?}");
    assert_eq!(narrow.samples_decoded, 0);
    let decoded = cost(s.tql("SELECT MEAN(images) AS m WHERE id != 2").await.unwrap()).await;
    assert_eq!(decoded.samples_decoded, 4, "{decoded:?}");
}

#[test]
fn a_program_without_a_runtime_appends_arrays_and_asks() {
    let schema = Schema::new(vec![
        Column::scalar("id", DType::I64),
        Column::tensor("vec", DType::F32, &[Some(3)]),
    ])
    .unwrap();
    let mut lakebed = Lakebed::create("mem://embed-blocking", schema.clone()).unwrap();
    let vectors = ndarray::array![[1.0_f32, 2.0, 3.0], [4.0, 5.0, 6.0]];
    let batch = Rows::new(&schema)
        .stacked("id", ndarray::array![7_i64, 8].view())
        .and_then(|rows| rows.stacked("vec", vectors.view()))
        .and_then(Rows::finish)
        .unwrap();
    let committed = lakebed.append([batch], "two rows").unwrap();
    assert_eq!(committed.num_rows(), 2);
    let batches: Vec<RecordBatch> = lakebed
        .query("SELECT vec * 2 AS twice WHERE id == 8")
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let twice = arrays::stacked::<f32>(&batches[0], "twice").unwrap();
    assert_eq!(twice, ndarray::array![[8.0_f32, 10.0, 12.0]].into_dyn());
    assert_eq!(lakebed.execute("DELETE WHERE id == 7").unwrap().rows, 1);
    let left: usize =
        lakebed.sql("SELECT id FROM dataset").unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(left, 1);
    assert_eq!(lakebed.dataset().unwrap().num_rows(), 1);
    // Dropped before its end, and asked again.
    drop(lakebed.query("SELECT *").unwrap());
    assert!(Lakebed::new().unwrap().dataset().is_err());
}

#[tokio::test]
async fn a_session_of_ones_own_runs_on_the_memory_of_the_context() {
    let context = SessionContext::new();
    let ours: Session = context.lakebed().unwrap();
    ours.set_current(dataset("embed-memory").await);
    let query = ours.tql("SELECT id ORDER BY id LIMIT 1").await.unwrap();
    assert_eq!(table(&query).await, json!({ "id": [1] }));
    assert!(ours.current().is_some());
}
