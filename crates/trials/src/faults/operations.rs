//! Every operation of the version layer, with each of its requests going wrong in turn, in every
//! way that a request can: the old version, the new one, or a typed error; and then it works.

use std::collections::BTreeMap;

use bytes::Bytes;
use lakebed_dataset::Dataset;
use lakebed_dataset::Error;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Store;

use super::Mishap;
use super::Place;
use crate::Figures;
use crate::attempt::Works;
use crate::attempt::attempt;
use crate::attempt::wait_paused;
use crate::bank;
use crate::bank::Accounts;
use crate::bank::Op;
use crate::copies;

/// Every object of a dataset in memory.
type Objects = Vec<(String, Bytes)>;

async fn objects(store: &dyn Store) -> Objects {
    let mut all = Vec::new();
    for object in store.list("").await.unwrap() {
        let bytes = store.get(&object.key).await.unwrap();
        all.push((object.key, bytes));
    }
    all
}

async fn open(place: &dyn Place) -> Dataset {
    Dataset::open_in("faults", place.store(), Default::default(), bank::options()).await.works()
}

async fn run(place: &dyn Place, dataset: &Dataset, op: Op) -> lakebed_dataset::Result<Dataset> {
    if op == Op::Materialize {
        copies::materialize(dataset, place.copy()).await?;
        return Ok(dataset.clone());
    }
    bank::run(dataset, op).await
}

/// No object holds a value of the purged rows.
async fn purged(store: &dyn Store, context: &str) {
    for (key, bytes) in objects(store).await {
        for (account, balance) in bank::PURGED_VALUES {
            let pattern = bank::seal(account, balance);
            let found = bytes.windows(pattern.len()).any(|window| window == pattern);
            assert!(!found, "{context}: {key} holds account {account} with {balance}");
        }
    }
}

/// An operation, and what it is done to.
struct Scene {
    op: Op,
    objects: Objects,
    before: Accounts,
    after: Accounts,
    first: u64,
}

/// How an operation that met a fault ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Done,
    Refused,
    Unknown,
}

impl Scene {
    async fn new(op: Op) -> Scene {
        let store = ObjectStoreBackend::memory();
        let inner = std::sync::Arc::new(store.clone());
        let options = bank::options();
        let empty =
            Dataset::create_in("faults", inner, Default::default(), bank::schema(), options).await;
        let prepared = bank::prepare(empty.works(), op).await;
        let before = bank::accounts(&prepared).await.works();
        let after = bank::expected(&before, op);
        let first = prepared.refresh().await.works().newest_version();
        Scene { op, objects: objects(&store).await, before, after, first }
    }

    /// The operation with one request gone wrong, or all from one on. Says whether any did.
    async fn strike(&self, mishap: &Mishap, nth: u64, forever: bool, context: &str) -> (bool, End) {
        let Scene { op, before, after, first, .. } = self;
        let place = mishap.place(&self.objects).await;
        let dataset = open(&*place).await;
        place.fail(nth, forever);
        let result = run(&*place, &dataset, *op).await;
        let struck = place.struck() > 0;
        place.heal();
        place.settle().await;
        let now = open(&*place).await;
        let found = bank::check(&now, context).await;
        assert!(found == *before || found == *after, "{context}: {found:?}");
        let landed = now.newest_version() > *first;
        let end = match &result {
            Ok(done) => {
                assert_eq!(found, *after, "{context}");
                assert_eq!(now.newest_version(), done.newest_version(), "{context}");
                End::Done
            }
            Err(Error::CommitUnknown { number, id, .. }) => {
                assert!(forever, "{context}: one lost answer can be resolved");
                // The log settles it.
                let entry = now.at(*number).await;
                let committed = match &entry {
                    Ok(entry) => entry.log(1).await.works()[0].id == *id,
                    Err(_) => false,
                };
                if *op != Op::Materialize {
                    assert_eq!(committed, now.newest_version() == *number, "{context}");
                }
                End::Unknown
            }
            Err(error) => {
                assert!(struck && !mishap.is_harmless, "{context}: {error}");
                let told = matches!(error, Error::Store(_)) && !error.is_damage();
                // What ends early is found to be damaged.
                let torn = mishap.tears && error.is_damage();
                assert!(told || torn, "{context}: {error}");
                // What has several steps keeps those that were done.
                let steps = matches!(op, Op::Collect | Op::Purge);
                assert!(!landed || steps, "{context}: {error}");
                End::Refused
            }
        };
        if *op == Op::Materialize {
            copies::check(&now, place.copy(), result.is_ok(), context).await;
        }
        // The same again, with the snapshot that met the failure.
        let mut next = dataset;
        if op.repeats() || !landed {
            next = run(&*place, &next, *op).await.works();
        }
        if *op == Op::Materialize {
            copies::check(&now, place.copy(), true, context).await;
        }
        let next = next.at_name("main").await.works().refresh().await.works();
        if *op == Op::Purge && (!struck || nth % 8 == 1) {
            purged(&*place.store(), context).await;
        }
        let next = bank::append(&next, &[(900, 9)]).await.works();
        let mut expected = after.clone();
        expected.insert(900, 9);
        assert_eq!(bank::check(&next, context).await, expected, "{context}");
        (struck, end)
    }
}

/// Lets the requests of some operations go wrong in some ways: every request, or every so-manieth.
pub(super) fn strike(what: &'static str, ops: &[Op], mishaps: &[Mishap], every: u64) -> Figures {
    let mut figures = Figures { what, ..Figures::default() };
    let mut ends = BTreeMap::<End, u64>::new();
    let mut kinds = BTreeMap::<&'static str, u64>::new();
    wait_paused(async {
        for op in ops {
            let prepared = attempt(&mut figures, &format!("{op:?}"), Scene::new(*op)).await;
            let Some(scene) = prepared else { continue };
            for mishap in mishaps {
                for forever in [false, true] {
                    for nth in (1..).step_by(every as usize) {
                        let context = format!("{op:?}, {}, forever {forever}, {nth}", mishap.name);
                        let run = scene.strike(mishap, nth, forever, &context);
                        let ended = attempt(&mut figures, &context, run).await;
                        figures.tried += u64::from(ended.is_none_or(|(struck, _)| struck));
                        let Some((true, end)) = ended else { break };
                        *ends.entry(end).or_default() += 1;
                        *kinds.entry(mishap.name).or_default() += 1;
                    }
                }
            }
        }
    });
    let count = |end| ends.get(&end).copied().unwrap_or(0);
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    figures.notes = format!(
        "{} operations done, {} refused, {} unknown and resolved: {}",
        count(End::Done),
        count(End::Refused),
        count(End::Unknown),
        kinds.join(", ")
    );
    figures
}
