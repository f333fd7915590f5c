//! What GROUP BY of a TQL block has collected, in expressions (rule 17). Groups by `id % 2` hold
//! rows 0, 1 and 3, then rows 2 and 4.

use serde_json::json;

use crate::data::session;
use crate::data::tql;

#[tokio::test]
async fn reductions_look_at_every_element_of_a_group() {
    let s = session("collected-sums").await;
    // Codes: [1, 0], [], [2, 1, 1] and [0], [1].
    assert_eq!(
        tql(&s, "SELECT SUM(labels) AS s, AMAX(labels) AS m, AVG(labels) AS a GROUP BY id % 2")
            .await,
        json!({ "s": [5, 1], "m": [2, 1], "a": [1.0, 0.5] })
    );
    assert_eq!(
        tql(&s, "SELECT ANY(labels = 'Plt') AS y, ALL(labels > 0) AS z GROUP BY id % 2").await,
        json!({ "y": [true, false], "z": [false, false] })
    );
    assert_eq!(
        tql(&s, "SELECT id GROUP BY id % 2 HAVING CONTAINS(labels, 'Plt')").await,
        json!({ "id": [[3, 1, 5]] })
    );
    // Eight numbers a box: two, none, three; one, one.
    assert_eq!(
        tql(&s, "SELECT SUM(boxes > -1) AS n, SUM(boxes[0]) AS first GROUP BY id % 2").await,
        json!({ "n": [20, 8], "first": [13.0, 26.0] })
    );
}

#[tokio::test]
async fn functions_of_elements_keep_the_items() {
    let s = session("collected-items").await;
    assert_eq!(
        tql(&s, "SELECT labels + 1 AS y GROUP BY id % 2").await,
        json!({ "y": [[[2, 1], [], [3, 2, 2]], [[1], [2]]] })
    );
    assert_eq!(
        tql(&s, "SELECT labels = 'WBC' AS y GROUP BY id % 2").await,
        json!({ "y": [[[true, false], [], [false, true, true]], [[false], [true]]] })
    );
    // The key of a row and the sequence of its group meet item by item.
    assert_eq!(
        tql(&s, "SELECT y + 10 * id AS z FROM (SELECT labels AS y, id GROUP BY id % 2)").await,
        json!({ "z": [[[31, 30], [], [52, 51, 51]], [[20], [41]]] })
    );
    assert_eq!(
        tql(&s, "SELECT meta['k'] AS y GROUP BY id % 2").await,
        json!({ "y": [[1, "x", null], [null, 2.5]] })
    );
}

#[tokio::test]
async fn nulls_stay_where_they_are_and_sums_pass_over_them() {
    let s = session("collected-nulls").await;
    let of = |what: &str| format!("SELECT {what} AS y WHERE id != 5 GROUP BY id % 2");
    for (what, expected) in [
        ("score", json!([[0.5, null], [2.5, -1.0]])),
        ("score + 1", json!([[1.5, null], [3.5, 0.0]])),
        ("score > 1", json!([[false, null], [true, false]])),
        ("score[1]", json!([null, -1.0])),
        ("score[1:]", json!([[null], [-1.0]])),
        ("SUM(score)", json!([0.5, 1.5])),
        ("AMAX(score)", json!([0.5, 2.5])),
        ("CONTAINS(score, 0.5)", json!([true, false])),
        ("name = 'alpha'", json!([[true, false], [null, false]])),
        ("name[0]", json!(["alpha", null])),
    ] {
        assert_eq!(tql(&s, &of(what)).await, json!({ "y": expected }), "{what}");
    }
}

#[tokio::test]
async fn groups_of_groups_sum_too() {
    let s = session("collected-nested").await;
    let text = "SELECT SUM(ids) AS y FROM (SELECT id AS ids GROUP BY id % 2) GROUP BY 1";
    assert_eq!(tql(&s, text).await, json!({ "y": [15] }));
}
