//! The process that is killed at random moments: it works, and says what it does.

use std::io::Write;

use lakebed_core::Env;
use lakebed_dataset::Dataset;
use lakebed_dataset::Policy;

use super::URL;
use crate::attempt::wait;
use crate::bank;
use crate::bank::Accounts;
use crate::bank::Changes;
use crate::copies;

/// The job to begin with, by its place in [`JOBS`].
pub(super) const JOB: &str = "LAKEBED_TRIALS_KILL_JOB";
/// What it does in turn.
pub(super) const JOBS: [&str; 6] =
    ["append", "edit", "merge", "compact", "expire and gc", "materialize"];
/// Versions that stay when it expires.
const KEPT: u64 = 12;

/// Balances in a word.
pub(super) fn digest(accounts: &Accounts) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for (account, balance) in accounts {
        for part in [*account as u64, *balance as u64] {
            hash = (hash ^ part).wrapping_mul(0x0100_0000_01b3).rotate_left(17);
        }
    }
    format!("{}:{hash:016x}", accounts.len())
}

/// The child: it says what each commit will make of the branch main, and that it was made.
struct Worker {
    dataset: Dataset,
    accounts: Accounts,
    env: Env,
    job: &'static str,
}

impl Worker {
    fn random(&self, below: usize) -> usize {
        (self.env.random_u64() % below as u64) as usize
    }

    fn some(&self) -> i64 {
        *self.accounts.keys().nth(self.random(self.accounts.len())).unwrap()
    }

    fn fresh(&self, count: i64) -> Vec<(i64, i64)> {
        let next = self.accounts.keys().next_back().map_or(0, |last| last + 1);
        (next..next + count).map(|n| (n, n)).collect()
    }

    fn say(&self, word: &str) {
        let digest = digest(&self.accounts);
        let (main, newest) = (self.dataset.version(), self.dataset.newest_version());
        println!("{word} {main} {newest} {digest} {}", self.job);
        std::io::stdout().flush().unwrap();
    }

    /// Takes what the commit that was announced made.
    fn done(&mut self, dataset: Dataset) {
        self.dataset = dataset;
        self.say("told");
    }

    async fn append(&mut self) {
        let new = self.fresh(10);
        self.accounts.extend(new.iter().copied());
        self.say("begins");
        self.done(bank::append(&self.dataset, &new).await.unwrap());
    }

    async fn edit(&mut self) {
        let set: Accounts = (0..5).map(|n| (self.some(), n - self.random(1000) as i64)).collect();
        let spare = self.accounts.len().saturating_sub(80).min(20);
        let oldest = self.accounts.keys().copied().filter(|account| !set.contains_key(account));
        let delete: Vec<i64> = oldest.take(spare).collect();
        let add = self.fresh(2);
        self.accounts.extend(set.iter().chain(add.iter().map(|(a, b)| (a, b))));
        self.accounts.retain(|account, _| !delete.contains(account));
        self.say("begins");
        let set: Vec<(i64, i64)> = set.into_iter().collect();
        let changes = Changes { set: &set, delete: &delete, add: &add };
        self.done(bank::edit(&self.dataset, changes).await.unwrap());
    }

    async fn merge(&mut self) {
        if self.dataset.branches().contains_key("side") {
            self.say("begins");
            self.done(self.dataset.delete_ref("side", "").await.unwrap());
        }
        self.say("begins");
        let side = self.dataset.branch("side", "").await.unwrap();
        self.done(self.dataset.refresh().await.unwrap());
        // The branch changes what this one leaves alone.
        let (changed, new) = (self.some(), self.fresh(3));
        self.say("begins");
        let set = [(changed, -7)];
        let changes = Changes { set: &set, delete: &[], add: &new };
        bank::edit(&side, changes).await.unwrap();
        self.done(self.dataset.refresh().await.unwrap());
        let more: Vec<(i64, i64)> = new.iter().map(|(n, _)| (n + 3, *n)).collect();
        self.accounts.extend(more.iter().copied());
        self.say("begins");
        self.done(bank::append(&self.dataset, &more).await.unwrap());
        self.accounts.extend(new.iter().chain(&set).copied());
        self.say("begins");
        self.done(self.dataset.merge("side", Policy::Fail, "").await.unwrap());
    }

    async fn compact(&mut self) {
        self.say("begins");
        let options = bank::compaction();
        self.done(self.dataset.compact(&options, "", |_, _| ()).await.unwrap());
    }

    async fn expire(&mut self) {
        self.say("begins");
        let below = self.dataset.newest_version().saturating_sub(KEPT);
        self.done(self.dataset.expire(below, "").await.unwrap());
        self.say("begins");
        self.done(self.dataset.collect_garbage("", |_, _| ()).await.unwrap().0);
    }

    async fn materialize(&mut self) {
        for old in [copies::BRANCH, copies::NAME] {
            let refs = (self.dataset.branches(), self.dataset.views());
            if refs.0.contains_key(old) || refs.1.contains_key(old) {
                self.say("begins");
                self.done(self.dataset.delete_ref(old, "").await.unwrap());
            }
        }
        self.say("begins");
        self.done(copies::save_view(&self.dataset).await.unwrap());
        self.say("begins");
        let version = self.dataset.views()[copies::NAME].version;
        let store = lakebed_store::open(&copy_of(self.dataset.url(), version)).unwrap();
        copies::materialize(&self.dataset, store).await.unwrap();
        self.say("told");
        self.say("begins");
        copies::materialize_branch(&self.dataset).await.unwrap();
        self.done(self.dataset.refresh().await.unwrap());
    }
}

/// Where the copy of the view of a version is.
pub(super) fn copy_of(url: &str, version: u64) -> String {
    format!("{}-{version}", copies::url(url))
}

/// What the killed process runs.
pub(super) fn work() {
    wait(async {
        let first: usize = std::env::var(JOB).unwrap().parse().unwrap();
        let url = std::env::var(URL).unwrap();
        let dataset = Dataset::open(&url, bank::options()).await.unwrap();
        let accounts = bank::accounts(&dataset).await.unwrap();
        let mut worker = Worker { dataset, accounts, env: Env::system(), job: "" };
        for job in first.. {
            worker.job = JOBS[job % JOBS.len()];
            match job % JOBS.len() {
                0 => worker.append().await,
                1 => worker.edit().await,
                2 => worker.merge().await,
                3 => worker.compact().await,
                4 => worker.expire().await,
                _ => worker.materialize().await,
            }
        }
    });
}
