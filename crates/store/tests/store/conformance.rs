//! One suite for all backends.

use std::sync::Arc;

use bytes::Bytes;
use lakebed_store::Error;
use lakebed_store::LocalStore;
use lakebed_store::ObjectInfo;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Outcome;
use lakebed_store::Store;
use lakebed_store::create_resolved;

use super::on;
use super::server::S3Server;

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn local_folders_conform() {
    let folder = tempfile::tempdir().unwrap();
    conforms(Arc::new(LocalStore::new(folder.path().join("not/yet/there")).unwrap())).await;
    conforms(lakebed_store::open(folder.path().join("opened").to_str().unwrap()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_conforms() {
    conforms(Arc::new(ObjectStoreBackend::memory())).await;
    conforms(lakebed_store::open("mem://conformance").unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_conforms() {
    let server = S3Server::start();
    conforms(on(&server, "some/prefix")).await;
    conforms(on(&server, "")).await;
}

async fn conforms(store: Arc<dyn Store>) {
    missing_objects_are_a_type_of_error(&*store).await;
    creation_happens_once(&*store).await;
    ranges_are_exact(&*store).await;
    overwriting_replaces(&*store).await;
    streams_appear_whole_or_not_at_all(&*store).await;
    bad_keys_are_refused(&*store).await;
    listing_and_deleting(&*store).await;
    races_have_one_winner(&store).await;
}

fn pattern(length: usize) -> Bytes {
    (0..length).map(|i| (i * 31 + i / 251) as u8).collect::<Vec<_>>().into()
}

async fn missing_objects_are_a_type_of_error(store: &dyn Store) {
    for error in [
        store.get("no/such").await.unwrap_err(),
        store.get_range("no/such", 0..1).await.unwrap_err(),
        store.get_ranges("no/such", &[0..1, 5..9]).await.unwrap_err(),
        store.size("no/such").await.map(drop).unwrap_err(),
    ] {
        match error {
            Error::NotFound { url, key } => {
                assert_eq!((url.as_str(), key.as_str()), (store.location(), "no/such"));
            }
            other => panic!("{other:?}"),
        }
    }
    store.delete("no/such").await.unwrap();
    assert_eq!(store.list("no").await.unwrap(), []);
}

async fn creation_happens_once(store: &dyn Store) {
    store.create("log/01", pattern(1000)).await.unwrap();
    let again = store.create("log/01", pattern(5)).await.unwrap_err();
    assert!(matches!(&again, Error::AlreadyExists { key, .. } if key == "log/01"), "{again:?}");
    assert!(again.may_have_landed());
    assert_eq!(store.get("log/01").await.unwrap(), pattern(1000));
    assert_eq!(store.size("log/01").await.unwrap(), 1000);
    store.create("empty", Bytes::new()).await.unwrap();
    assert!(store.get("empty").await.unwrap().is_empty());

    let mine = create_resolved(store, "log/02", pattern(9), 3).await.unwrap();
    assert_eq!(mine, Outcome::Created);
    let again = create_resolved(store, "log/02", pattern(9), 3).await.unwrap();
    assert_eq!(again, Outcome::Created);
    let other = create_resolved(store, "log/02", pattern(8), 3).await.unwrap();
    assert_eq!(other, Outcome::Taken(pattern(9)));
}

async fn ranges_are_exact(store: &dyn Store) {
    let object = pattern(3 * MIB);
    store.create("data/ranges", object.clone()).await.unwrap();
    let end = object.len() as u64;
    for range in [0..1, 0..end, end - 1..end, 1000..1001, 12345..1_234_567, 7..7] {
        let bytes = store.get_range("data/ranges", range.clone()).await.unwrap();
        assert_eq!(bytes, object[range.start as usize..range.end as usize], "{range:?}");
    }
    let ranges = [end - 10..end, 0..10, 5..20, 40_000..40_001, 9..9, 1_500_000..2_900_000, 0..end];
    let parts = store.get_ranges("data/ranges", &ranges).await.unwrap();
    assert_eq!(parts.len(), ranges.len());
    for (range, bytes) in ranges.iter().zip(parts) {
        assert_eq!(bytes, object[range.start as usize..range.end as usize], "{range:?}");
    }
    assert!(store.get_ranges("data/ranges", &[]).await.unwrap().is_empty());

    for beyond in [end - 1..end + 1, end..end + 1, end + 100..end + 101, 0..1 << 40] {
        match store.get_range("data/ranges", beyond.clone()).await.unwrap_err() {
            Error::Truncated { key, range, size } => {
                assert_eq!((key.as_str(), range, size), ("data/ranges", beyond, end));
            }
            other => panic!("{beyond:?}: {other:?}"),
        }
    }
    let mixed = [0..4, end + 5..end + 6, 10..11, end - 5..end + 5];
    match store.get_ranges("data/ranges", &mixed).await.unwrap_err() {
        Error::Truncated { range, size, .. } => assert_eq!((range, size), (end + 5..end + 6, end)),
        other => panic!("{other:?}"),
    }
    #[expect(clippy::reversed_empty_ranges, reason = "that is the case to refuse")]
    let backwards = 5..4;
    let refused = store.get_range("data/ranges", backwards).await.unwrap_err();
    assert!(matches!(refused, Error::InvalidRange { .. }), "{refused:?}");
    let endless = store.get_range("data/ranges", 0..u64::MAX).await.unwrap_err();
    assert!(matches!(endless, Error::InvalidRange { .. }), "{endless:?}");
}

async fn overwriting_replaces(store: &dyn Store) {
    for length in [10, 2000, 3] {
        store.put("hint", pattern(length)).await.unwrap();
        assert_eq!(store.get("hint").await.unwrap(), pattern(length));
        let range = store.get_range("hint", 0..length as u64).await.unwrap();
        assert_eq!(range, pattern(length));
    }
    store.delete("hint").await.unwrap();
    assert!(store.get("hint").await.unwrap_err().is_not_found());
    assert!(store.get_range("hint", 0..1).await.unwrap_err().is_not_found());
}

async fn streams_appear_whole_or_not_at_all(store: &dyn Store) {
    for (key, pieces) in [
        ("s/none", vec![]),
        ("s/small", vec![10, 0, 5]),
        ("s/large", vec![MIB, 20 * MIB, 1, 3 * MIB]),
    ] {
        let mut writer = store.writer(key).await.unwrap();
        let object = pattern(pieces.iter().sum());
        let mut rest = object.clone();
        for piece in pieces {
            writer.write(rest.split_to(piece)).await.unwrap();
        }
        assert!(store.get(key).await.unwrap_err().is_not_found(), "visible too early");
        writer.finish().await.unwrap();
        assert_eq!(store.size(key).await.unwrap(), object.len() as u64);
        assert_eq!(store.get(key).await.unwrap(), object);
    }
    let mut writer = store.writer("s/small").await.unwrap();
    writer.write(pattern(3)).await.unwrap();
    let taken = writer.finish().await.unwrap_err();
    assert!(matches!(taken, Error::AlreadyExists { .. }), "{taken:?}");
    assert_eq!(store.get("s/small").await.unwrap(), pattern(15));

    for size in [100, 30 * MIB] {
        let mut killed = store.writer("s/killed").await.unwrap();
        killed.write(pattern(size)).await.unwrap();
        drop(killed);
        assert!(store.size("s/killed").await.unwrap_err().is_not_found());
    }
    let keys: Vec<String> =
        store.list("s").await.unwrap().into_iter().map(|object| object.key).collect();
    assert_eq!(keys, ["s/large", "s/none", "s/small"]);
}

async fn bad_keys_are_refused(store: &dyn Store) {
    for bad in ["", "/etc/passwd", "../up", "a/../../up", "a//b", "tmp/x", "a b", "a\u{e9}"] {
        for error in [
            store.get(bad).await.map(drop),
            store.get_range(bad, 0..1).await.map(drop),
            store.get_ranges(bad, &[0..1, 2..3]).await.map(drop),
            store.size(bad).await.map(drop),
            store.create(bad, Bytes::new()).await,
            store.put(bad, Bytes::new()).await,
            store.writer(bad).await.map(drop),
            store.delete(bad).await,
        ] {
            assert!(matches!(error, Err(Error::InvalidKey { .. })), "{bad:?}: {error:?}");
        }
    }
    assert!(store.list("../").await.is_err());
}

async fn listing_and_deleting(store: &dyn Store) {
    for key in ["l/b/2", "l/a", "l/b/1", "l2/x"] {
        store.create(key, pattern(key.len())).await.unwrap();
    }
    let info = |key: &str| ObjectInfo { key: key.to_owned(), size: key.len() as u64 };
    let all = [info("l/a"), info("l/b/1"), info("l/b/2")];
    assert_eq!(store.list("l").await.unwrap(), all);
    assert_eq!(store.list("l/").await.unwrap(), all);
    assert_eq!(store.list("l/b").await.unwrap(), all[1..]);
    let everything = store.list("").await.unwrap();
    assert!(all.iter().all(|one| everything.contains(one)) && everything.contains(&info("l2/x")));
    store.delete("l/b/1").await.unwrap();
    assert_eq!(store.list("l/b").await.unwrap(), all[2..]);
    store.create("l/b/1", pattern(5)).await.unwrap();
}

async fn races_have_one_winner(store: &Arc<dyn Store>) {
    for round in 0..10 {
        let key = format!("race/{round}");
        let racers: Vec<_> = (0..8u8)
            .map(|racer| {
                let (store, key) = (Arc::clone(store), key.clone());
                tokio::spawn(async move {
                    let bytes = Bytes::from(vec![racer; 100]);
                    create_resolved(&*store, &key, bytes, 5).await.unwrap()
                })
            })
            .collect();
        let mut winners = Vec::new();
        for (racer, outcome) in futures_all(racers).await.into_iter().enumerate() {
            match outcome {
                Outcome::Created => winners.push(racer as u8),
                Outcome::Taken(bytes) => assert_eq!(bytes.len(), 100),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(store.get(&key).await.unwrap(), vec![winners[0]; 100]);
    }
}

async fn futures_all<T: Send + 'static>(tasks: Vec<tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut out = Vec::with_capacity(tasks.len());
    for task in tasks {
        out.push(task.await.unwrap());
    }
    out
}
