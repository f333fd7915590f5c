//! Running works: three ways each, in turn, until the median is steady enough.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use tokio::runtime::Runtime;

use crate::support::arguments::Arguments;
use crate::support::clock::middle;
use crate::support::clock::millis;
use crate::support::figures::Figure;
use crate::way::Answer;
use crate::way::Sample;
use crate::way::Way;

/// Rounds of a work: at least, and at most.
const ROUNDS: (usize, usize) = (3, 41);

/// What a work has to reach.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// At most so many times the floor.
    Floor(f64),
    /// At least so many times as fast as Parquet.
    Parquet(f64),
    /// At most so much, in the unit of the work.
    AtMost(f64),
}

/// What is measured.
#[derive(Debug, Clone)]
pub struct Work {
    /// Its fixed name.
    pub name: String,
    /// What it does, for people.
    pub what: String,
    /// What it has to reach.
    pub goals: Vec<Goal>,
}

impl Work {
    /// A work without goals of its own. No work may be slower than 0.8 times Parquet's speed.
    pub fn new(name: &str, what: impl Into<String>) -> Work {
        Work { name: name.into(), what: what.into(), goals: vec![Goal::Parquet(0.8)] }
    }

    /// With a goal; one over Parquet takes the place of the usual one.
    pub fn goal(mut self, goal: Goal) -> Work {
        if matches!(goal, Goal::Parquet(_)) {
            self.goals.retain(|goal| !matches!(goal, Goal::Parquet(_)));
        }
        self.goals.push(goal);
        self
    }

    /// Without a comparison with Parquet.
    pub fn for_information(mut self) -> Work {
        self.goals.clear();
        self
    }
}

/// A work and its figures: Lakebed's, Parquet's, the floor's.
#[derive(Debug)]
pub struct Outcome {
    /// What was done.
    pub work: Work,
    /// Rows of the answer.
    pub rows: usize,
    /// In the order of the ways.
    pub figures: Vec<Figure>,
}

/// What all works share.
pub struct Bench {
    /// Two threads, as many as queries have partitions. It lives as long as the process.
    pub runtime: &'static Runtime,
    /// What was asked for.
    pub arguments: Arguments,
    /// What came out so far.
    pub outcomes: Vec<Outcome>,
    scratch: PathBuf,
}

/// Two threads, as many as queries have partitions.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

impl Bench {
    /// A benchmark whose files go into a folder.
    pub fn new(arguments: Arguments, scratch: &Path) -> Bench {
        let runtime = Box::leak(Box::new(runtime()));
        Bench { runtime, arguments, outcomes: Vec::new(), scratch: scratch.to_path_buf() }
    }

    /// True if one of these works is to run.
    pub fn wants(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.arguments.wants(name))
    }

    /// The full number, or the one for trying.
    pub fn size(&self, full: usize, quick: usize) -> usize {
        if self.arguments.quick { quick } else { full }
    }

    /// A place for the files of some works.
    pub fn folder(&self, name: &str) -> Folder {
        let path = self.scratch.join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder { path, begin: Instant::now() }
    }

    fn compare(&mut self, work: Work, lakebed: Way, parquet: Way, floor: Way) {
        let mut ways = [("lakebed", lakebed), ("parquet", parquet), ("floor", floor)];
        let mut answers: Vec<Answer> = Vec::new();
        for (engine, way) in &mut ways {
            let answer = way(true).answer.expect("a way gives an answer");
            if let Some(first) = answers.first() {
                assert!(
                    answer.agrees(first),
                    "{}: {engine} answers {answer:?}, lakebed {first:?}",
                    work.name
                );
            }
            answers.push(answer);
        }
        let budget = Duration::from_millis(if self.arguments.quick { 100 } else { 2500 });
        let begin = Instant::now();
        let mut samples: [Vec<Sample>; 3] = Default::default();
        for round in 0..ROUNDS.1 {
            if round >= ROUNDS.0 && begin.elapsed() > budget {
                break;
            }
            for ((_, way), samples) in ways.iter_mut().zip(&mut samples) {
                samples.push(way(false));
            }
        }
        let figures = ways
            .iter()
            .zip(&samples)
            .map(|((engine, _), samples)| figure(&work.name, engine, samples))
            .collect();
        self.record(work, answers[0].rows, figures);
    }

    /// Measures a work three ways, in turn, and compares the answers outside the clock. The ways
    /// are only made if the work is to run.
    pub fn three<'a>(
        &mut self,
        work: Work,
        lakebed: impl FnOnce() -> Way<'a>,
        parquet: impl FnOnce() -> Way<'a>,
        floor: Way<'a>,
    ) {
        if self.arguments.wants(&work.name) {
            self.compare(work, lakebed(), parquet(), floor);
        }
    }

    /// Keeps figures that were made elsewhere, and shows them.
    pub fn record(&mut self, work: Work, rows: usize, figures: Vec<Figure>) {
        let shown: Vec<String> =
            figures.iter().map(|f| format!("{} {:.2} {}", f.engine, f.median, f.unit)).collect();
        eprintln!("{}: {}", work.name, shown.join(", "));
        self.outcomes.push(Outcome { work, rows, figures });
    }
}

fn figure(work: &str, engine: &'static str, samples: &[Sample]) -> Figure {
    let planning: Vec<Duration> = samples.iter().filter_map(|sample| sample.planning).collect();
    let last = samples.last();
    Figure {
        work: work.to_string(),
        engine,
        median: millis(middle(samples.iter().map(|sample| sample.took).collect())),
        unit: "ms",
        planning: (!planning.is_empty()).then(|| millis(middle(planning))),
        requests: last.and_then(|sample| sample.requests),
        bytes: last.and_then(|sample| sample.bytes),
    }
}

/// A folder that goes when it is dropped.
pub struct Folder {
    path: PathBuf,
    begin: Instant,
}

impl Folder {
    /// A file or folder in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Says how long making the data took.
    pub fn made(&self, what: &str) {
        eprintln!("made {what} in {:.1} s", self.begin.elapsed().as_secs_f64());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("{} stays: {error}", self.path.display());
        }
    }
}
