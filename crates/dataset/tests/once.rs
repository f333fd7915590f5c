//! Commits with a key: whatever fails and whoever else tries, they happen once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "that is how a test fails")]
#![allow(clippy::print_stdout, reason = "figures of a run")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::Int64Array;
use arrow::array::RecordBatch;
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Schema;
use lakebed_core::TensorType;
use lakebed_dataset::ColumnRead;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Part;
use lakebed_dataset::Result;
use lakebed_format::KeyNote;
use lakebed_store::Fault;
use lakebed_store::Faulty;
use lakebed_store::Meter;
use lakebed_store::Operation;
use lakebed_store::Rule;
use lakebed_store::Store;

const KEY: &str = "ingest of 2026-11-22";

fn schema() -> Schema {
    Schema::new(vec![Column::scalar("x", DType::I64)]).unwrap()
}

fn batch(dataset: &Dataset, numbers: &[i64]) -> RecordBatch {
    let field = TensorType::from_column(&dataset.schema().columns[0]).to_field("x", false);
    let array: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
    RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(vec![field])), vec![array]).unwrap()
}

async fn numbers(dataset: &Dataset) -> Vec<i64> {
    let column = dataset.schema().columns[0].id;
    let positions: Vec<u64> = (0..dataset.num_rows()).collect();
    let read = [ColumnRead { column, part: Part::Whole }];
    let batch = dataset.take(&positions, &read).await.unwrap();
    batch.column(0).as_primitive::<Int64Type>().values().to_vec()
}

async fn ingest(dataset: &Dataset, key: &str, rows: &[i64]) -> Result<Dataset> {
    let mut writer = dataset.append()?;
    writer.write(&batch(dataset, rows)).await?;
    writer.commit_once(key, "an ingest").await
}

async fn append(dataset: &Dataset, rows: &[i64]) -> Dataset {
    let mut writer = dataset.append().unwrap();
    writer.write(&batch(dataset, rows)).await.unwrap();
    writer.commit("others").await.unwrap()
}

/// A place whose requests can be made to fail, with an empty dataset.
async fn place(name: &str) -> (Arc<Faulty>, Dataset) {
    let store = Arc::new(Faulty::new(lakebed_store::open(name).unwrap()));
    let meter = Arc::new(Meter::default());
    let own = Arc::clone(&store) as Arc<dyn Store>;
    let dataset = Dataset::create_in(name, own, meter, schema(), Options::default()).await;
    (store, dataset.unwrap())
}

#[tokio::test]
async fn a_repeated_ingest_is_the_first_one() {
    let (_, dataset) = place("mem://once-repeat").await;
    assert!(dataset.committed_once(KEY).await.unwrap().is_none());
    let first = ingest(&dataset, KEY, &[1, 2]).await.unwrap();
    append(&dataset, &[3]).await;
    // From an old snapshot, from a new one, from one opened again.
    for from in [
        dataset.clone(),
        first.refresh().await.unwrap(),
        Dataset::open("mem://once-repeat", Options::default()).await.unwrap(),
    ] {
        let again = ingest(&from, KEY, &[1, 2]).await.unwrap();
        assert_eq!((again.version(), numbers(&again).await), (1, vec![1, 2]));
        let found = from.committed_once(KEY).await.unwrap().unwrap();
        assert_eq!((found.version(), found.num_rows()), (1, 2));
    }
    // Another key is another commit; so is the same key of another dataset.
    let other = ingest(&dataset, "another", &[4]).await.unwrap();
    assert_eq!(numbers(&other).await, [1, 2, 3, 4]);
    let (_, elsewhere) = place("mem://once-elsewhere").await;
    assert_eq!(ingest(&elsewhere, KEY, &[9]).await.unwrap().num_rows(), 1);
    for key in ["", &"k".repeat(257)] {
        let refused = ingest(&dataset, key, &[5]).await;
        assert!(matches!(refused, Err(Error::InvalidKey { .. })));
    }
    assert!(dataset.refresh().await.unwrap().verify(|_, _| ()).await.unwrap().damage.is_empty());
}

