//! Runs a corpus of TQL queries with known answers, and says which do not hold:
//! `cargo run --release --example tql_conformance -- FOLDER`; without a folder, the project's own.
//! Prints a line a verdict, then a line for each record that does not hold, and fails if there is
//! one that is no known disagreement.

use std::path::PathBuf;
use std::process::ExitCode;

#[path = "../tests/support/conformance/mod.rs"]
mod conformance;

use conformance::corpus::Corpus;
use conformance::datasets::Layout;
use conformance::report::Report;
use conformance::runner::Runner;

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).map_or_else(Corpus::own, PathBuf::from);
    match run(&folder) {
        Ok(report) => {
            show(&report.to_string());
            if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            show(&format!("{error}\n"));
            ExitCode::from(2)
        }
    }
}

fn run(folder: &std::path::Path) -> conformance::Result<Report> {
    let corpus = Corpus::open(folder)?;
    let runner = Runner::new(folder, Layout::OneChunk, 4)?;
    Ok(Report::of(&corpus, &runner))
}

#[expect(clippy::print_stdout, reason = "an example shows its results")]
fn show(text: &str) {
    print!("{text}");
}
