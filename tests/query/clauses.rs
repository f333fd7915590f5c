//! TQL's own clauses: sequences a group, windows around matches, draws by weight, arrangement.

use lakebed::engine::Session;
use serde_json::Value;
use serde_json::json;

use crate::data::dataset;
use crate::data::session;
use crate::data::tql;

/// The ids of a result, in order.
async fn ids(session: &Session, text: &str) -> Value {
    tql(session, text).await["id"].clone()
}

async fn refusal(session: &Session, text: &str) -> String {
    match session.tql(text).await {
        Err(error) => error.render(text),
        Ok(query) => match query.collect().await {
            Err(error) => error.render(text),
            Ok(_) => panic!("{text} has an answer"),
        },
    }
}

#[tokio::test]
async fn groups_are_sequences() {
    let s = session("collect").await;
    assert_eq!(
        tql(&s, "SELECT label, id GROUP BY label").await,
        json!({ "label": [["dog", "dog"], ["cat", "cat"], ["bird"]], "id": [[3, 2], [1, 4], [5]] })
    );
    assert_eq!(
        tql(&s, "SELECT label[0] AS l, SHAPE(id)[0] AS n, SUM(id) AS s GROUP BY label").await,
        json!({ "l": ["dog", "cat", "bird"], "n": [2, 2, 1], "s": [5, 5, 5] })
    );
    // ORDER BY and LIMIT choose rows before they are grouped; HAVING chooses groups.
    assert_eq!(ids(&s, "SELECT id GROUP BY label ORDER BY id LIMIT 3").await, json!([[1], [2, 3]]));
    assert_eq!(
        ids(&s, "SELECT id GROUP BY label HAVING SHAPE(id)[0] > 1").await,
        json!([[3, 2], [1, 4]])
    );
    assert_eq!(
        tql(&s, "SELECT SUM(id) AS s GROUP BY label HAVING s = 5 AND label[0] = 'cat'").await,
        json!({ "s": [5] })
    );
    assert_eq!(ids(&s, "SELECT id GROUP BY label, id % 2").await, json!([[3], [2], [1], [4], [5]]));
    assert_eq!(ids(&s, "SELECT id WHERE id > 1 GROUP BY 1").await, json!([[3, 2, 5, 4]]));
    assert_eq!(ids(&s, "SELECT id WHERE id > 9 GROUP BY 1").await, json!([]));
    assert_eq!(ids(&s, "SELECT id GROUP BY meta['k']").await, json!([[3], [1], [2, 5], [4]]));
    // Ragged values and pictures stay values of their own.
    let boxes = tql(&s, "SELECT boxes, images GROUP BY label").await;
    assert_eq!(boxes["boxes"][1], json!([[], [[40.0, 1.0, 2.0, 3.0]]]));
    assert_eq!(boxes["images"].as_array().map(Vec::len), Some(3));
    assert_eq!(
        ids(&s, "SELECT ROW_NUMBER() AS id GROUP BY label ORDER BY id").await,
        json!([0, 1, 2])
    );
    let error = refusal(&s, "SELECT id GROUP BY labels").await;
    assert!(error.contains("one value a row") && error.contains("labels"), "{error}");
}

#[tokio::test]
async fn groups_become_rows_again() {
    let s = session("ungroup").await;
    let grouped = "FROM (SELECT label, id GROUP BY label) UNGROUP BY";
    assert_eq!(
        tql(&s, &format!("SELECT * {grouped} SPLIT")).await,
        json!({
            "label": ["dog", "dog", "cat", "cat", "bird"],
            "id": [3, 2, 1, 4, 5],
            "frame_number": [0, 1, 0, 1, 0]
        })
    );
    assert_eq!(ids(&s, &format!("SELECT id {grouped} 1")).await, json!([[3, 2], [1, 4], [5]]));
    assert_eq!(
        ids(&s, &format!("SELECT id {grouped} 2")).await,
        json!([[3], [2], [1], [4], [5], []])
    );
    assert_eq!(
        ids(&s, &format!("SELECT id {grouped} ARRAY[1, 2]")).await,
        json!([[3], [2], [1, 4]])
    );
    assert_eq!(ids(&s, "SELECT id GROUP BY label UNGROUP BY SPLIT").await, json!([3, 2, 1, 4, 5]));
    let error = refusal(&s, "SELECT vec UNGROUP BY SPLIT").await;
    assert!(error.contains("'vec' is `f32[3]`, not a sequence"), "{error}");
    assert!(error.contains('^'), "{error}");
}

