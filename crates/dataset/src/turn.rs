//! Taking turns where many commit at once, so that none waits for ever.
//!
//! Of those who try the same number one wins, and the others try the next. Who has just won is the
//! first to know the new head and would win again and again, and who is slow, because the change
//! takes long to make or the store is far away, would lose to who is fast. Two things are against it.
//!
//! Each entry lists who committed lately, and whether others were in the way. If they were for
//! anyone, who committed stands back until the others on the list have had their turn, or seem gone:
//! nobody is waited for longer than commits are apart, and once. So of many writers few try at a
//! time, and hardly a try is in vain; where none is in another's way, nobody waits. And whom others
//! overtook often all the same leaves a note under `waiting`: whoever finds it begins no commit until
//! that one is through, or has had ample time. Nobody looks for the note at each commit: only who
//! sees writers in each other's way, and now and then who sees none.
//!
//! Neither is needed for a commit to be right: without them, or with a damaged note, commits are
//! only less fair.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use lakebed_format::Entry;
use lakebed_format::Waiting;
use lakebed_format::entry::Writer;
use lakebed_format::waiting::KEY;
use tokio::time::Instant;

use crate::dataset::Dataset;
use crate::dataset::Shared;
use crate::error::Result;

/// Writers that an entry lists.
const LISTED: usize = 32;
/// Entries after which a writer that did not commit is taken off the list, for each on it.
const FORGOTTEN: u64 = 8;
/// Of so many on the list one may be overtaken, and one of any: while it prepares its change, or is
/// slow to notice that its turn has come, no time is lost.
const OVERTAKEN: usize = 4;
/// Losses until a note is left, or left again; before, an attempt that lost waits a little.
const PATIENCE: u32 = 6;
/// A note is left sooner where so many others committed for each on the list.
const ENOUGH: usize = 4;
/// Who sees no other commit looks for a note at one commit of so many.
const SELDOM: u64 = 16;
/// The longest that anybody makes way, for a note or for those whose turn it is.
const LONGEST: Duration = Duration::from_secs(10);
/// Whoever is on the list and does not commit for so many times what a commit takes, or what lies
/// between two of the log, is not waited for; nor for longer than this.
const QUIET: u32 = 8;
const LONGEST_QUIET: Duration = Duration::from_secs(2);
/// Attempts that who left a note is given, and a time beside them to learn that the way is free.
const ATTEMPTS: u32 = 4;
const NOTICE: Duration = Duration::from_millis(200);
/// Between looks: from, and up to.
const LOOKS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(200)];

/// What one process knows of the turns of a dataset.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    state: Mutex<State>,
}

#[derive(Debug, Default, Clone)]
struct State {
    /// This writer, once it has committed.
    id: Option<u32>,
    last: Option<Won>,
    commits: u64,
    /// Writers that were waited for in vain, with their last entry then.
    absent: BTreeMap<u32, u64>,
    /// The last note that this process made way for: once is enough, should it stay.
    made_way: Option<u128>,
}

/// The last commit of this process.
#[derive(Debug, Clone, Copy)]
struct Won {
    number: u64,
    at: Instant,
    /// How long its last attempt took.
    took: Duration,
    /// Between two commits of the log, whoever made them, since this process committed before.
    apart: Duration,
}

impl State {
    /// The others that committed lately, but not since this process did, if anybody was in the way of
    /// anybody.
    fn others_on(&self, log: &Entry) -> Vec<Writer> {
        let Some(won) = self.last.filter(|_| is_crowded(log)) else { return Vec::new() };
        let is_on = |writer: &&Writer| {
            Some(writer.id) != self.id
                && writer.number < won.number
                && self.absent.get(&writer.id) != Some(&writer.number)
        };
        log.writers.iter().filter(is_on).copied().collect()
    }
}

/// Whether writers were in each other's way lately.
fn is_crowded(log: &Entry) -> bool {
    log.writers.iter().any(|writer| writer.crowded > 0)
}

impl Turns {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One commit's place among others.
pub(crate) struct Turn<'a> {
    shared: &'a Shared,
    /// The newest entry when it began.
    from: u64,
    losses: u32,
    /// Others committed while it stood back for them.
    waited: bool,
    start: Instant,
    /// The note that was left.
    noted: Option<u128>,
}

impl<'a> Turn<'a> {
    /// Waits before the first attempt of a commit if others should come first; gives the head as it
    /// is then.
    pub async fn begin(shared: &'a Shared, mut head: Dataset) -> Result<(Turn<'a>, Dataset)> {
        let (commits, on) = shared.turns.with(|state| (state.commits, state.others_on(&head.log)));
        let mut waited = false;
        if (is_crowded(&head.log) || commits % SELDOM == SELDOM - 1) && make_way(shared).await {
            waited = true;
            head = head.refresh().await?;
        } else if !on.is_empty() {
            let before = head.log.number;
            head = stand_back(shared, head, on).await?;
            waited = head.log.number > before;
        }
        let (from, start) = (head.log.number, Instant::now());
        Ok((Turn { shared, from, losses: 0, waited, start, noted: None }, head))
    }

