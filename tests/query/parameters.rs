//! Values for `?`, `$1` and `$name`.

use lakebed::engine::Language;
use lakebed::engine::Parameter;
use lakebed::engine::Parameters;
use lakebed::engine::Session;
use serde_json::Value;
use serde_json::json;

use crate::data::session;
use crate::data::table;

async fn ids(session: &Session, text: &str, parameters: &Parameters) -> Value {
    match session.query_with(Language::Tql, text, parameters).await {
        Ok(query) => table(&query).await["id"].clone(),
        Err(error) => panic!("{}", error.render(text)),
    }
}

#[tokio::test]
async fn values_stand_anywhere() {
    let s = session("parameters").await;
    let one = |value: i64| Parameters::new().with(value);
    assert_eq!(ids(&s, "SELECT id WHERE id = ?", &one(3)).await, json!([3]));
    assert_eq!(ids(&s, "SELECT id LIMIT ?", &one(2)).await, json!([3, 1]));
    assert_eq!(ids(&s, "SELECT id SAMPLE BY id = 4 LIMIT ?", &one(2)).await, json!([4, 4]));
    assert_eq!(ids(&s, "SELECT id WHERE id = 2 EXPAND BY ?", &one(1)).await, json!([1, 2, 5]));
    let two = Parameters::new().with(2_i64).with(4_i64);
    assert_eq!(ids(&s, "SELECT id WHERE id BETWEEN ? AND ?", &two).await, json!([3, 2, 4]));
    assert_eq!(ids(&s, "SELECT id WHERE id IN (?, ?)", &two).await, json!([2, 4]));
    assert_eq!(ids(&s, "SELECT id WHERE id > $2 OR id < $1", &two).await, json!([1, 5]));
    // In the order of the text, though LIMIT stands elsewhere in the tree than SAMPLE BY.
    let three = Parameters::new().with(1_i64).with(1_i64).with(4_i64);
    let text = "SELECT id WHERE id > ? ORDER BY id DESC LIMIT ? SAMPLE BY 1 LIMIT ?";
    assert_eq!(ids(&s, text, &three).await, json!([5, 5, 5, 5]));
    let text = Parameters::new().with("a%").with(false);
    assert_eq!(ids(&s, "SELECT id WHERE name LIKE ? OR ?", &text).await, json!([3]));
    let vector = Parameters::new().with(vec![0.0_f32, 0.0, 0.0]);
    assert_eq!(ids(&s, "SELECT id ORDER BY L2_NORM(vec - ?) LIMIT 1", &vector).await, json!([2]));
    let named = Parameters::new().with_named("least", 4_i64);
    assert_eq!(ids(&s, "SELECT id WHERE id >= $least", &named).await, json!([5, 4]));
    let rows = Parameters::new()
        .with(vec![Parameter::from(vec![1_i64, 2]), Parameter::from(vec![3_i64, 4])]);
    assert_eq!(ids(&s, "SELECT SUM(?) AS id LIMIT 1", &rows).await, json!([10]));
}

#[tokio::test]
async fn sql_takes_them_too() {
    let s = session("sql-parameters").await;
    let text = "SELECT id FROM dataset WHERE id < ? ORDER BY id LIMIT ?";
    let two = Parameters::new().with(4_i64).with(2_i64);
    let query = s.query_with(Language::Sql, text, &two).await.unwrap();
    assert_eq!(table(&query).await, json!({ "id": [1, 2] }));
}

#[tokio::test]
async fn a_missing_value_is_named() {
    let s = session("missing-parameters").await;
    for (text, parameters, message) in [
        (
            "SELECT id WHERE id = ?",
            Parameters::new(),
            "parameter 1 has no value: no value was given",
        ),
        (
            "SELECT id WHERE id = ? OR id = ?",
            Parameters::new().with(1_i64),
            "parameter 2 has no value: one value was given",
        ),
        (
            "SELECT id WHERE id = $lest",
            Parameters::new().with_named("least", 1_i64),
            "a value was given for $least",
        ),
    ] {
        let error = s.query_with(Language::Tql, text, &parameters).await.unwrap_err();
        let shown = error.render(text);
        assert!(shown.contains(message) && shown.contains('^'), "{shown}");
    }
}
