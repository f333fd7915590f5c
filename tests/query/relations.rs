//! FROM: names, paths, versions, subqueries, joins, set operations.

use lakebed::engine::Session;
use serde_json::json;

use crate::data::dataset;
use crate::data::session;
use crate::data::sql;
use crate::data::tql;

#[tokio::test]
async fn from_opens_urls_versions_and_names() {
    let dataset = dataset("from").await;
    let s = Session::builder().partitions(2).build().unwrap();
    s.register("cells", dataset.at(1).await.unwrap());
    assert_eq!(tql(&s, "SELECT id FROM cells").await, json!({ "id": [3, 1, 2] }));
    assert_eq!(tql(&s, "SELECT id FROM \"cells@2\" WHERE id > 3").await, json!({ "id": [5, 4] }));
    assert_eq!(
        tql(&s, "SELECT id FROM \"mem://query-from\"").await,
        json!({ "id": [3, 1, 2, 5, 4] })
    );
    assert_eq!(
        tql(&s, "SELECT d.id FROM \"mem://query-from@1\" AS d WHERE d.id < 3").await,
        json!({ "id": [1, 2] })
    );
    assert_eq!(
        sql(&s, "SELECT id FROM \"mem://query-from@1\" ORDER BY id").await,
        json!({ "id": [1, 2, 3] })
    );
}

#[tokio::test]
async fn without_from_a_query_is_about_the_current_dataset_or_constants() {
    let s = session("no-from").await;
    assert_eq!(tql(&s, "SELECT 1 AS one").await, json!({ "one": [1, 1, 1, 1, 1] }));
    assert_eq!(tql(&s, "SELECT id FROM dataset LIMIT 1").await, json!({ "id": [3] }));
    assert_eq!(
        tql(&s, "SELECT id, (SELECT 2) AS two WHERE id = (SELECT 5)").await,
        json!({ "id": [5], "two": [2] })
    );
    let bare = Session::new().unwrap();
    assert_eq!(
        tql(&bare, "SELECT 7 / 2 AS x, SUM(ARRAY[1, 2, 3]) AS s, 'a' AS t").await,
        json!({ "x": [3.5], "s": [6.0], "t": ["a"] })
    );
}

#[tokio::test]
async fn relative_paths_are_datasets_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small").to_string_lossy().into_owned();
    let source = dataset("to-disk").await;
    let schema = source.schema().as_ref().clone();
    lakebed::dataset::Dataset::create(&path, schema, Default::default()).await.unwrap();
    let s = Session::new().unwrap();
    let text = format!("SELECT id FROM \"{path}\"");
    assert_eq!(tql(&s, &text).await, json!({ "id": [] }));
}

#[tokio::test]
async fn subqueries_keep_their_order() {
    let s = session("subqueries").await;
    assert_eq!(
        tql(&s, "SELECT id FROM (SELECT id, score ORDER BY id DESC) WHERE id != 3").await,
        json!({ "id": [5, 4, 2, 1] })
    );
    assert_eq!(
        tql(
            &s,
            "SELECT n FROM (SELECT SHAPE(boxes)[0] AS n WHERE id > 1) AS q WHERE q.n > 0 LIMIT 3"
        )
        .await,
        json!({ "n": [2, 1, 3] })
    );
    assert_eq!(
        tql(&s, "SELECT * FROM (SELECT id ORDER BY id LIMIT 3)").await,
        json!({ "id": [1, 2, 3] })
    );
    assert_eq!(
        tql(
            &s,
            "WITH big AS (SELECT id, label WHERE id > 2) SELECT id FROM big WHERE label != 'cat'"
        )
        .await,
        json!({ "id": [3, 5] })
    );
    assert_eq!(
        tql(&s, "SELECT id WHERE id IN (SELECT id FROM dataset WHERE score > 0)").await,
        json!({ "id": [3, 2] })
    );
    assert_eq!(
        tql(&s, "SELECT id WHERE EXISTS (SELECT id FROM dataset AS o WHERE o.id = dataset.id + 3)")
            .await,
        json!({ "id": [1, 2] })
    );
}

#[tokio::test]
async fn joins_come_by_key_and_position() {
    let s = session("joins").await;
    assert_eq!(
        tql(&s, "SELECT a.id AS a, b.id AS b FROM dataset a JOIN dataset b ON a.label = b.label AND a.id < b.id").await,
        json!({ "a": [1, 2], "b": [4, 3] })
    );
    assert_eq!(
        tql(&s, "SELECT a.id AS a, b.id AS b FROM dataset a LEFT JOIN (SELECT id WHERE id > 3) b ON a.id = b.id").await,
        json!({ "a": [1, 2, 3, 4, 5], "b": [null, null, null, 4, 5] })
    );
    assert_eq!(
        tql(&s, "SELECT a.id AS a, b.id AS b FROM (SELECT id WHERE id > 3) a CROSS JOIN (SELECT id WHERE id < 3) b").await,
        json!({ "a": [5, 5, 4, 4], "b": [1, 2, 1, 2] })
    );
    assert_eq!(
        tql(&s, "SELECT id FROM (SELECT id, label) a JOIN (SELECT id, score WHERE score > 0) b USING (id)").await,
        json!({ "id": [2, 3] })
    );
}

#[tokio::test]
async fn set_operations_keep_the_order_of_first_appearance() {
    let s = session("sets").await;
    assert_eq!(
        tql(&s, "SELECT id WHERE id > 3 UNION ALL SELECT id WHERE id > 4").await,
        json!({ "id": [5, 4, 5] })
    );
    assert_eq!(
        tql(&s, "SELECT label UNION SELECT label").await,
        json!({ "label": ["dog", "cat", "bird"] })
    );
    assert_eq!(
        tql(&s, "SELECT id WHERE id > 1 EXCEPT SELECT id WHERE id = 2").await,
        json!({ "id": [3, 5, 4] })
    );
    assert_eq!(
        tql(&s, "SELECT id WHERE id > 1 INTERSECT SELECT id WHERE id < 4 ORDER BY id").await,
        json!({ "id": [2, 3] })
    );
}
