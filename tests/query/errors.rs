//! Errors show the query with a caret under the part at fault, and say what to do.

use lakebed::engine::Error;
use lakebed::engine::Language;
use lakebed::engine::Session;

use crate::data::session;

async fn shown(session: &Session, language: Language, text: &str) -> String {
    match session.query(language, text).await {
        Ok(query) => match query.collect().await {
            Ok(_) => panic!("{text} has an answer"),
            Err(error) => error.render(text),
        },
        Err(error) => {
            if let Some(span) = error.span() {
                assert!(span.start.line >= 1 && span.start.column >= 1);
            }
            error.render(text)
        }
    }
}

#[tokio::test]
async fn names_that_do_not_exist() {
    let s = session("unknown").await;
    let e = async |text: &str| shown(&s, Language::Tql, text).await;
    insta::assert_snapshot!(e("SELECT imagse, id").await, @r#"
    error: no column 'imagse'
       1 | SELECT imagse, id
         |        ^^^^^^
    hint: did you mean 'images'?
    "#);
    insta::assert_snapshot!(e("SELECT id WHERE labls == 'WBC'").await, @r#"
    error: no column 'labls'
       1 | SELECT id WHERE labls == 'WBC'
         |                 ^^^^^
    hint: did you mean 'labels'?
    "#);
    insta::assert_snapshot!(e("SELECT id WHERE id > 1 ORDER BY scroe").await, @r#"
    error: no column 'scroe'
       1 | SELECT id WHERE id > 1 ORDER BY scroe
         |                                 ^^^^^
    hint: did you mean 'score'?
    "#);
    insta::assert_snapshot!(e("SELECT SHPE(boxes) AS s").await, @r#"
    error: no function SHPE
       1 | SELECT SHPE(boxes) AS s
         |        ^^^^
    hint: did you mean SHAPE?
    "#);
    insta::assert_snapshot!(e("SELECT id WHERE label = 'dgo'").await, @r#"
    error: no class 'dgo': did you mean 'dog'?
       1 | SELECT id WHERE label = 'dgo'
         |                 ^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(e("SELECT id FROM \"mem://nothing\"").await, @r#"
    error: 'mem://nothing' is no dataset: there is no log below it; make one with `lakebed ingest SOURCE mem://nothing` or Dataset::create
       1 | SELECT id FROM "mem://nothing"
         |                ^^^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(e("SELECT id FROM dataset@77").await, @r#"
    error: 'mem://query-unknown' has no version 77: its newest is 2
       1 | SELECT id FROM dataset@77
         |                ^^^^^^^^^^
    "#);
    insta::assert_snapshot!(e("SELECT x.id FROM dataset AS d").await, @r#"
    error: no table 'x' in FROM
       1 | SELECT x.id FROM dataset AS d
         |        ^
    hint: the tables are d
    "#);
    let sql = async |text: &str| shown(&s, Language::Sql, text).await;
    insta::assert_snapshot!(sql("SELECT idd FROM dataset").await, @r#"
    error: no column 'idd'
       1 | SELECT idd FROM dataset
         |        ^^^
    hint: did you mean 'id'?
    "#);
    insta::assert_snapshot!(sql("SELECT id, tensor_shpe(boxes) FROM dataset").await, @r#"
    error: Invalid function 'tensor_shpe'
       1 | SELECT id, tensor_shpe(boxes) FROM dataset
         |            ^^^^^^^^^^^
    hint: Possible function 'tensor_shape'
    "#);
}

#[tokio::test]
async fn types_that_do_not_fit() {
    let s = session("types").await;
    let e = async |text: &str| shown(&s, Language::Tql, text).await;
    insta::assert_snapshot!(e("SELECT id WHERE boxes == 'WBC'").await, @r#"
    error: == of `f32[?,4]` and `text`: they cannot be compared: compare numbers with numbers, text with text, class labels with names or codes
       1 | SELECT id WHERE boxes == 'WBC'
         |                 ^^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(e("SELECT id[0] AS x").await, @r#"
    error: a value of type i64 has no dimensions, so it cannot be sliced
       1 | SELECT id[0] AS x
         |        ^^^^^
    "#);
    insta::assert_snapshot!(e("SELECT boxes[0, 0, 0] AS x").await, @r#"
    error: too many subscripts: 3 for 2 dimensions
       1 | SELECT boxes[0, 0, 0] AS x
         |        ^^^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(e("SELECT vec[3] AS x").await, @r#"
    error: index 3 is out of range for dimension 0 of size 3
       1 | SELECT vec[3] AS x
         |        ^^^^^^
    "#);
    insta::assert_snapshot!(e("SELECT vec[1.5] AS x").await, @r#"
    error: 1.5 is no index: positions are whole numbers
       1 | SELECT vec[1.5] AS x
         |            ^^^
    "#);
    insta::assert_snapshot!(e("SELECT id WHERE id = 'three'").await, @r#"
    error: == of `i64` and `text`: they cannot be compared: compare numbers with numbers, text with text, class labels with names or codes
       1 | SELECT id WHERE id = 'three'
         |                 ^^^^^^^^^^^^
    "#);
    insta::assert_snapshot!(e("SELECT boxes[0] AS first").await, @r#"
    error: column 'boxes', row 1: index 0 is out of range for dimension 0 of size 0
       1 | SELECT boxes[0] AS first
         |        ^^^^^^^^
    "#);
}

#[tokio::test]
async fn rules_of_names_and_groups() {
    let s = session("rules").await;
    let e = async |text: &str| shown(&s, Language::Tql, text).await;
    insta::assert_snapshot!(e("SELECT id + label").await, @r#"
    error: this column needs a name
       1 | SELECT id + label
         |        ^^^^^^^^^^
    hint: add AS name
    "#);
    insta::assert_snapshot!(e("SELECT id, vec AS id").await, @r#"
    error: two columns of the result are named 'id'
       1 | SELECT id, vec AS id
         |                   ^^
    hint: give one of them another name: AS name
    "#);
    insta::assert_snapshot!(e("SELECT SHAPE(boxes)[0] AS n WHERE n > 2").await, @r#"
    error: 'n' is a name that AS gives; WHERE sees the columns of FROM only
       1 | SELECT SHAPE(boxes)[0] AS n WHERE n > 2
         |                                   ^
    hint: repeat the expression, or select from a subquery that names it
    "#);
    insta::assert_snapshot!(e("SELECT label, id, COUNT(*) AS n GROUP BY label").await, @r#"
    error: 'id' in SELECT is neither a key of GROUP BY nor inside an aggregate
       1 | SELECT label, id, COUNT(*) AS n GROUP BY label
         |               ^^
    hint: add it to GROUP BY, or collect its values: ARRAY_AGG(id)
    "#);
    insta::assert_snapshot!(e("SELECT id WHERE COUNT(*) > 1").await, @r#"
    error: COUNT looks at many rows, and here each row is judged alone
       1 | SELECT id WHERE COUNT(*) > 1
         |                 ^^^^^
    hint: write it in SELECT, HAVING or ORDER BY, or filter a subquery
    "#);
    insta::assert_snapshot!(e("SELECT id FROM dataset a JOIN dataset b ON a.id = b.id").await, @r#"
    error: the column 'id' is in 'a' and in 'b'
       1 | SELECT id FROM dataset a JOIN dataset b ON a.id = b.id
         |        ^^
    hint: write a.id or b.id
    "#);
    insta::assert_snapshot!(e("SELECT id LIMIT id").await, @r#"
    error: 'id' is no number of rows
       1 | SELECT id LIMIT id
         |                 ^^
    hint: write a number, such as 10
    "#);
}

#[tokio::test]
async fn a_query_is_one_that_reads() {
    let s = session("reads").await;
    let error = s.tql("SELECT id FROM").await.unwrap_err();
    assert!(matches!(error, Error::Syntax(_)), "{error}");
    assert!(s.sql("DELETE FROM dataset").await.is_err());
}

#[tokio::test]
async fn what_fails_while_rows_are_computed_has_a_place() {
    let s = session("run-time").await;
    for (text, part) in [
        ("SELECT id % 0 AS x", "id % 0"),
        ("SELECT id, vec[id] AS x", "vec[id]"),
        ("SELECT id WHERE id % (id - 2) = 1", "id % (id - 2)"),
        ("SELECT id ORDER BY labels", "labels"),
        (
            "SELECT id ORDER BY COSINE_SIMILARITY(vec, ARRAY[1, 0])",
            "COSINE_SIMILARITY(vec, ARRAY[1, 0])",
        ),
    ] {
        let error = match s.tql(text).await {
            Ok(query) => query.collect().await.unwrap_err(),
            Err(error) => error,
        };
        let span = error.span().unwrap_or_else(|| panic!("{text}: no place: {error}"));
        let at = |column: u64| usize::try_from(column - 1).unwrap();
        let shown = &text[at(span.start.column)..at(span.end.column).min(text.len())];
        // The stretch may leave out brackets, but not miss the part.
        assert!(
            part.contains(shown) && !shown.is_empty(),
            "{text}: '{shown}' of '{part}': {error}"
        );
    }
}

#[tokio::test]
async fn set_operations_go_by_names() {
    let s = session("set-names").await;
    let error = s.tql("SELECT id UNION SELECT score").await.unwrap_err();
    assert_eq!(error.to_string(), "UNION of a column 'id' with a column 'score'");
    assert_eq!(error.help(), Some("if they mean the same, write AS id"));
    let error = s.tql("SELECT 9223372036854775808 AS x").await.unwrap_err();
    assert_eq!(error.to_string(), "9223372036854775808 does not fit into 64 bits with a sign");
}
