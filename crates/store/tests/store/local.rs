//! What only a folder on this machine has to promise.

use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::SystemTime;

use bytes::Bytes;
use lakebed_core::Env;
use lakebed_store::Error;
use lakebed_store::LocalEvent;
use lakebed_store::LocalStore;
use lakebed_store::Store;

type Events = Arc<Mutex<Vec<LocalEvent>>>;

fn observed(root: &std::path::Path) -> (LocalStore, Events) {
    let events = Events::default();
    let seen = Arc::clone(&events);
    let observer = Arc::new(move |event: &LocalEvent| seen.lock().unwrap().push(event.clone()));
    (LocalStore::with(root, Env::seeded(1), Some(observer)).unwrap(), events)
}

fn take(events: &Events) -> Vec<LocalEvent> {
    std::mem::take(&mut events.lock().unwrap())
}

fn written(key: &str, bytes: u64) -> LocalEvent {
    LocalEvent::Written { key: key.to_owned(), bytes }
}

fn file_synced(key: &str) -> LocalEvent {
    LocalEvent::FileSynced { key: key.to_owned() }
}

fn linked(key: &str) -> LocalEvent {
    LocalEvent::Linked { key: key.to_owned() }
}

#[tokio::test]
async fn bytes_are_synced_before_they_get_a_name_and_the_name_before_the_call_returns() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().to_owned();
    let root = base.join("new/set");
    let folder_made = |path: &str| LocalEvent::FolderMade { folder: base.join(path) };
    let folder_synced = |path: &str| LocalEvent::FolderSynced { folder: base.join(path) };
    let (store, events) = observed(&root);

    store.create("data/0f/1", Bytes::from_static(b"12345")).await.unwrap();
    // Each new folder's name is synced in the folder above it, from the top down.
    assert_eq!(
        take(&events),
        [
            folder_made("new"),
            LocalEvent::FolderSynced { folder: base.clone() },
            folder_made("new/set"),
            folder_synced("new"),
            written("data/0f/1", 5),
            file_synced("data/0f/1"),
            folder_made("new/set/data"),
            folder_synced("new/set"),
            folder_made("new/set/data/0f"),
            folder_synced("new/set/data"),
            linked("data/0f/1"),
            folder_synced("new/set/data/0f"),
        ]
    );
    store.create("data/0f/2", Bytes::from_static(b"6")).await.unwrap();
    let settled = |key: &str, bytes| {
        [written(key, bytes), file_synced(key), linked(key), folder_synced("new/set/data/0f")]
    };
    assert_eq!(take(&events), settled("data/0f/2", 1));

    let mut writer = store.writer("data/0f/3").await.unwrap();
    writer.write(Bytes::from(vec![1; 3 << 20])).await.unwrap();
    writer.write(Bytes::from(vec![2; 10])).await.unwrap();
    assert_eq!(take(&events), []);
    writer.finish().await.unwrap();
    assert_eq!(take(&events), settled("data/0f/3", (3 << 20) + 10));

    // A loser syncs the winner's name before it is told, since it will read it back.
    store.create("data/0f/1", Bytes::from_static(b"7")).await.unwrap_err();
    let key = "data/0f/1";
    assert_eq!(
        take(&events),
        [written(key, 1), file_synced(key), folder_synced("new/set/data/0f")]
    );

    store.put("hint", Bytes::from_static(b"8")).await.unwrap();
    assert_eq!(
        take(&events),
        [
            written("hint", 1),
            file_synced("hint"),
            LocalEvent::Renamed { key: "hint".to_owned() },
            folder_synced("new/set"),
        ]
    );

    // What was deleted stays away.
    store.delete("data/0f/2").await.unwrap();
    let removed = LocalEvent::Removed { key: "data/0f/2".to_owned() };
    assert_eq!(take(&events), [removed, folder_synced("new/set/data/0f")]);
    store.delete("data/0f/2").await.unwrap();
    assert_eq!(take(&events), []);
}

#[tokio::test]
async fn a_file_that_shrank_is_reported_as_truncated() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::new(folder.path()).unwrap();
    store.create("pack", Bytes::from(vec![7; 100_000])).await.unwrap();
    // The handle is cached by this read, and shows the new size all the same.
    store.get_range("pack", 99_000..100_000).await.unwrap();
    let file = fs::OpenOptions::new().write(true).open(folder.path().join("pack")).unwrap();
    file.set_len(50_000).unwrap();
    match store.get_ranges("pack", &[10..20, 60_000..60_001, 49_999..50_001]).await.unwrap_err() {
        Error::Truncated { key, range, size } => {
            assert_eq!((key.as_str(), range, size), ("pack", 60_000..60_001, 50_000));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.get_range("pack", 49_999..50_000).await.unwrap(), vec![7]);
}

#[tokio::test]
async fn killed_writers_leave_nothing_but_ignored_leftovers() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::new(folder.path()).unwrap();
    let mut writer = store.writer("data/1").await.unwrap();
    writer.write(Bytes::from(vec![1; 5 << 20])).await.unwrap();
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 1);
    drop(writer);
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 0);

    // A process that was killed could not tidy up.
    fs::write(folder.path().join("tmp/left"), "over").unwrap();
    assert_eq!(store.list("").await.unwrap(), []);
    store.create("data/1", Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(store.list("").await.unwrap().len(), 1);
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 1);
}

