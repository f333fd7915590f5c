//! A view and its settings, from which epochs start.

use std::fmt;
use std::sync::Arc;

use crate::batches::Batches;
use crate::builder::Settings;
use crate::error::Result;
use crate::order::Order;
use crate::state::State;

/// Turns a view or version into batches, epoch by epoch.
#[derive(Clone)]
pub struct Loader {
    settings: Arc<Settings>,
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader").field("state", &self.state(0)).finish_non_exhaustive()
    }
}

impl Loader {
    pub(crate) fn new(settings: Settings) -> Loader {
        Loader { settings: Arc::new(settings) }
    }

    /// Samples of an epoch, of all ranks together.
    pub fn len(&self) -> u64 {
        self.settings.source.rows
    }

    /// True if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows of an epoch from one place of its order to another, as positions of the version: what
    /// all ranks together deliver. Computed without I/O; nothing before `places` is looked at.
    pub fn order(&self, epoch: u64, places: std::ops::Range<u64>) -> Vec<u64> {
        let source = &self.settings.source;
        let order = Order::new(source.rows, &source.kind, self.settings.seed, epoch);
        let places = places.start..places.end.min(source.rows);
        order.rows_at(places).map(|row| source.position(row)).collect()
    }

    /// The state at the begin of an epoch.
    pub fn state(&self, epoch: u64) -> State {
        let source = &self.settings.source;
        State {
            dataset: source.dataset.id().to_string(),
            version: source.dataset.version(),
            view: source.view.clone(),
            order: source.order.clone(),
            seed: self.settings.seed,
            epoch,
            position: 0,
        }
    }

    /// The batches of this rank in an epoch. Reading begins at once.
    ///
    /// # Errors
    /// [`crate::Error::Thread`] if no thread can be started.
    pub fn epoch(&self, epoch: u64) -> Result<Batches> {
        Batches::start(Arc::clone(&self.settings), self.state(epoch))
    }

    /// The batches of this rank in the rest of an epoch, after those that any number of ranks took
    /// before the state was kept. No sample before it is looked at.
    ///
    /// # Errors
    /// [`crate::Error::OtherState`] for a state of something else; as [`Loader::epoch`] else.
    pub fn resume(&self, state: &State) -> Result<Batches> {
        state.check(&self.state(state.epoch), self.len())?;
        Batches::start(Arc::clone(&self.settings), state.clone())
    }
}
