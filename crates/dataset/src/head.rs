//! Finding the newest entry without a listing.

use bytes::Bytes;
use lakebed_format::Entry;
use lakebed_format::Refs;
use lakebed_format::entry;
use lakebed_format::entry::Tombstone;
use lakebed_store::Store;

use crate::error::Error;
use crate::error::Result;

/// The newest entry: from the hint, then by probing onward, in at most three requests when the
/// hint is fresh. `None` if the log is empty.
pub(crate) async fn newest(url: &str, store: &dyn Store) -> Result<Option<Entry>> {
    from(url, store, hint(store).await?, &Refs::default()).await
}

/// The newest entry with all its names, looked for from a number that probably exists; `known` are
/// names that have been read before, so that they need not be read again.
pub(crate) async fn from(
    url: &str,
    store: &dyn Store,
    start: u64,
    known: &Refs,
) -> Result<Option<Entry>> {
    let Some(mut entry) = probe(url, store, start).await? else { return Ok(None) };
    loop {
        let error = match complete(url, store, &mut entry, known).await {
            Ok(()) => return Ok(Some(entry)),
            Err(error) => error,
        };
        let is_gone = matches!(&error, Error::Store(source) if source.is_not_found());
        // Others may have written the names anew since, and collected what is no longer used.
        match probe(url, store, entry.number).await? {
            Some(newer) if is_gone && newer.number > entry.number => entry = newer,
            _ => return Err(error),
        }
    }
}

/// Reads the names that are not in the entry itself.
pub(crate) async fn complete(
    url: &str,
    store: &dyn Store,
    entry: &mut Entry,
    known: &Refs,
) -> Result<()> {
    let Some(region) = entry.refs.unread().copied() else { return Ok(()) };
    if entry.refs.complete_like(known) {
        return Ok(());
    }
    let key = region.object.key("meta");
    let bytes = store.get(&key).await?;
    let damaged = |e| Error::in_object(url, &key, e);
    if !region.checksum.matches(&bytes) {
        let reason = "it is not the object that its entry points to";
        return Err(damaged(lakebed_format::Error::damaged("names", reason)));
    }
    entry.refs.complete(&bytes).map_err(damaged)
}

/// The number of the newest entry, whatever it holds.
pub(crate) async fn newest_number(store: &dyn Store) -> Result<Option<u64>> {
    Ok(find(store, hint(store).await?).await?.map(|(number, _)| number))
}

/// The number of a recent entry, or 0.
async fn hint(store: &dyn Store) -> Result<u64> {
    match store.get("hint").await {
        // A damaged hint is only a bad place to begin to look; `verify` reports it.
        Ok(bytes) => Ok(entry::hint_from_bytes(&bytes).unwrap_or(0)),
        Err(e) if e.is_not_found() => Ok(0),
        Err(e) => Err(e.into()),
    }
}

async fn probe(url: &str, store: &dyn Store, start: u64) -> Result<Option<Entry>> {
    match find(store, start).await? {
        Some((number, bytes)) => Ok(Some(parse(url, number, &bytes)?)),
        None => Ok(None),
    }
}

/// The newest entry's number and bytes, looked for from a number that probably exists.
async fn find(store: &dyn Store, start: u64) -> Result<Option<(u64, Bytes)>> {
    let (at, next) = futures::try_join!(get(store, start), get(store, start.saturating_add(1)))?;
    let Some(at) = at else {
        // The hint is of another log or ahead of a restored one: begin at the beginning.
        return if start == 0 { Ok(None) } else { Box::pin(find(store, 0)).await };
    };
    let Some(next) = next else { return Ok(Some((start, at))) };
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
    Ok(Some((known, bytes)))
}

/// One entry; `None` if the log does not have it.
///
/// # Errors
/// [`Error::VersionExpired`] if only its number is left.
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
    if let Some(tombstone) = Tombstone::from_bytes(bytes) {
        let below = tombstone.expired_below;
        return Err(Error::VersionExpired { url: url.to_string(), version: number, below });
    }
    Entry::from_bytes(number, bytes).map_err(|e| Error::in_object(url, &Entry::key(number), e))
}