#[tokio::test]
async fn groups_stack_across_space() {
    let s = session("space").await;
    assert_eq!(
        tql(&s, "SELECT vec WHERE label = 'cat' GROUP BY label ACROSS SPACE").await,
        json!({ "vec": [[[4.0, 5.0, 6.0], [0.5, 0.5, 0.5]]] })
    );
    assert_eq!(
        tql(&s, "SELECT MEAN(vec) AS m GROUP BY label ACROSS SPACE").await,
        json!({ "m": [1.0, 2.75, -2.0] })
    );
    let error = refusal(&s, "SELECT boxes GROUP BY label ACROSS SPACE").await;
    assert!(error.contains("shape"), "{error}");
}

#[tokio::test]
async fn windows_open_around_matches() {
    let s = session("expand").await;
    assert_eq!(ids(&s, "SELECT id WHERE id = 2 EXPAND BY 1 1").await, json!([1, 2, 5]));
    assert_eq!(ids(&s, "SELECT id WHERE id = 2 EXPAND BY 0 2").await, json!([2, 5, 4]));
    // One number stands for both sides; windows end where the dataset does.
    assert_eq!(ids(&s, "SELECT id WHERE id = 3 EXPAND BY 1").await, json!([3, 1]));
    let two = "SELECT id WHERE id IN (1, 2) EXPAND BY 1 1";
    assert_eq!(ids(&s, two).await, json!([3, 1, 2, 1, 2, 5]));
    assert_eq!(ids(&s, &format!("{two} OVERLAP false")).await, json!([3, 1, 2, 5]));
    assert_eq!(
        ids(&s, &format!("{two} OVERLAP false ORDER BY id DESC LIMIT 2")).await,
        json!([5, 3])
    );
    assert_eq!(
        tql(&s, "SELECT COUNT(*) AS n WHERE id = 2 EXPAND BY 1 1").await,
        json!({ "n": [3] })
    );
    assert_eq!(ids(&s, "SELECT id WHERE id > 9 EXPAND BY 1").await, json!([]));
}

#[tokio::test]
async fn limits_are_shares_of_the_rows() {
    let s = session("percent").await;
    assert_eq!(ids(&s, "SELECT id LIMIT 50 PERCENT").await, json!([3, 1, 2]));
    assert_eq!(ids(&s, "SELECT id LIMIT 20 PERCENT").await, json!([3]));
    assert_eq!(ids(&s, "SELECT id ORDER BY id LIMIT 40 PERCENT OFFSET 1").await, json!([2, 3]));
    assert_eq!(ids(&s, "SELECT id WHERE id < 3 LIMIT 1 PERCENT").await, json!([1]));
    assert_eq!(ids(&s, "SELECT id LIMIT 200 PERCENT").await, json!([3, 1, 2, 5, 4]));
    assert_eq!(
        tql(&s, "SELECT label, COUNT(*) AS n GROUP BY label LIMIT 34 PERCENT").await,
        json!({ "label": ["dog", "cat"], "n": [2, 2] })
    );
}

#[tokio::test]
async fn rows_are_drawn_by_weight() {
    let s = session("sample").await;
    assert_eq!(ids(&s, "SELECT id SAMPLE BY id = 4 LIMIT 3").await, json!([4, 4, 4]));
    assert_eq!(ids(&s, "SELECT id SAMPLE BY id = 4 REPLACE FALSE LIMIT 3").await, json!([4]));
    let cats =
        ids(&s, "SELECT id SAMPLE BY SUM_WEIGHT(label = 'cat': 1, id = 9: 5) REPLACE FALSE").await;
    assert!(cats == json!([1, 4]) || cats == json!([4, 1]), "{cats}");
    assert_eq!(
        ids(&s, "SELECT id SAMPLE BY 1 LIMIT 300 PERCENT").await.as_array().unwrap().len(),
        15
    );
    assert_eq!(
        tql(&s, "SELECT id, SUM_WEIGHT(id > 1: 2, id > 3: 3) AS s, MAX_WEIGHT(id > 1: 2, id > 3: 3) AS m ORDER BY id").await,
        json!({ "id": [1, 2, 3, 4, 5], "s": [0.0, 2.0, 2.0, 5.0, 5.0], "m": [0.0, 2.0, 2.0, 3.0, 3.0] })
    );
    // After WHERE, ORDER BY and LIMIT.
    let few = ids(&s, "SELECT id WHERE id < 5 ORDER BY id DESC LIMIT 1 SAMPLE BY 1 LIMIT 4").await;
    assert_eq!(few, json!([4, 4, 4, 4]));
    for (weight, reason) in [
        ("0", "no row has a positive weight"),
        ("id - 3", "weights are finite and not negative"),
        ("score", "weights are finite"),
    ] {
        let error = refusal(&s, &format!("SELECT id SAMPLE BY {weight}")).await;
        assert!(error.contains(reason), "{weight}: {error}");
    }
}

