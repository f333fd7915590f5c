//! `FROM diff(...)`: what differs between two versions, as rows.

use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::engine::Session;
use serde_json::json;

use crate::data::dataset;
use crate::data::session;
use crate::data::sql;
use crate::data::tql;

async fn run(session: &Session, text: &str) {
    let done = session.execute(Language::Tql, text, &Parameters::new(), None).await;
    done.unwrap_or_else(|error| panic!("{}", error.render(text)));
}

/// Version 2 is as made; a row goes, two change, and two come.
async fn changed(name: &str) -> Session {
    let s = session(name).await;
    run(&s, "DELETE WHERE id = 1").await;
    run(&s, "UPDATE SET score = 7, name = 'x' WHERE id = 2").await;
    run(&s, "UPDATE SET score = 8 WHERE id = 4").await;
    run(&s, "INSERT INTO dataset SELECT * WHERE id > 4 OR id = 3").await;
    s
}

#[tokio::test]
async fn a_difference_is_a_table_in_both_languages() {
    let s = changed("diff").await;
    let text = "SELECT * FROM diff('dataset@2', 'dataset')";
    let all = json!({
        "row_id": [5, 6, 1, 2, 4, 2],
        "change": ["added", "added", "deleted", "changed", "changed", "changed"],
        "column": [null, null, null, "score", "score", "name"],
    });
    assert_eq!(tql(&s, text).await, all);
    assert_eq!(sql(&s, text).await, all);
    let backwards =
        tql(&s, "SELECT row_id, change FROM diff('dataset', 'dataset@2') LIMIT 3").await;
    let first = json!({ "row_id": [1, 5, 6], "change": ["added", "deleted", "deleted"] });
    assert_eq!(backwards, first);
    let none = tql(&s, "SELECT COUNT(*) AS n FROM diff('dataset@3', 'dataset@3')").await;
    assert_eq!(none["n"], json!([0]));
}

#[tokio::test]
async fn a_difference_is_filtered_grouped_and_joined() {
    let s = changed("diff-queries").await;
    let by_column = "SELECT \"column\" AS c, count(*) AS n FROM diff('dataset@2', 'dataset') \
        WHERE change = 'changed' GROUP BY \"column\" ORDER BY c";
    let counted = json!({ "c": ["name", "score"], "n": [1, 2] });
    assert_eq!(sql(&s, by_column).await, counted);
    assert_eq!(tql(&s, by_column).await, counted);
    let values = "SELECT a.id AS id, a.score AS was, b.score AS now \
        FROM diff('dataset@2', 'dataset') AS d \
        JOIN \"dataset@2\" AS a ON d.row_id = a.__row_id \
        JOIN dataset AS b ON d.row_id = b.__row_id \
        WHERE d.\"column\" = 'score' ORDER BY a.id";
    let both = json!({ "id": [2, 4], "was": [2.5, -1.0], "now": [7.0, 8.0] });
    assert_eq!(tql(&s, values).await, both);
    assert_eq!(sql(&s, values).await, both);
    let gone = "SELECT id FROM \"dataset@2\" WHERE __row_id IN \
        (SELECT row_id FROM diff('dataset@2', 'dataset') WHERE change = 'deleted')";
    assert_eq!(tql(&s, gone).await["id"], json!([1]));
    assert_eq!(sql(&s, gone).await["id"], json!([1]));
    // The versions may be parameters, and the rows of a difference choose what is changed.
    let names = Parameters::new().with("dataset@2").with("dataset");
    let text = "SELECT COUNT(*) AS n FROM diff(?, ?) WHERE change = 'added'";
    let query = s.query_with(Language::Tql, text, &names).await.unwrap();
    assert_eq!(crate::data::table(&query).await["n"], json!([2]));
    run(
        &s,
        "DELETE WHERE __row_id IN \
         (SELECT row_id FROM diff('dataset@2', 'dataset') WHERE change = 'added')",
    )
    .await;
    assert_eq!(tql(&s, "SELECT id").await["id"], json!([3, 2, 5, 4]));
}

#[tokio::test]
async fn changes_of_columns_are_rows_too() {
    let s = session("diff-columns").await;
    let main = Dataset::open("mem://query-diff-columns", Options::default()).await.unwrap();
    let added = main.add_column(Column::scalar("size", DType::I64).nullable(), "").await.unwrap();
    let renamed = added.rename_column("name", "title", "").await.unwrap();
    let dropped = renamed.drop_column("vec", "").await.unwrap();
    s.set_current(dropped);
    let text = "SELECT * FROM diff('dataset@2', 'dataset')";
    let columns = json!({
        "row_id": [null, null, null],
        "change": ["column added", "column dropped", "column renamed"],
        "column": ["size", "vec", "title"],
    });
    assert_eq!(tql(&s, text).await, columns);
}

#[tokio::test]
async fn what_cannot_be_compared_is_said() {
    let s = session("diff-wrong").await;
    s.register("other", dataset("diff-other").await);
    for (text, message) in [
        ("SELECT * FROM diff('dataset@2')", "two versions of one dataset"),
        ("SELECT * FROM diff('dataset@2', 3)", "two versions of one dataset"),
        ("SELECT * FROM diff('dataset@2', 'other')", "two datasets"),
        ("SELECT * FROM diff('dataset@9', 'dataset')", "version 9"),
        ("SELECT * FROM differ('dataset@1', 'dataset')", "differ"),
    ] {
        let error = s.tql(text).await.expect_err(text);
        assert!(error.to_string().contains(message), "{text}: {error}");
        let error = s.sql(text).await.expect_err(text);
        assert!(error.to_string().contains(message), "{text}: {error}");
    }
}
