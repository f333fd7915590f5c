//! Expressions, conditions and subscripts.

use serde_json::json;

use crate::data::ids;
use crate::data::session;
use crate::data::tql;

#[tokio::test]
async fn a_condition_counts_an_array_by_its_first_element() {
    let s = session("first-element").await;
    assert_eq!(ids(&s, "labels == 'WBC'").await, [3, 4]);
    assert_eq!(ids(&s, "NOT labels == 'WBC'").await, [1, 2, 5]);
    assert_eq!(ids(&s, "ANY(labels == 'WBC')").await, [3, 5, 4]);
    assert_eq!(ids(&s, "ALL(labels == 'WBC')").await, [1, 4]);
    assert_eq!(ids(&s, "ALL_STRICT(labels == 'WBC')").await, [4]);
    assert_eq!(ids(&s, "CONTAINS(labels, 'Plt')").await, [5]);
    assert_eq!(ids(&s, "SHAPE(boxes)[0] > 1").await, [3, 5]);
    assert_eq!(ids(&s, "score").await, [3, 2, 5, 4]);
    assert_eq!(ids(&s, "name").await, [0i64; 0]);
    assert_eq!(ids(&s, "vec").await, [3, 1, 5, 4]);
}

#[tokio::test]
async fn conditions_have_two_values() {
    let s = session("two-values").await;
    assert_eq!(ids(&s, "score > 0").await, [3, 2]);
    assert_eq!(ids(&s, "NOT score > 0").await, [1, 5, 4]);
    assert_eq!(ids(&s, "score != 0.5").await, [2, 5, 4]);
    assert_eq!(ids(&s, "score = score").await, [3, 2, 4]);
    assert_eq!(ids(&s, "name != 'beta'").await, [3, 1, 2, 4]);
    assert_eq!(ids(&s, "NOT name = 'beta'").await, [3, 1, 2, 4]);
    assert_eq!(ids(&s, "id > 1 AND NOT (score > 0 OR label = 'cat')").await, [5]);
    assert_eq!(ids(&s, "id BETWEEN 2 AND 4").await, [3, 2, 4]);
    assert_eq!(ids(&s, "id NOT BETWEEN 2 AND 4").await, [1, 5]);
    assert_eq!(ids(&s, "id IN (1, 5, 9)").await, [1, 5]);
    assert_eq!(ids(&s, "score NOT IN (0.5)").await, [1, 2, 5, 4]);
    assert_eq!(ids(&s, "CASE WHEN score > 0 THEN id = 3 ELSE id = 1 END").await, [3, 1]);
}

#[tokio::test]
async fn arrays_of_unequal_shapes_are_false_in_conditions_and_an_error_elsewhere() {
    let s = session("unequal").await;
    assert_eq!(ids(&s, "vec == ARRAY[1, 2]").await, [0i64; 0]);
    assert_eq!(ids(&s, "NOT vec == ARRAY[1, 2]").await, [3, 1, 2, 5, 4]);
    assert_eq!(ids(&s, "CASE WHEN vec != ARRAY[1, 2] THEN false ELSE id > 3 END").await, [5, 4]);
    assert_eq!(
        tql(&s, "SELECT CASE WHEN vec == ARRAY[1, 2] THEN 1 ELSE 0 END AS y LIMIT 1").await,
        json!({ "y": [0] })
    );
    assert_eq!(
        tql(&s, "SELECT vec == ARRAY[1, 5, 3] AS y, vec[0] == 1 AS z LIMIT 1").await,
        json!({ "y": [[true, false, true]], "z": [true] })
    );
    for text in [
        "SELECT vec == ARRAY[1, 2] AS y",
        "SELECT ANY(vec < ARRAY[[1, 2, 3]]) AS y",
        "SELECT EQUALS(vec, ARRAY[1, 2]) AS y",
        "SELECT id ORDER BY ANY(vec > ARRAY[1, 2])",
    ] {
        let error = match s.tql(text).await {
            Ok(query) => query.collect().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.render(text).contains("differ"), "{text}: {}", error.render(text));
    }
}

#[tokio::test]
async fn null_is_null_or_empty() {
    let s = session("is-null").await;
    assert_eq!(ids(&s, "name IS NULL").await, [1, 2]);
    assert_eq!(ids(&s, "name IS NOT NULL").await, [3, 5, 4]);
    assert_eq!(ids(&s, "labels IS NULL").await, [1]);
    assert_eq!(ids(&s, "score IS NULL").await, [1]);
    assert_eq!(ids(&s, "images IS NULL").await, [2]);
    assert_eq!(ids(&s, "boxes IS NULL").await, [1]);
}

