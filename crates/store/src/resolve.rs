//! Creating an object when the answer to the request may be lost.

use std::time::Duration;

use bytes::Bytes;

use crate::error::Error;
use crate::error::Result;
use crate::store::Store;

/// The wait before the second try; it doubles with every further one.
const FIRST_WAIT: Duration = Duration::from_millis(20);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What became of an object that was to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The object exists with the caller's bytes.
    Created,
    /// The key belongs to someone else, whose bytes these are.
    Taken(Bytes),
}

/// Creates `key` with `bytes`, and finds out what happened if the answer does not say. The bytes
/// must differ from those of any other writer, or be the same on purpose: equal bytes count as the
/// caller's own.
///
/// Tries at most `attempts` times (at least once), with growing waits between them.
///
/// # Errors
/// An error that rules out that anything landed is returned as it is, for instance
/// [`Error::ReadOnly`] or [`Error::Full`]. Once a try may have landed and cannot be read back, the
/// only error is [`Error::Unknown`].
pub async fn create_resolved(
    store: &dyn Store,
    key: &str,
    bytes: Bytes,
    attempts: u32,
) -> Result<Outcome, Error> {
    let attempts = attempts.max(1);
    let mut open = false;
    let mut wait = FIRST_WAIT;
    let mut tries = 0;
    loop {
        tries += 1;
        let failed = match store.create(key, bytes.clone()).await {
            Ok(()) => return Ok(Outcome::Created),
            Err(e) => e,
        };
        if !open && !failed.may_have_landed() {
            return Err(failed);
        }
        open = true;
        tracing::debug!(key, tries, error = %failed, "create is unresolved, reading back");
        // An unsynced object reads back well and may still be lost: it has to be created again.
        let unsynced = matches!(failed, Error::Unsynced { .. });
        let last = match store.get(key).await {
            Ok(found) if found != bytes => return Ok(Outcome::Taken(found)),
            Ok(_) if !unsynced => return Ok(Outcome::Created),
            Ok(_) | Err(Error::NotFound { .. }) => failed,
            Err(unread) => unread,
        };
        if tries >= attempts {
            return Err(Error::Unknown {
                url: store.location().to_owned(),
                key: key.to_owned(),
                tries,
                last: last.to_string(),
            });
        }
        tokio::time::sleep(wait).await;
        wait = wait.saturating_mul(2).min(LONGEST_WAIT);
    }
}
