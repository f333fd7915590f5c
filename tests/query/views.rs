//! Views: which rows a query chose, by name.

use lakebed::dataset::OpenView;
use lakebed::engine::Executed;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::engine::Session;
use serde_json::json;

use crate::data::session;
use crate::data::sql;
use crate::data::tql;

async fn run(session: &Session, text: &str) -> Executed {
    let done = session.execute(Language::Tql, text, &Parameters::new(), None).await;
    done.unwrap_or_else(|error| panic!("{}", error.render(text)))
}

/// Saves what a query chooses.
async fn saved(session: &Session, language: Language, text: &str, name: &str) -> OpenView {
    let saved = session.save_view(language, text, &Parameters::new(), name, "").await;
    let saved = saved.unwrap_or_else(|error| panic!("{}", error.render(text)));
    saved.view(name).await.unwrap()
}

#[tokio::test]
async fn a_view_is_rows_of_one_version_in_their_order() {
    let s = session("views").await;
    let none = Parameters::new();
    let text = "SELECT name WHERE score > 0 ORDER BY id DESC";
    let saved = s.save_view(Language::Tql, text, &none, "scored", "").await.unwrap();
    assert_eq!((saved.views()["scored"].version, saved.views()["scored"].rows), (2, 2));
    // What happens later is not seen in it.
    run(&s, "DELETE WHERE id = 3").await;
    run(&s, "UPDATE SET score = 100").await;
    let view = "\"mem://query-views@scored\"";
    let rows = tql(&s, &format!("SELECT id, score, images[1, 1, 0] AS p FROM {view}")).await;
    assert_eq!(rows, json!({ "id": [3, 2], "score": [0.5, 2.5], "p": [10, null] }));
    let rows = tql(&s, &format!("SELECT id, ROW_NUMBER() AS n FROM {view} WHERE score > 1")).await;
    assert_eq!(rows["id"], json!([2]));
    let rows = sql(&s, &format!("SELECT sum(id) AS n FROM {view}")).await;
    assert_eq!(rows["n"], json!([5]));
    // Sampling and the like work on what is read of it.
    let rows = tql(&s, &format!("SELECT id FROM {view} SAMPLE BY id REPLACE FALSE LIMIT 2")).await;
    assert_eq!(rows["id"].as_array().unwrap().len(), 2);
    let all = s.save_view(Language::Tql, "SELECT * LIMIT 2 OFFSET 1", &none, "two", "").await;
    assert_eq!(all.unwrap().view("two").await.unwrap().row_ids(), [2, 3]);
    for text in [
        "SELECT label, COUNT(*) AS n GROUP BY label",
        "SELECT MAX(id) AS m",
        "SELECT DISTINCT label",
        "SELECT a.id FROM dataset AS a JOIN dataset AS b ON a.id = b.id",
        "SELECT id FROM (SELECT id WHERE id > 2)",
        "SELECT * UNION SELECT *",
        "SELECT id FROM (SELECT id GROUP BY label) UNGROUP BY SPLIT",
        "SELECT labels UNGROUP BY SPLIT",
    ] {
        let saved = s.save_view(Language::Tql, text, &none, "never", "").await;
        assert!(saved.is_err(), "{text}");
    }
    let refused = s.execute(Language::Tql, &format!("DELETE FROM {view}"), &none, None).await;
    assert!(refused.unwrap_err().to_string().contains("a view is not changed"));
}