#[tokio::test]
async fn class_labels_compare_by_name_and_by_code() {
    let s = session("labels").await;
    assert_eq!(ids(&s, "label = 'cat'").await, [1, 4]);
    assert_eq!(ids(&s, "label = 1").await, [3, 2]);
    assert_eq!(ids(&s, "label != 'cat'").await, [3, 2, 5]);
    assert_eq!(ids(&s, "label >= 'dog'").await, [3, 2, 5]);
    assert_eq!(ids(&s, "label IN ('bird', 'cat')").await, [1, 5, 4]);
    assert_eq!(
        tql(&s, "SELECT label, labels").await,
        json!({
            "label": ["dog", "cat", "dog", "bird", "cat"],
            "labels": [["WBC", "RBC"], [], ["RBC"], ["Plt", "WBC", "WBC"], ["WBC"]],
        })
    );
}

#[tokio::test]
async fn text_matches_whole_globs() {
    let s = session("glob").await;
    assert_eq!(ids(&s, "name LIKE 'al*'").await, [3]);
    assert_eq!(ids(&s, "name LIKE '%a'").await, [3, 5, 4]);
    assert_eq!(ids(&s, "name ILIKE 'alph?'").await, [3, 4]);
    assert_eq!(ids(&s, "name LIKE '[ab]*'").await, [3, 5]);
    assert_eq!(ids(&s, "name NOT LIKE 'al*'").await, [5, 4]);
    assert_eq!(ids(&s, "NOT name LIKE 'al*'").await, [1, 2, 5, 4]);
    assert_eq!(ids(&s, "CONTAINS(name, 'lph')").await, [3, 4]);
}

#[tokio::test]
async fn subscripts_are_numpys() {
    let s = session("subscripts").await;
    assert_eq!(
        tql(&s, "SELECT vec[0] AS a, vec[-1] AS b, vec[::2] AS c, vec[1:10] AS d, vec[::-1] AS e LIMIT 2").await,
        json!({
            "a": [1.0, 4.0],
            "b": [3.0, 6.0],
            "c": [[1.0, 3.0], [4.0, 6.0]],
            "d": [[2.0, 3.0], [5.0, 6.0]],
            "e": [[3.0, 2.0, 1.0], [6.0, 5.0, 4.0]],
        })
    );
    assert_eq!(
        tql(&s, "SELECT boxes[:, 0] AS x, boxes[..., 3:] AS y, SHAPE(boxes) AS n").await,
        json!({
            "x": [[0.0, 1.0], [], [20.0], [30.0, 31.0, 32.0], [40.0]],
            "y": [[[3.0], [3.0]], [], [[3.0]], [[3.0], [3.0], [3.0]], [[3.0]]],
            "n": [[2, 4], [0, 4], [1, 4], [3, 4], [1, 4]],
        })
    );
    // An index that a row decides, a mask, and positions out of a list.
    assert_eq!(
        tql(&s, "SELECT vec[label] AS v, boxes[boxes[:, 0] > 30, 0] AS w, vec[ARRAY[2, 0]] AS z")
            .await,
        json!({
            "v": [2.0, 4.0, 0.0, -3.0, 0.5],
            "w": [[], [], [], [31.0, 32.0], [40.0]],
            "z": [[3.0, 1.0], [6.0, 4.0], [0.0, 0.0], [-3.0, -1.0], [0.5, 0.5]],
        })
    );
    // Out of range is null where rows are chosen or sorted.
    assert_eq!(ids(&s, "boxes[1, 0] >= 0").await, [3, 5]);
    assert_eq!(
        tql(&s, "SELECT id ORDER BY boxes[0, 0] DESC").await,
        json!({ "id": [4, 5, 2, 3, 1] })
    );
}

#[tokio::test]
async fn an_index_out_of_range_matters_in_rows_that_are_shown() {
    let s = session("shown-rows").await;
    assert_eq!(
        tql(&s, "SELECT boxes[0, 0] AS x WHERE SHAPE(boxes)[0] > 0").await,
        json!({ "x": [0.0, 20.0, 30.0, 40.0] })
    );
    assert_eq!(
        tql(&s, "SELECT boxes[1, 0] AS x ORDER BY SHAPE(boxes)[0] DESC LIMIT 2").await,
        json!({ "x": [31.0, 1.0] })
    );
}

