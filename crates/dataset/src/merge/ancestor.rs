//! The newest version that two versions both come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use lakebed_format::Entry;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::error::Result;
use crate::head;

const OURS: u8 = 1;
const THEIRS: u8 = 2;

/// The newest common ancestor of `ours` and `theirs`, which is called `from`.
///
/// # Errors
/// [`Error::AncestorExpired`] if it is gone; damage, or an error of the store.
pub(crate) async fn common(ours: &Dataset, theirs: &Dataset, from: &str) -> Result<Dataset> {
    newest(ours, theirs).await.map_err(|error| match error {
        Error::VersionExpired { url, version, .. } => {
            Error::AncestorExpired { url, from: from.to_string(), version }
        }
        other => other,
    })
}

/// Parents have smaller numbers than their children, so the largest number that both sides reach is
/// met first.
async fn newest(ours: &Dataset, theirs: &Dataset) -> Result<Dataset> {
    let mut open: BTreeMap<u64, u8> = BTreeMap::new();
    *open.entry(ours.version()).or_default() |= OURS;
    *open.entry(theirs.version()).or_default() |= THEIRS;
    let known = [&ours.entry, &theirs.entry];
    while let Some((number, sides)) = open.pop_last() {
        if sides == OURS | THEIRS {
            return ours.at(number).await;
        }
        // An expired version leads on to its parents until a collection has buried it.
        let entry: Arc<Entry> = match known.iter().find(|entry| entry.number == number) {
            Some(entry) => Arc::clone(entry),
            None => {
                let found = head::entry(ours.url(), &*ours.shared.store, number).await?;
                Arc::new(found.ok_or_else(|| Error::NoSuchVersion {
                    url: ours.url().to_string(),
                    version: number,
                    newest: ours.log.number,
                })?)
            }
        };
        for parent in &entry.parents {
            *open.entry(*parent).or_default() |= sides;
        }
    }
    Err(ours.conflict(format!(
        "versions {} and {} have no common ancestor",
        ours.version(),
        theirs.version()
    )))
}
