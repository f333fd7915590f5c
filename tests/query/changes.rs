//! UPDATE, DELETE and INSERT, and what queries see of changed rows, branches and older versions.

use lakebed::dataset::Compaction;
use lakebed::dataset::Dataset;
use lakebed::dataset::Error as DatasetError;
use lakebed::dataset::Options;
use lakebed::dataset::Policy;
use lakebed::engine::Error;
use lakebed::engine::Executed;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::engine::Session;
use serde_json::json;

use crate::data::dataset;
use crate::data::session;
use crate::data::sql;
use crate::data::tql;

async fn run(session: &Session, text: &str) -> Executed {
    let done = session.execute(Language::Tql, text, &Parameters::new(), None).await;
    done.unwrap_or_else(|error| panic!("{}", error.render(text)))
}

async fn run_sql(session: &Session, text: &str) -> Executed {
    let done = session.execute(Language::Sql, text, &Parameters::new(), None).await;
    done.unwrap_or_else(|error| panic!("{}", error.render(text)))
}

#[tokio::test]
async fn updates_give_cells_new_values() {
    let s = session("update").await;
    let done = run(&s, "UPDATE SET score = id * 10, name = name || '!' WHERE label = 'dog'").await;
    assert_eq!((done.rows, done.dataset.version(), done.dataset.num_rows()), (2, 3, 5));
    let all = tql(&s, "SELECT id, score, name").await;
    assert_eq!(all["id"], json!([3, 1, 2, 5, 4]));
    assert_eq!(all["name"], json!(["alpha!", "", null, "beta", "Alpha"]));
    assert_eq!(tql(&s, "SELECT id WHERE score >= 20").await["id"], json!([3, 2]));
    // Statistics of before would refute this, and those of after must not.
    assert_eq!(tql(&s, "SELECT id WHERE score = 30").await["id"], json!([3]));
    assert_eq!(tql(&s, "SELECT MAX(score) AS m WHERE id < 5").await["m"], json!([30.0]));
    assert_eq!(sql(&s, "SELECT count(score) AS n FROM dataset").await["n"], json!([4]));
    // Classes by name, whole tensors of any number type, null.
    run(&s, "UPDATE SET label = 'bird', boxes = [[1, 2, 3, 4]], name = NULL WHERE id = 1").await;
    let row = tql(&s, "SELECT label, boxes, name, score WHERE id = 1").await;
    let one = json!({ "label": ["bird"], "boxes": [[[1.0, 2.0, 3.0, 4.0]]], "name": [null], "score": [null] });
    assert_eq!(row, one);
    assert_eq!(tql(&s, "SELECT id WHERE ANY(boxes[:, 3] = 4)").await["id"], json!([1]));
    assert_eq!(tql(&s, "SELECT id WHERE SHAPE(boxes)[0] = 0").await["id"], json!([]));
    // The version before is as it was.
    let before = tql(&s, "SELECT score FROM \"dataset@2\" WHERE id IN (1, 3)").await;
    assert_eq!(before["score"], json!([0.5, null]));
    // Pictures that were not touched are the same files.
    let same = tql(&s, "SELECT images[1, 1, 0] AS p WHERE id > 2 ORDER BY id").await;
    assert_eq!(same["p"], json!([10, 50, 40]));
}

#[tokio::test]
async fn parts_of_samples_get_new_values() {
    let s = session("parts").await;
    run(&s, "UPDATE SET boxes = [[1, 2, 3, 4], [5, 6, 7, 8]] WHERE id IN (1, 2)").await;
    run(&s, "UPDATE SET boxes[:, 2:] = [30, id], boxes[0, 0] = -1 WHERE id = 2").await;
    let boxes = tql(&s, "SELECT boxes WHERE id IN (1, 2) ORDER BY id").await;
    let whole = json!([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]);
    assert_eq!(boxes["boxes"], json!([whole, [[-1.0, 2.0, 30.0, 2.0], [5.0, 6.0, 30.0, 2.0]]]));
    run_sql(&s, "UPDATE dataset SET boxes[1, 1] = score WHERE id = 2").await;
    let boxes = tql(&s, "SELECT boxes WHERE id = 2").await;
    assert_eq!(boxes["boxes"], json!([[[-1.0, 2.0, 30.0, 2.0], [5.0, 2.5, 30.0, 2.0]]]));
    for (text, says) in [
        ("UPDATE SET boxes[9, 0] = 1 WHERE id = 2", "out of range"),
        ("UPDATE SET boxes[0] = [1, 2, 3] WHERE id = 2", "does not broadcast"),
        ("UPDATE SET boxes[0, 0, 0] = 1 WHERE id = 2", "subscript"),
        ("UPDATE SET name[0] = 'x' WHERE id = 2", "numbers"),
    ] {
        let failed = s.execute(Language::Tql, text, &Parameters::new(), None).await.unwrap_err();
        let shown = failed.render(text);
        assert!(shown.contains(says), "{text}: {shown}");
    }
}

