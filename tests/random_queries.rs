//! Random queries: none panics, and what must not change an answer does not.
//!
//! By hand for longer: `LAKEBED_SECONDS=600 cargo test --release --test random_queries`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test fails by panicking, and its numbers are small"
)]
#![allow(dead_code, reason = "the data of other tests is shared")]

#[path = "query/data.rs"]
mod data;
#[path = "support/random_queries.rs"]
mod random_queries;
#[path = "support/rows.rs"]
mod rows;

use std::time::Duration;
use std::time::Instant;

use data::dataset;
use data::table;
use lakebed::engine::Error;
use lakebed::engine::Session;
use random_queries::Random;
use serde_json::Value;

/// How long each test runs.
fn time() -> Duration {
    let seconds = std::env::var("LAKEBED_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(8))
}

/// Seeds from the same one on, until the time is over, and a few of them on the slowest machine.
fn seeds() -> impl Iterator<Item = u64> {
    const FEW: u64 = 60;
    let end = Instant::now() + time();
    (0..).take_while(move |seed| *seed < FEW || Instant::now() < end)
}

async fn session(name: &str, partitions: usize, rows: usize) -> Session {
    let session = Session::builder().partitions(partitions).batch_size(rows).build().unwrap();
    session.set_current(dataset(name).await);
    session
}

/// The rows of a query, or its error.
async fn answer(session: &Session, text: &str) -> Result<Value, Error> {
    let query = session.tql(text).await?;
    query.collect().await?;
    Ok(table(&query).await)
}

/// The ids that a condition keeps; `None` if it is refused or fails.
async fn kept(session: &Session, condition: &str) -> Option<Vec<Value>> {
    let answer = answer(session, &format!("SELECT id WHERE {condition}")).await.ok()?;
    Some(answer["id"].as_array().unwrap().clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_query_panics_or_confuses_the_planner() {
    let s = session("random", 3, 2).await;
    let (mut answered, mut refused) = (0, 0);
    for seed in seeds() {
        let text = Random::new(seed).query();
        match answer(&s, &text).await {
            Ok(_) => answered += 1,
            Err(error) => {
                let message = error.to_string();
                let bug = ["Internal error", "panicked", "PhysicalExpr", "Schema error"];
                assert!(
                    !bug.iter().any(|sign| message.contains(sign)),
                    "seed {seed}: {text}\n{message}"
                );
                refused += 1;
            }
        }
    }
    println!("{answered} queries answered, {refused} refused");
    assert!(answered > 20, "hardly any query is answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_and_batches_change_no_answer() {
    let sessions =
        [session("one", 1, 8192).await, session("many", 8, 1).await, session("few", 2, 3).await];
    let mut compared = 0;
    for seed in seeds() {
        let text = Random::new(seed ^ 0x5eed).query();
        let mut answers = Vec::new();
        for session in &sessions {
            answers.push(answer(session, &text).await.map_err(|_| ()));
        }
        // A batch that fails may come before or after the rows that a LIMIT takes.
        let answers: Vec<Value> = answers.into_iter().flatten().collect();
        for pair in answers.windows(2) {
            assert_eq!(pair[0], pair[1], "seed {seed}: {text}");
            compared += 1;
        }
    }
    println!("{compared} answers compared");
    assert!(compared > 20, "hardly any query is answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_condition_and_its_negation_share_the_rows() {
    let s = session("partition", 2, 2).await;
    let all = kept(&s, "TRUE").await.unwrap().len();
    let mut compared = 0;
    for seed in seeds() {
        let condition = Random::new(seed ^ 0xca11).predicate(3);
        let yes = kept(&s, &condition).await;
        let no = kept(&s, &format!("NOT ({condition})")).await;
        // CASE is more than statistics can judge, so nothing is pruned.
        let plain = kept(&s, &format!("CASE WHEN {condition} THEN TRUE ELSE FALSE END")).await;
        let (Some(yes), Some(no)) = (yes, no) else { continue };
        assert_eq!(yes.len() + no.len(), all, "seed {seed}: {condition}: {yes:?} and {no:?}");
        if let Some(plain) = plain {
            assert_eq!(yes, plain, "seed {seed}: {condition}");
        }
        compared += 1;
    }
    println!("{compared} conditions compared");
    assert!(compared > 20, "hardly any condition is understood");
}
