//! The faults that are no plain failures: late, delayed and torn requests.

use std::sync::Arc;
use std::time::Duration;

use lakebed_store::Error;
use lakebed_store::Fault;
use lakebed_store::Faulty;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Operation;
use lakebed_store::Rule;
use lakebed_store::Store;

fn failing(operation: Operation, fault: Fault) -> Faulty {
    let store = Faulty::new(Arc::new(ObjectStoreBackend::memory()));
    store.fail(Rule::new(&[operation], fault).nth(1));
    store
}

#[tokio::test]
async fn a_late_write_lands_after_those_that_came_between() {
    let store = failing(Operation::Put, Fault::Late(2));
    assert!(matches!(store.put("k", "old".into()).await, Err(Error::Transport { .. })));
    assert!(store.get("k").await.unwrap_err().is_not_found());
    store.put("k", "new".into()).await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), "old");

    let store = failing(Operation::Create, Fault::Late(200));
    assert!(store.create("k", "late".into()).await.is_err());
    store.create("k", "first".into()).await.unwrap();
    store.settle().await;
    assert_eq!(store.get("k").await.unwrap(), "first");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_request_is_overtaken() {
    let store = failing(Operation::Put, Fault::Delayed);
    let begun = tokio::time::Instant::now();
    let (slow, fast) = tokio::join!(store.put("k", "slow".into()), store.put("k", "fast".into()));
    slow.and(fast).unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(60));
    assert_eq!(store.get("k").await.unwrap(), "slow");
}

#[tokio::test]
async fn half_of_what_is_torn_arrives() {
    let store = failing(Operation::Get, Fault::Torn);
    store.create("k", "eight by".into()).await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), "eigh");
    assert_eq!(store.get("k").await.unwrap(), "eight by");

    let store = failing(Operation::Write, Fault::Torn);
    let mut writer = store.writer("w").await.unwrap();
    assert!(matches!(writer.write("eight by".into()).await, Err(Error::Transport { .. })));
    // Who went on all the same would find half of it.
    writer.finish().await.unwrap();
    assert_eq!(store.get("w").await.unwrap(), "eigh");
}

#[tokio::test]
async fn stores_beside_each_other_count_together() {
    let store = failing(Operation::Get, Fault::Denied);
    store.heal();
    let other = store.beside(Arc::new(ObjectStoreBackend::memory()));
    store.create("k", "here".into()).await.unwrap();
    other.create("k", "there".into()).await.unwrap();
    store.fail(Rule::new(&[Operation::Get], Fault::Denied).nth(2));
    assert_eq!(store.get("k").await.unwrap(), "here");
    assert!(matches!(other.get("k").await, Err(Error::Denied { .. })));
    assert_eq!((store.struck(), other.struck()), (1, 1));
}
