//! Each operation on local disk, by a process that dies before and after each of its requests, and
//! at each step of each of its writes.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use lakebed_core::Env;
use lakebed_dataset::Dataset;
use lakebed_store::LocalStore;
use lakebed_store::Store;

use super::STEP;
use super::URL;
use super::deadly::Deadly;
use super::deadly::Fate;
use super::deadly::LIST;
use super::deadly::When;
use crate::Figures;
use crate::attempt::Works;
use crate::attempt::attempt;
use crate::attempt::wait;
use crate::bank;
use crate::bank::Accounts;
use crate::bank::OPS;
use crate::bank::Op;
use crate::copies;
use crate::process::Program;

const OP: &str = "LAKEBED_TRIALS_KILL_OP";
const AT: &str = "LAKEBED_TRIALS_KILL_AT";
const WHEN: &str = "LAKEBED_TRIALS_KILL_WHEN";
const QUIET: &str = "LAKEBED_TRIALS_KILL_QUIET";

const WHENS: [When; 3] = [When::Before, When::After, When::Within];

fn number(name: &str) -> u64 {
    std::env::var(name).unwrap().parse().unwrap()
}

/// What the dying process runs.
pub(super) fn child() {
    let url = std::env::var(URL).unwrap();
    let op = OPS[number(OP) as usize];
    let fate = Arc::new(Fate::new(WHENS[number(WHEN) as usize], number(QUIET) == 1));
    wait(async {
        let store = deadly(&url, &fate);
        let dataset = Dataset::open_in(&url, store, Arc::default(), bank::options()).await.unwrap();
        fate.arm(number(AT));
        if op == Op::Materialize {
            copies::materialize(&dataset, deadly(&copies::url(&url), &fate)).await.unwrap();
        } else {
            bank::run(&dataset, op).await.unwrap();
        }
    });
    println!("finished");
}

fn deadly(folder: &str, fate: &Arc<Fate>) -> Arc<dyn Store> {
    let seen = Arc::clone(fate);
    let observer: lakebed_store::local::Observer = Arc::new(move |event| seen.observe(event));
    let local = LocalStore::with(folder, Env::system(), Some(observer)).unwrap();
    Arc::new(Deadly { inner: Arc::new(local), fate: Arc::clone(fate) })
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// No object holds a value of the purged rows.
fn purged(folder: &Path, context: &str) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            purged(&path, context);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for (account, balance) in bank::PURGED_VALUES {
            let pattern = bank::seal(account, balance);
            let found = bytes.windows(pattern.len()).any(|window| window == pattern);
            assert!(!found, "{context}: {path:?} holds account {account} with {balance}");
        }
    }
}

/// An operation, and the dataset that it is done to.
struct Scene<'a> {
    program: Program,
    op: Op,
    folder: &'a Path,
    /// Whether it also dies at requests that change nothing for others.
    quiet: bool,
    before: Accounts,
    after: Accounts,
    first: u64,
}

/// What became of one child.
struct Death {
    /// Where it died, if it did.
    step: Option<String>,
    /// Whether anything was committed.
    landed: bool,
}

