//! Class labels and JSON beside texts and numbers, in functions of SQL, in branches and over rows
//! (rules 14, 16, 25 and 26). `meta['k']` is 1, "x", nothing, nothing and 2.5.

use serde_json::json;

use crate::data::session;
use crate::data::tql;

#[tokio::test]
async fn functions_of_texts_read_names_and_what_json_says() {
    let s = session("meeting-texts").await;
    for (what, expected) in [
        ("UPPER(meta['k'])", json!(["1", "X", null, null, "2.5"])),
        ("LENGTH(meta['k'])", json!([1, 1, null, null, 3])),
        ("meta['k'] || '!'", json!(["1!", "x!", null, null, "2.5!"])),
        ("SUBSTRING(meta['k'] FROM 1 FOR 1)", json!(["1", "x", null, null, "2"])),
        ("CAST(meta['k'] AS VARCHAR)", json!(["1", "x", null, null, "2.5"])),
        ("UPPER(label)", json!(["DOG", "CAT", "DOG", "BIRD", "CAT"])),
        ("LENGTH(label)", json!([3, 3, 3, 4, 3])),
        ("label || '-' || id", json!(["dog-3", "cat-1", "dog-2", "bird-5", "cat-4"])),
        ("CONCAT(label, ':', meta['k'])", json!(["dog:1", "cat:x", "dog:", "bird:", "cat:2.5"])),
        ("CAST(label AS VARCHAR)", json!(["dog", "cat", "dog", "bird", "cat"])),
        ("CAST(label AS INT)", json!([1, 0, 1, 2, 0])),
    ] {
        assert_eq!(
            tql(&s, &format!("SELECT {what} AS y")).await,
            json!({ "y": expected }),
            "{what}"
        );
    }
    assert_eq!(
        tql(&s, "SELECT CAST(meta['k'] AS DOUBLE) * 2 AS y WHERE id > 2").await,
        json!({ "y": [2.0, null, 5.0] })
    );
    let query = s.tql("SELECT CAST(meta['k'] AS INT) AS y WHERE id = 1").await.unwrap();
    let refused = query.collect().await.unwrap_err().to_string();
    assert!(refused.contains("'x' is no i32"), "{refused}");
}

#[tokio::test]
async fn branches_have_one_meaning() {
    let s = session("meeting-branches").await;
    for (what, expected) in [
        ("CASE WHEN id > 3 THEN label ELSE 'few' END", json!(["few", "few", "few", "bird", "cat"])),
        ("CASE WHEN id > 3 THEN label ELSE name END", json!(["alpha", "", null, "bird", "cat"])),
        ("CASE WHEN id > 3 THEN label END", json!([null, null, null, "bird", "cat"])),
        ("CASE WHEN id > 3 THEN label ELSE -1 END", json!([-1, -1, -1, 2, 0])),
        ("IF(id > 3, label, 'few')", json!(["few", "few", "few", "bird", "cat"])),
        ("NULLIF(label, 'dog')", json!([null, "cat", null, "bird", "cat"])),
        ("COALESCE(NULLIF(label, 'dog'), 'none')", json!(["none", "cat", "none", "bird", "cat"])),
        ("COALESCE(meta['k'], 0)", json!([1, "x", 0, 0, 2.5])),
        ("COALESCE(meta['k'], 'none')", json!(["1", "x", "none", "none", "2.5"])),
        ("CASE WHEN id > 3 THEN meta['k'] ELSE id END", json!([3, 1, 2, null, 2.5])),
        ("COALESCE(score, 9)", json!([0.5, 9.0, 2.5, "NaN", -1.0])),
    ] {
        let mut answer = tql(&s, &format!("SELECT {what} AS y")).await;
        for value in answer["y"].as_array_mut().unwrap() {
            if value.get("float").is_some() {
                *value = json!("NaN");
            }
        }
        assert_eq!(answer, json!({ "y": expected }), "{what}");
    }
    // A label stays one: it is compared by name, and sorted by class.
    assert_eq!(
        tql(&s, "SELECT y FROM (SELECT NULLIF(label, 'dog') AS y) WHERE y = 'cat'").await,
        json!({ "y": ["cat", "cat"] })
    );
}

