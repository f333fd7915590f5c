//! The whole conformance corpus: see `tests/conformance/README.md`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

#[path = "support/conformance/mod.rs"]
mod conformance;

use conformance::answer::Answer;
use conformance::compare::same_answer;
use conformance::corpus::Corpus;
use conformance::corpus::Record;
use conformance::datasets::Layout;
use conformance::judge::judge;
use conformance::report::Report;
use conformance::runner::Runner;

/// Every layout with one partition and with eight, but for the one that the others are compared
/// with.
const CONFIGURATIONS: [(Layout, usize); 13] = [
    (Layout::OneChunk, 8),
    (Layout::RowACommit, 1),
    (Layout::RowACommit, 8),
    (Layout::ThreeRowChunks, 1),
    (Layout::ThreeRowChunks, 8),
    (Layout::Tiled, 1),
    (Layout::Tiled, 8),
    (Layout::Deleted, 1),
    (Layout::Deleted, 8),
    (Layout::Updated, 1),
    (Layout::Updated, 8),
    (Layout::Compacted, 1),
    (Layout::Compacted, 8),
];

/// Disagreements that the corpus is allowed.
const MOST_DISAGREEMENTS: usize = 20;

/// A runner takes both cores and notes every panic: one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn every_record_holds_but_the_disagreements() {
    let _turn = alone();
    let folder = Corpus::own();
    let corpus = Corpus::open(&folder).unwrap();
    let runner = Runner::new(&folder, Layout::OneChunk, 4).unwrap();
    let report = Report::of(&corpus, &runner);

    let broken: Vec<String> = report
        .failures
        .iter()
        .map(|(record, difference)| format!("{}: {}: {difference}", record.id, record.line()))
        .collect();
    assert!(broken.is_empty(), "{} records do not hold:\n{}", broken.len(), broken.join("\n"));

    let failing = report.failures.iter().chain(&report.disagreements);
    let failing: BTreeSet<&str> = failing.map(|(record, _)| record.id.as_str()).collect();
    let listed = corpus.disagreements.keys().map(String::as_str);
    let holding: Vec<&str> = listed.filter(|id| !failing.contains(id)).collect();
    assert!(
        holding.is_empty(),
        "these hold, or are no records: take them off the list: {holding:?}"
    );
    assert!(corpus.disagreements.len() <= MOST_DISAGREEMENTS);
}

/// Every record on one layout; on all of them with `LAKEBED_WHOLE_CORPUS=1`, which takes minutes.
#[test]
fn answers_do_not_depend_on_the_layout_or_the_threads() {
    let _turn = alone();
    let folder = Corpus::own();
    let corpus = Corpus::open(&folder).unwrap();
    let first = Runner::new(&folder, Layout::OneChunk, 1).unwrap();
    let answers: Vec<Answer> = corpus.records.iter().map(|record| first.answer(record)).collect();
    let mut different = Vec::new();
    let whole = std::env::var_os("LAKEBED_WHOLE_CORPUS").is_some();
    for (turn, (layout, partitions)) in CONFIGURATIONS.into_iter().enumerate() {
        let runner = Runner::new(&folder, layout, partitions).unwrap();
        for (at, (record, expected)) in corpus.records.iter().zip(&answers).enumerate() {
            // Each configuration its own share of the records, all of them together.
            if !whole && at % CONFIGURATIONS.len() != turn {
                continue;
            }
            if let Err(difference) = agree(record, expected, &runner.answer(record)) {
                let (id, line) = (&record.id, record.line());
                different.push(format!("{layout:?}, {partitions}: {id}: {line}: {difference}"));
            }
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}

/// SQL leaves the order of rows open, and so which of them a LIMIT takes; some answers are drawn by
/// lot, and plans are of the layout. Those hold or fail alike.
fn agree(record: &Record, expected: &Answer, answer: &Answer) -> Result<(), String> {
    let status = record.expect.as_ref().and_then(|expect| expect.get("status")?.as_str());
    let is_sorted = !record.is_sql || record.query.contains("ORDER BY");
    let is_open = !is_sorted && record.query.contains("LIMIT");
    if record.verdict == "nondet"
        || status == Some("constraint")
        || is_explain(record)
        || (is_open && record.verdict != "match")
    {
        return match (judge(record, expected), judge(record, answer)) {
            (Ok(()), Err(difference)) => Err(difference),
            _ => Ok(()),
        };
    }
    same_answer(expected, answer, is_sorted)
}

fn is_explain(record: &Record) -> bool {
    record.query.trim_start().to_uppercase().starts_with("EXPLAIN")
}
