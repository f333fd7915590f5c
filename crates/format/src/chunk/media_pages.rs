//! The pages of encoded images: one an item, and the prefixes that they begin with.

use std::ops::Range;

use bytes::Bytes;
use lakebed_codec::integers;
use lakebed_core::Limits;

use super::directory::WHAT;
use super::directory::tag;
use super::heads::MAX_PREFIX;
use super::heads::MAX_PREFIX_BYTES;
use super::heads::MAX_PREFIXES;
use crate::buffers::Buffers;
use crate::buffers::to_u64;
use crate::buffers::to_usize;
use crate::checksum::Checksum;
use crate::error::Error;
use crate::error::Result;
use crate::frame::read_u64;

/// Where each image of a chunk is. Columns rather than structs: a chunk may have many thousands,
/// and whoever reads the first of them waits for all of this.
#[derive(Debug, Clone, Default)]
pub(crate) struct MediaPages {
    /// Where each page ends in the payload.
    ends: Vec<u64>,
    /// Eight bytes each, as they lie in the directory.
    checksums: Bytes,
    heads: Option<HeadsOfItems>,
}

/// What images begin with that is not in their pages.
#[derive(Debug, Clone)]
struct HeadsOfItems {
    prefixes: Vec<Bytes>,
    /// Which prefix, for each item.
    numbers: Vec<u8>,
    /// How much of it, for each item.
    lengths: Vec<u16>,
}

impl MediaPages {
    /// The pages that a directory lists; `prefixed` if it says that it has prefixes.
    ///
    /// # Errors
    /// [`Error::Damaged`] if they do not hold together.
    pub fn read(
        table: &Buffers,
        count: usize,
        payload: u64,
        prefixed: bool,
        limits: &Limits,
    ) -> Result<MediaPages> {
        if count == 0 {
            let reason = format!("{payload} bytes without a page");
            return match payload {
                0 => Ok(MediaPages::default()),
                _ => Err(Error::damaged(WHAT, reason)),
            };
        }
        let ends = table.integers(tag::PAGE_ENDS, count, limits)?;
        if !ends.is_sorted() || ends.last() != Some(&payload) {
            return Err(Error::damaged(WHAT, "its pages do not cover the payload"));
        }
        let codecs = table.bytes(tag::PAGE_CODECS)?;
        if integers::constant(codecs) != Some(0)
            && integers::decode(codecs, count, limits)?.iter().any(|codec| *codec != 0)
        {
            return Err(Error::damaged(WHAT, "an encoded image is compressed once more"));
        }
        let checksums = table.bytes(tag::PAGE_CHECKSUMS)?.clone();
        if Some(checksums.len()) != count.checked_mul(8) {
            let reason = format!("{} bytes of checksums for {count} pages", checksums.len());
            return Err(Error::damaged(WHAT, reason));
        }
        let mut pages = MediaPages { ends, checksums, heads: None };
        let raw = table.integers(tag::PAGE_RAW, count, limits)?;
        let largest = raw.iter().copied().max().unwrap_or(0);
        Limits::check("an encoded image", largest, limits.max_page_bytes, "max_page_bytes")?;
        if prefixed {
            pages.heads = Some(pages.read_heads(table, &raw, limits)?);
        } else if let Some(item) = (0..count).find(|&i| raw[i] != length(&pages.range(i))) {
            let reason = format!("page {item} is not of {} bytes", raw[item]);
            return Err(Error::damaged(WHAT, reason));
        }
        Ok(pages)
    }

    fn read_heads(&self, table: &Buffers, raw: &[u64], limits: &Limits) -> Result<HeadsOfItems> {
        let prefixes = read_prefixes(table)?;
        let numbers = table.integers(tag::PREFIX_NUMBERS, raw.len(), limits)?;
        let mut heads = HeadsOfItems {
            prefixes,
            numbers: Vec::with_capacity(raw.len()),
            lengths: Vec::with_capacity(raw.len()),
        };
        let mut all = 0u64;
        for (item, (raw, number)) in raw.iter().zip(numbers).enumerate() {
            let head = raw.checked_sub(length(&self.range(item)));
            let prefix = usize::try_from(number).ok().and_then(|n| heads.prefixes.get(n));
            let fits = head.zip(prefix).filter(|(head, prefix)| *head <= to_u64(prefix.len()));
            let (Some((head, _)), Ok(number)) = (fits, u8::try_from(number)) else {
                let reason = format!("item {item} is more than its page and prefix {number}");
                return Err(Error::damaged(WHAT, reason));
            };
            all = all.saturating_add(head);
            heads.numbers.push(number);
            heads.lengths.push(u16::try_from(head).map_err(Error::too_large)?);
        }
        // A few kilobytes of directory may stand for much.
        Limits::check("prefixes of all images", all, limits.max_page_bytes, "max_page_bytes")?;
        Ok(heads)
    }

    /// Number of images, nulls included.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of an item in the payload.
    pub fn range(&self, item: usize) -> Range<u64> {
        let begin = item.checked_sub(1).map_or(0, |before| self.ends[before]);
        begin..self.ends[item]
    }

    /// The bytes of consecutive items in the payload.
    pub fn span(&self, items: &Range<usize>) -> Range<u64> {
        match items.is_empty() {
            true => 0..0,
            false => self.range(items.start).start..self.ends[items.end - 1],
        }
    }

    /// The checksum of an item's bytes in the payload.
    pub fn checksum(&self, item: usize) -> Checksum {
        Checksum(self.checksums.get(item * 8..item * 8 + 8).map_or(0, read_u64))
    }

    /// What an item begins with that is not in the payload, and the prefix that it is of.
    pub fn head(&self, item: usize) -> (u32, &[u8]) {
        match &self.heads {
            Some(heads) => {
                let number = heads.numbers[item];
                let prefix = &heads.prefixes[usize::from(number)];
                (u32::from(number), &prefix[..usize::from(heads.lengths[item])])
            }
            None => (0, &[]),
        }
    }

    /// What items begin with.
    pub fn prefixes(&self) -> &[Bytes] {
        self.heads.as_ref().map_or(&[], |heads| &heads.prefixes)
    }

    /// True if any item has a head.
    pub fn has_heads(&self) -> bool {
        self.heads.is_some()
    }

    /// Bytes of memory, near enough for a cache.
    pub fn memory(&self) -> usize {
        let heads = self.heads.as_ref().map_or(0, |heads| heads.numbers.len() * 3);
        // The checksums keep the whole directory, of which they are the largest part.
        self.ends.len() * 8 + self.checksums.len() * 3 / 2 + heads
    }
}

fn read_prefixes(table: &Buffers) -> Result<Vec<Bytes>> {
    let bytes = table.bytes(tag::PREFIXES)?;
    let ends = table.bytes(tag::PREFIX_ENDS)?;
    let count = ends.len() / 8;
    if bytes.len() > MAX_PREFIX_BYTES || count > MAX_PREFIXES {
        let reason = format!("{count} prefixes of {} bytes", bytes.len());
        return Err(Error::damaged(WHAT, reason));
    }
    let mut prefixes = Vec::with_capacity(count);
    let mut begin = 0;
    for end in table.words(tag::PREFIX_ENDS, count)? {
        let end = to_usize(WHAT, end)?;
        if end < begin || end > bytes.len() || end - begin > MAX_PREFIX {
            return Err(Error::damaged(WHAT, format!("a prefix at {begin}..{end}")));
        }
        prefixes.push(bytes.slice(begin..end));
        begin = end;
    }
    Ok(prefixes)
}

fn length(range: &Range<u64>) -> u64 {
    range.end - range.start
}
