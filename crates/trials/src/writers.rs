//! Processes that write to one dataset at the same time, on a local disk and over the protocol of S3.
//!
//! Each appends rows of its own, and moves money between accounts that all share. Every commit that
//! was acknowledged is there exactly once, in a log where each entry follows the one before it; the
//! sum of the accounts is the same in every version; and nobody waits for ever.

mod child;
mod figures;
#[path = "../../../tests/support/s3.rs"]
mod server;

use std::collections::HashMap;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::process::Child;
use std::process::Stdio;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::datatypes::Int64Type;
use arrow_schema::Schema as ArrowSchema;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::Result;

use crate::Figures;
use crate::Scale;
use crate::process::Program;
pub(crate) use child::ROLE;
use child::Told;
pub(crate) use child::child;

/// Accounts that money is moved between, in several fragments.
const ACCOUNTS: u64 = 64;
const ACCOUNTS_A_FRAGMENT: u64 = 4;
/// What each has at first.
const BALANCE: i64 = 100;
/// A commit waits for at most so many commits of others, for each process that writes: its turn comes
/// round. Of more the trial says that it starved.
const OVERTAKEN: u64 = 16;
/// The tag of rows that are accounts.
const ACCOUNT: i64 = -1;
const COLUMNS: [&str; 3] = ["tag", "balance", "moves"];

/// How many write, and how much each.
#[derive(Debug, Clone, Copy)]
struct Crowd {
    processes: u64,
    appends: u64,
    updates: u64,
}

impl Crowd {
    fn of(scale: Scale) -> Crowd {
        match scale {
            Scale::Short => Crowd { processes: 4, appends: 20, updates: 5 },
            Scale::Long => Crowd { processes: 16, appends: 200, updates: 50 },
        }
    }

    fn commits(&self) -> u64 {
        self.processes * (self.appends + self.updates)
    }
}

/// Writers on a local disk, then writers over the protocol of S3.
pub fn run(scale: Scale, program: Program) -> Figures {
    let (disk, s3) = (on_disk(scale, program), on_s3(scale, program));
    Figures {
        what: disk.what,
        tried: disk.tried + s3.tried,
        lost: disk.lost + s3.lost,
        unopenable: disk.unopenable + s3.unopenable,
        panics: disk.panics + s3.panics,
        notes: format!("{}; {}", disk.notes, s3.notes),
    }
}

/// Writers on a local disk.
pub fn on_disk(scale: Scale, program: Program) -> Figures {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("dataset").to_str().unwrap().to_string();
    race("on disk", &url, &url, &[], Crowd::of(scale), program)
}

/// Writers over the protocol of S3, to a server in this process.
pub fn on_s3(scale: Scale, program: Program) -> Figures {
    let server = server::S3Server::start();
    let settings = server.options();
    // Every version is checked in the server's own folder: that is faster, and the same bytes.
    let files = server.folder().join(server::BUCKET).join("dataset");
    let files = files.to_str().unwrap();
    race("over S3", &server.url("dataset"), files, &settings, Crowd::of(scale), program)
}

