//! Which rows come, in which order, under which names.

use lakebed::engine::Session;
use serde_json::json;

use crate::data::dataset;
use crate::data::session;
use crate::data::sql;
use crate::data::table;
use crate::data::tql;

#[tokio::test]
async fn rows_come_in_position_order_whatever_the_partitions() {
    let dataset = dataset("positions").await;
    for partitions in [1, 2, 8] {
        for batch in [1, 8192] {
            let s = Session::builder().partitions(partitions).batch_size(batch).build().unwrap();
            s.set_current(dataset.clone());
            assert_eq!(tql(&s, "SELECT id").await, json!({ "id": [3, 1, 2, 5, 4] }));
            assert_eq!(tql(&s, "SELECT id WHERE id > 1").await, json!({ "id": [3, 2, 5, 4] }));
            assert_eq!(
                tql(&s, "SELECT id WHERE id > 1 LIMIT 2 OFFSET 1").await,
                json!({ "id": [2, 5] })
            );
        }
    }
}

#[tokio::test]
async fn nulls_come_first_ascending_and_nan_last() {
    let s = session("nulls-first").await;
    assert_eq!(tql(&s, "SELECT id ORDER BY score").await, json!({ "id": [1, 4, 3, 2, 5] }));
    assert_eq!(tql(&s, "SELECT id ORDER BY score DESC").await, json!({ "id": [5, 2, 3, 4, 1] }));
    assert_eq!(
        tql(&s, "SELECT id ORDER BY score NULLS LAST").await,
        json!({ "id": [4, 3, 2, 5, 1] })
    );
}

#[tokio::test]
async fn the_sign_of_a_nan_does_not_show() {
    let s = session("nan-signs").await;
    // A minus in front of NaN sets its sign, and Arrow sorts such a NaN before every number.
    assert_eq!(tql(&s, "SELECT id ORDER BY -score").await, json!({ "id": [1, 2, 3, 4, 5] }));
    assert_eq!(
        tql(&s, "SELECT id WHERE id > 1 ORDER BY -score * 1 DESC").await,
        json!({ "id": [5, 4, 3, 2] })
    );
    assert_eq!(
        tql(&s, "SELECT DISTINCT ON (CASE WHEN id > 3 THEN -(score - score) ELSE score - score END) id WHERE id > 2")
            .await,
        json!({ "id": [3, 5, 4] })
    );
}

#[tokio::test]
async fn ties_fall_by_position_in_the_direction_of_the_last_key() {
    let s = session("ties").await;
    assert_eq!(tql(&s, "SELECT id ORDER BY label").await, json!({ "id": [1, 4, 3, 2, 5] }));
    assert_eq!(tql(&s, "SELECT id ORDER BY label DESC").await, json!({ "id": [5, 2, 3, 4, 1] }));
    assert_eq!(
        tql(&s, "SELECT id ORDER BY label, id DESC").await,
        json!({ "id": [4, 1, 3, 2, 5] })
    );
    assert_eq!(tql(&s, "SELECT id ORDER BY 1").await, json!({ "id": [3, 1, 2, 5, 4] }));
    assert_eq!(tql(&s, "SELECT id ORDER BY 1 DESC").await, json!({ "id": [4, 5, 2, 1, 3] }));
}

#[tokio::test]
async fn order_by_sees_the_source_first_and_aliases_second() {
    let s = session("aliases").await;
    assert_eq!(
        tql(&s, "SELECT 0 - id AS id ORDER BY id LIMIT 3").await,
        json!({ "id": [-1, -2, -3] })
    );
    assert_eq!(
        tql(&s, "SELECT id, 0 - id AS less ORDER BY less LIMIT 2").await,
        json!({ "id": [5, 4], "less": [-5, -4] })
    );
    assert_eq!(
        tql(&s, "SELECT id, SHAPE(boxes)[0] AS n ORDER BY n + 1 DESC, id LIMIT 2").await,
        json!({ "id": [5, 3], "n": [3, 2] })
    );
}

#[tokio::test]
async fn limits_are_whole_and_not_negative() {
    let s = session("limits").await;
    assert_eq!(tql(&s, "SELECT id LIMIT 2.7").await, json!({ "id": [3, 1] }));
    assert_eq!(tql(&s, "SELECT id LIMIT -1").await, json!({ "id": [] }));
    assert_eq!(tql(&s, "SELECT id OFFSET 3").await, json!({ "id": [5, 4] }));
    assert_eq!(tql(&s, "SELECT id OFFSET 9").await, json!({ "id": [] }));
    assert_eq!(tql(&s, "SELECT id LIMIT ALL").await, json!({ "id": [3, 1, 2, 5, 4] }));
}