#[tokio::test]
async fn nothing_of_a_value_is_lost_on_the_way_to_its_column() {
    let s = session("lossless").await;
    for (text, says) in [
        ("UPDATE SET id = 1.5 WHERE id = 1", "column 'id': 1.5 is not i64"),
        ("UPDATE SET id = id / 2.0 WHERE id IN (1, 4)", "0.5 is not i64"),
        ("INSERT INTO dataset (id) VALUES (7.9)", "7.9 is not i64"),
        ("UPDATE SET label = 99 WHERE id = 1", "column 'label': no class has code 99: there are 3"),
        ("UPDATE SET labels = [0, 7] WHERE id = 2", "no class has code 7"),
        ("UPDATE SET labels[0] = 9 WHERE id = 3", "no class has code 9"),
        ("UPDATE SET label = 'wolf' WHERE id = 1", "wolf"),
    ] {
        let failed = s.execute(Language::Tql, text, &Parameters::new(), None).await.unwrap_err();
        let shown = failed.render(text);
        assert!(shown.contains(says), "{text}: {shown}");
    }
    let version = s.current().unwrap().version();
    run(&s, "UPDATE SET id = id * 2.0, label = 2, labels = [0, 2] WHERE id = 4").await;
    assert_eq!(s.current().unwrap().version(), version + 1);
    let row = tql(&s, "SELECT id, label WHERE id = 8").await;
    assert_eq!(row, json!({ "id": [8], "label": ["bird"] }));
}

#[tokio::test]
async fn class_names_stand_for_codes_in_arrays_too() {
    let s = session("update-names").await;
    run(&s, "UPDATE SET labels = ['Plt', 'RBC'] WHERE id = 1").await;
    run(&s, "UPDATE SET labels[0] = 'Plt' WHERE id = 2").await;
    assert_eq!(
        tql(&s, "SELECT labels WHERE id IN (1, 2)").await,
        json!({ "labels": [["Plt", "RBC"], ["Plt"]] })
    );
    for (text, says) in [
        ("UPDATE SET labels = ['Plt', 'cell'] WHERE id = 1", "cell"),
        ("UPDATE SET labels[0] = 'cell' WHERE id = 2", "cell"),
        ("UPDATE SET labels = 'Plt' WHERE id = 1", "as an array"),
    ] {
        let failed = s.execute(Language::Tql, text, &Parameters::new(), None).await.unwrap_err();
        assert!(failed.render(text).contains(says), "{text}: {}", failed.render(text));
    }
}

#[tokio::test]
async fn parts_of_pictures_are_changed_without_loss() {
    let s = session("update-pictures").await;
    run(&s, "UPDATE SET images[0:2, 1:3, :] = 7, images[3, 4, 0] = id WHERE id IN (3, 2)").await;
    // The picture of row 0 is of 10 but for its red corner; row 2 has none, and keeps none.
    assert_eq!(
        tql(
            &s,
            "SELECT SUM(images) AS s, images[0, :, 0] AS line, images[3, 4] AS last WHERE id = 3"
        )
        .await,
        json!({
            "s": [255 + 590 - 12 * 3 + (3 - 10)],
            "line": [[255, 7, 7, 10, 10]],
            "last": [[3, 10, 10]]
        })
    );
    assert_eq!(tql(&s, "SELECT images WHERE id = 2").await, json!({ "images": [null] }));
    assert_eq!(
        tql(&s, "SELECT SUM(images) AS s WHERE id = 1").await,
        json!({ "s": [255 + 20 * 59] })
    );
}

