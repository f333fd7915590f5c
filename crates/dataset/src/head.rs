//! Finding the newest entry without a listing.

use bytes::Bytes;
use lakebed_format::Entry;
use lakebed_format::entry;
use lakebed_store::Store;

use crate::error::Error;
use crate::error::Result;

/// The newest entry: from the hint, then by probing onward, in at most three requests when the
/// hint is fresh. `None` if the log is empty.
pub(crate) async fn newest(url: &str, store: &dyn Store) -> Result<Option<Entry>> {
    let start = match store.get("hint").await {
        // A damaged hint is only a bad place to begin to look; `verify` reports it.
        Ok(bytes) => entry::hint_from_bytes(&bytes).unwrap_or(0),
        Err(e) if e.is_not_found() => 0,
        Err(e) => return Err(e.into()),
    };
    from(url, store, start).await
}

/// The newest entry, looked for from a number that probably exists.
pub(crate) async fn from(url: &str, store: &dyn Store, start: u64) -> Result<Option<Entry>> {
    let (at, next) = futures::try_join!(get(store, start), get(store, start.saturating_add(1)))?;
    let Some(at) = at else {
        // The hint is of another log or ahead of a restored one: begin at the beginning.
        return if start == 0 { Ok(None) } else { Box::pin(from(url, store, 0)).await };
    };
    let Some(next) = next else { return Ok(Some(parse(url, start, &at)?)) };
    // `known` exists; double the stride until one is missing, then bisect.
    let (mut known, mut bytes) = (start.saturating_add(1), next);
    let mut stride = 1u64;
    let missing = loop {
        let probe = known.saturating_add(stride);
        match get(store, probe).await? {
            Some(found) => (known, bytes) = (probe, found),
            None => break probe,
        }
        stride = stride.saturating_mul(2);
    };
    let mut missing = missing;
    while known + 1 < missing {
        let middle = known + (missing - known) / 2;
        match get(store, middle).await? {
            Some(found) => (known, bytes) = (middle, found),
            None => missing = middle,
        }
    }
    Ok(Some(parse(url, known, &bytes)?))
}

/// One entry; `None` if the log does not have it.
pub(crate) async fn entry(url: &str, store: &dyn Store, number: u64) -> Result<Option<Entry>> {
    match get(store, number).await? {
        Some(bytes) => Ok(Some(parse(url, number, &bytes)?)),
        None => Ok(None),
    }
}

async fn get(store: &dyn Store, number: u64) -> Result<Option<Bytes>> {
    match store.get(&Entry::key(number)).await {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn parse(url: &str, number: u64, bytes: &[u8]) -> Result<Entry> {
    Entry::from_bytes(number, bytes).map_err(|e| Error::in_object(url, &Entry::key(number), e))
}
