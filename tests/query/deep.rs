//! Queries that nest as deeply as they may, on threads with as little stack as a runtime's have: an
//! answer or an error, in reasonable time.

use std::time::Duration;
use std::time::Instant;

use lakebed::engine::Language;
use lakebed::engine::Session;

use crate::data::session;

/// The answer's number of rows, planned and run on a thread of the runtime.
async fn asked(session: &Session, language: Language, text: &str) -> Result<usize, String> {
    let (session, text) = (session.clone(), text.to_string());
    let task = tokio::spawn(async move {
        let query = session.query(language, &text).await.map_err(|error| error.render(&text))?;
        let batches = query.collect().await.map_err(|error| error.render(&text))?;
        Ok(batches.iter().map(|batch| batch.num_rows()).sum())
    });
    tokio::time::timeout(Duration::from_secs(60), task).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nesting_is_answered_or_refused() {
    let s = session("deep").await;
    let value = |inner: &str| format!("SELECT {inner} AS x FROM dataset");
    let condition = |inner: &str| format!("SELECT id FROM dataset WHERE {inner}");
    let source = |inner: &str| format!("SELECT id FROM {inner}");
    type Whole<'a> = &'a dyn Fn(&str) -> String;
    let cases: [(Whole, &str, &str, &str); 10] = [
        (&value, "(", "id", ")"),
        (&value, "-(", "id", ")"),
        (&value, "ABS(", "id", ")"),
        (&value, "(1 + ", "id", ")"),
        (&value, "CASE WHEN id > 1 THEN id ELSE ", "id", " END"),
        (&value, "(SELECT max(id) FROM dataset WHERE id > ", "1", ")"),
        (&condition, "NOT (", "id > 1", ")"),
        (&condition, "EXISTS (SELECT 1 FROM dataset WHERE ", "id > 1", ")"),
        (&condition, "id IN (SELECT id FROM dataset WHERE ", "id > 1", ")"),
        (&source, "(SELECT id FROM ", "dataset", ") AS t"),
    ];
    let (mut answered, mut refused) = (0, 0);
    for (whole, open, inner, close) in cases {
        for deep in [4, 12, 40, 120, 600] {
            let nested = format!("{}{inner}{}", open.repeat(deep), close.repeat(deep));
            let text = whole(&nested);
            for language in [Language::Tql, Language::Sql] {
                match asked(&s, language, &text).await {
                    Ok(rows) => {
                        assert!(rows > 0, "{deep} x {open}");
                        answered += 1;
                    }
                    Err(error) => {
                        assert!(deep > 12, "{deep} x {open}: {error}");
                        assert!(error.contains("deep"), "{deep} x {open}: {error}");
                        refused += 1;
                    }
                }
            }
        }
    }
    println!("{answered} queries answered, {refused} refused");
    assert!(answered >= 50 && refused >= 20, "{answered} answered, {refused} refused");
}

/// Subqueries under names are subqueries all the same.
#[tokio::test]
async fn with_nests_no_deeper() {
    let s = session("deep-with").await;
    let chain = |length: usize| {
        let links: Vec<String> = (1..=length)
            .map(|n| {
                format!(
                    "c{n} AS (SELECT id FROM dataset WHERE id >= (SELECT min(id) FROM c{}))",
                    n - 1
                )
            })
            .collect();
        format!(
            "WITH c0 AS (SELECT id FROM dataset), {} SELECT id FROM c{length}",
            links.join(", ")
        )
    };
    for language in [Language::Tql, Language::Sql] {
        assert_eq!(asked(&s, language, &chain(8)).await, Ok(5));
        let start = Instant::now();
        let error = asked(&s, language, &chain(60)).await.unwrap_err();
        assert!(error.contains("subqueries nest more than 16 deep"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
}
