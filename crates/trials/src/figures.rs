//! What a trial says.

use std::fmt;

/// How much to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Some seconds a trial, as in CI.
    Short,
    /// Minutes a trial.
    Long,
}

/// What came of one trial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// What was tried, as "kills".
    pub what: &'static str,
    /// How often.
    pub tried: u64,
    /// Commits that were acknowledged and are not there, or are there otherwise than they were made.
    pub lost: u64,
    /// Datasets that no longer open, or take no further commit.
    pub unopenable: u64,
    /// Panics of the library.
    pub panics: u64,
    /// The rest worth saying: of what kind, how long, of how many.
    pub notes: String,
}

impl Figures {
    /// True if nothing was lost.
    pub fn all_well(&self) -> bool {
        self.lost == 0 && self.unopenable == 0 && self.panics == 0
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures { what, tried, lost, unopenable, panics, notes } = self;
        write!(
            f,
            "{what}: {tried} tried, {lost} lost, {unopenable} unopenable, {panics} panics; {notes}"
        )
    }
}