#[tokio::test]
async fn deleted_rows_are_gone_and_positions_follow() {
    let s = session("delete").await;
    let done = run(&s, "DELETE WHERE id IN (1, 5)").await;
    assert_eq!((done.rows, done.dataset.num_rows()), (2, 3));
    assert_eq!(
        tql(&s, "SELECT id, ROW_NUMBER() AS n").await,
        json!({ "id": [3, 2, 4], "n": [0, 1, 2] })
    );
    assert_eq!(
        sql(&s, "SELECT count(*) AS n, count(meta) AS m FROM dataset").await,
        json!({ "n": [3], "m": [3] })
    );
    assert_eq!(tql(&s, "SELECT id ORDER BY score DESC LIMIT 1").await["id"], json!([2]));
    assert_eq!(tql(&s, "SELECT id LIMIT 1 OFFSET 2").await["id"], json!([4]));
    let wide = tql(&s, "SELECT boxes, images[0, 0, 1] AS p ORDER BY id DESC LIMIT 2").await;
    assert_eq!(wide["p"], json!([50, 10]));
    assert_eq!(run(&s, "DELETE WHERE id = 1").await.rows, 0, "it is gone already");
    assert_eq!(run(&s, "DELETE").await.rows, 3);
    assert_eq!(tql(&s, "SELECT id").await["id"], json!([]));
}

#[tokio::test]
async fn rows_are_inserted_from_queries_and_values() {
    let s = session("insert").await;
    s.register("more", dataset("insert-more").await);
    let done = run(&s, "INSERT INTO dataset SELECT * FROM more WHERE id > 3").await;
    assert_eq!((done.rows, done.dataset.num_rows()), (2, 7));
    assert_eq!(tql(&s, "SELECT id").await["id"], json!([3, 1, 2, 5, 4, 5, 4]));
    assert_eq!(tql(&s, "SELECT COUNT(images) AS n").await["n"], json!([6]));
    let text = "INSERT INTO dataset (id, label, labels, boxes, vec) \
        SELECT id + 100, 'cat' AS c, labels, boxes[0:1], vec * 2 WHERE id = 3";
    assert_eq!(run(&s, text).await.rows, 1);
    let row = tql(&s, "SELECT label, boxes, vec, name WHERE id = 103").await;
    assert_eq!(row["vec"], json!([[2.0, 4.0, 6.0]]));
    assert_eq!(row["boxes"], json!([[[0.0, 1.0, 2.0, 3.0]]]));
    assert_eq!((&row["label"], &row["name"]), (&json!(["cat"]), &json!([null])));
}

#[tokio::test]
async fn sql_changes_rows_too() {
    let s = session("sql-changes").await;
    run_sql(&s, "UPDATE dataset SET name = upper(name), score = score + 1 WHERE name LIKE 'al%'")
        .await;
    assert_eq!(
        sql(&s, "SELECT name FROM dataset WHERE score = 1.5").await["name"],
        json!(["ALPHA"])
    );
    assert_eq!(run_sql(&s, "DELETE FROM dataset WHERE id BETWEEN 2 AND 3").await.rows, 2);
    assert_eq!(sql(&s, "SELECT id FROM dataset ORDER BY id").await["id"], json!([1, 4, 5]));
    let done = run_sql(&s, "INSERT INTO dataset SELECT * FROM dataset WHERE id = 4").await;
    assert_eq!((done.rows, done.dataset.num_rows()), (1, 4));
}

