//! Aggregates over rows: SQL blocks in TQL.

use serde_json::json;

use crate::data::session;
use crate::data::tql;

#[tokio::test]
async fn groups_come_in_order_of_first_appearance() {
    let s = session("groups").await;
    assert_eq!(
        tql(&s, "SELECT label, COUNT(*) AS n GROUP BY label").await,
        json!({ "label": ["dog", "cat", "bird"], "n": [2, 2, 1] })
    );
    assert_eq!(
        tql(&s, "SELECT label, COUNT(*) AS n WHERE id != 3 GROUP BY label").await,
        json!({ "label": ["cat", "dog", "bird"], "n": [2, 1, 1] })
    );
    assert_eq!(
        tql(
            &s,
            "SELECT label, MAX(id) AS m, COUNT(score) AS n GROUP BY label ORDER BY m DESC LIMIT 2"
        )
        .await,
        json!({ "label": ["bird", "cat"], "m": [5, 4], "n": [1, 1] })
    );
    assert_eq!(
        tql(&s, "SELECT id % 2 AS odd, COUNT(*), SUM(id) AS s GROUP BY id % 2").await,
        json!({ "odd": [1, 0], "count": [3, 2], "s": [9, 6] })
    );
    assert_eq!(
        tql(&s, "SELECT label, COUNT(*) AS n GROUP BY label HAVING n > 1 AND MIN(id) = 2").await,
        json!({ "label": ["dog"], "n": [2] })
    );
    assert_eq!(
        tql(&s, "SELECT n FROM (SELECT label, COUNT(*) AS n GROUP BY label) WHERE label != 'cat'")
            .await,
        json!({ "n": [2, 1] })
    );
}

#[tokio::test]
async fn whole_tables_aggregate_to_one_row() {
    let s = session("whole").await;
    assert_eq!(
        tql(&s, "SELECT COUNT(*) AS n, MIN(id) AS a, MAX(id) AS b, AVG(id) AS m").await,
        json!({ "n": [5], "a": [1], "b": [5], "m": [3.0] })
    );
    assert_eq!(tql(&s, "SELECT COUNT(*) AS n WHERE id > 9").await, json!({ "n": [0] }));
    assert_eq!(tql(&s, "SELECT COUNT(DISTINCT label) AS n").await, json!({ "n": [3] }));
    assert_eq!(
        tql(&s, "SELECT COUNT(*) FILTER (WHERE score > 0) AS n, SUM(SHAPE(boxes)[0]) AS boxes")
            .await,
        json!({ "n": [2], "boxes": [7] })
    );
}

#[tokio::test]
async fn inside_an_aggregate_avg_reduces_the_sample() {
    let s = session("nested-aggregates").await;
    // Without any aggregate over rows, AVG and SUM stay within the sample.
    assert_eq!(
        tql(&s, "SELECT AVG(images[2:4, 2:4, :]) AS m").await,
        json!({ "m": [10.0, 20.0, null, 40.0, 50.0] })
    );
    assert_eq!(
        tql(&s, "SELECT label, AVG(AVG(images[2:4, 2:4, :])) AS m, COUNT(*) AS n GROUP BY label")
            .await,
        json!({ "label": ["dog", "cat", "bird"], "m": [10.0, 35.0, 40.0], "n": [2, 2, 1] })
    );
}

#[tokio::test]
async fn distinct_rows_come_in_order_of_first_appearance() {
    let s = session("distinct").await;
    assert_eq!(tql(&s, "SELECT DISTINCT label").await, json!({ "label": ["dog", "cat", "bird"] }));
    assert_eq!(
        tql(&s, "SELECT DISTINCT label ORDER BY label DESC LIMIT 2").await,
        json!({ "label": ["bird", "dog"] })
    );
}

