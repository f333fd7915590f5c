//! Slow writers beside fast ones: their turn comes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lakebed_dataset::Dataset;
use lakebed_dataset::Options;
use lakebed_format::Waiting;
use lakebed_store::Meter;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Store;
use lakebed_store::Throttle;
use lakebed_store::Throttled;

use super::append_numbers;
use super::numbers;
use super::read_numbers;

const URL: &str = "turns";
/// Commits of the slow writer.
const COMMITS: i64 = 5;

async fn open(store: &Arc<dyn Store>) -> Dataset {
    let options = Options::default();
    Dataset::open_in(URL, Arc::clone(store), Arc::new(Meter::default()), options).await.unwrap()
}

async fn create() -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(ObjectStoreBackend::memory());
    let meter = Arc::new(Meter::default());
    let shared = Arc::clone(&store);
    Dataset::create_in(URL, shared, meter, numbers(), Options::default()).await.unwrap();
    store
}

/// A writer whose store is near commits one after the other, twenty times as fast as the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_writer_gets_its_turn_beside_a_fast_one() {
    let store = create().await;
    let away = |latency: u64| -> Arc<dyn Store> {
        let latency = Duration::from_millis(latency);
        let throttle = Throttle { latency, bytes_per_second: None };
        Arc::new(Throttled::new(Arc::clone(&store), throttle))
    };
    let (near, far) = (away(1), away(30));
    let done = Arc::new(AtomicBool::new(false));
    let (fast, stop) = (open(&near).await, Arc::clone(&done));
    let fast = tokio::spawn(async move {
        let mut dataset = fast;
        let mut commits = 0;
        while !stop.load(Ordering::SeqCst) {
            dataset = append_numbers(&dataset, vec![commits]).await.unwrap();
            commits += 1;
        }
        commits
    });
    let mut slow = open(&far).await;
    let mut most = 0;
    for number in 1..=COMMITS {
        let before = slow.refresh().await.unwrap().newest_version();
        // One call: it is not for the caller to try again.
        slow = append_numbers(&slow, vec![-number]).await.unwrap();
        most = most.max(slow.version() - before);
    }
    done.store(true, Ordering::SeqCst);
    let commits = fast.await.unwrap();
    println!("{COMMITS} slow commits beside {commits} fast ones, at most {most} before one");
    assert!(commits > 10 * COMMITS, "the other did not race: {commits}");
    let dataset = open(&store).await;
    let numbers = read_numbers(&dataset).await;
    assert_eq!(numbers.iter().filter(|number| **number < 0).count() as i64, COMMITS);
    assert_eq!(numbers.len() as i64, commits + COMMITS);
    assert!(store.get("waiting").await.is_err(), "who is through waits no more");
}

/// The note of a writer that died costs the others one pause, not one a commit.
#[tokio::test]
async fn a_note_that_nobody_withdraws_is_removed() {
    let store = create().await;
    let mut dataset = open(&store).await;
    let note = Waiting { id: 1, attempt: Duration::from_millis(1) };
    store.put("waiting", note.to_bytes().into()).await.unwrap();
    for number in 0..40 {
        dataset = append_numbers(&dataset, vec![number]).await.unwrap();
    }
    assert!(store.get("waiting").await.is_err());
    // Nor does one that is no note.
    store.put("waiting", "who?".into()).await.unwrap();
    for number in 40..80 {
        dataset = append_numbers(&dataset, vec![number]).await.unwrap();
    }
    assert!(read_numbers(&dataset).await.into_iter().eq(0..80));
}
