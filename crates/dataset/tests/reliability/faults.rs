//! Requests that fail: the old version, the new one or a typed error, never anything between.

use std::sync::Arc;

use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Result;
use lakebed_store::Fault;
use lakebed_store::Faulty;
use lakebed_store::Meter;
use lakebed_store::Operation;
use lakebed_store::Rule;

use super::append;
use super::read_all;
use super::varied;
use super::varied_rows;

const ALL: &[Operation] = &[
    Operation::Get,
    Operation::GetRange,
    Operation::Size,
    Operation::Create,
    Operation::Put,
    Operation::Write,
    Operation::Finish,
];

/// A place that fails when told to, with `rows` rows of one commit if there are any.
struct Place {
    store: Arc<Faulty>,
    name: String,
}

impl Place {
    async fn new(name: String, rows: usize) -> Place {
        let url = format!("mem://{name}");
        let store = Arc::new(Faulty::new(lakebed_store::open(&url).unwrap()));
        let place = Place { store, name: url };
        if rows > 0 {
            let dataset = place.create().await.unwrap();
            append(&dataset, &varied_rows(dataset.schema(), 0, rows)).await.unwrap();
        }
        place
    }

    async fn create(&self) -> Result<Dataset> {
        let (meter, store) = (Arc::new(Meter::default()), Arc::clone(&self.store));
        Dataset::create_in(&self.name, store, meter, varied(), Options::default()).await
    }

    async fn open(&self) -> Result<Dataset> {
        let (meter, store) = (Arc::new(Meter::default()), Arc::clone(&self.store));
        Dataset::open_in(&self.name, store, meter, Options::default()).await
    }
}

/// Each way in which a request fails, and whether it has taken place.
fn mishaps() -> Vec<(Fault, bool)> {
    let faults = [Fault::Lost, Fault::Taken, Fault::Full, Fault::ReadOnly, Fault::Denied];
    let mut all: Vec<_> = faults.into_iter().map(|fault| (fault, false)).collect();
    all.extend([(Fault::Lost, true), (Fault::Taken, true), (Fault::Unsynced, true)]);
    all
}

fn rule(fault: Fault, landed: bool) -> Rule {
    // Reads fail in transit; writes fail in every way.
    let operations = match fault {
        Fault::Lost => ALL,
        _ => &[Operation::Create, Operation::Put, Operation::Write, Operation::Finish],
    };
    let rule = Rule::new(operations, fault);
    if landed { rule.after_landing() } else { rule }
}

#[tokio::test(start_paused = true)]
async fn whichever_request_of_a_commit_fails_nothing_is_half_there() {
    let (mut runs, mut committed, mut refused, mut unknown) = (0, 0, 0, 0);
    for (fault, landed) in mishaps() {
        for forever in [false, true] {
            for nth in 1.. {
                let place =
                    Place::new(format!("commit-{fault:?}-{landed}-{forever}-{nth}"), 5).await;
                let before = place.open().await.unwrap();
                let truth = read_all(&before).await.unwrap();
                let rows = varied_rows(before.schema(), 5, 9);
                let rule = rule(fault, landed);
                place.store.fail(if forever { rule.from_nth(nth) } else { rule.nth(nth) });
                let result = append(&before, &rows).await;
                let struck = place.store.struck();
                place.store.heal();
                let after = place.open().await.unwrap();
                let all = read_all(&after).await.unwrap();
                assert_eq!(all[..1], truth, "what was committed is lost");
                let context = format!("{fault:?} landed {landed} forever {forever} nth {nth}");
                match result {
                    Ok(new) => {
                        assert_eq!((new.version(), after.version()), (2, 2), "{context}");
                        assert_eq!(all[1..], *std::slice::from_ref(&rows), "{context}");
                        committed += 1;
                    }
                    Err(Error::CommitUnknown { number, id, .. }) => {
                        assert!(forever, "{context}: one lost answer can be resolved");
                        assert_eq!(number, 2);
                        // The log settles it.
                        let log = after.log(1).await.unwrap();
                        assert_eq!(log[0].id == id, after.version() == 2, "{context}");
                        unknown += 1;
                    }
                    Err(error) => {
                        assert_eq!(after.version(), 1, "{context}: {error}");
                        assert!(!error.is_damage(), "{context}: {error}");
                        assert!(matches!(error, Error::Store(_)), "{context}: {error}");
                        refused += 1;
                    }
                }
                assert!(after.verify(|_, _| ()).await.unwrap().damage.is_empty(), "{context}");
                let again = append(&after, &rows).await.unwrap();
                assert_eq!(again.version(), after.version() + 1, "{context}");
                runs += 1;
                if struck == 0 {
                    break;
                }
            }
        }
    }
    assert!(committed > 0 && refused > 0 && unknown > 0);
    println!(
        "{runs} commits with faults: {committed} committed, {refused} refused, {unknown} unknown"
    );
}