#[tokio::test]
async fn several_groupings_at_once() {
    let s = session("grouping-sets").await;
    // By hand; a total comes behind the group that begins with the same row.
    assert_eq!(
        tql(&s, "SELECT label, COUNT(*) AS n GROUP BY ROLLUP(label)").await,
        json!({ "label": ["dog", null, "cat", "bird"], "n": [2, 5, 2, 1] })
    );
    assert_eq!(
        tql(&s, "SELECT label, SUM(id) AS s, COUNT(*) AS n GROUP BY GROUPING SETS ((label), ()) HAVING COUNT(*) > 1 ORDER BY n DESC, s")
            .await,
        json!({ "label": [null, "dog", "cat"], "s": [15, 5, 5], "n": [5, 2, 2] })
    );
    // id % 2 is 1, 1, 0, 1, 0.
    assert_eq!(
        tql(&s, "SELECT label, odd, COUNT(*) AS n FROM (SELECT label, id % 2 AS odd) GROUP BY CUBE(label, odd) ORDER BY n DESC, label, odd LIMIT 3")
            .await,
        json!({ "label": [null, null, null], "odd": [null, 1, 0], "n": [5, 3, 2] })
    );
    assert_eq!(
        tql(&s, "SELECT n FROM (SELECT label, COUNT(*) AS n GROUP BY ROLLUP(label)) WHERE n > 1")
            .await,
        json!({ "n": [2, 5, 2] })
    );
}

#[tokio::test]
async fn qualify_filters_subqueries_too() {
    let s = session("qualify").await;
    let first = "SELECT id, label QUALIFY row_number() OVER (PARTITION BY label ORDER BY id) = 1";
    assert_eq!(tql(&s, &format!("SELECT id FROM ({first})")).await, json!({ "id": [1, 2, 5] }));
    // The rows are counted again, so that positions have no gaps.
    assert_eq!(
        tql(&s, &format!("SELECT id, ROW_NUMBER() AS n FROM ({first}) WHERE ROW_NUMBER() > 0"))
            .await,
        json!({ "id": [2, 5], "n": [0, 1] })
    );
    assert_eq!(
        tql(&s, &format!("SELECT id FROM ({first}) EXPAND BY 1 0")).await,
        json!({ "id": [1, 1, 2, 2, 5] })
    );
    assert_eq!(
        tql(&s, &format!("SELECT id FROM ({first} ORDER BY id DESC LIMIT 2)")).await,
        json!({ "id": [5, 2] })
    );
    assert_eq!(
        tql(&s, &format!("SELECT COUNT(*) AS n WHERE id IN (SELECT id FROM ({first}))")).await,
        json!({ "n": [3] })
    );
    assert_eq!(
        tql(
            &s,
            "SELECT label, COUNT(*) AS n GROUP BY label QUALIFY rank() OVER (ORDER BY COUNT(*)) = 1"
        )
        .await,
        json!({ "label": ["bird"], "n": [1] })
    );
}

#[tokio::test]
async fn windows_keep_every_row() {
    let s = session("windows").await;
    assert_eq!(
        tql(&s, "SELECT id, SUM(id) OVER (PARTITION BY id % 2) AS s").await,
        json!({ "id": [3, 1, 2, 5, 4], "s": [9, 9, 6, 9, 6] })
    );
    assert_eq!(
        tql(&s, "SELECT id, rank() OVER (ORDER BY id) AS r").await,
        json!({ "id": [3, 1, 2, 5, 4], "r": [3, 1, 2, 5, 4] })
    );
}

#[tokio::test]
async fn the_first_of_each_key_stays() {
    let s = session("distinct-on").await;
    assert_eq!(
        tql(&s, "SELECT DISTINCT ON (label) id, label").await,
        json!({ "id": [3, 1, 5], "label": ["dog", "cat", "bird"] })
    );
    assert_eq!(
        tql(&s, "SELECT DISTINCT ON (label) id ORDER BY id DESC LIMIT 2").await,
        json!({ "id": [5, 4] })
    );
    assert_eq!(
        tql(&s, "SELECT id QUALIFY row_number() OVER (PARTITION BY label ORDER BY id) = 1").await,
        json!({ "id": [1, 2, 5] })
    );
}
