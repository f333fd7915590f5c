//! Writers that sleep while others commit, expire and collect: they are refused or right, never
//! harmful.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_dataset::Options;
use lakebed_dataset::Policy;
use lakebed_store::Meter;
use lakebed_store::ObjectInfo;
use lakebed_store::ObjectWriter;
use lakebed_store::Store;
use tokio::sync::Notify;

use crate::bank;
use crate::bank::Changes;
use crate::bank::append;
use crate::bank::edit;

/// Stops the next creation of an entry, before or after it landed, until it is let go; its answer is
/// lost then if it landed.
struct Gate {
    inner: Arc<dyn Store>,
    armed: AtomicBool,
    after: bool,
    stopped: Notify,
    go: Notify,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

#[async_trait]
impl Store for Gate {
    async fn get(&self, key: &str) -> lakebed_store::Result<Bytes> {
        self.inner.get(key).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> lakebed_store::Result<Bytes> {
        self.inner.get_range(key, range).await
    }

    async fn size(&self, key: &str) -> lakebed_store::Result<u64> {
        self.inner.size(key).await
    }

    async fn create(&self, key: &str, bytes: Bytes) -> lakebed_store::Result<()> {
        if !key.starts_with("log/") || !self.armed.swap(false, Ordering::SeqCst) {
            return self.inner.create(key, bytes).await;
        }
        let landed =
            if self.after { Some(self.inner.create(key, bytes.clone()).await) } else { None };
        self.stopped.notify_one();
        self.go.notified().await;
        match landed {
            None => self.inner.create(key, bytes).await,
            Some(done) => {
                done?;
                Err(lakebed_store::Error::Transport {
                    url: self.location().to_string(),
                    key: key.to_string(),
                    operation: "create",
                    cause: Box::new(std::io::Error::other("the answer was lost")),
                })
            }
        }
    }

    async fn put(&self, key: &str, bytes: Bytes) -> lakebed_store::Result<()> {
        self.inner.put(key, bytes).await
    }

    async fn writer(&self, key: &str) -> lakebed_store::Result<Box<dyn ObjectWriter>> {
        self.inner.writer(key).await
    }

    async fn delete(&self, key: &str) -> lakebed_store::Result<()> {
        self.inner.delete(key).await
    }

    async fn list(&self, prefix: &str) -> lakebed_store::Result<Vec<ObjectInfo>> {
        self.inner.list(prefix).await
    }

    fn location(&self) -> &str {
        self.inner.location()
    }
}

/// A dataset of 40 accounts, and the same through a gate.
async fn gated(url: &str, after: bool) -> (Dataset, Dataset, Arc<Gate>) {
    let empty = Dataset::create(url, bank::schema(), bank::options()).await.unwrap();
    let rows: Vec<(i64, i64)> = (0..40).map(|n| (n, n)).collect();
    let dataset = append(&empty, &rows).await.unwrap();
    let gate = Arc::new(Gate {
        inner: lakebed_store::open(url).unwrap(),
        armed: AtomicBool::new(false),
        after,
        stopped: Notify::new(),
        go: Notify::new(),
    });
    let store: Arc<dyn Store> = Arc::<Gate>::clone(&gate);
    let meter = Arc::new(Meter::default());
    let slow = Dataset::open_in(url, store, meter, bank::options()).await.unwrap();
    (dataset, slow, gate)
}

/// An account that no test has.
fn unused() -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(1_000_000);
    NEXT.fetch_add(1, Ordering::SeqCst)
}

/// Commits, gives everything older up, and collects, some times.
async fn move_on(dataset: &Dataset, times: i64) -> Dataset {
    let mut dataset = dataset.refresh().await.unwrap();
    for i in 0..times {
        dataset = append(&dataset, &[(unused(), i)]).await.unwrap();
        dataset = dataset.compact(&bank::compaction(), "", |_, _| ()).await.unwrap();
        dataset = dataset.expire(dataset.newest_version(), "").await.unwrap();
        dataset = dataset.collect_garbage("", |_, _| ()).await.unwrap().0;
    }
    dataset
}

#[tokio::test]
async fn an_append_that_slept_through_two_collections_is_refused_and_can_be_repeated() {
    for (collections, fenced) in [(0, false), (1, false), (2, true), (5, true)] {
        let url = format!("mem://asleep-{collections}");
        let options = Options { pack_bytes: 1, ..bank::options() };
        let empty = Dataset::create(&url, bank::schema(), options).await.unwrap();
        let dataset = append(&empty, &[(0, 0), (1, 1)]).await.unwrap();
        let names = ["account", "balance", "seal"];
        let mut slow = dataset.append().unwrap();
        // A batch fills a pack, which is written now.
        slow.write(&bank::rows(&dataset, &names, &[(50, 5)])).await.unwrap();
        move_on(&dataset, collections).await;
        match slow.commit("late").await {
            Ok(done) => {
                assert!(!fenced);
                assert_eq!(bank::check(&done, "late").await.get(&50), Some(&5));
            }
            Err(Error::Fenced { prepared }) => {
                assert!(fenced && i64::from(prepared) == collections);
                // From the old snapshot, since nothing else was changed.
                let again = append(&dataset, &[(50, 5)]).await.unwrap();
                assert_eq!(bank::check(&again, "again").await.get(&50), Some(&5));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_commit_that_stops_right_before_its_entry_is_refused_or_right() {
    for (collections, fenced) in [(1, false), (2, true), (3, true)] {
        let (dataset, slow, gate) = gated(&format!("mem://before-{collections}"), false).await;
        let known = bank::row_ids(&dataset).await.unwrap();
        for what in ["append", "update", "merge", "compact", "branch"] {
            let dataset = dataset.refresh().await.unwrap();
            let slow = slow.refresh().await.unwrap();
            if what == "merge" {
                let side = dataset.branch(&format!("side{collections}"), "").await.unwrap();
                edit(&side, Changes { set: &[(9, -9)], add: &[(700, 7)], ..Changes::default() })
                    .await
                    .unwrap();
            }
            gate.armed.store(true, Ordering::SeqCst);
            let work = async {
                match what {
                    "append" => append(&slow, &[(unused(), 5)]).await,
                    "update" => {
                        let mut edit = slow.edit()?;
                        let batch = bank::rows(&slow, &["balance", "seal"], &[(1, -1)]);
                        edit.update(&[known[&1]], &batch).await?;
                        edit.commit("").await
                    }
                    "merge" => slow.merge(&format!("side{collections}"), Policy::Fail, "").await,
                    "compact" => {
                        let all = lakebed_dataset::Compaction {
                            updates: 1,
                            deleted: -1.0,
                            ..bank::compaction()
                        };
                        slow.compact(&all, "", |_, _| ()).await
                    }
                    _ => slow.branch("late", "").await,
                }
            };
            let others = async {
                gate.stopped.notified().await;
                let moved = move_on(&dataset, collections).await;
                gate.go.notify_one();
                moved
            };
            let (result, moved) = tokio::join!(work, others);
            let context = format!("{what} through {collections} collections");
            match (what, &result) {
                // Branching at a version that was given up meanwhile.
                ("branch", Err(Error::VersionExpired { .. })) => {}
                // It meets fragments that others compacted.
                ("compact", Err(Error::Conflict { .. } | Error::Fenced { .. })) => {}
                // The version where they parted was given up.
                ("merge", Err(Error::AncestorExpired { .. })) => {}
                ("append", Err(Error::Fenced { .. })) => assert!(fenced, "{context}"),
                ("update", Err(Error::Fenced { .. })) => assert!(fenced, "{context}"),
                // Whether others changed its rows is not known any more.
                ("update", Err(Error::Conflict { .. })) => {}
                (_, Ok(_)) => assert!(!fenced, "{context}"),
                (_, Err(error)) => panic!("{context}: {error}"),
            }
            let now = moved.refresh().await.unwrap();
            bank::check(&now, &context).await;
            append(&now, &[(unused(), 0)]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_even_if_the_entry_has_expired_meanwhile() {
    for collections in [1, 2, 3] {
        let (dataset, slow, gate) = gated(&format!("mem://lost-{collections}"), true).await;
        gate.armed.store(true, Ordering::SeqCst);
        let others = async {
            gate.stopped.notified().await;
            let moved = move_on(&dataset, collections).await;
            gate.go.notify_one();
            moved
        };
        // The commit is there once: to put it on top of the others again would be twice.
        let (result, moved) = tokio::join!(append(&slow, &[(500, 5)]), others);
        let done = result.unwrap();
        assert_eq!(done.version(), dataset.version() + 1);
        let now = moved.refresh().await.unwrap();
        assert_eq!(now.newest_version(), moved.newest_version());
        assert_eq!(bank::check(&now, "lost").await.get(&500), Some(&5));
        let error = now.at(done.version()).await.unwrap_err();
        assert!(matches!(error, Error::VersionExpired { .. }), "{error}");
    }
}

#[tokio::test]
async fn no_name_is_given_to_an_expired_version_and_no_number_twice() {
    let (dataset, slow, gate) = gated("mem://resurrected", false).await;
    let old = dataset.clone();
    // A stalled writer is about to create the next number, which others take, give up and bury.
    gate.armed.store(true, Ordering::SeqCst);
    let others = async {
        gate.stopped.notified().await;
        let moved = move_on(&dataset, 1).await;
        gate.go.notify_one();
        moved
    };
    let (late, moved) = tokio::join!(append(&slow, &[(500, 5)]), others);
    assert_eq!(late.unwrap().version(), moved.newest_version() + 1);
    for name in ["branch", "tag"] {
        let error = match name {
            "tag" => old.tag(name, "").await.unwrap_err(),
            _ => old.branch(name, "").await.unwrap_err(),
        };
        assert!(matches!(error, Error::VersionExpired { .. }), "{name}: {error}");
    }
    assert!(matches!(old.revert(0, "").await, Err(Error::VersionExpired { .. })));
    let moved = move_on(&moved, 2).await;
    // Who has it open is told why it is gone.
    let error = bank::accounts(&old).await.unwrap_err();
    assert!(matches!(error, Error::VersionExpired { .. }), "{error}");
    let error = old.at(0).await.unwrap_err();
    assert!(matches!(error, Error::VersionExpired { .. }), "{error}");
    assert!(old.log(5).await.is_ok());
    bank::check(&moved, "at the end").await;
}

#[tokio::test]
async fn a_branch_that_was_deleted_and_made_again_takes_no_edit_of_the_first() {
    let (dataset, _, _) = gated("mem://again", false).await;
    let side = dataset.branch("side", "").await.unwrap();
    let side = edit(&side, Changes { set: &[(1, -1)], ..Changes::default() }).await.unwrap();
    let mut late = side.edit().unwrap();
    let id = bank::row_ids(&side).await.unwrap()[&1];
    late.update(&[id], &bank::rows(&side, &["balance", "seal"], &[(1, -11)])).await.unwrap();
    let main = dataset.refresh().await.unwrap();
    let main = main.delete_ref("side", "").await.unwrap();
    main.at(dataset.version()).await.unwrap().branch("side", "").await.unwrap();
    let error = late.commit("").await.unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    let now = main.at_name("side").await.unwrap();
    assert_eq!(bank::check(&now, "side").await.get(&1), Some(&1));
}