#[tokio::test]
async fn leftovers_are_removed_once_nobody_has_written_to_them_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::new(folder.path()).unwrap();
    let hour = Duration::from_secs(3600);
    assert_eq!(store.remove_unfinished(Duration::ZERO).await.unwrap(), 0, "nothing is there");
    let mut slow = store.writer("data/1").await.unwrap();
    let mut dead = store.writer("data/2").await.unwrap();
    for writer in [&mut slow, &mut dead] {
        writer.write(Bytes::from(vec![1; 5 << 20])).await.unwrap();
    }
    assert_eq!(store.remove_unfinished(hour).await.unwrap(), 0);

    fs::write(folder.path().join("tmp/left"), "over").unwrap();
    let left = fs::File::options().write(true).open(folder.path().join("tmp/left")).unwrap();
    left.set_modified(SystemTime::now() - 2 * hour).unwrap();
    assert_eq!(store.remove_unfinished(3 * hour).await.unwrap(), 0);
    assert_eq!(store.remove_unfinished(hour).await.unwrap(), 1);
    assert_eq!(fs::read_dir(folder.path().join("tmp")).unwrap().count(), 2);
    slow.finish().await.unwrap();
    assert_eq!(store.list("").await.unwrap().len(), 1);

    // Who goes on after all is told, and nothing half written appears.
    assert_eq!(store.remove_unfinished(Duration::ZERO).await.unwrap(), 1);
    assert!(dead.finish().await.is_err());
    assert_eq!(store.list("").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_folder_that_is_removed_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("set");
    let store = LocalStore::new(&root).unwrap();
    store.create("log/1", Bytes::new()).await.unwrap();
    fs::remove_dir_all(root.join("log")).unwrap();
    store.create("log/1", Bytes::new()).await.unwrap();
    store.create("data/a/1", Bytes::new()).await.unwrap();
    fs::remove_dir_all(&root).unwrap();
    store.create("data/a/2", Bytes::new()).await.unwrap();
    store.put("data/b/c/2", Bytes::new()).await.unwrap();
    assert_eq!(store.list("").await.unwrap().len(), 2);
}

#[tokio::test]
async fn another_store_of_the_same_folder_sees_overwritten_objects() {
    let folder = tempfile::tempdir().unwrap();
    let one = LocalStore::new(folder.path()).unwrap();
    let two = LocalStore::new(folder.path()).unwrap();
    one.put("hint", Bytes::from_static(b"1")).await.unwrap();
    assert_eq!(two.get("hint").await.unwrap(), "1");
    one.put("hint", Bytes::from_static(b"22")).await.unwrap();
    assert_eq!(two.get("hint").await.unwrap(), "22");
    assert_eq!(two.size("hint").await.unwrap(), 2);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_reported_and_nothing_has_landed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "in the way").unwrap();
    let store = LocalStore::new(folder.path().join("file/set")).unwrap();
    let error = store.create("k", Bytes::new()).await.unwrap_err();
    assert!(matches!(error, Error::Local { .. }) && !error.may_have_landed(), "{error:?}");
    assert!(store.get("k").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn reads_are_aligned_for_arrow() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::new(folder.path()).unwrap();
    store.create("pack", Bytes::from(vec![1; 1 << 20])).await.unwrap();
    assert_eq!(store.get("pack").await.unwrap().as_ptr() as usize % 64, 0);
    let alone = store.get_range("pack", 33..5000).await.unwrap();
    assert_eq!(alone.as_ptr() as usize % 64, 0);
    let together = store.get_ranges("pack", &[100..200, 6400..6500, 64..65]).await.unwrap();
    let phases: Vec<usize> = together.iter().map(|bytes| bytes.as_ptr() as usize % 64).collect();
    assert_eq!(phases, [100 % 64, 0, 0]);
}

#[test]
fn of_fifty_threads_one_creates_a_key() {
    let folder = tempfile::tempdir().unwrap();
    // Two stores on one folder, as in two processes.
    let stores = [LocalStore::new(folder.path()).unwrap(), LocalStore::new(folder.path()).unwrap()];
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for round in 0..200 {
        let key = format!("log/{round}");
        let start = std::sync::Barrier::new(50);
        let winners: Vec<u8> = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..50u8)
                .map(|racer| {
                    let store = &stores[usize::from(racer) % 2];
                    let (key, start, runtime) = (&key, &start, &runtime);
                    scope.spawn(move || {
                        start.wait();
                        match runtime.block_on(store.create(key, Bytes::from(vec![racer; 64]))) {
                            Ok(()) => Some(racer),
                            Err(Error::AlreadyExists { .. }) => None,
                            Err(other) => panic!("{other}"),
                        }
                    })
                })
                .collect();
            racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        assert_eq!(fs::read(folder.path().join(&key)).unwrap(), vec![winners[0]; 64]);
    }
}
