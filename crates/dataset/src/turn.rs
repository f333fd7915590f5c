//! Taking turns where many commit at once, so that none waits for ever.
//!
//! Of those who try the same number one wins, and the others try the next. Who has just won is the
//! first to know the new head and would win again and again, and who is slow, because the change
//! takes long to make or the store is far away, would lose to who is fast. Two things are against it.
//!
//! Each entry lists who committed lately. Who committed stands back until the others on the list have
//! had their turn, or ample time for it: a writer that went away is waited for once. So of many
//! writers few try at a time, and hardly a try is in vain. And who lost often all the same leaves a
//! note under `waiting`: whoever finds it begins no commit until that one is through, or has had
//! ample time. Nobody looks for the note at each commit: only who sees that others commit as well,
//! and now and then who sees none.
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
/// Of so many that have not had their turn one may be overtaken, so that no time is lost where one
/// is slow to notice that it is on.
const OVERTAKEN: usize = 8;
/// Losses until a note is left, or left again; before, an attempt that lost waits a little.
const PATIENCE: u32 = 6;
/// Who sees no other commit looks for a note at one commit of so many.
const SELDOM: u64 = 16;
/// The longest that anybody makes way, for a note or for those whose turn it is.
const LONGEST: Duration = Duration::from_secs(10);
/// Attempts that who left a note is given, and a time beside them to learn that the way is free.
const ATTEMPTS: u32 = 4;
const NOTICE: Duration = Duration::from_millis(200);
/// Between looks: from, and up to.
const LOOKS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(100)];

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
    /// How long its last attempt took.
    took: Duration,
}

impl State {
    /// The others that committed lately, but not since this process did.
    fn others_on(&self, log: &Entry) -> Vec<Writer> {
        let Some(won) = self.last else { return Vec::new() };
        let is_on = |writer: &&Writer| {
            Some(writer.id) != self.id
                && writer.number < won.number
                // Who committed once may be gone already.
                && writer.commits > 1
                && self.absent.get(&writer.id) != Some(&writer.number)
        };
        log.writers.iter().filter(is_on).copied().collect()
    }
}

impl Turns {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One commit's place among others.
pub(crate) struct Turn<'a> {
    shared: &'a Shared,
    losses: u32,
    start: Instant,
    /// The note that was left.
    noted: Option<u128>,
}

impl<'a> Turn<'a> {
    /// Waits before the first attempt of a commit if others should come first; gives the head as it
    /// is then.
    pub async fn begin(shared: &'a Shared, mut head: Dataset) -> Result<(Turn<'a>, Dataset)> {
        let commits = shared.turns.with(|state| state.commits);
        let on = shared.turns.with(|state| state.others_on(&head.log));
        let alone = head.log.writers.len() < 2;
        if (!alone || commits % SELDOM == SELDOM - 1) && make_way(shared).await {
            head = head.refresh().await?;
        } else if !on.is_empty() {
            head = stand_back(shared, head, on).await?;
        }
        Ok((Turn { shared, losses: 0, start: Instant::now(), noted: None }, head))
    }

    /// Puts this writer on the entry's list.
    pub fn sign(&self, entry: &mut Entry) {
        let random = || u32::try_from(self.shared.options.env.random_u64() >> 32).unwrap_or(0);
        let id = self.shared.turns.with(|state| *state.id.get_or_insert_with(random));
        let number = entry.number;
        let known = entry.writers.iter().find(|writer| writer.id == id);
        let commits = known.map_or(0, |writer| writer.commits).saturating_add(1);
        let listed = u64::try_from(entry.writers.len()).unwrap_or(u64::MAX);
        let oldest = number.saturating_sub(FORGOTTEN.saturating_mul(listed + 1));
        entry.writers.retain(|writer| writer.id != id && writer.number >= oldest);
        entry.writers.push(Writer { id, number, commits });
        let surplus = entry.writers.len().saturating_sub(LISTED);
        entry.writers.drain(..surplus);
    }

    /// Another came first: the next attempt begins when this returns.
    pub async fn lost(&mut self) {
        self.losses += 1;
        let took = self.start.elapsed();
        if self.losses.is_multiple_of(PATIENCE) {
            let id = self.shared.options.env.random_u128();
            self.noted = Some(id);
            let note = Waiting { id, attempt: took };
            let done = self.shared.store.put(KEY, Bytes::from(note.to_bytes())).await;
            if let Err(error) = done {
                tracing::debug!(%error, "no note was left that this commit waits");
            }
        } else if self.losses < PATIENCE {
            wait(self.shared, took / 2).await;
        }
        self.start = Instant::now();
    }

    /// The commit is entry `number`.
    pub fn won(&self, number: u64) {
        let won = Won { number, took: self.start.elapsed() };
        self.shared.turns.with(|state| {
            state.last = Some(won);
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
    let all = u32::try_from(on.len()).unwrap_or(u32::MAX).saturating_add(1);
    let until = Instant::now() + won.took.saturating_mul(all).saturating_mul(2).min(LONGEST);
    let listed = head.log.writers.len();
    let [least, most] = LOOKS;
    let mut pause = (won.took / 4).clamp(least, most);
    while on.len() > listed / OVERTAKEN {
        if Instant::now() >= until {
            // Whoever does not come is not waited for again, until it has.
            shared.turns.with(|state| {
                state.absent.retain(|id, _| head.log.writers.iter().any(|w| w.id == *id));
                state.absent.extend(on.iter().map(|writer| (writer.id, writer.number)));
            });
            break;
        }
        wait(shared, pause * 2).await;
        pause = (pause * 3 / 2).min(most);
        head = head.refresh().await?;
        on = shared.turns.with(|state| state.others_on(&head.log));
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
