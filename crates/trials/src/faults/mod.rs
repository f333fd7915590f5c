//! Requests that go wrong: the old version, the new one or a typed error, never anything between.

mod layouts;
mod operations;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use lakebed_store::Fault;
use lakebed_store::Faulty;
use lakebed_store::ObjectStoreBackend;
use lakebed_store::Operation;
use lakebed_store::Rule;
use lakebed_store::Store;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use wire::Answer;
use wire::Remote;

use crate::Figures;
use crate::bank::Op;

pub use layouts::layouts;

const READS: [Operation; 4] =
    [Operation::Get, Operation::GetRange, Operation::Size, Operation::List];
const WRITES: [Operation; 5] =
    [Operation::Create, Operation::Put, Operation::Write, Operation::Finish, Operation::Delete];

/// A place whose requests go wrong when told to.
trait Place: Send + Sync {
    /// The dataset.
    fn store(&self) -> Arc<dyn Store>;

    /// A second store, for copies; its requests are counted with those of the first.
    fn copy(&self) -> Arc<dyn Store>;

    /// Lets the `nth` request from here on go wrong, and all that follow if so said.
    fn fail(&self, nth: u64, forever: bool);

    /// How many went wrong.
    fn struck(&self) -> u64;

    /// Lets no more go wrong.
    fn heal(&self);

    /// Lets what is under way arrive.
    fn settle(&self) -> BoxFuture<'_, ()>;
}

/// A way in which requests go wrong.
struct Mishap {
    name: &'static str,
    /// Whether every operation succeeds all the same.
    is_harmless: bool,
    /// Whether bytes get lost without a word.
    tears: bool,
    way: Way,
}

/// How a request goes wrong.
#[derive(Clone)]
enum Way {
    /// As the rule of a store says.
    Rule(Rule),
    /// As a service answers.
    Answer(Answer),
}

impl Mishap {
    fn new(name: &'static str, operations: &[Operation], fault: Fault) -> Mishap {
        let rule = Rule::new(operations, fault);
        let (is_harmless, tears) = (fault == Fault::Delayed, fault == Fault::Torn);
        Mishap { name, is_harmless, tears, way: Way::Rule(rule) }
    }

    fn after_landing(name: &'static str, operations: &[Operation], fault: Fault) -> Mishap {
        let way = Way::Rule(Rule::new(operations, fault).after_landing());
        Mishap { way, ..Mishap::new(name, operations, fault) }
    }

    fn answer(name: &'static str, answer: Answer) -> Mishap {
        let is_harmless = answer == Answer::Delayed;
        Mishap { name, is_harmless, tears: false, way: Way::Answer(answer) }
    }

    /// A place with these objects where that happens.
    async fn place(&self, objects: &[(String, Bytes)]) -> Box<dyn Place> {
        let memory = Arc::new(InMemory::new());
        let objects_there: Arc<dyn ObjectStore> = Arc::<InMemory>::clone(&memory);
        let inner = ObjectStoreBackend::new(objects_there, "memory", "").unwrap().in_process();
        for (key, bytes) in objects {
            inner.put(key, bytes.clone()).await.unwrap();
        }
        match &self.way {
            Way::Rule(rule) => {
                let store = Arc::new(Faulty::new(Arc::new(inner)));
                let copy = Arc::new(store.beside(Arc::new(ObjectStoreBackend::memory())));
                Box::new(Ruled { store, copy, rule: rule.clone() })
            }
            Way::Answer(answer) => Box::new(Remote::new(*answer, memory)),
        }
    }
}

/// A place that fails by a rule.
struct Ruled {
    store: Arc<Faulty>,
    copy: Arc<Faulty>,
    rule: Rule,
}

impl Place for Ruled {
    fn store(&self) -> Arc<dyn Store> {
        Arc::<Faulty>::clone(&self.store)
    }

    fn copy(&self) -> Arc<dyn Store> {
        Arc::<Faulty>::clone(&self.copy)
    }

    fn fail(&self, nth: u64, forever: bool) {
        let rule = self.rule.clone();
        self.store.fail(if forever { rule.from_nth(nth) } else { rule.nth(nth) });
    }

    fn struck(&self) -> u64 {
        self.store.struck()
    }

    fn heal(&self) {
        self.store.heal();
    }

    fn settle(&self) -> BoxFuture<'_, ()> {
        self.store.settle().boxed()
    }
}

/// Each way in which a request of a store goes wrong.
fn mishaps() -> Vec<Mishap> {
    let all: Vec<Operation> = READS.into_iter().chain(WRITES).collect();
    vec![
        Mishap::new("lost", &all, Fault::Lost),
        Mishap::after_landing("lost after landing", &all, Fault::Lost),
        Mishap::new("said to exist", &WRITES, Fault::Taken),
        Mishap::after_landing("said to exist after landing", &WRITES, Fault::Taken),
        Mishap::new("full", &WRITES, Fault::Full),
        Mishap::new("read-only", &WRITES, Fault::ReadOnly),
        Mishap::new("denied", &WRITES, Fault::Denied),
        Mishap::after_landing("unsynced", &WRITES, Fault::Unsynced),
        Mishap::new("delayed", &all, Fault::Delayed),
        Mishap::new("landing after the next", &WRITES, Fault::Late(1)),
        Mishap::new("landing after six others", &WRITES, Fault::Late(6)),
        Mishap::new("torn", &all, Fault::Torn),
    ]
}

/// Each way in which a service answers wrongly.
fn answers() -> Vec<Mishap> {
    vec![
        Mishap::answer("409", Answer::Conflict),
        Mishap::answer("503", Answer::Unavailable),
        Mishap::answer("503 after landing", Answer::UnavailableAfter),
        Mishap::answer("stream broken", Answer::Broken),
        Mishap::answer("stream cut short", Answer::Short),
        Mishap::answer("answer delayed", Answer::Delayed),
    ]
}

/// Lets answers of a service to the requests of some operations go wrong: every one, or every
/// so-manieth.
pub fn answered(ops: &[Op], every: u64) -> Figures {
    operations::strike("faults of a service", ops, &answers(), every)
}

/// Lets requests of some operations go wrong: every one, or every so-manieth.
pub fn operations(ops: &[Op], every: u64) -> Figures {
    operations::strike("faults of a store", ops, &mishaps(), every)
}
