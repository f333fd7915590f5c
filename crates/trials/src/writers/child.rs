//! One of many writers.

use std::io::BufRead;
use std::io::Write;
use std::process::Command;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use lakebed_core::Env;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Result;

use super::ACCOUNTS;
use super::append;
use super::batch;
use super::values;

/// The role of a child that writes.
pub(crate) const ROLE: &str = "writer";
const URL: &str = "LAKEBED_TRIALS_WRITER_URL";
const NUMBERS: &str = "LAKEBED_TRIALS_WRITER_NUMBERS";

/// What a writer is to do.
pub(super) struct Job<'a> {
    pub url: &'a str,
    pub number: u64,
    pub appends: u64,
    pub updates: u64,
}

impl Job<'_> {
    pub fn give(&self, command: &mut Command) {
        let numbers = format!("{} {} {}", self.number, self.appends, self.updates);
        command.env(URL, self.url).env(NUMBERS, numbers);
    }
}

/// One commit of one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Commit {
    pub writer: u64,
    pub nth: u64,
    pub is_update: bool,
}

impl Commit {
    /// What the log says of it.
    pub fn message(&self) -> String {
        let what = if self.is_update { "update" } else { "append" };
        format!("{what} {} {}", self.writer, self.nth)
    }

    /// What its rows say.
    pub fn tag(&self) -> i64 {
        (self.writer * 1_000_000 + self.nth) as i64
    }

    /// How many rows it appends.
    pub fn rows(&self) -> u64 {
        1 + self.nth % 3
    }
}

/// What a writer tells of a commit that was acknowledged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub commit: Commit,
    pub version: u64,
    /// How long it took, from the first try.
    pub micros: u64,
    /// When it was acknowledged, by the clock that all processes share.
    pub at_micros: u64,
    /// How often the library gave up since others came first.
    pub given_up: u64,
    /// How often another had changed the same accounts.
    pub conflicts: u64,
}

impl Told {
    fn say(&self) {
        let Told { commit, version, micros, at_micros, given_up, conflicts } = self;
        let Commit { writer, nth, is_update } = commit;
        let kind = u8::from(*is_update);
        println!(
            "told {writer} {nth} {kind} {version} {micros} {at_micros} {given_up} {conflicts}"
        );
        std::io::stdout().flush().unwrap();
    }

    pub fn parse(line: &str) -> Option<Told> {
        let (_, rest) = line.split_once("told ")?;
        let words: Vec<u64> = rest.split(' ').map_while(|word| word.parse().ok()).collect();
        let [writer, nth, kind, version, micros, at_micros, given_up, conflicts] = words[..] else {
            return None;
        };
        let commit = Commit { writer, nth, is_update: kind == 1 };
        Some(Told { commit, version, micros, at_micros, given_up, conflicts })
    }
}

/// Writes as the parent told it to.
pub(crate) fn child() {
    let url = std::env::var(URL).unwrap();
    let numbers = std::env::var(NUMBERS).unwrap();
    let numbers: Vec<u64> = numbers.split(' ').map(|word| word.parse().unwrap()).collect();
    let [number, appends, updates] = numbers[..] else { panic!("a writer without numbers") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(work(&Job { url: &url, number, appends, updates }));
}

async fn work(job: &Job<'_>) {
    let env = Env::system();
    let mut dataset = Dataset::open(job.url, Options::default()).await.unwrap();
    println!("ready");
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
    let every = (job.appends + job.updates) / job.updates.max(1);
    for nth in 0..job.appends + job.updates {
        let is_update = job.updates > 0 && nth % every == every - 1;
        let commit = Commit { writer: job.number, nth, is_update };
        let start = Instant::now();
        let (mut given_up, mut conflicts) = (0, 0);
        loop {
            let tried = if is_update {
                transfer(&dataset, &env, &commit.message()).await
            } else {
                let rows = vec![[commit.tag(), 0, 0]; commit.rows() as usize];
                append(&dataset, &rows, &commit.message()).await
            };
            match tried {
                Ok(next) => dataset = next,
                Err(Error::Conflict { reason, .. }) => {
                    match reason.contains("other commits came first") {
                        true => given_up += 1,
                        false => conflicts += 1,
                    }
                    dataset = dataset.refresh().await.unwrap();
                    continue;
                }
                Err(error) => panic!("{}: {error}", commit.message()),
            }
            break;
        }
        let micros = start.elapsed().as_micros() as u64;
        let at_micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
        let version = dataset.version();
        Told { commit, version, micros, at_micros, given_up, conflicts }.say();
    }
}

/// Moves money between two accounts, and counts the moves of each.
async fn transfer(dataset: &Dataset, env: &Env, message: &str) -> Result<Dataset> {
    let from = env.random_u64() % ACCOUNTS;
    let to = (from + 1 + env.random_u64() % (ACCOUNTS - 1)) % ACCOUNTS;
    // Accounts came first and are never deleted: their ids are their positions.
    let balances = values(dataset, "balance", &[from, to]).await?;
    let moves = values(dataset, "moves", &[from, to]).await?;
    let amount = (env.random_u64() % 50) as i64;
    let mut edit = dataset.edit()?;
    let rows = [[balances[0] - amount, moves[0] + 1], [balances[1] + amount, moves[1] + 1]];
    edit.update(&[from, to], &batch(dataset, &["balance", "moves"], &rows)).await?;
    edit.commit(message).await
}
