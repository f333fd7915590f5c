//! Where an epoch stands, small enough for a checkpoint of the model.

use serde::Deserialize;
use serde::Serialize;

use crate::error::Error;
use crate::error::Result;

/// Everything before `position` in the epoch's order has been delivered, to whichever rank.
///
/// All ranks that have taken the same number of batches hold the same state, and it may be resumed
/// with another number of ranks, workers, and another batch size. As JSON it is one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The id of the dataset.
    pub dataset: String,
    /// The version that is loaded.
    pub version: u64,
    /// The name of the view; none for all rows of the version.
    pub view: Option<String>,
    /// What the rows and their shuffle are: a checksum of the view's row ids and of the blocks.
    pub order: String,
    /// The seed of the loader.
    pub seed: u64,
    /// The epoch.
    pub epoch: u64,
    /// Samples of the epoch's order that were delivered, by all ranks together.
    pub position: u64,
}

impl State {
    /// One line of JSON.
    pub fn to_json(&self) -> String {
        // Strings and numbers only: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads [`State::to_json`].
    ///
    /// # Errors
    /// [`Error::State`].
    pub fn from_json(json: &str) -> Result<State> {
        serde_json::from_str(json).map_err(|source| Error::State { source })
    }

    /// Refuses a state of something else than `own`, whatever its epoch and position.
    pub(crate) fn check(&self, own: &State, rows: u64) -> Result<()> {
        let view = |state: &State| state.view.clone().map_or("none".into(), |v| format!("'{v}'"));
        let fields = [
            ("dataset", own.dataset.clone(), self.dataset.clone()),
            ("version", own.version.to_string(), self.version.to_string()),
            ("view", view(own), view(self)),
            ("order", own.order.clone(), self.order.clone()),
            ("seed", own.seed.to_string(), self.seed.to_string()),
        ];
        for (field, expected, found) in fields {
            if expected != found {
                return Err(Error::OtherState { field, expected, found });
            }
        }
        if self.position > rows {
            let (expected, found) = (format!("at most {rows}"), self.position.to_string());
            return Err(Error::OtherState { field: "position", expected, found });
        }
        Ok(())
    }
}
