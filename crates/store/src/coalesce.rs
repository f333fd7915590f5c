//! Reading many ranges with few requests.

use std::future::Future;
use std::ops::Range;

use bytes::Bytes;
use futures::StreamExt;
use futures::TryStreamExt;

use crate::error::Error;
use crate::error::Result;

/// The largest request that merging makes, in bytes: 16 MiB. A single larger range stays whole.
pub const MAX_MERGED: u64 = 16 << 20;

/// How many merged requests of one call are under way at a time.
pub(crate) const CONCURRENT: usize = 8;

/// One request that serves one or more ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The bytes to request.
    pub range: Range<u64>,
    /// Which of the given ranges lie inside, as indices.
    pub members: Vec<usize>,
}

/// Merges ranges that are at most `gap` bytes apart, up to [`MAX_MERGED`], in ascending order.
/// Empty ranges need no request and are members of none.
///
/// # Errors
/// [`Error::InvalidRange`] for a range that ends before it starts.
pub fn plan(key: &str, ranges: &[Range<u64>], gap: u64) -> Result<Vec<Merged>> {
    for range in ranges {
        check_range(key, range)?;
    }
    let mut sorted: Vec<(usize, &Range<u64>)> =
        ranges.iter().enumerate().filter(|(_, r)| !r.is_empty()).collect();
    sorted.sort_by_key(|(_, r)| (r.start, r.end));
    let mut merged: Vec<Merged> = Vec::new();
    for (index, range) in sorted {
        if let Some(last) = merged.last_mut() {
            let end = last.range.end.max(range.end);
            let near = range.start <= last.range.end.saturating_add(gap);
            let inside = range.end <= last.range.end;
            if inside || (near && end - last.range.start <= MAX_MERGED) {
                last.range.end = end;
                last.members.push(index);
                continue;
            }
        }
        merged.push(Merged { range: range.clone(), members: vec![index] });
    }
    Ok(merged)
}

/// Reads `ranges` through `read`, which is called once for each merged range.
///
/// # Errors
/// The first error of `read`; a truncation is reported for the first range that it touches.
pub async fn fetch<F, R>(key: &str, ranges: &[Range<u64>], gap: u64, read: F) -> Result<Vec<Bytes>>
where
    F: Fn(Range<u64>) -> R,
    R: Future<Output = Result<Bytes>>,
{
    let merged = plan(key, ranges, gap)?;
    let mut requests = Vec::with_capacity(merged.len());
    for one in merged {
        let request = read(one.range.clone());
        requests.push(async move { Ok::<_, Error>((one, request.await?)) });
    }
    let parts: Vec<(Merged, Bytes)> = futures::stream::iter(requests)
        .buffer_unordered(CONCURRENT)
        .try_collect()
        .await
        .map_err(|e| blame(e, ranges))?;
    cut(key, ranges, &parts)
}

/// Cuts the given ranges out of the merged ones, without copying.
///
/// # Errors
/// [`Error::Truncated`] if a merged part is shorter than its range.
pub fn cut(key: &str, ranges: &[Range<u64>], parts: &[(Merged, Bytes)]) -> Result<Vec<Bytes>> {
    let mut out = vec![Bytes::new(); ranges.len()];
    for (merged, bytes) in parts {
        for &member in &merged.members {
            let (Some(range), Some(slot)) = (ranges.get(member), out.get_mut(member)) else {
                continue;
            };
            let truncated = || Error::Truncated {
                key: key.to_owned(),
                range: range.clone(),
                size: merged.range.start.saturating_add(u64::try_from(bytes.len()).unwrap_or(0)),
            };
            let start = offset(range.start, merged.range.start).ok_or_else(truncated)?;
            let end = offset(range.end, merged.range.start).ok_or_else(truncated)?;
            if end > bytes.len() {
                return Err(truncated());
            }
            *slot = bytes.slice(start..end);
        }
    }
    Ok(out)
}

/// Refuses a range that ends before it starts or that no buffer could hold.
pub fn check_range(key: &str, range: &Range<u64>) -> Result<()> {
    let fits = range.end.checked_sub(range.start).is_some_and(|n| isize::try_from(n).is_ok());
    if fits {
        Ok(())
    } else {
        Err(Error::InvalidRange { key: key.to_owned(), range: range.clone() })
    }
}

/// Turns the truncation of a merged range into that of the first range the caller asked for.
pub(crate) fn blame(error: Error, ranges: &[Range<u64>]) -> Error {
    match error {
        Error::Truncated { key, range, size } => {
            let first = ranges.iter().find(|r| !r.is_empty() && r.end > size).cloned();
            Error::Truncated { key, range: first.unwrap_or(range), size }
        }
        other => other,
    }
}

fn offset(at: u64, start: u64) -> Option<usize> {
    usize::try_from(at.checked_sub(start)?).ok()
}

#[cfg(test)]
mod tests;