#[tokio::test]
async fn an_edit_with_a_key_is_applied_once() {
    let (_, dataset) = place("mem://once-edit").await;
    let dataset = append(&dataset, &[1, 2, 3]).await;
    let edited = async |from: &Dataset| {
        let mut edit = from.edit().unwrap();
        edit.delete(&[1]);
        edit.update(&[0], &batch(from, &[10])).await.unwrap();
        edit.append(&batch(from, &[4])).await.unwrap();
        edit.commit_once(KEY, "an edit").await
    };
    assert_eq!(numbers(&edited(&dataset).await.unwrap()).await, [10, 3, 4]);
    // The row that it deletes is gone, and that is as it should be.
    let newest = dataset.refresh().await.unwrap();
    assert_eq!(edited(&newest).await.unwrap().version(), 2);
    assert_eq!(newest.refresh().await.unwrap().version(), 2);
}

/// At each request of an ingest with a key: it fails for good, before or after it took place, others
/// commit or not, and the ingest is begun again by who knows nothing of the first.
#[tokio::test(start_paused = true)]
async fn whichever_request_fails_the_rows_are_there_once() {
    let operations =
        [Operation::Get, Operation::Create, Operation::Put, Operation::Write, Operation::Finish];
    let (mut runs, mut failed, mut landed_runs) = (0, 0, 0);
    for landed in [false, true] {
        for others in [0, 1, 40] {
            for nth in 1.. {
                let name = format!("mem://once-faults-{landed}-{others}-{nth}");
                let (store, dataset) = place(&name).await;
                let rule = Rule::new(&operations, Fault::Lost);
                let rule = if landed { rule.after_landing() } else { rule };
                store.fail(rule.from_nth(nth));
                let result = ingest(&dataset, KEY, &[1, 2]).await;
                let struck = store.struck();
                store.heal();
                runs += 1;
                for other in 0..others {
                    append(&dataset, &[100 + other]).await;
                }
                let before = dataset.refresh().await.unwrap().version();
                let fresh = Dataset::open(&name, Options::default()).await.unwrap();
                let again = ingest(&fresh, KEY, &[1, 2]).await.unwrap();
                let newest = fresh.refresh().await.unwrap();
                let all = numbers(&newest).await;
                let count = all.iter().filter(|n| **n < 100).count();
                assert_eq!(count, 2, "{name}: {result:?} {all:?}");
                assert_eq!(numbers(&again).await[again.num_rows() as usize - 2..], [1, 2]);
                match &result {
                    // A failing hint is no failure.
                    Ok(first) => assert_eq!(first.version(), again.version()),
                    Err(_) => failed += 1,
                }
                landed_runs += u32::from(newest.version() == before);
                assert!(newest.verify(|_, _| ()).await.unwrap().damage.is_empty());
                if struck == 0 {
                    break;
                }
            }
        }
    }
    assert!(failed > 20 && landed_runs > 6, "{failed} {landed_runs}");
    println!("{runs} ingests, {failed} failed, {landed_runs} had committed: none is there twice");
}

/// The note is there and the entry is not: the number was not taken, or by somebody else.
#[tokio::test]
async fn a_note_without_an_entry_is_no_commit() {
    for others in 0..3 {
        let name = format!("mem://once-note-{others}");
        let (store, dataset) = place(&name).await;
        store.fail(Rule::new(&[Operation::Create], Fault::Denied).keys("log/"));
        assert!(ingest(&dataset, KEY, &[1]).await.is_err());
        store.heal();
        let note = store.get(&KeyNote::object(KEY)).await.unwrap();
        assert_eq!(KeyNote::from_bytes(KEY, &note).unwrap().number, 1);
        for other in 0..others {
            append(&dataset, &[100 + other]).await;
        }
        assert!(dataset.committed_once(KEY).await.unwrap().is_none());
        let done = ingest(&dataset, KEY, &[1]).await.unwrap();
        assert_eq!(done.version(), others as u64 + 1);
        assert_eq!(ingest(&dataset, KEY, &[1]).await.unwrap().version(), done.version());
    }
}

