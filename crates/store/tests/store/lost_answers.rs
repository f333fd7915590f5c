//! What is said about a write whose answer was lost, wrong or late.

use std::sync::Arc;

use bytes::Bytes;
use lakebed_core::Env;
use lakebed_store::Error;
use lakebed_store::Fault;
use lakebed_store::Faulty;
use lakebed_store::LocalStore;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Operation;
use lakebed_store::Outcome;
use lakebed_store::RetryPolicy;
use lakebed_store::Retrying;
use lakebed_store::Rule;
use lakebed_store::Store;
use lakebed_store::create_resolved;

fn faulty() -> Faulty {
    Faulty::new(Arc::new(ObjectStoreBackend::memory()))
}

fn mine() -> Bytes {
    Bytes::from_static(b"mine")
}

async fn create(store: &Faulty) -> Result<Outcome, Error> {
    create_resolved(store, "log/1", mine(), 4).await
}

#[tokio::test(start_paused = true)]
async fn a_create_that_landed_is_success_whatever_the_answer_said() {
    for fault in [Fault::Lost, Fault::Taken] {
        let store = faulty();
        store.fail(Rule::new(&[Operation::Create], fault).times(1).after_landing());
        assert_eq!(create(&store).await.unwrap(), Outcome::Created, "{fault:?}");
        assert_eq!(store.get("log/1").await.unwrap(), mine());
        assert_eq!(store.struck(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_never_arrived_is_sent_again() {
    for fault in [Fault::Lost, Fault::Taken] {
        let store = faulty();
        store.fail(Rule::new(&[Operation::Create], fault).times(3));
        assert_eq!(create(&store).await.unwrap(), Outcome::Created, "{fault:?}");
        assert_eq!(store.get("log/1").await.unwrap(), mine());
        assert_eq!(store.struck(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn another_writers_object_is_a_conflict_and_never_success() {
    let store = faulty();
    store.create("log/1", Bytes::from_static(b"theirs")).await.unwrap();
    let theirs = Outcome::Taken(Bytes::from_static(b"theirs"));
    assert_eq!(create(&store).await.unwrap(), theirs);
    store.fail(Rule::new(&[Operation::Create], Fault::Lost));
    assert_eq!(create(&store).await.unwrap(), theirs);
    // The reading back fails at first, too.
    store.fail(Rule::new(&[Operation::Get], Fault::Lost).times(2));
    assert_eq!(create(&store).await.unwrap(), theirs);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_found_out_is_unknown_and_never_failure() {
    let store = faulty();
    store.fail(Rule::new(&[Operation::Create], Fault::Lost));
    match create(&store).await.unwrap_err() {
        Error::Unknown { key, tries, .. } => assert_eq!((key.as_str(), tries), ("log/1", 4)),
        other => panic!("{other:?}"),
    }
    // It landed, but nobody can look.
    let store = faulty();
    store.fail(Rule::new(&[Operation::Create], Fault::Lost).after_landing());
    store.fail(Rule::new(Operation::READS, Fault::Denied));
    assert!(matches!(create(&store).await.unwrap_err(), Error::Unknown { .. }));
    store.heal();
    assert_eq!(store.get("log/1").await.unwrap(), mine());
    // After one open try, a later clear refusal says nothing about the first.
    let store = faulty();
    store.fail(Rule::new(&[Operation::Create], Fault::Lost).times(1));
    store.fail(Rule::new(&[Operation::Create], Fault::Full).from_nth(2));
    assert!(matches!(create(&store).await.unwrap_err(), Error::Unknown { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_before_anything_landed_is_reported_as_it_is() {
    for (fault, advice) in [
        (Fault::Full, "free some space"),
        (Fault::ReadOnly, "read-only"),
        (Fault::Denied, "check the owner"),
    ] {
        let store = faulty();
        store.fail(Rule::new(Operation::WRITES, fault));
        let error = create(&store).await.unwrap_err();
        assert!(!error.may_have_landed() && error.to_string().contains(advice), "{error}");
        assert_eq!(store.struck(), 1, "it was tried again");
        assert!(store.get("log/1").await.unwrap_err().is_not_found());
        let mut writer = store.writer("data/1").await.unwrap();
        writer.write(mine()).await.unwrap();
        assert!(!writer.finish().await.unwrap_err().may_have_landed());
        assert!(store.get("data/1").await.unwrap_err().is_not_found());
    }
}

#[tokio::test]
async fn an_unsynced_name_is_synced_again_before_success() {
    let folder = tempfile::tempdir().unwrap();
    let events = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let observer = Arc::new(move |event: &_| seen.lock().unwrap().push(format!("{event:?}")));
    let local = LocalStore::with(folder.path(), Env::seeded(1), Some(observer)).unwrap();
    let store = Faulty::new(Arc::new(local));
    store.fail(Rule::new(&[Operation::Create], Fault::Unsynced).times(1).after_landing());
    assert_eq!(create(&store).await.unwrap(), Outcome::Created);
    let events = events.lock().unwrap().clone();
    let landed = events.iter().position(|event| event.starts_with("Linked")).unwrap();
    let synced = events[landed..].iter().filter(|e| e.starts_with("FolderSynced")).count();
    assert_eq!(synced, 2, "{events:?}");

    // It reads back well, but it never gets synced: that is not success.
    let store = faulty();
    store.create("log/1", mine()).await.unwrap();
    store.fail(Rule::new(&[Operation::Create], Fault::Unsynced));
    assert!(matches!(create(&store).await.unwrap_err(), Error::Unknown { .. }));
}

#[tokio::test(start_paused = true)]
async fn reads_are_tried_again_and_writes_are_not() {
    let inner = Arc::new(faulty());
    inner.create("k", mine()).await.unwrap();
    inner.fail(Rule::new(Operation::READS, Fault::Lost).times(2));
    let policy = RetryPolicy::default();
    let store = Retrying::new(Arc::<Faulty>::clone(&inner), policy, Env::seeded(1));
    assert_eq!(store.get("k").await.unwrap(), mine());
    assert_eq!(inner.struck(), 2);

    inner.fail(Rule::new(Operation::READS, Fault::Lost));
    let given_up = store.get_ranges("k", &[0..1, 2..3]).await.unwrap_err();
    assert!(given_up.is_transient());
    assert_eq!(inner.struck(), 2 + u64::from(policy.attempts));

    inner.heal();
    inner.fail(Rule::new(Operation::READS, Fault::Denied));
    assert!(matches!(store.size("k").await.unwrap_err(), Error::Denied { .. }));
    inner.fail(Rule::new(Operation::WRITES, Fault::Lost));
    let before = inner.struck();
    store.put("k", mine()).await.unwrap_err();
    store.delete("k").await.unwrap_err();
    store.create("l", mine()).await.unwrap_err();
    assert_eq!(inner.struck(), before + 3);
}

#[tokio::test]
async fn rules_strike_where_they_say() {
    let store = faulty();
    store.fail(Rule::new(&[Operation::Put], Fault::Lost).keys("log/").nth(2));
    store.put("log/1", mine()).await.unwrap();
    store.put("data/1", mine()).await.unwrap();
    assert!(store.put("log/2", mine()).await.is_err());
    store.put("log/3", mine()).await.unwrap();
    assert!(store.get("log/2").await.unwrap_err().is_not_found());
    // Two merged requests, of which the second fails.
    store.put("wide", Bytes::from(vec![0; 4 << 20])).await.unwrap();
    store.fail(Rule::new(&[Operation::GetRange], Fault::Lost).nth(2));
    assert!(store.get_ranges("wide", &[0..1, 3 << 20..4 << 20]).await.is_err());
}