#[tokio::test]
async fn what_cannot_be_done_is_said_with_its_place() {
    let s = session("wrong-changes").await;
    for (text, message) in [
        ("UPDATE SET scores = 1", "no column 'scores'"),
        ("UPDATE SET score = 'high'", "column 'score'"),
        ("UPDATE SET label = 'horse'", "horse"),
        ("UPDATE SET boxes = [1, 2, 3, 4]", "column 'boxes'"),
        ("UPDATE SET vec = [[1, 2, 3]]", "column 'vec'"),
        ("UPDATE SET vec = [1, 2]", "column 'vec'"),
        ("UPDATE SET id = 1e300", "column 'id'"),
        ("UPDATE SET id = nothing", "nothing"),
        ("DELETE WHERE nothing > 1", "nothing"),
        ("INSERT INTO dataset (id) SELECT id, name", "2 values are given for 1 columns"),
        ("INSERT INTO dataset (id) SELECT id", "is missing"),
    ] {
        let done = s.execute(Language::Tql, text, &Parameters::new(), None).await;
        let error = done.expect_err(text);
        assert!(error.to_string().contains(message), "{text}: {error}");
    }
    assert_eq!(tql(&s, "SELECT COUNT(*) AS n").await["n"], json!([5]), "nothing was committed");
    let alone = Session::new().unwrap();
    let done = alone.execute(Language::Tql, "DELETE", &Parameters::new(), None).await;
    assert!(done.unwrap_err().to_string().contains("no current dataset"));
    let query = s.tql("UPDATE SET id = 1").await.unwrap_err();
    assert!(query.help().is_some_and(|help| help.contains("execute")), "{query}");
}

#[tokio::test]
async fn what_was_read_must_not_have_changed() {
    let first = session("conflict").await;
    let second = session_of("query-conflict").await;
    run(&first, "UPDATE SET score = 9 WHERE id = 3").await;
    // The second session still sees the version before.
    let text = "UPDATE SET name = 'low' WHERE score < 1";
    let done = second.execute(Language::Tql, text, &Parameters::new(), None).await;
    match done.unwrap_err() {
        Error::Dataset { source, .. } => {
            let DatasetError::Conflict { reason, .. } = *source else { panic!("{source}") };
            assert!(reason.contains("id 0") && reason.contains("'score'"), "{reason}");
        }
        other => panic!("{other}"),
    }
    // Other columns and other rows go together.
    let third = session_of("query-conflict@2").await;
    run(&third, "UPDATE SET name = 'x' WHERE id = 1").await;
    assert_eq!(
        tql(&third, "SELECT score, name WHERE id IN (3, 1)").await,
        json!({ "score": [9.0, null], "name": ["alpha", "x"] })
    );
}

async fn session_of(place: &str) -> Session {
    let session = Session::new().unwrap();
    let dataset = Dataset::open(&format!("mem://{place}"), Options::default()).await.unwrap();
    session.set_current(dataset);
    session
}

#[tokio::test]
async fn branches_are_changed_apart_joined_and_merged() {
    let s = session("branches").await;
    let main = Dataset::open("mem://query-branches", Options::default()).await.unwrap();
    main.branch("fix", "").await.unwrap();
    let url = "\"mem://query-branches@fix\"";
    let done = run(&s, &format!("UPDATE {url} SET score = 7 WHERE id = 1")).await;
    assert_eq!(done.dataset.branch_name(), "fix");
    run(&s, &format!("DELETE FROM {url} WHERE id = 4")).await;
    run(&s, "UPDATE SET name = 'gamma' WHERE id = 1").await;
    let text = "SELECT a.id AS id, a.score AS was, b.score AS is \
        FROM \"mem://query-branches@main\" AS a JOIN \"mem://query-branches@fix\" AS b ON a.id = b.id \
        WHERE a.id < 3 ORDER BY a.id";
    let both = json!({ "id": [1, 2], "was": [null, 2.5], "is": [7.0, 2.5] });
    assert_eq!(tql(&s, text).await, both);
    let main = main.refresh().await.unwrap();
    let merged = main.merge("fix", Policy::Fail, "").await.unwrap();
    let tidy = Compaction { updates: 1, ..Compaction::default() };
    for dataset in [merged.clone(), merged.compact(&tidy, "", |_, _| {}).await.unwrap()] {
        s.set_current(dataset);
        let rows = tql(&s, "SELECT id, name WHERE score = 7 OR id = 4").await;
        assert_eq!(rows, json!({ "id": [1], "name": ["gamma"] }));
        assert_eq!(tql(&s, "SELECT id").await["id"], json!([3, 1, 2, 5]));
    }
}
