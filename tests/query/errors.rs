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
    insta::assert_snapshot!(e("SELECT imagse, id").await, @"");
    insta::assert_snapshot!(e("SELECT id WHERE labls == 'WBC'").await, @"");
    insta::assert_snapshot!(e("SELECT id WHERE id > 1 ORDER BY scroe").await, @"");
    insta::assert_snapshot!(e("SELECT SHPE(boxes) AS s").await, @"");
    insta::assert_snapshot!(e("SELECT id WHERE label = 'dgo'").await, @"");
    insta::assert_snapshot!(e("SELECT id FROM \"mem://nothing\"").await, @"");
    insta::assert_snapshot!(e("SELECT id FROM dataset@77").await, @"");
    insta::assert_snapshot!(e("SELECT x.id FROM dataset AS d").await, @"");
    let sql = async |text: &str| shown(&s, Language::Sql, text).await;
    insta::assert_snapshot!(sql("SELECT idd FROM dataset").await, @"");
    insta::assert_snapshot!(sql("SELECT id, tensor_shpe(boxes) FROM dataset").await, @"");
}

#[tokio::test]
async fn types_that_do_not_fit() {
    let s = session("types").await;
    let e = async |text: &str| shown(&s, Language::Tql, text).await;
    insta::assert_snapshot!(e("SELECT id WHERE boxes == 'WBC'").await, @"");
    insta::assert_snapshot!(e("SELECT id[0] AS x").await, @"");
    insta::assert_snapshot!(e("SELECT boxes[0, 0, 0] AS x").await, @"");
    insta::assert_snapshot!(e("SELECT vec[3] AS x").await, @"");
    insta::assert_snapshot!(e("SELECT vec[1.5] AS x").await, @"");
    insta::assert_snapshot!(e("SELECT id WHERE id = 'three'").await, @"");
    insta::assert_snapshot!(e("SELECT boxes[0] AS first").await, @"");
}

#[tokio::test]
async fn rules_of_names_and_groups() {
    let s = session("rules").await;
    let e = async |text: &str| shown(&s, Language::Tql, text).await;
    insta::assert_snapshot!(e("SELECT id + label").await, @"");
    insta::assert_snapshot!(e("SELECT id, vec AS id").await, @"");
    insta::assert_snapshot!(e("SELECT SHAPE(boxes)[0] AS n WHERE n > 2").await, @"");
    insta::assert_snapshot!(e("SELECT label, id, COUNT(*) AS n GROUP BY label").await, @"");
    insta::assert_snapshot!(e("SELECT label GROUP BY label").await, @"");
    insta::assert_snapshot!(e("SELECT id WHERE COUNT(*) > 1").await, @"");
    insta::assert_snapshot!(e("SELECT id FROM dataset a JOIN dataset b ON a.id = b.id").await, @"");
    insta::assert_snapshot!(e("SELECT id LIMIT id").await, @"");
}

#[tokio::test]
async fn clauses_to_come_are_refused_by_name() {
    let s = session("to-come").await;
    for text in [
        "SELECT id EXPAND BY 1 1",
        "SELECT id SAMPLE BY score",
        "SELECT id ARRANGE BY label",
        "SELECT id LIMIT 10 PERCENT",
        "SELECT labels UNGROUP BY SPLIT",
    ] {
        let error = s.tql(text).await.unwrap_err();
        assert!(matches!(error, Error::Unsupported { span: Some(_), .. }), "{text}: {error}");
    }
    let error = s.tql("SELECT id FROM").await.unwrap_err();
    assert!(matches!(error, Error::Syntax(_)), "{error}");
    assert!(s.sql("DELETE FROM dataset").await.is_err());
}