    /// Puts this writer on the entry's list.
    pub fn sign(&self, entry: &mut Entry) {
        let random = || u32::try_from(self.shared.options.env.random_u64() >> 32).unwrap_or(0);
        let id = self.shared.turns.with(|state| *state.id.get_or_insert_with(random));
        let number = entry.number;
        let known = entry.writers.iter().find(|writer| writer.id == id);
        let crowded = match self.waited || self.losses > 0 {
            true => known.map_or(0, |writer| writer.crowded).saturating_add(1),
            false => 0,
        };
        let listed = u64::try_from(entry.writers.len()).unwrap_or(u64::MAX);
        let oldest = number.saturating_sub(FORGOTTEN.saturating_mul(listed + 1));
        entry.writers.retain(|writer| writer.id != id && writer.number >= oldest);
        entry.writers.push(Writer { id, number, crowded });
        let surplus = entry.writers.len().saturating_sub(LISTED);
        entry.writers.drain(..surplus);
    }

    /// Another took the number of `entry`: the next attempt begins when this returns.
    pub async fn lost(&mut self, entry: &Entry) {
        self.losses += 1;
        let took = self.start.elapsed();
        let enough = u64::try_from(ENOUGH * entry.writers.len()).unwrap_or(u64::MAX);
        let overtaken = self.noted.is_none() && entry.number - self.from > enough;
        if overtaken || self.losses.is_multiple_of(PATIENCE) {
            let id = self.shared.options.env.random_u128();
            self.noted = Some(id);
            let note = Waiting { id, attempt: took };
            let done = self.shared.store.put(KEY, Bytes::from(note.to_bytes())).await;
            if let Err(error) = done {
                tracing::debug!(%error, "no note was left that this commit waits");
            }
        } else if self.noted.is_none() {
            wait(self.shared, took / 2).await;
        }
        self.start = Instant::now();
    }

    /// The commit is entry `number`.
    pub fn won(&self, number: u64) {
        let (at, took) = (Instant::now(), self.start.elapsed());
        self.shared.turns.with(|state| {
            let apart = state.last.map_or(took, |last| {
                let entries = u32::try_from(number.saturating_sub(last.number)).unwrap_or(u32::MAX);
                (at - last.at) / entries.max(1)
            });
            state.last = Some(Won { number, at, took, apart });
            state.commits = state.commits.wrapping_add(1);
        });
    }

    /// Waits no more, whatever the end.
    pub async fn end(self) {
        // Another may have left its own since.
        if self.noted.is_some() && note(self.shared).await.map(|note| note.id) == self.noted {
            withdraw(self.shared).await;
        }
    }
}

/// Lets those go first whose turn it is; gives the head as it is then.
async fn stand_back(shared: &Shared, mut head: Dataset, mut on: Vec<Writer>) -> Result<Dataset> {
    let Some(won) = shared.turns.with(|state| state.last) else { return Ok(head) };
    let listed = head.log.writers.len();
    let allowed = (listed / OVERTAKEN).max(1);
    // Those who had their turn twice meanwhile do not stand back for this one.
    let enough = head.log.number + u64::try_from(2 * listed + 2).unwrap_or(u64::MAX);
    let [least, most] = LOOKS;
    let quiet = won.took.max(won.apart).max(least).saturating_mul(QUIET).min(LONGEST_QUIET);
    let end = Instant::now() + LONGEST;
    let mut until = Instant::now() + quiet;
    while on.len() > allowed {
        if Instant::now() >= until.min(end) || head.log.number > enough {
            // Whoever does not come is not waited for again, until it has.
            shared.turns.with(|state| {
                state.absent.retain(|id, _| head.log.writers.iter().any(|w| w.id == *id));
                state.absent.extend(on.iter().map(|writer| (writer.id, writer.number)));
            });
            break;
        }
        // A quarter of the time that it takes until enough of them have committed, on the average.
        let turns = u32::try_from(on.len() - allowed).unwrap_or(u32::MAX);
        let pause = won.apart.saturating_mul(turns) / 4;
        wait(shared, pause.clamp(least, most).min(quiet / 2) * 2).await;
        head = head.refresh().await?;
        let left = shared.turns.with(|state| state.others_on(&head.log));
        if left.len() < on.len() {
            until = Instant::now() + quiet;
        }
        on = left;
    }
    Ok(head)
}

/// Stands back for who left a note, if somebody did. True if it waited.
async fn make_way(shared: &Shared) -> bool {
    let Some(note) = note(shared).await else { return false };
    let again = shared.turns.with(|state| state.made_way.replace(note.id) == Some(note.id));
    if again {
        return false;
    }
    tracing::debug!(attempt = ?note.attempt, "another waits for a turn to commit, making way");
    let time = note.attempt.saturating_mul(ATTEMPTS).saturating_add(NOTICE).min(LONGEST);
    let until = Instant::now() + time;
    let [mut pause, longest] = LOOKS;
    while Instant::now() < until {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
        let Some(now) = self::note(shared).await else { return true };
        // Several may wait, one after the other.
        shared.turns.with(|state| state.made_way = Some(now.id));
    }
    // Whoever it was has gone, or leaves another note.
    withdraw(shared).await;
    true
}

/// Who waits; nobody if that cannot be read.
async fn note(shared: &Shared) -> Option<Waiting> {
    let bytes = shared.store.get(KEY).await.ok()?;
    Waiting::from_bytes(&bytes).ok()
}

/// Removes the note. Should it stay, everybody makes way for it once.
async fn withdraw(shared: &Shared) {
    if let Err(error) = shared.store.delete(KEY).await {
        tracing::debug!(%error, "the note that a commit waits stays");
    }
}

/// Waits for a part of `most`, by chance.
async fn wait(shared: &Shared, most: Duration) {
    let thousandths = u32::try_from(shared.options.env.random_u64() % 1000).unwrap_or(0);
    tokio::time::sleep(most * thousandths / 1000).await;
}