#[tokio::test(start_paused = true)]
async fn whichever_request_of_a_creation_fails_it_can_be_repeated() {
    let mut runs = 0;
    for (fault, landed) in mishaps() {
        for forever in [false, true] {
            for nth in 1.. {
                let place =
                    Place::new(format!("create-{fault:?}-{landed}-{forever}-{nth}"), 0).await;
                let rule = rule(fault, landed);
                place.store.fail(if forever { rule.from_nth(nth) } else { rule.nth(nth) });
                let created = place.create().await;
                let struck = place.store.struck();
                place.store.heal();
                let context = format!("{fault:?} landed {landed} forever {forever} nth {nth}");
                match place.open().await {
                    Ok(_) => assert!(
                        created.is_ok() || matches!(created, Err(Error::CommitUnknown { .. })),
                        "{context}: {created:?}"
                    ),
                    Err(error) => {
                        assert!(matches!(error, Error::NotADataset { .. }), "{context}: {error}");
                        created.unwrap_err();
                        place.create().await.unwrap();
                    }
                }
                let dataset = place.open().await.unwrap();
                let rows = varied_rows(dataset.schema(), 0, 3);
                let dataset = append(&dataset, &rows).await.unwrap();
                assert_eq!(read_all(&dataset).await.unwrap(), [rows], "{context}");
                assert!(matches!(place.create().await, Err(Error::Exists { .. })));
                runs += 1;
                if struck == 0 {
                    break;
                }
            }
        }
    }
    println!("{runs} creations with faults");
}

#[tokio::test(start_paused = true)]
async fn whichever_request_of_a_read_fails_the_answer_is_right_or_an_error() {
    let mut runs = 0;
    for fault in [Fault::Lost, Fault::Missing, Fault::Denied] {
        for nth in 1.. {
            let place = Place::new(format!("read-{fault:?}-{nth}"), 7).await;
            let truth = read_all(&place.open().await.unwrap()).await.unwrap();
            // That the last entry is missing is what the end of every log looks like.
            let keys = if fault == Fault::Missing { "data/" } else { "" };
            place.store.fail(Rule::new(Operation::READS, fault).keys(keys).nth(nth));
            let result = async { read_all(&place.open().await?).await }.await;
            let struck = place.store.struck();
            match result {
                Ok(batches) => assert_eq!(batches, truth),
                Err(Error::Store(_)) => assert!(struck > 0),
                Err(other) => panic!("{fault:?} {nth}: {other}"),
            }
            place.store.heal();
            // The next try is not poisoned by what the failed one left behind.
            assert_eq!(read_all(&place.open().await.unwrap()).await.unwrap(), truth);
            runs += 1;
            if struck == 0 {
                break;
            }
        }
    }
    println!("{runs} reads with faults");
}

#[tokio::test(start_paused = true)]
async fn a_read_that_failed_can_be_repeated_on_the_same_snapshot() {
    for nth in 1.. {
        let place = Place::new(format!("again-{nth}"), 7).await;
        let truth = read_all(&place.open().await.unwrap()).await.unwrap();
        let dataset = place.open().await.unwrap();
        place.store.fail(Rule::new(Operation::READS, Fault::Lost).nth(nth));
        let failed = read_all(&dataset).await.is_err();
        let struck = place.store.struck();
        assert_eq!(failed, struck > 0, "a lost answer is an error here, where nothing retries");
        place.store.heal();
        assert_eq!(read_all(&dataset).await.unwrap(), truth);
        if struck == 0 {
            assert!(nth > 3, "manifest, directories and payloads were hit");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_and_a_read_only_folder_are_named() {
    for (fault, words) in [(Fault::Full, "no space is left"), (Fault::ReadOnly, "read-only")] {
        let place = Place::new(format!("named-{fault:?}"), 5).await;
        let dataset = place.open().await.unwrap();
        let truth = read_all(&dataset).await.unwrap();
        let writes = [
            Operation::Create,
            Operation::Put,
            Operation::Write,
            Operation::Finish,
            Operation::Delete,
        ];
        place.store.fail(Rule::new(&writes, fault));
        let error = append(&dataset, &varied_rows(dataset.schema(), 5, 9)).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        // Reading, opening and verifying need no write.
        let dataset = place.open().await.unwrap();
        assert_eq!(read_all(&dataset).await.unwrap(), truth);
        assert!(dataset.verify(|_, _| ()).await.unwrap().damage.is_empty());
        let elsewhere = Place::new(format!("named-new-{fault:?}"), 0).await;
        elsewhere.store.fail(Rule::new(&writes, fault));
        let error = elsewhere.create().await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
        place.store.heal();
        append(&dataset, &varied_rows(dataset.schema(), 5, 9)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_is_unknown_only_when_nobody_can_tell() {
    for landed in [true, false] {
        let place = Place::new(format!("unknown-{landed}"), 5).await;
        let dataset = place.open().await.unwrap();
        let rule = Rule::new(&[Operation::Create], Fault::Lost).keys("log/");
        place.store.fail(if landed { rule.after_landing() } else { rule });
        if landed {
            // It is in the log, but cannot be read back. Earlier reads of the log succeed.
            place.store.fail(Rule::new(&[Operation::Get], Fault::Lost).keys("log/").from_nth(3));
        }
        let error = append(&dataset, &varied_rows(dataset.schema(), 5, 9)).await.unwrap_err();
        let Error::CommitUnknown { number: 2, id, .. } = &error else { panic!("{error}") };
        assert!(error.to_string().contains("look at its log"), "{error}");
        place.store.heal();
        let after = place.open().await.unwrap();
        assert_eq!(after.version(), if landed { 2 } else { 1 });
        assert_eq!(after.log(1).await.unwrap()[0].id == *id, landed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hint_that_cannot_be_written_costs_nothing_but_requests() {
    let place = Place::new("hintless".into(), 5).await;
    let mut dataset = place.open().await.unwrap();
    place.store.fail(Rule::new(&[Operation::Put], Fault::Denied));
    for i in 1..8 {
        dataset = append(&dataset, &varied_rows(dataset.schema(), 5 * i, 5 * i + 5)).await.unwrap();
    }
    place.store.heal();
    assert_eq!(place.open().await.unwrap().num_rows(), 40);
}
