//! A process that appends, edits, merges, compacts, expires, collects and materializes in a loop is
//! killed at random moments.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::io::BufReader;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use lakebed_core::Env;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;

use super::URL;
use super::WORKER;
use super::worker::JOB;
use super::worker::JOBS;
use super::worker::copy_of;
use super::worker::digest;
use crate::Figures;
use crate::attempt::Works;
use crate::attempt::attempt;
use crate::attempt::wait;
use crate::bank;
use crate::copies;
use crate::process::Program;

/// One line of the child.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    main: u64,
    newest: u64,
    digest: String,
    job: String,
}

fn parse(line: &str) -> Option<(bool, Said)> {
    let (told, rest) = match line.find("told ") {
        Some(at) => (true, &line[at + 5..]),
        None => (false, &line[line.find("begins ")? + 7..]),
    };
    let mut words = rest.splitn(4, ' ');
    let (main, newest) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (digest, job) = (words.next()?.to_string(), words.next()?.to_string());
    Some((told, Said { main, newest, digest, job }))
}

/// What became of all kills.
#[derive(Default)]
struct Counts {
    /// Kills by job, and how many of them left a commit that was not told.
    jobs: BTreeMap<String, (u64, u64)>,
    /// Commits that were told.
    told: usize,
    /// Copies that a kill interrupted, and that were completed.
    resumed: u64,
}

/// Starts a child on a dataset, kills it, and says what it said.
async fn killed(program: Program, url: &str, first_job: usize) -> Vec<(bool, Said)> {
    let mut child =
        program.child(WORKER).env(URL, url).env(JOB, first_job.to_string()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let reader = std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            heard.lock().unwrap().extend(parse(&line));
        }
    });
    while said.lock().unwrap().is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    // From its first request to those of some jobs later.
    std::thread::sleep(Duration::from_micros(Env::system().random_u64() % 120_000));
    let alive = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    let said = said.lock().unwrap().clone();
    assert!(alive, "the child ended by itself after {:?}", said.last());
    said
}

/// One kill, and everything that must hold after it.
async fn kill(program: Program, url: &str, nth: usize, counts: &mut Counts) {
    let dataset = Dataset::open(url, bank::options()).await.works();
    let known = Said {
        main: dataset.version(),
        newest: dataset.newest_version(),
        digest: digest(&bank::accounts(&dataset).await.works()),
        job: "start".to_string(),
    };
    let said = killed(program, url, nth % JOBS.len()).await;
    let last = said.iter().rev().find(|(told, _)| *told).map_or(&known, |(_, said)| said);
    let open = said.last().filter(|(told, _)| !told).map(|(_, said)| said);
    counts.told += said.iter().filter(|(told, _)| *told).count();

    let dataset = Dataset::open(url, bank::options()).await.works();
    let context = format!("kill {nth}: told {last:?}, begun {open:?}");
    let (main, newest) = (dataset.version(), dataset.newest_version());
    assert!(main >= last.main && newest >= last.newest, "{context}: {main} {newest}");
    // What was begun is one commit.
    assert!(newest <= last.newest + 1, "{context}: {newest}");
    let found = digest(&bank::check(&dataset, &context).await);
    let landed = newest > last.newest;
    match open {
        Some(open) if main > last.main => assert_eq!(found, open.digest, "{context}"),
        _ => assert_eq!(found, last.digest, "{context}"),
    }
    // The version that was told is still the same, unless the next commit gave it up.
    match dataset.at(last.main).await {
        Ok(old) => {
            let old = digest(&bank::accounts(&old).await.works());
            assert_eq!(old, last.digest, "{context}");
        }
        Err(Error::VersionExpired { .. }) => assert!(landed, "{context}"),
        Err(error) => panic!("{context}: {error}"),
    }
    counts.resumed += u64::from(copied(&dataset, &context).await);
    let job = open.map_or("between two", |open| open.job.as_str());
    let of_job = counts.jobs.entry(job.to_string()).or_default();
    *of_job = (of_job.0 + 1, of_job.1 + u64::from(landed));
    // Writing goes on at once.
    let next = bank::accounts(&dataset).await.works().keys().next_back().map_or(0, |n| n + 1);
    let written = bank::append(&dataset, &[(next, 1)]).await.works();
    assert_eq!(written.newest_version(), newest + 1, "{context}");
}

/// Looks at the copy of the view, and completes one that was interrupted; true if there was one.
async fn copied(dataset: &Dataset, context: &str) -> bool {
    let Some(view) = dataset.views().get(copies::NAME) else { return false };
    let url = copy_of(dataset.url(), view.version);
    let store = || lakebed_store::open(&url).unwrap();
    let before = copies::check(dataset, store(), false, context).await;
    if before == 0 || before == view.rows {
        return false;
    }
    copies::materialize(dataset, store()).await.works();
    copies::check(dataset, store(), true, context).await;
    true
}

/// A dataset with a few accounts.
async fn begin(url: &str) {
    let empty = Dataset::create(url, bank::schema(), bank::options()).await.works();
    bank::append(&empty, &[(0, 1), (1, 1), (2, 1)]).await.works();
}

/// Kills so many processes at random moments of what they do.
pub fn random(program: Program, kills: usize) -> Figures {
    wait(async {
        let start = Instant::now();
        let mut figures = Figures { what: "kills at random moments", ..Figures::default() };
        let mut counts = Counts::default();
        let mut folder = tempfile::tempdir().unwrap();
        let mut is_new = true;
        for nth in 0..kills {
            let url = folder.path().join("dataset");
            let url = url.to_str().unwrap().to_string();
            let counts = &mut counts;
            let context = format!("kill {nth}");
            let survived = attempt(&mut figures, &context, async {
                if is_new {
                    begin(&url).await;
                }
                kill(program, &url, nth, counts).await;
            });
            is_new = survived.await.is_none();
            figures.tried += 1;
            if is_new {
                folder = tempfile::tempdir().unwrap();
            }
        }
        let unknown: u64 = counts.jobs.values().map(|(_, landed)| landed).sum();
        let jobs: Vec<String> =
            counts.jobs.iter().map(|(job, (kills, _))| format!("{kills} in {job}")).collect();
        figures.notes = format!(
            "{} commits told and there, {unknown} there and not told, {} copies resumed: {} ({:.0} s)",
            counts.told,
            counts.resumed,
            jobs.join(", "),
            start.elapsed().as_secs_f64()
        );
        figures
    })
}