/// A writer that read the log before another with its key committed, and goes on after it.
#[tokio::test]
async fn a_writer_that_was_overtaken_by_its_double_does_not_commit() {
    let (_, dataset) = place("mem://once-overtaken").await;
    let mut slow = dataset.append().unwrap();
    slow.write(&batch(&dataset, &[1])).await.unwrap();
    let first = ingest(&dataset, KEY, &[1]).await.unwrap();
    append(&dataset, &[2]).await;
    // A note of the slow one lands late, over the newer one: it is still true.
    let store = lakebed_store::open("mem://once-overtaken").unwrap();
    let note =
        KeyNote { key: KEY.to_string(), number: 1, id: lakebed_core::ObjectId { epoch: 0, id: 5 } };
    store.put(&KeyNote::object(KEY), Bytes::from(note.to_bytes().unwrap())).await.unwrap();
    assert_eq!(slow.commit_once(KEY, "").await.unwrap().version(), first.version());
    assert_eq!(dataset.refresh().await.unwrap().version(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_with_one_key_one_commits() {
    const KEYS: usize = 12;
    const WRITERS: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("ds").to_str().unwrap().to_string();
    Dataset::create(&url, schema(), Options::default()).await.unwrap();
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let url = url.clone();
        tasks.push(tokio::spawn(async move {
            let dataset = Dataset::open(&url, Options::default()).await.unwrap();
            let mut versions = Vec::new();
            for key in 0..KEYS {
                let rows = [key as i64 * 2, key as i64 * 2 + 1];
                // Each in a disorder of its own, and none refreshes.
                loop {
                    match ingest(&dataset, &format!("key {key}"), &rows).await {
                        Ok(done) => break versions.push(done.version()),
                        Err(Error::Conflict { .. }) => {}
                        Err(other) => panic!("writer {writer}: {other}"),
                    }
                }
            }
            versions
        }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    let dataset = Dataset::open(&url, Options::default()).await.unwrap();
    assert_eq!(dataset.version(), KEYS as u64);
    let mut all = numbers(&dataset).await;
    all.sort_unstable();
    assert!(all.into_iter().eq(0..KEYS as i64 * 2));
    println!("{WRITERS} writers with {KEYS} keys: {} commits", dataset.version());
}

#[tokio::test]
async fn what_cannot_be_known_is_not_committed() {
    let (store, dataset) = place("mem://once-expired").await;
    store.fail(Rule::new(&[Operation::Create], Fault::Denied).keys("log/"));
    assert!(ingest(&dataset, KEY, &[1]).await.is_err());
    store.heal();
    append(&dataset, &[2]).await;
    let newest = append(&dataset, &[3]).await;
    let newest = newest.expire(2, "").await.unwrap();
    let (newest, _) = newest.collect_garbage("", |_, _| {}).await.unwrap();
    let refused = ingest(&newest, KEY, &[1]).await;
    assert!(matches!(refused, Err(Error::VersionExpired { version: 1, .. })), "{refused:?}");
    // A note that is damaged, or gone though an entry carries its key, is found.
    let done = ingest(&newest, "kept", &[4]).await.unwrap();
    let object = KeyNote::object("kept");
    let whole = store.get(&object).await.unwrap();
    store.put(&object, whole.slice(..whole.len() - 1)).await.unwrap();
    assert!(ingest(&newest, "kept", &[4]).await.unwrap_err().is_damage());
    assert_eq!(done.verify(|_, _| ()).await.unwrap().damage.len(), 1);
    store.delete(&object).await.unwrap();
    assert_eq!(done.verify(|_, _| ()).await.unwrap().damage.len(), 1);
}