#[tokio::test]
async fn over_rows_values_keep_what_they_are() {
    let s = session("meeting-rows").await;
    assert_eq!(
        tql(
            &s,
            "SELECT MAX(label) AS a, MIN(label) AS b, MAX(meta['k']) AS c, MIN(meta['k']) AS d"
        )
        .await,
        json!({ "a": ["bird"], "b": ["cat"], "c": ["x"], "d": [1] })
    );
    // Not as texts, in which 10 comes before 9.
    assert_eq!(
        tql(&s, "SELECT MAX(j) AS m FROM (SELECT TO_JSON(id + 6) AS j)").await,
        json!({ "m": [11] })
    );
    assert_eq!(
        tql(&s, "SELECT label, MAX(meta['k']) AS m GROUP BY label HAVING MAX(meta['k']) > 2").await,
        json!({ "label": [], "m": [] })
    );
    assert_eq!(
        tql(&s, "SELECT ARRAY_AGG(label) AS l, ARRAY_AGG(labels) AS m WHERE id < 4").await,
        json!({
            "l": [["dog", "cat", "dog"]],
            "m": [[["WBC", "RBC"], [], ["RBC"]]]
        })
    );
    assert_eq!(tql(&s, "SELECT SUM(id > 2) AS n, COUNT(*) AS all").await["n"], json!([3]));
    assert_eq!(
        tql(&s, "SELECT SUM(id > 2) OVER () AS n, MAX(label) OVER () AS m WHERE id > 3").await,
        json!({ "n": [2, 2], "m": ["bird", "bird"] })
    );
    assert_eq!(
        tql(&s, "SELECT STRING_AGG(label, '+') AS t WHERE id = 5").await,
        json!({ "t": ["bird"] })
    );
    assert_eq!(tql(&s, "SELECT GREATEST(label, 1) AS g WHERE id = 5").await, json!({ "g": [2] }));
    let text = "SELECT SUM(id + 9223372036854775800) AS s, COUNT(*) AS n";
    let refused = s.tql(text).await.unwrap().collect().await.unwrap_err();
    assert!(refused.to_string().contains("does not fit in 64 bits"), "{refused}");
    // What leaves 64 bits on the way and comes back is no error.
    let text = "SELECT SUM(x) AS s, COUNT(*) AS n FROM (
        (SELECT 9223372036854775807 * (id - 3) AS x WHERE id IN (2, 4)) UNION ALL
        (SELECT 9223372036854775807 * (id - 1) AS x WHERE id = 2))";
    assert_eq!(tql(&s, text).await["s"], json!([9_223_372_036_854_775_807_i64]));
}

#[tokio::test]
async fn what_has_no_meaning_is_refused() {
    let s = session("meeting-refused").await;
    for (text, said) in [
        ("SELECT id WHERE 1 < id < 3", "write ... < id AND id < 3"),
        ("SELECT MAX(vec) AS m", "MAX(AMAX(x))"),
        ("SELECT LENGTH(labels) AS n", "it takes one text a row"),
        ("SELECT UPPER(label) AS n GROUP BY id % 2", "UPPER of `sequence["),
        ("SELECT labels > 0 AND vec > 0 AS y", "differ"),
    ] {
        let error = match s.tql(text).await {
            Ok(query) => query.collect().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.span().is_some(), "{text}: no place");
        assert!(error.render(text).contains(said), "{}", error.render(text));
    }
    // In a condition each side is true or false by itself, by its first element.
    assert_eq!(tql(&s, "SELECT id WHERE labels > 0 AND vec > 0").await, json!({ "id": [3, 4] }));
    assert_eq!(tql(&s, "SELECT id SAMPLE BY 1 LIMIT -1").await, json!({ "id": [] }));
    assert_eq!(
        tql(&s, "SELECT DATA(label, 3) AS a, DATA(vec, 9) AS b WHERE id < 3").await,
        json!({ "a": ["bird", "bird"], "b": [null, null] })
    );
}
