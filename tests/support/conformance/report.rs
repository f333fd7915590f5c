//! What held, counted by verdict.

use std::fmt;

use super::corpus::Corpus;
use super::corpus::Record;
use super::corpus::VERDICTS;
use super::judge::judge;
use super::runner::Runner;

/// Records of one verdict.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub holding: usize,
    pub all: usize,
}

/// The outcome of a corpus.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order of [`VERDICTS`].
    pub tallies: [Tally; VERDICTS.len()],
    /// Records that do not hold, with what differs.
    pub failures: Vec<(Record, String)>,
    /// Those of them that are known disagreements, with the reason.
    pub disagreements: Vec<(Record, String)>,
}

impl Report {
    /// Runs every record.
    pub fn of(corpus: &Corpus, runner: &Runner) -> Report {
        let mut report = Report::default();
        for record in &corpus.records {
            let outcome = judge(record, &runner.answer(record));
            report.count(record, outcome.is_ok());
            match (outcome, corpus.disagreements.get(&record.id)) {
                (Ok(()), _) => {}
                (Err(_), Some(reason)) => {
                    report.disagreements.push((record.clone(), reason.clone()));
                }
                (Err(difference), None) => report.failures.push((record.clone(), difference)),
            }
        }
        report
    }

    fn count(&mut self, record: &Record, holds: bool) {
        for (tally, _) in
            self.tallies.iter_mut().zip(VERDICTS).filter(|(_, name)| *name == record.verdict)
        {
            tally.all += 1;
            tally.holding += usize::from(holds);
        }
    }
}

/// A line a verdict, a line a record that does not hold, and the known disagreements apart.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (tally, name) in self.tallies.iter().zip(VERDICTS) {
            writeln!(f, "{name}: {} of {}", tally.holding, tally.all)?;
        }
        for (record, difference) in &self.failures {
            writeln!(f, "{} {}: {}: {difference}", record.id, record.verdict, record.line())?;
        }
        if !self.disagreements.is_empty() {
            writeln!(f, "known disagreements:")?;
        }
        for (record, reason) in &self.disagreements {
            writeln!(f, "{} {}: {}: {reason}", record.id, record.verdict, record.line())?;
        }
        Ok(())
    }
}
