//! Writers of every kind at once: money moves between accounts and its sum stays the same in every
//! version; nothing is lost, nobody starves, nothing that is needed is collected.

use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::datatypes::Int64Type;
use arrow_schema::Schema as ArrowSchema;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Env;
use lakebed_core::Schema;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Part;

const ACCOUNTS: u64 = 40;
const SUM: i64 = 100 * ACCOUNTS as i64;
/// Where a process finds the dataset; in its absence the process's test does nothing.
const CHILD: &str = "LAKEBED_TRANSFERS_TEST_DATASET";
const TRANSFERS: i64 = 20;
const APPENDS: i64 = 20;

async fn create(url: &str) -> Dataset {
    let schema = Schema::new(vec![
        Column::scalar("balance", DType::I64),
        Column::scalar("moves", DType::I64),
        Column::scalar("note", DType::I64),
    ]);
    let dataset = Dataset::create(url, schema.unwrap(), Options::default()).await.unwrap();
    append(&dataset, ACCOUNTS as i64, 100).await.unwrap()
}

async fn append(dataset: &Dataset, rows: i64, balance: i64) -> lakebed_dataset::Result<Dataset> {
    let values: Vec<[i64; 3]> = (0..rows).map(|_| [balance, 0, 0]).collect();
    let mut writer = dataset.append()?;
    writer.write(&batch(dataset, &["balance", "moves", "note"], &values)).await?;
    writer.commit("append").await
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

async fn column(
    dataset: &Dataset,
    name: &str,
    positions: &[u64],
) -> lakebed_dataset::Result<Vec<i64>> {
    let column = dataset.schema().column(name)?.id;
    let batch = dataset.take(positions, &[ColumnRead { column, part: Part::Whole }]).await?;
    Ok(batch.column(0).as_primitive::<Int64Type>().values().to_vec())
}

async fn all(dataset: &Dataset, name: &str) -> lakebed_dataset::Result<Vec<i64>> {
    column(dataset, name, &(0..dataset.num_rows()).collect::<Vec<_>>()).await
}

/// What a writer did.
#[derive(Debug, Default, Clone, Copy)]
struct Done {
    commits: u64,
    conflicts: u64,
    fenced: u64,
    longest: u32,
}

impl Done {
    fn add(&mut self, other: Done) {
        self.commits += other.commits;
        self.conflicts += other.conflicts;
        self.fenced += other.fenced;
        self.longest = self.longest.max(other.longest);
    }
}

/// One change, tried on the newest snapshot until it is committed. `names` must stand in the message
/// of a conflict of rows.
macro_rules! until_committed {
    ($done:expr, $dataset:expr, $names:expr, $attempt:expr) => {{
        let mut tries = 0;
        loop {
            tries += 1;
            assert!(tries < 500, "a writer starves");
            $dataset = $dataset.refresh().await.unwrap();
            let result: lakebed_dataset::Result<Dataset> = $attempt.await;
            match result {
                Ok(new) => {
                    $dataset = new;
                    break;
                }
                Err(Error::Conflict { reason, .. }) => {
                    let rows = reason.contains("rows with id") && reason.contains($names);
                    let known = rows
                        || reason.contains("other commits came first")
                        || reason.contains("every fragment was changed")
                        || reason.contains("has expired");
                    assert!(known, "{reason}");
                    $done.conflicts += 1;
                }
                Err(Error::Fenced { .. }) => $done.fenced += 1,
                Err(Error::NoSuchRow { .. }) => $done.conflicts += 1,
                // Its base was given up between two of its requests.
                Err(Error::VersionExpired { .. }) => $done.conflicts += 1,
                Err(error) => panic!("{error}"),
            }
        }
        $done.commits += 1;
        $done.longest = $done.longest.max(tries);
    }};
}

/// Moves money between two of the first accounts, and counts the moves of each.
async fn transfer(dataset: &Dataset, env: &Env) -> lakebed_dataset::Result<Dataset> {
    let from = env.random_u64() % ACCOUNTS;
    let to = (from + 1 + env.random_u64() % (ACCOUNTS - 1)) % ACCOUNTS;
    let positions = dataset.positions_of(&[from, to]).await?;
    let positions: Vec<u64> = positions.into_iter().map(Option::unwrap).collect();
    let balances = column(dataset, "balance", &positions).await?;
    let moves = column(dataset, "moves", &positions).await?;
    let amount = (env.random_u64() % 50) as i64;
    let mut edit = dataset.edit()?;
    let rows = [[balances[0] - amount, moves[0] + 1], [balances[1] + amount, moves[1] + 1]];
    edit.update(&[from, to], &batch(dataset, &["balance", "moves"], &rows)).await?;
    edit.commit("transfer").await
}

async fn transfers(url: String, count: i64) -> Done {
    let (env, mut done) = (Env::system(), Done::default());
    let mut dataset = Dataset::open(&url, Options::default()).await.unwrap();
    for _ in 0..count {
        until_committed!(done, dataset, "'balance'", transfer(&dataset, &env));
    }
    done
}

/// Appends rows without money, one or two at a time.
async fn appends(url: String, count: i64) -> Done {
    let mut done = Done::default();
    let mut dataset = Dataset::open(&url, Options::default()).await.unwrap();
    for i in 0..count {
        until_committed!(done, dataset, "", append(&dataset, 1 + i % 2, 0));
    }
    done
}

/// Notes in rows whose balances others change: other cells, so it never conflicts with them.
async fn notes(url: String, own: u64, count: i64) -> Done {
    let mut done = Done::default();
    let mut dataset = Dataset::open(&url, Options::default()).await.unwrap();
    for i in 1..=count {
        until_committed!(done, dataset, "no conflict of rows is expected here", async {
            let mut edit = dataset.edit()?;
            edit.update(&[own], &batch(&dataset, &["note"], &[[i]])).await?;
            edit.commit("note").await
        });
    }
    done
}

/// Deletes rows that were appended.
async fn deletions(url: String, count: i64) -> Done {
    let mut done = Done::default();
    let mut dataset = Dataset::open(&url, Options::default()).await.unwrap();
    for _ in 0..count {
        until_committed!(done, dataset, "", async {
            while dataset.num_rows() <= ACCOUNTS {
                tokio::time::sleep(Duration::from_millis(1)).await;
                dataset = dataset.refresh().await?;
            }
            let positions: Vec<u64> = (0..dataset.num_rows()).collect();
            let ids = dataset.row_ids_at(&positions).await?;
            let id = ids.into_iter().find(|id| *id >= ACCOUNTS).unwrap();
            dataset.delete(&[id], "delete").await
        });
    }
    done
}

async fn compactions(url: String, working: Arc<AtomicUsize>) -> Done {
    let mut done = Done::default();
    let mut dataset = Dataset::open(&url, Options::default()).await.unwrap();
    while working.load(Ordering::SeqCst) > 0 {
        let options = crate::bank::compaction();
        until_committed!(done, dataset, "", dataset.compact(&options, "compact", |_, _| ()));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    done
}

/// Gives up all but the newest versions, and collects.
async fn collections(url: String, kept: u64, working: Arc<AtomicUsize>) -> Done {
    let mut done = Done::default();
    let mut dataset = Dataset::open(&url, Options::default()).await.unwrap();
    while working.load(Ordering::SeqCst) > 0 {
        until_committed!(done, dataset, "", async {
            let below = dataset.newest_version().saturating_sub(kept);
            let expired = dataset.expire(below, "expire").await?;
            Ok(expired.collect_garbage("collect", |_, _| ()).await?.0)
        });
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    done
}

/// Looks at every version as it comes, and at a random one that is retained.
async fn observations(url: String, working: Arc<AtomicUsize>) -> Done {
    let (env, mut done) = (Env::system(), Done::default());
    let mut dataset = Dataset::open(&url, Options::default()).await.unwrap();
    while working.load(Ordering::SeqCst) > 0 {
        dataset = dataset.refresh().await.unwrap();
        let newest = dataset.newest_version();
        for version in [dataset.version(), newest - env.random_u64() % newest.min(20)] {
            let seen = async { sum(&dataset.at(version).await?).await };
            match seen.await {
                Ok(_) => done.commits += 1,
                Err(Error::VersionExpired { .. }) => done.conflicts += 1,
                Err(error) => panic!("version {version}: {error}"),
            }
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    done
}

async fn sum(dataset: &Dataset) -> lakebed_dataset::Result<()> {
    if dataset.num_rows() == 0 {
        return Ok(());
    }
    let balances = all(dataset, "balance").await?;
    assert_eq!(balances.iter().sum::<i64>(), SUM, "version {}", dataset.version());
    Ok(())
}

/// What must hold when all writers are done.
async fn settle(url: &str, transferred: i64, appended: i64, deleted: i64) -> Dataset {
    let dataset = Dataset::open(url, Options::default()).await.unwrap();
    let moves: i64 = all(&dataset, "moves").await.unwrap().iter().sum();
    assert_eq!(moves, 2 * transferred, "every transfer once");
    let rows = ACCOUNTS as i64 + appended - deleted;
    assert_eq!(dataset.num_rows() as i64, rows, "every append and deletion once");
    let mut checked = 0;
    for version in 0..=dataset.newest_version() {
        match dataset.at(version).await {
            Ok(old) => {
                sum(&old).await.unwrap();
                checked += 1;
            }
            Err(Error::VersionExpired { .. }) => {}
            Err(error) => panic!("version {version}: {error}"),
        }
    }
    let report = dataset.verify(|_, _| ()).await.unwrap();
    assert!(report.damage.is_empty(), "{:?}", report.damage);
    println!("  {checked} versions of {} have the same sum", dataset.newest_version() + 1);
    dataset
}

async fn bank(url: &str, collect: Option<u64>) {
    create(url).await;
    let start = Instant::now();
    let own = || url.to_string();
    let writers = [
        (
            "transfers",
            (0..4).map(|_| tokio::spawn(transfers(own(), TRANSFERS))).collect::<Vec<_>>(),
        ),
        ("appends", (0..2).map(|_| tokio::spawn(appends(own(), APPENDS))).collect()),
        ("notes", (0..2).map(|n| tokio::spawn(notes(own(), n, TRANSFERS))).collect()),
        ("deletions", vec![tokio::spawn(deletions(own(), APPENDS / 2))]),
    ];
    let working = Arc::new(AtomicUsize::new(1));
    let mut keepers = vec![("compactions", tokio::spawn(compactions(own(), Arc::clone(&working))))];
    keepers.push(("observations", tokio::spawn(observations(own(), Arc::clone(&working)))));
    if let Some(kept) = collect {
        for _ in 0..2 {
            let keeper = collections(own(), kept, Arc::clone(&working));
            keepers.push(("collections", tokio::spawn(keeper)));
        }
    }
    for (name, tasks) in writers {
        let mut all = Done::default();
        for task in tasks {
            all.add(task.await.unwrap());
        }
        println!("  {name}: {all:?}");
    }
    working.store(0, Ordering::SeqCst);
    for (name, keeper) in keepers {
        println!("  {name}: {:?}", keeper.await.unwrap());
    }
    let appended = 2 * (0..APPENDS).map(|i| 1 + i % 2).sum::<i64>();
    let dataset = settle(url, 4 * TRANSFERS, appended, APPENDS / 2).await;
    let notes = column(&dataset, "note", &[0, 1]).await.unwrap();
    assert_eq!(notes, [TRANSFERS, TRANSFERS]);
    println!(
        "  {} entries in {:.1} s at {url}",
        dataset.newest_version(),
        start.elapsed().as_secs_f64()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sum_of_all_balances_is_the_same_in_every_version() {
    bank("mem://bank", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sum_of_all_balances_is_the_same_while_older_versions_are_collected() {
    bank("mem://bank-collected", Some(60)).await;
    // So few are kept that writers meet versions that were given up under their hands.
    bank("mem://bank-starved", Some(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sum_of_all_balances_is_the_same_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    bank(folder.path().join("bank").to_str().unwrap(), Some(60)).await;
}

/// Not a test: one of several processes that write to one dataset.
#[tokio::test]
async fn process_that_transfers() {
    let Ok(url) = std::env::var(CHILD) else { return };
    let moved = transfers(url.clone(), TRANSFERS / 2).await;
    let appended = appends(url.clone(), APPENDS / 2).await;
    let kept = keep_house(&url).await;
    println!("{moved:?} {appended:?} {kept:?}");
}

async fn keep_house(url: &str) -> Done {
    let mut dataset = Dataset::open(url, Options::default()).await.unwrap();
    let options = crate::bank::compaction();
    let mut done = Done::default();
    until_committed!(done, dataset, "", dataset.compact(&options, "compact", |_, _| ()));
    until_committed!(done, dataset, "", async {
        let below = dataset.newest_version().saturating_sub(100);
        let expired = dataset.expire(below, "expire").await?;
        Ok(expired.collect_garbage("collect", |_, _| ()).await?.0)
    });
    drop(dataset);
    done
}

#[tokio::test]
async fn the_sum_of_all_balances_is_the_same_with_several_processes() {
    const PROCESSES: i64 = 4;
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("bank");
    let url = url.to_str().unwrap();
    create(url).await;
    let start = Instant::now();
    let children: Vec<_> = (0..PROCESSES)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "transfers::process_that_transfers", "--nocapture"])
                .env(CHILD, url)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        println!("  {}", text.lines().find(|line| line.contains("commits")).unwrap_or_default());
    }
    let appended = PROCESSES * (0..APPENDS / 2).map(|i| 1 + i % 2).sum::<i64>();
    let dataset = settle(url, PROCESSES * TRANSFERS / 2, appended, 0).await;
    println!(
        "  {} entries of {PROCESSES} processes in {:.1} s",
        dataset.newest_version(),
        start.elapsed().as_secs_f64()
    );
}

/// Two edits of one cell from one snapshot: the second is told which row and which column.
#[tokio::test]
async fn of_two_edits_of_one_cell_the_second_is_a_conflict_that_names_it() {
    let dataset = create("mem://two-edits").await;
    let edit = async |rows: &[u64], name: &'static str, value: i64| {
        let mut edit = dataset.edit().unwrap();
        let values = vec![[value]; rows.len()];
        edit.update(rows, &batch(&dataset, &[name], &values)).await.unwrap();
        edit.commit("").await
    };
    edit(&[3, 4], "balance", 1).await.unwrap();
    edit(&[3], "note", 2).await.unwrap();
    edit(&[5], "balance", 3).await.unwrap();
    let error = edit(&[4, 6], "balance", 4).await.unwrap_err();
    let Error::Conflict { number, reason, .. } = &error else { panic!("{error}") };
    assert_eq!(*number, 4);
    assert!(reason.contains("rows with id 4 ") && reason.contains("'balance'"), "{reason}");
    // To delete what was changed, and to change what was deleted.
    let error = dataset.delete(&[5], "").await.unwrap_err();
    assert!(
        matches!(&error, Error::Conflict { reason, .. } if reason.contains("id 5,")),
        "{error}"
    );
    dataset.delete(&[9], "").await.unwrap();
    let error = edit(&[9], "note", 1).await.unwrap_err();
    assert!(matches!(&error, Error::Conflict { reason, .. } if reason.contains("id 9")), "{error}");
    // What rests on a value that was changed.
    let mut rests = dataset.edit().unwrap();
    rests.rests_on(["balance"]).unwrap();
    rests.update(&[4], &batch(&dataset, &["note"], &[[7]])).await.unwrap();
    let error = rests.commit("").await.unwrap_err();
    assert!(
        matches!(&error, Error::Conflict { reason, .. } if reason.contains("'balance'")),
        "{error}"
    );
    // A row that never was is no row that others deleted.
    let error = dataset.delete(&[9, 12345], "").await.unwrap_err();
    assert!(matches!(error, Error::NoSuchRow { row_id: 12345, more: 0 }), "{error}");
    let now = dataset.refresh().await.unwrap();
    assert_eq!(column(&now, "balance", &[3, 4, 5]).await.unwrap(), [1, 1, 3]);
}
