//! `__row_id`: what tells a row in every version.

use lakebed::dataset::Compaction;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::engine::Session;
use serde_json::json;

use crate::data::session;
use crate::data::sql;
use crate::data::tql;

async fn run(session: &Session, language: Language, text: &str) -> u64 {
    let done = session.execute(language, text, &Parameters::new(), None).await;
    done.unwrap_or_else(|error| panic!("{}", error.render(text))).rows
}

#[tokio::test]
async fn row_ids_are_named_and_never_shown() {
    let s = session("row-ids").await;
    let all = json!({ "__row_id": [0, 1, 2, 3, 4], "id": [3, 1, 2, 5, 4] });
    assert_eq!(tql(&s, "SELECT __row_id, id").await, all);
    assert_eq!(sql(&s, "SELECT __row_id, id FROM dataset ORDER BY __row_id").await, all);
    let columns = tql(&s, "SELECT * LIMIT 0").await.as_object().unwrap().len();
    assert_eq!(columns, 9);
    for text in [
        "SELECT * FROM dataset WHERE __row_id = 2",
        "SELECT *, __row_id AS row FROM dataset WHERE __row_id BETWEEN 2 AND 2",
        "SELECT dataset.* FROM dataset WHERE dataset.__row_id = 2",
        "SELECT a.* FROM dataset AS a WHERE a.__row_id IN (2, 99)",
    ] {
        for answer in [tql(&s, text).await, sql(&s, text).await] {
            let answer = answer.as_object().unwrap();
            assert_eq!(answer["id"], json!([2]), "{text}");
            assert!(!answer.contains_key("__row_id"), "{text}");
            assert_eq!(answer.len() - usize::from(answer.contains_key("row")), columns, "{text}");
        }
    }
    let inside =
        "SELECT id FROM (SELECT *, __row_id AS r FROM dataset WHERE id > 1) AS t WHERE r > 2";
    assert_eq!(tql(&s, inside).await["id"], json!([5, 4]));
    assert_eq!(sql(&s, inside).await["id"], json!([5, 4]));
    let named = "SELECT a FROM dataset AS t(a, b, c, d, e, f, g, h, i) WHERE __row_id = 3";
    assert_eq!(tql(&s, named).await["a"], json!([5]));
    assert_eq!(sql(&s, named).await["a"], json!([5]));
    let wrong = s.tql("SELECT id FROM (SELECT id FROM dataset) WHERE __row_id = 1").await;
    assert!(wrong.unwrap_err().to_string().contains("__row_id"));
}

#[tokio::test]
async fn row_ids_go_through_every_clause() {
    let s = session("row-id-clauses").await;
    for (text, ids) in [
        ("SELECT __row_id ORDER BY id DESC", json!([3, 4, 0, 2, 1])),
        ("SELECT __row_id WHERE id = 5 EXPAND BY 1", json!([2, 3, 4])),
        ("SELECT __row_id ARRANGE BY label", json!([0, 2, 1, 4, 3])),
        ("SELECT __row_id ORDER BY id LIMIT 40 PERCENT", json!([1, 2])),
        ("SELECT __row_id GROUP BY label", json!([[0, 2], [1, 4], [3]])),
        ("SELECT DISTINCT ON (label) __row_id ORDER BY id", json!([1, 2, 3])),
        ("SELECT __row_id WHERE id < 3 UNION SELECT __row_id WHERE id = 1", json!([1, 2])),
        (
            "WITH t AS (SELECT __row_id WHERE id < 4) SELECT __row_id FROM t WHERE __row_id > 0",
            json!([1, 2]),
        ),
    ] {
        assert_eq!(tql(&s, text).await["__row_id"], ids, "{text}");
    }
    let counted = tql(&s, "SELECT MAX(__row_id) AS m, COUNT(__row_id) AS n").await;
    assert_eq!(counted, json!({ "m": [4], "n": [5] }));
}