#[tokio::test]
async fn pictures_decode_only_for_functions() {
    let s = session("pictures").await;
    assert_eq!(
        tql(&s, "SELECT images[0:2, 0:2, 0] AS crop, images[-1, -1] AS corner WHERE id > 1").await,
        json!({
            "crop": [[[255, 10], [10, 10]], null, [[255, 40], [40, 40]], [[255, 50], [50, 50]]],
            "corner": [[10, 10, 10], null, [40, 40, 40], [50, 50, 50]],
        })
    );
    assert_eq!(
        tql(&s, "SELECT SHAPE(images) AS s, AMAX(images) AS m WHERE AVG(images[:, :, 1]) > 20")
            .await,
        json!({ "s": [[4, 5, 3], [4, 5, 3]], "m": [255, 255] })
    );
    // The mean of a slice decodes nothing but what it needs; the column alone stays a file.
    let file = tql(&s, "SELECT images LIMIT 1").await;
    assert_eq!(file["images"][0]["format"], json!("png"));
    assert_eq!(file["images"][0]["shape"], json!([4, 5, 3]));
}

#[tokio::test]
async fn arithmetic_is_numpys() {
    let s = session("arithmetic").await;
    assert_eq!(
        tql(&s, "SELECT id / 2 AS half, id % 2 AS odd, -id AS less, id + 1, vec * 2 AS twice, vec - vec[0] AS rest LIMIT 2").await,
        json!({
            "half": [1.5, 0.5],
            "odd": [1, 1],
            "less": [-3, -1],
            "id": [4, 2],
            "twice": [[2.0, 4.0, 6.0], [8.0, 10.0, 12.0]],
            "rest": [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]],
        })
    );
    assert_eq!(
        tql(&s, "SELECT SUM(vec) AS s, AVG(vec) AS m, ABS(vec) AS a, vec == ARRAY[1, 5, 3] AS e, L2_NORM(vec - ARRAY[1, -2, 3]) AS d LIMIT 2").await,
        json!({
            "s": [6.0, 15.0],
            "m": [2.0, 5.0],
            "a": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]],
            "e": [[true, false, true], [false, true, false]],
            // The roots of 16 and of 9 + 49 + 9, in f32.
            "d": [4.0, 8.185352],
        })
    );
}

#[tokio::test]
async fn json_compares_by_value() {
    let s = session("json").await;
    assert_eq!(
        tql(&s, "SELECT meta['k'] AS k, meta['tags'][1] AS t").await,
        json!({ "k": [1, "x", null, null, 2.5], "t": ["b", null, null, null, null] })
    );
    assert_eq!(ids(&s, "meta['k'] = 1").await, [3]);
    assert_eq!(ids(&s, "meta['k'] > 1").await, [4]);
    assert_eq!(ids(&s, "meta['k'] = 'x'").await, [1]);
    assert_eq!(ids(&s, "meta['k'] != 'x'").await, [0i64; 0]);
}

#[tokio::test]
async fn in_looks_into_arrays_and_like_into_sequences() {
    let s = session("in-arrays").await;
    assert_eq!(ids(&s, "id IN (ARRAY[1, 5])").await, [1, 5]);
    assert_eq!(ids(&s, "id IN (ARRAY[1, 5], 2)").await, [1, 2, 5]);
    assert_eq!(ids(&s, "1 IN (labels)").await, [3, 5, 4]);
    assert_eq!(ids(&s, "labels IN ('WBC')").await, [4]);
    assert_eq!(ids(&s, "name LIKE name").await, [3, 5, 4]);
    assert_eq!(
        tql(&s, "SELECT ARRAY['ab', 'b', 'ac'] LIKE 'a*' AS x LIMIT 1").await,
        json!({ "x": [[true, false, true]] })
    );
}

#[tokio::test]
async fn documents_are_cut_and_searched() {
    let s = session("json-parts").await;
    assert_eq!(
        tql(&s, "SELECT meta['tags'][-1:] AS t, CONTAINS(meta, 'k') AS k LIMIT 3").await,
        json!({ "t": [["b"], null, null], "k": [true, true, false] })
    );
}

#[tokio::test]
async fn nothing_has_a_place_of_its_own() {
    let s = session("nothing").await;
    assert_eq!(tql(&s, "SELECT NULL AS n LIMIT 2").await, json!({ "n": [null, null] }));
    assert_eq!(tql(&s, "SELECT NONZERO(id - 3) AS n LIMIT 2").await, json!({ "n": [[], [0]] }));
    let now = tql(&s, "SELECT NOW() AS n").await;
    let moments = now["n"].as_array().unwrap();
    assert!(moments.len() == 5 && moments.iter().all(|moment| moment == &moments[0]));
}
