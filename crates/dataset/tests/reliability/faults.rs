//! What is said of requests that fail, and what failing ones leave behind in a snapshot.

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
