//! UNION, INTERSECT and EXCEPT: by value and distinct; whole rows of one dataset by row.

use serde_json::json;

use crate::data::session;
use crate::data::tql;

#[tokio::test]
async fn whole_rows_are_sets_of_rows() {
    let s = session("row-sets").await;
    for (text, ids) in [
        ("SELECT * WHERE id > 2 UNION SELECT * WHERE id < 4", json!([3, 1, 2, 5, 4])),
        ("SELECT * WHERE id < 4 UNION ALL SELECT * WHERE id > 2", json!([3, 1, 2, 3, 5, 4])),
        ("SELECT * INTERSECT SELECT * WHERE id > 3", json!([5, 4])),
        ("SELECT * EXCEPT SELECT * WHERE id > 3", json!([3, 1, 2])),
        ("(SELECT * ORDER BY id LIMIT 2) UNION (SELECT * WHERE id = 5)", json!([1, 2, 5])),
        ("SELECT * WHERE id = 1 UNION SELECT * WHERE id = 3 ORDER BY id", json!([1, 3])),
    ] {
        let answer = tql(&s, text).await;
        assert_eq!(answer["id"], ids, "{text}");
        assert_eq!(answer["images"].as_array().unwrap().len(), ids.as_array().unwrap().len());
    }
}

#[tokio::test]
async fn values_are_sets_unless_all() {
    let s = session("value-sets").await;
    for (text, labels) in [
        ("SELECT label UNION SELECT label", json!(["dog", "cat", "bird"])),
        ("SELECT label WHERE id < 4 INTERSECT SELECT label", json!(["dog", "cat"])),
        ("SELECT label WHERE id < 4 INTERSECT ALL SELECT label", json!(["dog", "cat", "dog"])),
        ("SELECT label EXCEPT SELECT label WHERE id < 4", json!(["bird"])),
        ("SELECT label EXCEPT ALL SELECT label WHERE id < 4", json!(["bird", "cat"])),
    ] {
        assert_eq!(tql(&s, text).await["label"], labels, "{text}");
    }
    // Tensors are values too.
    assert_eq!(
        tql(&s, "SELECT SHAPE(boxes) AS n EXCEPT ALL SELECT SHAPE(boxes) AS n WHERE id = 2").await,
        json!({ "n": [[2, 4], [0, 4], [3, 4], [1, 4]] })
    );
}

/// What the scan computes of each branch keeps the order of branches and rows.
#[tokio::test]
async fn parts_of_columns_are_united_in_order() {
    let s = session("part-sets").await;
    for (text, wanted) in [
        (
            "(SELECT SHAPE(boxes)[0] AS y) UNION ALL (SELECT SHAPE(boxes)[0] AS y)",
            json!([2, 0, 1, 3, 1, 2, 0, 1, 3, 1]),
        ),
        ("(SELECT SHAPE(boxes)[0] AS y) UNION (SELECT id AS y)", json!([2, 0, 1, 3, 5, 4])),
        (
            "SELECT y FROM ((SELECT boxes[0:1, 0] AS y WHERE id != 1) UNION (SELECT boxes[1:2, 0] AS y WHERE id = 3))",
            json!([[0.0], [20.0], [30.0], [40.0], [1.0]]),
        ),
        ("SELECT DISTINCT 5 AS y", json!([5])),
        ("SELECT DISTINCT -3 AS y", json!([-3])),
    ] {
        assert_eq!(tql(&s, text).await["y"], wanted, "{text}");
    }
}
