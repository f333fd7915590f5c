//! A plain, slow evaluator over `ndarray` beside the engine: generated expressions agree.
//!
//! The evaluator in `plain/` shares no code with the functions. More than CI's cases:
//! `LAKEBED_CASES=5000 LAKEBED_SEED=7 cargo test --release --test plain`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    reason = "a test fails by panicking, and knows its own numbers"
)]

#[path = "support/rows.rs"]
mod rows;

#[path = "plain/compare.rs"]
mod compare;
#[path = "plain/engine.rs"]
mod engine;
#[path = "plain/expression.rs"]
mod expression;
#[path = "plain/generate.rs"]
mod generate;
#[path = "plain/rules.rs"]
mod rules;
#[path = "plain/slice.rs"]
mod slice;
#[path = "plain/types.rs"]
mod types;
#[path = "plain/value.rs"]
mod value;

use std::cell::Cell;
use std::fmt::Debug;

use compare::is_same;
use expression::Expr;
use expression::Place;
use expression::Row;
use generate::Table;
use lakebed::engine::Session;
use proptest::prelude::*;
use proptest::test_runner::RngAlgorithm;
use proptest::test_runner::TestCaseError;
use proptest::test_runner::TestRng;
use proptest::test_runner::TestRunner;
use value::Numbers;
use value::Trouble;
use value::Value;

const CASES: u32 = 200;

/// What came of the expressions of a test.
#[derive(Default)]
struct Tally {
    answered: Cell<usize>,
    refused: Cell<usize>,
    /// The rules do not settle them, or an answer can do without the part that fails.
    left_out: Cell<usize>,
}

fn add(count: &Cell<usize>) {
    count.set(count.get() + 1);
}

impl Tally {
    /// Prints the counts; a test that compared next to nothing fails.
    fn report(&self, what: &str) {
        let (answered, refused) = (self.answered.get(), self.refused.get());
        let left_out = self.left_out.get();
        println!(
            "{what}: {answered} agree, {refused} are errors on both sides, {left_out} left out"
        );
        assert!(answered > refused + left_out, "the generator has gone astray");
    }
}

fn number(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Checks generated cases; the same ones unless `LAKEBED_SEED` says otherwise.
fn check<T: Debug>(cases: impl Strategy<Value = T>, test: impl Fn(T) -> Result<(), TestCaseError>) {
    let config = ProptestConfig {
        cases: number("LAKEBED_CASES", CASES),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    };
    let mut seed = [0; 32];
    seed[..4].copy_from_slice(&number("LAKEBED_SEED", 1).to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(config, rng);
    if let Err(error) = runner.run(&cases, test) {
        panic!("{error}");
    }
}

fn failed<T>(message: String) -> Result<T, TestCaseError> {
    Err(TestCaseError::fail(message))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// The engine's answer, unless its error is one that no query may have.
async fn asked(
    session: &Session,
    query: &str,
) -> Result<Result<Vec<Value>, String>, TestCaseError> {
    let answer = engine::answer(session, query).await;
    if let Err(message) = &answer {
        for sign in ["Internal error", "panicked", "PhysicalExpr", "Schema error"] {
            prop_assert!(!message.contains(sign), "{query}\n{message}");
        }
    }
    Ok(answer)
}

/// What the rules say of all rows together.
enum Wanted<T> {
    Error(String),
    Unsettled,
    /// `None` where a part fails that an answer can do without: an error or any value.
    Rows(Vec<Option<T>>),
}

fn together<T>(rows: impl Iterator<Item = value::Result<T>>) -> Wanted<T> {
    let rows: Vec<value::Result<T>> = rows.collect();
    // An error of one row is one of the query, whatever the others are.
    for row in &rows {
        if let Err(Trouble::Error(why)) = row {
            return Wanted::Error(why.clone());
        }
    }
    if rows.iter().any(|row| matches!(row, Err(Trouble::Unsettled))) {
        return Wanted::Unsettled;
    }
    Wanted::Rows(rows.into_iter().map(Result::ok).collect())
}

/// Holds the engine's answer against what is wanted; `check` compares rows with what was found.
fn judge<T: Debug>(
    query: &str,
    wanted: Wanted<T>,
    found: Result<Vec<Value>, String>,
    tally: &Tally,
    check: impl FnOnce(&[Option<T>], &[Value]) -> Result<(), TestCaseError>,
) -> Result<(), TestCaseError> {
    match (wanted, found) {
        (Wanted::Unsettled, _) => add(&tally.left_out),
        (Wanted::Error(_), Err(_)) => add(&tally.refused),
        (Wanted::Error(why), Ok(found)) => {
            return failed(format!("{query}\nwanted the error: {why}\nfound {found:?}"));
        }
        (Wanted::Rows(rows), Err(_)) if rows.iter().any(Option::is_none) => add(&tally.left_out),
        (Wanted::Rows(rows), Err(message)) => {
            return failed(format!("{query}\nwanted {rows:?}\nfound the error: {message}"));
        }
        (Wanted::Rows(rows), Ok(found)) => {
            check(&rows, &found)?;
            let compared = rows.iter().any(Option::is_some);
            add(if compared { &tally.answered } else { &tally.left_out });
        }
    }
    Ok(())
}

async fn same_values(table: &Table, exprs: &[Expr], tally: &Tally) -> Result<(), TestCaseError> {
    let session = engine::session(table).await;
    let rows: Vec<Row> = table.rows.iter().map(engine::row).collect();
    for expr in exprs {
        let query = format!("SELECT {expr} AS y");
        let wanted = together(rows.iter().map(|row| expr.value(row, Place::Select)));
        let found = asked(&session, &query).await?;
        judge(&query, wanted, found, tally, |wanted, found| {
            prop_assert_eq!(wanted.len(), found.len(), "rows of {}", query);
            for (at, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                prop_assert!(
                    wanted.as_ref().is_none_or(|wanted| is_same(wanted, found)),
                    "{query}\nrow {at}: wanted {wanted:?}\nfound {found:?}"
                );
            }
            Ok(())
        })?;
    }
    Ok(())
}

async fn same_rows(table: &Table, exprs: &[Expr], tally: &Tally) -> Result<(), TestCaseError> {
    let session = engine::session(table).await;
    let rows: Vec<Row> = table.rows.iter().map(engine::row).collect();
    for expr in exprs {
        let query = format!("SELECT id WHERE {expr}");
        let wanted = together(rows.iter().map(|row| expr.keeps(row)));
        let found = asked(&session, &query).await?;
        judge(&query, wanted, found, tally, |wanted, found| {
            let ids = (0i64..).map(|id| Value::Numbers(Numbers::Int(value::scalar(id))));
            let ids =
                ids.zip(wanted).filter(|(id, kept)| kept.unwrap_or_else(|| found.contains(id)));
            let ids: Vec<Value> = ids.map(|(id, _)| id).collect();
            prop_assert_eq!(&ids[..], found, "{}", query);
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn generated_expressions_have_the_plain_value_in_every_row() {
    let (runtime, tally) = (runtime(), Tally::default());
    let cases = (generate::table(), prop::collection::vec(generate::selected(), 1..9));
    check(cases, |(table, exprs)| runtime.block_on(same_values(&table, &exprs, &tally)));
    tally.report("SELECT");
}

#[test]
fn generated_conditions_keep_the_rows_of_plain_truth() {
    let (runtime, tally) = (runtime(), Tally::default());
    let cases = (generate::table(), prop::collection::vec(generate::condition(2), 1..9));
    check(cases, |(table, exprs)| runtime.block_on(same_rows(&table, &exprs, &tally)));
    tally.report("WHERE");
}