#[tokio::test]
async fn every_clause_that_keeps_rows_may_choose_those_of_a_view() {
    let s = session("views-clauses").await;
    for (nth, (text, rows)) in [
        ("SELECT id WHERE id = 5 OR id = 2 EXPAND BY 1", &[1, 2, 3, 2, 3, 4][..]),
        ("SELECT id WHERE id = 5 OR id = 2 EXPAND BY 1 OVERLAP FALSE", &[1, 2, 3, 4]),
        ("SELECT id ARRANGE BY label", &[0, 2, 1, 4, 3]),
        ("SELECT id ORDER BY id LIMIT 50 PERCENT", &[1, 2, 0]),
        ("SELECT DISTINCT ON (label) * ORDER BY id DESC", &[3, 4, 0]),
        ("SELECT *, id * 2 AS twice WHERE id > 2 ORDER BY twice", &[0, 4, 3]),
        ("SELECT * QUALIFY ROW_NUMBER() OVER (PARTITION BY label ORDER BY id) = 1", &[1, 2, 3]),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("v{nth}");
        let view = saved(&s, Language::Tql, text, &name).await;
        assert_eq!(view.row_ids(), rows, "{text}");
        assert_eq!((view.query(), view.weights()), (text, None));
        let shown =
            tql(&s, &format!("SELECT __row_id FROM \"mem://query-views-clauses@{name}\"")).await;
        assert_eq!(shown["__row_id"], json!(rows), "{text}");
    }
    let text = "SELECT DISTINCT ON (label) id FROM dataset ORDER BY label, id";
    assert_eq!(saved(&s, Language::Sql, text, "sql").await.row_ids(), [1, 2, 3]);
}

#[tokio::test]
async fn a_draw_keeps_its_rows_their_order_and_their_weights() {
    let s = session("views-draws").await;
    let draw = "SAMPLE BY MAX_WEIGHT(label == 'dog': 3, id > 4: 2, TRUE: 1)";
    for (name, text) in [
        ("without", format!("SELECT id {draw} REPLACE FALSE")),
        ("some", format!("SELECT id {draw} REPLACE FALSE LIMIT 3")),
        ("with", format!("SELECT id {draw} LIMIT 40")),
        ("named", "SELECT id, id + 1 AS w SAMPLE BY w REPLACE FALSE LIMIT 3".to_string()),
        ("windows", "SELECT *, COUNT(*) OVER (PARTITION BY label) AS n SAMPLE BY n LIMIT 9".into()),
        ("chance", "SELECT id SAMPLE BY RANDOM() + 1 REPLACE FALSE LIMIT 4".to_string()),
    ] {
        let view = saved(&s, Language::Tql, &text, name).await;
        let drawn = tql(&s, &text).await;
        let url = format!("\"mem://query-views-draws@{name}\"");
        let shown = tql(&s, &format!("SELECT id FROM {url}")).await;
        assert_eq!(shown["id"], drawn["id"], "{text}");
        let weights = view.weights().unwrap();
        assert_eq!(weights.len() as u64, view.len());
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{text}: {weights:?}");
        // A row has one weight, however often it was drawn.
        for (row, weight) in view.row_ids().iter().zip(weights) {
            let first = view.row_ids().iter().position(|other| other == row).unwrap();
            assert_eq!(weights[first], *weight, "{text}");
        }
    }
    let of = async |name: &str| {
        let dataset =
            lakebed::dataset::Dataset::open("mem://query-views-draws", Default::default());
        dataset.await.unwrap().view(name).await.unwrap()
    };
    let view = of("without").await;
    let share = [3.0, 1.0, 3.0, 2.0, 1.0];
    for (row, weight) in view.row_ids().iter().zip(view.weights().unwrap()) {
        let wanted = share[usize::try_from(*row).unwrap()] / 10.0;
        assert!((weight - wanted).abs() < 1e-12, "row {row} has {weight}");
    }
    assert_eq!(of("with").await.len(), 40);
}

#[tokio::test]
async fn a_view_of_a_view_is_rows_of_the_dataset() {
    let s = session("views-nested").await;
    saved(&s, Language::Tql, "SELECT * WHERE id <> 3 ORDER BY id DESC", "first").await;
    let text = "SELECT * FROM \"mem://query-views-nested@first\" WHERE id > 1 LIMIT 2";
    let view = saved(&s, Language::Tql, text, "second").await;
    assert_eq!((view.row_ids(), view.version()), (&[3, 4][..], 2));
    let text = "SELECT * FROM \"mem://query-views-nested@first\" ORDER BY id";
    assert_eq!(saved(&s, Language::Sql, text, "third").await.row_ids(), [1, 2, 4, 3]);
}