#[tokio::test]
async fn versions_are_joined_by_row_ids() {
    let s = session("row-id-joins").await;
    run(&s, Language::Tql, "DELETE WHERE id = 1").await;
    run(&s, Language::Tql, "UPDATE SET score = 7 WHERE id IN (2, 4)").await;
    let was = "\"dataset@2\"";
    let joined = format!(
        "SELECT b.id AS id, a.score AS was, b.score AS now FROM {was} AS a \
         JOIN dataset AS b ON a.__row_id = b.__row_id WHERE b.score = 7 ORDER BY b.id"
    );
    let changed = json!({ "id": [2, 4], "was": [2.5, -1.0], "now": [7.0, 7.0] });
    assert_eq!(tql(&s, &joined).await, changed);
    assert_eq!(sql(&s, &joined).await, changed);
    let using = format!("SELECT a.id AS id FROM {was} AS a JOIN dataset AS b USING (__row_id)");
    assert_eq!(tql(&s, &using).await["id"], json!([3, 2, 5, 4]));
    let gone =
        format!("SELECT id FROM {was} AS a WHERE __row_id NOT IN (SELECT __row_id FROM dataset)");
    assert_eq!(tql(&s, &gone).await["id"], json!([1]));
    assert_eq!(sql(&s, &gone).await["id"], json!([1]));
    // '*' of a join shows both tables, without the ids that join them.
    let star = format!("SELECT * FROM {was} AS a JOIN dataset AS b ON a.__row_id = b.__row_id");
    let shown = s.sql(&star).await.unwrap().schema();
    assert_eq!(shown.fields().len(), 18);
    assert!(shown.fields().iter().all(|field| field.name() != "__row_id"));
    let natural = s.sql(&format!("SELECT a.__row_id FROM {was} AS a NATURAL JOIN dataset")).await;
    assert!(natural.unwrap_err().to_string().contains("NATURAL JOIN"));
}

#[tokio::test]
async fn rows_are_changed_by_their_ids_and_keep_them() {
    let s = session("row-id-changes").await;
    assert_eq!(run(&s, Language::Tql, "DELETE WHERE __row_id IN (0, 3)").await, 2);
    assert_eq!(run(&s, Language::Sql, "UPDATE dataset SET score = 9 WHERE __row_id = 2").await, 1);
    let left = json!({ "__row_id": [1, 2, 4], "score": [null, 9.0, -1.0] });
    assert_eq!(tql(&s, "SELECT __row_id, score").await, left);
    let dataset = Dataset::open("mem://query-row-id-changes", Options::default()).await.unwrap();
    let tidy = Compaction { updates: 1, ..Compaction::default() };
    s.set_current(dataset.compact(&tidy, "", |_, _| {}).await.unwrap());
    assert_eq!(tql(&s, "SELECT __row_id, score").await, left);
    for (condition, ids) in [
        ("__row_id = 4", json!([4])),
        ("__row_id > 1", json!([2, 4])),
        ("__row_id = 3", json!([])),
        ("__row_id <= 1 OR __row_id >= 4", json!([1, 4])),
    ] {
        let text = format!("SELECT __row_id WHERE {condition}");
        assert_eq!(tql(&s, &text).await["__row_id"], ids, "{condition}");
    }
    let bounds = sql(&s, "SELECT min(__row_id) AS a, max(__row_id) AS b FROM dataset").await;
    assert_eq!(bounds, json!({ "a": [1], "b": [4] }));
}

#[tokio::test]
async fn row_ids_cost_nothing_where_unused_and_prune_fragments() {
    let s = session("row-id-plans").await;
    let plan = async |text: &str| {
        let batches = s.tql(&format!("EXPLAIN {text}")).await.unwrap().collect().await.unwrap();
        datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string()
    };
    let without = plan("SELECT id WHERE id = 4").await;
    assert!(!without.contains("__row_id"), "{without}");
    let one = plan("SELECT score WHERE __row_id = 4").await;
    assert!(one.contains("chunks=1 of 2"), "{one}");
    let none = plan("SELECT score WHERE __row_id > 4").await;
    assert!(none.contains("chunks=0 of 2"), "{none}");
}