fn race(
    place: &str,
    url: &str,
    files: &str,
    settings: &[(&'static str, String)],
    crowd: Crowd,
    program: Program,
) -> Figures {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(create(url, settings));
    let mut children: Vec<Child> = (0..crowd.processes)
        .map(|number| {
            let mut command = program.child(ROLE);
            child::Job { url, number, appends: crowd.appends, updates: crowd.updates }
                .give(&mut command);
            command.envs(settings.iter().map(|(name, value)| (name, value)));
            command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let told = std::thread::scope(|scope| {
        let heard: Vec<_> = children
            .iter_mut()
            .map(|child| {
                let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
                // All begin together: who was started first has no lead.
                lines.by_ref().map_while(std::result::Result::ok).find(|l| l.contains("ready"));
                scope.spawn(move || {
                    lines
                        .map_while(std::result::Result::ok)
                        .filter_map(|l| Told::parse(&l))
                        .collect::<Vec<Told>>()
                })
            })
            .collect();
        let mut said: Vec<_> = children.iter_mut().map(|c| c.stderr.take().unwrap()).collect();
        for child in &mut children {
            // One that died already is found below.
            let _ = child.stdin.take().unwrap().write_all(b"go\n");
        }
        let told: Vec<Vec<Told>> = heard.into_iter().map(|one| one.join().unwrap()).collect();
        for (child, said) in children.iter_mut().zip(&mut said) {
            let mut text = String::new();
            let _ = said.read_to_string(&mut text);
            if !child.wait().unwrap().success() {
                println!("a writer {place} failed: {}", text.trim());
            }
        }
        told
    });
    let failed = children.iter_mut().map(|child| !child.wait().unwrap().success());
    let failed = failed.filter(|failed| *failed).count();
    let found = runtime.block_on(check(url, files, settings, &told));
    let mut figures = Figures {
        what: "commits of many writers",
        tried: crowd.commits(),
        panics: failed as u64,
        ..Figures::default()
    };
    let mut notes = format!("{} processes {place}: {}", crowd.processes, figures::waits(&told));
    match found {
        Ok((lost, versions)) => {
            // Who fell silent before the end starved or died.
            let acknowledged: usize = told.iter().map(Vec::len).sum();
            figures.lost = lost + (crowd.commits() - acknowledged as u64);
            let bound = OVERTAKEN * crowd.processes;
            let starved = figures::overtaken(&told).filter(|others| *others > bound).count();
            figures.lost += starved as u64;
            if starved > 0 {
                notes += &format!(", {starved} waited for more than {bound} of others");
            }
            notes += &format!(", the same sum in {versions} versions");
        }
        Err(error) => {
            figures.unopenable = 1;
            notes += &format!(", {error}");
        }
    }
    Figures { notes, ..figures }
}

async fn open(url: &str, settings: &[(&'static str, String)]) -> Result<Dataset> {
    let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let (store, meter) = lakebed_store::open_with(url, &settings)?;
    Dataset::open_in(url, store, meter, Options::default()).await
}

async fn create(url: &str, settings: &[(&'static str, String)]) {
    let columns = COLUMNS.iter().map(|name| Column::scalar(*name, DType::I64)).collect();
    let pairs: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let (store, meter) = lakebed_store::open_with(url, &pairs).unwrap();
    let schema = Schema::new(columns).unwrap();
    let mut dataset =
        Dataset::create_in(url, store, meter, schema, Options::default()).await.unwrap();
    for _ in 0..ACCOUNTS / ACCOUNTS_A_FRAGMENT {
        let rows = vec![[ACCOUNT, BALANCE, 0]; ACCOUNTS_A_FRAGMENT as usize];
        dataset = append(&dataset, &rows, "accounts").await.unwrap();
    }
}

async fn append(dataset: &Dataset, rows: &[[i64; 3]], message: &str) -> Result<Dataset> {
    let mut writer = dataset.append()?;
    writer.write(&batch(dataset, &COLUMNS, rows)).await?;
    writer.commit(message).await
}

fn batch<const N: usize>(dataset: &Dataset, names: &[&str; N], rows: &[[i64; N]]) -> RecordBatch {
    let field = |name: &&str| {
        let column = dataset.schema().column(name).unwrap();
        TensorType::from_column(column).to_field(name, column.nullable)
    };
    let arrays = (0..N).map(|nth| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row[nth])))
    });
    let schema = ArrowSchema::new(names.iter().map(field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), arrays.collect()).unwrap()
}

async fn values(dataset: &Dataset, name: &str, positions: &[u64]) -> Result<Vec<i64>> {
    let column = dataset.schema().column(name)?.id;
    let batch = dataset.take(positions, &[ColumnRead { column, part: Part::Whole }]).await?;
    Ok(batch.column(0).as_primitive::<Int64Type>().values().to_vec())
}

/// How much of what was told is not as it was told, and how many versions were looked at.
async fn check(
    url: &str,
    files: &str,
    settings: &[(&'static str, String)],
    told: &[Vec<Told>],
) -> Result<(u64, u64)> {
    let dataset = open(url, settings).await?;
    let mut lost = 0;
    let mut wrong = |what: bool| lost += u64::from(!what);

    // The log: every entry follows the one before it, and every commit is one of them.
    let mut log = dataset.log(usize::MAX).await?;
    log.reverse();
    let setup = 1 + ACCOUNTS / ACCOUNTS_A_FRAGMENT;
    let told = || told.iter().flatten();
    wrong(log.len() as u64 == setup + told().count() as u64);
    for (version, line) in (0u64..).zip(&log) {
        let follows: Vec<u64> = version.checked_sub(1).into_iter().collect();
        wrong(line.version == version && line.parents == follows);
    }
    let mut messages: HashMap<&str, u64> = HashMap::new();
    for line in &log {
        *messages.entry(&line.message).or_default() += 1;
    }
    for one in told() {
        let line = log.get(one.version as usize).map(|line| line.message.as_str());
        let message = one.commit.message();
        wrong(line == Some(message.as_str()) && messages.get(message.as_str()) == Some(&1));
    }

    // The rows: all of every append, and no others.
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    let mut rows: HashMap<i64, u64> = HashMap::new();
    for tag in values(&dataset, "tag", &positions).await? {
        *rows.entry(tag).or_default() += 1;
    }
    wrong(rows.remove(&ACCOUNT) == Some(ACCOUNTS));
    for one in told().filter(|one| !one.commit.is_update) {
        wrong(rows.remove(&one.commit.tag()) == Some(one.commit.rows()));
    }
    wrong(rows.is_empty());
    let moves: i64 = values(&dataset, "moves", &positions).await?.iter().sum();
    wrong(moves == 2 * told().filter(|one| one.commit.is_update).count() as i64);

    // The sum, in every version that has all accounts.
    let near = open(files, &[]).await?;
    let accounts: Vec<u64> = (0..ACCOUNTS).collect();
    for version in setup - 1..=near.newest_version() {
        let sum: i64 = values(&near.at(version).await?, "balance", &accounts).await?.iter().sum();
        wrong(sum == BALANCE * ACCOUNTS as i64);
    }
    wrong(dataset.verify(|_, _| ()).await?.damage.is_empty());
    // And writing goes on.
    append(&dataset, &[[0, 0, 0]], "after all").await?;
    Ok((lost, near.newest_version() + 2 - setup))
}