impl Scene<'_> {
    async fn new<'a>(program: Program, op: Op, folder: &'a Path, quiet: bool) -> Scene<'a> {
        let template = folder.join(format!("{op:?}"));
        let url = template.to_str().unwrap();
        let empty = Dataset::create(url, bank::schema(), bank::options()).await.unwrap();
        let prepared = bank::prepare(empty, op).await;
        let before = bank::accounts(&prepared).await.unwrap();
        let after = bank::expected(&before, op);
        let first = prepared.refresh().await.unwrap().newest_version();
        Scene { program, op, folder, quiet, before, after, first }
    }

    /// Runs a child on a fresh copy of the dataset; what it said, and whether it came to its end.
    fn child(&self, at: u64, when: usize, context: &str) -> (String, bool) {
        let place = self.place();
        for old in [&place, Path::new(&copies::url(place.to_str().unwrap()))] {
            let _ = std::fs::remove_dir_all(old);
        }
        copy(&self.folder.join(format!("{:?}", self.op)), &place);
        let nth_op = OPS.iter().position(|other| *other == self.op).unwrap();
        let mut child = self.program.child(STEP);
        child.env(URL, &place).env(OP, nth_op.to_string()).env(AT, at.to_string());
        child.env(WHEN, when.to_string()).env(QUIET, u8::from(self.quiet).to_string());
        let output = child.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let finished = text.contains("finished");
        assert_eq!(finished, output.status.success(), "{context}: {text}");
        (text, finished)
    }

    fn place(&self) -> PathBuf {
        self.folder.join("place")
    }

    /// The steps of the operation by name: of what kind they are, and which.
    fn plan(&self) -> BTreeMap<String, Vec<(usize, u64)>> {
        let mut plan = BTreeMap::<String, Vec<(usize, u64)>>::new();
        for when in 0..WHENS.len() {
            let (text, _) = self.child(LIST, when, "listing its steps");
            let names = text.lines().filter_map(|line| Some(line.split_once("step ")?.1));
            for (name, at) in names.zip(1..) {
                plan.entry(name.to_string()).or_default().push((when, at));
            }
        }
        plan
    }

    async fn death(&self, at: u64, when: usize, context: &str) -> Death {
        let Scene { op, before, after, first, .. } = self;
        let (text, finished) = self.child(at, when, context);
        let place = self.place();
        let url = place.to_str().unwrap();
        let step = text.lines().find_map(|line| Some(line.split_once("dies ")?.1.to_string()));
        assert_eq!(finished, step.is_none(), "{context}: {text}");

        let dataset = Dataset::open(url, bank::options()).await.works();
        let found = bank::check(&dataset, context).await;
        assert!(found == *before || found == *after, "{context}: {found:?}");
        assert!(dataset.newest_version() >= *first, "{context}");
        let mut landed = dataset.newest_version() > *first;
        assert!(landed || found == *before, "{context}: {found:?}");
        assert!(!finished || found == *after, "{context}: {found:?}");
        // A copy is a dataset of its own.
        let target = || lakebed_store::open(&copies::url(url)).unwrap();
        if *op == Op::Materialize {
            landed = copies::check(&dataset, target(), finished, context).await > 0;
        }
        // Whoever comes next does it again where that does no harm, and writes on.
        let mut next = dataset;
        if op.repeats() || !landed {
            next = bank::run(&next, *op).await.works();
        }
        if *op == Op::Materialize {
            copies::check(&next, target(), true, context).await;
        }
        next = next.at_name("main").await.works();
        if *op == Op::Purge {
            purged(&place.join("data"), context);
            purged(&place.join("meta"), context);
        }
        let next = bank::append(&next, &[(900, 9)]).await.works();
        let mut expected = after.clone();
        expected.insert(900, 9);
        assert_eq!(bank::check(&next, context).await, expected, "{context}");
        Death { step, landed }
    }
}

/// How often to die at each step.
#[derive(Debug, Clone, Copy)]
pub struct Often {
    /// At least so often at each by its name.
    pub least: usize,
    /// At most so often, where a name comes more than once in an operation: the first and the last
    /// of them, and others evenly between.
    pub most: usize,
    /// At requests too that change nothing for others, as reads.
    pub quiet: bool,
}

/// Kills processes at each step of some operations.
pub fn steps(program: Program, ops: &[Op], often: Often) -> Vec<Figures> {
    let folder = tempfile::tempdir().unwrap();
    ops.iter().map(|op| wait(steps_of(program, *op, folder.path(), often))).collect()
}

/// Some of the places where a step comes, in turn.
fn chosen(places: &[(usize, u64)], often: Often) -> Vec<(usize, u64)> {
    let count = places.len().min(often.most);
    let spread = |nth: usize| nth * (places.len() - 1) / count.saturating_sub(1).max(1);
    let some: Vec<_> = (0..count).map(|nth| places[spread(nth)]).collect();
    some.iter().copied().cycle().take(count.max(often.least)).collect()
}

async fn steps_of(program: Program, op: Op, folder: &Path, often: Often) -> Figures {
    let mut figures = Figures { what: op.killed(), ..Figures::default() };
    let prepared = attempt(&mut figures, op.killed(), async {
        let scene = Scene::new(program, op, folder, often.quiet).await;
        let plan = scene.plan();
        (scene, plan)
    });
    let Some((scene, plan)) = prepared.await else { return figures };
    let (mut steps, mut landed) = (BTreeMap::<String, u64>::new(), 0);
    for (name, places) in &plan {
        for (when, at) in chosen(places, often) {
            let context = format!("{op:?}, {name} ({at})");
            let death = attempt(&mut figures, &context, scene.death(at, when, &context)).await;
            figures.tried += 1;
            let Some(death) = death else { continue };
            // Requests beside each other change places.
            let step = death.step.unwrap_or_else(|| "nowhere".to_string());
            *steps.entry(step).or_default() += 1;
            landed += u64::from(death.landed);
        }
    }
    let each: Vec<String> = steps.iter().map(|(step, count)| format!("{count} {step}")).collect();
    figures.notes =
        format!("{} steps, {landed} with something committed: {}", steps.len(), each.join(", "));
    figures
}