#[tokio::test]
async fn chance_depends_on_seed_and_position_only() {
    let texts = [
        "SELECT id, RANDOM() AS r",
        "SELECT id SAMPLE BY id",
        "SELECT id SAMPLE BY id REPLACE FALSE LIMIT 3",
        "SELECT id ORDER BY RANDOM()",
    ];
    let build = |seed, partitions, rows| {
        Session::builder().seed(seed).partitions(partitions).batch_size(rows).build().unwrap()
    };
    for text in texts {
        let mut answers = Vec::new();
        for (seed, partitions, rows) in [(7, 1, 8192), (7, 8, 1), (7, 3, 2), (8, 1, 8192)] {
            let session = build(seed, partitions, rows);
            session
                .set_current(dataset(&format!("chance-{}-{seed}-{partitions}", text.len())).await);
            answers.push(tql(&session, text).await);
        }
        assert_eq!(answers[0], answers[1], "{text}");
        assert_eq!(answers[0], answers[2], "{text}");
        assert_ne!(answers[0], answers[3], "{text}: the seed has no effect");
    }
    let s = session("chance").await;
    let two = tql(
        &s,
        "SELECT RANDOM() AS a, RANDOM() AS b, RANDOM(seed => 5) AS c, RANDOM(seed => 5) AS d",
    )
    .await;
    assert_ne!(two["a"], two["b"]);
    assert_eq!(two["c"], two["d"]);
    let numbers = two["a"].as_array().unwrap();
    assert!(numbers.iter().all(|n| (0..1_i64 << 31).contains(&n.as_i64().unwrap())), "{numbers:?}");
}

#[tokio::test]
async fn equal_rows_stand_together() {
    let s = session("arrange").await;
    assert_eq!(ids(&s, "SELECT id ARRANGE BY label").await, json!([3, 2, 1, 4, 5]));
    assert_eq!(ids(&s, "SELECT id ORDER BY id ARRANGE BY label").await, json!([1, 4, 2, 3, 5]));
    assert_eq!(ids(&s, "SELECT id ARRANGE BY SHAPE(boxes)[0]").await, json!([3, 1, 2, 4, 5]));
    // Whole values, shapes included.
    assert_eq!(ids(&s, "SELECT id ORDER BY id ARRANGE BY vec > 0").await, json!([1, 3, 4, 2, 5]));
    assert_eq!(
        tql(&s, "SELECT id % 2 AS odd, id LIMIT 4 ARRANGE BY odd").await,
        json!({ "odd": [1, 1, 1, 0], "id": [3, 1, 5, 2] })
    );
}

#[tokio::test]
async fn clauses_work_over_joins() {
    let s = session("staged-joins").await;
    let join = "FROM dataset AS a JOIN dataset AS b ON a.label = b.label";
    assert_eq!(
        tql(&s, &format!("SELECT a.label[0] AS l, SUM(b.id) AS s {join} GROUP BY a.label")).await,
        json!({ "l": ["cat", "dog", "bird"], "s": [10, 10, 5] })
    );
    assert_eq!(
        tql(&s, &format!("SELECT a.id AS x, b.id AS y {join} WHERE a.id < b.id ARRANGE BY b.id"))
            .await,
        json!({ "x": [1, 2], "y": [4, 3] })
    );
    assert_eq!(
        tql(
            &s,
            &format!("SELECT a.id AS x, b.id AS y {join} ORDER BY a.id, b.id LIMIT 20 PERCENT")
        )
        .await,
        json!({ "x": [1, 1], "y": [1, 4] })
    );
}

#[tokio::test]
async fn data_is_one_row_as_a_constant() {
    let s = session("data").await;
    assert_eq!(ids(&s, "SELECT id WHERE id > DATA(id, 0)").await, json!([5, 4]));
    assert_eq!(
        tql(&s, "SELECT id, DATA(id, 1) AS one LIMIT 2").await,
        json!({ "id": [3, 1], "one": [1, 1] })
    );
    assert_eq!(
        ids(&s, "SELECT id ORDER BY L2_NORM(vec - DATA(vec, 3)) LIMIT 2").await,
        json!([5, 2])
    );
    let error = refusal(&s, "SELECT DATA(id) AS x").await;
    assert!(error.contains("DATA takes a column and the number of a row"), "{error}");
}