#[tokio::test]
async fn columns_are_named_by_their_only_column() {
    let s = session("names").await;
    let names = async |text: &str| -> Vec<String> {
        let query = s.tql(text).await.unwrap_or_else(|error| panic!("{}", error.render(text)));
        query.schema().fields().iter().map(|field| field.name().clone()).collect()
    };
    assert_eq!(names("SELECT id + 1, boxes[:, 0], SHAPE(vec)[0]").await, ["id", "boxes", "vec"]);
    assert_eq!(names("SELECT COUNT(*), MAX(id)").await, ["count", "max"]);
    assert_eq!(
        names("SELECT *, id * 2 AS id").await,
        ["score", "label", "labels", "name", "meta", "boxes", "vec", "images", "id"]
    );
    assert_eq!(names("SELECT * EXCLUDE (images, vec, boxes, meta)").await.len(), 5);
}

#[tokio::test]
async fn row_number_counts_the_source_in_where_and_the_result_in_select() {
    let s = session("row-number").await;
    assert_eq!(
        tql(&s, "SELECT id, ROW_NUMBER() AS n WHERE ROW_NUMBER() >= 2").await,
        json!({ "id": [2, 5, 4], "n": [0, 1, 2] })
    );
    assert_eq!(
        tql(&s, "SELECT id, ROW_NUMBER() AS n ORDER BY id LIMIT 2 OFFSET 1").await,
        json!({ "id": [2, 3], "n": [0, 1] })
    );
    assert_eq!(
        tql(&s, "SELECT id, ROW_NUMBER() AS n OFFSET 3").await,
        json!({ "id": [5, 4], "n": [0, 1] })
    );
    assert_eq!(
        tql(&s, "SELECT id ORDER BY ROW_NUMBER() DESC LIMIT 2").await,
        json!({ "id": [4, 5] })
    );
    assert_eq!(
        tql(&s, "SELECT id FROM (SELECT id WHERE id > 1 ORDER BY id) WHERE ROW_NUMBER() = 1").await,
        json!({ "id": [3] })
    );
}

#[tokio::test]
async fn a_query_runs_again_with_the_same_rows() {
    let s = session("again").await;
    let query = s.tql("SELECT id ORDER BY score DESC LIMIT 2").await.unwrap();
    assert_eq!(table(&query).await, table(&query).await);
}

#[tokio::test]
async fn documents_sort_by_kind_and_value() {
    let s = session("json-order").await;
    assert_eq!(tql(&s, "SELECT id ORDER BY meta['k']").await, json!({ "id": [2, 5, 3, 4, 1] }));
    assert_eq!(
        tql(&s, "SELECT id ORDER BY meta['k'] DESC").await,
        json!({ "id": [1, 4, 3, 5, 2] })
    );
    // Objects are all alike, so that positions decide.
    assert_eq!(tql(&s, "SELECT id ORDER BY meta").await, json!({ "id": [5, 3, 1, 2, 4] }));
}

#[tokio::test]
async fn a_constant_index_beyond_a_fixed_size_is_null_in_conditions() {
    let s = session("beyond").await;
    // [1, 1] has no row 1, whatever the other index is.
    let beyond = "SUM(boxes, keepdims => true)[1, 0 * id] == 0";
    assert_eq!(tql(&s, &format!("SELECT id WHERE {beyond}")).await, json!({ "id": [] }));
    let all = json!({ "id": [3, 1, 2, 5, 4] });
    assert_eq!(tql(&s, &format!("SELECT id WHERE NOT ({beyond})")).await, all);
    assert!(s.tql("SELECT SUM(boxes, keepdims => true)[1, 0 * id] AS x").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_computed_after_a_sort_keeps_its_order() {
    // Batches of one row are many to the planner, which deals them out to all partitions.
    let s = Session::builder().partitions(8).batch_size(1).build().unwrap();
    s.set_current(dataset("computed-late").await);
    let flat = |answer: serde_json::Value| answer["id"].clone();
    for _ in 0..100 {
        for (text, expected) in [
            ("SELECT images[0:2] AS x, id LIMIT 3", json!([3, 1, 2])),
            ("SELECT images[0:2] AS x, id ORDER BY id DESC LIMIT 4", json!([5, 4, 3, 2])),
            ("SELECT SUM(images) AS x, id ORDER BY score", json!([1, 4, 3, 2, 5])),
        ] {
            assert_eq!(flat(tql(&s, text).await), expected, "{text}");
        }
        let text = "SELECT tensor_sum(images) AS x, id FROM dataset ORDER BY id DESC LIMIT 4";
        assert_eq!(flat(sql(&s, text).await), json!([5, 4, 3, 2]), "{text}");
    }
}
