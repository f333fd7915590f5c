//! Frames, buffer tables and light encodings: sections 2 and 8 of `SPEC.md`.

use std::cell::RefCell;
use std::collections::BTreeSet;

pub type Res<T> = Result<T, String>;

thread_local! {
    /// Which encodings, codecs and layouts were met, so that a test can tell that all were.
    pub static SEEN: RefCell<BTreeSet<String>> = RefCell::default();
}

pub fn seen(what: String) {
    SEEN.with_borrow_mut(|seen| seen.insert(what));
}

pub fn checksum(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

pub fn part(bytes: &[u8], from: usize, length: usize) -> Res<&[u8]> {
    let end = from.checked_add(length).ok_or("a length overflows")?;
    bytes.get(from..end).ok_or_else(|| format!("bytes {from}..{end} of {}", bytes.len()))
}

pub fn u32_at(bytes: &[u8], at: usize) -> Res<u32> {
    Ok(u32::from_le_bytes(part(bytes, at, 4)?.try_into().unwrap()))
}

pub fn u64_at(bytes: &[u8], at: usize) -> Res<u64> {
    Ok(u64::from_le_bytes(part(bytes, at, 8)?.try_into().unwrap()))
}

pub fn size(value: u64) -> usize {
    usize::try_from(value).unwrap()
}

/// The body of a frame.
pub fn frame(kind: u8, bytes: &[u8]) -> Res<&[u8]> {
    let end = bytes.len().checked_sub(8).ok_or("too short for a frame")?;
    if u64_at(bytes, end)? != checksum(&bytes[..end]) {
        return Err("the checksum of a frame differs".into());
    }
    if part(bytes, 0, 4)? != b"LKBD" || bytes[4] != kind || bytes[5] != 0 {
        return Err(format!("no frame of kind {kind}"));
    }
    let version = u16::from_le_bytes([bytes[6], bytes[7]]);
    if version > 1 {
        return Err(format!("format version {version}"));
    }
    let length = size(u64_at(bytes, 8)?);
    if length + 24 != bytes.len() {
        return Err("the length of a frame differs".into());
    }
    part(bytes, 16, length)
}

/// A buffer table.
pub struct Table<'a>(Vec<(u32, &'a [u8])>);

impl<'a> Table<'a> {
    pub fn parse(bytes: &'a [u8]) -> Res<Table<'a>> {
        let count = size(u32_at(bytes, 0)?.into());
        let mut buffers = Vec::new();
        for row in 0..count {
            let at = 8 + 24 * row;
            let (offset, length) = (size(u64_at(bytes, at + 8)?), size(u64_at(bytes, at + 16)?));
            if offset % 8 != 0 {
                return Err(format!("buffer {row} is not aligned"));
            }
            buffers.push((u32_at(bytes, at)?, part(bytes, offset, length)?));
        }
        Ok(Table(buffers))
    }

    pub fn get(&self, tag: u32) -> Option<&'a [u8]> {
        self.0.iter().find(|(found, _)| *found == tag).map(|(_, bytes)| *bytes)
    }

    pub fn need(&self, tag: u32) -> Res<&'a [u8]> {
        self.get(tag).ok_or_else(|| format!("tag {tag} is missing"))
    }

    pub fn words(&self, tag: u32) -> Res<Vec<u64>> {
        let bytes = self.need(tag)?;
        (0..bytes.len() / 8).map(|i| u64_at(bytes, i * 8)).collect()
    }

    pub fn integers(&self, tag: u32, count: usize) -> Res<Vec<u64>> {
        integers(self.need(tag)?, count)
    }
}

/// A light encoding of `count` patterns.
pub fn integers(bytes: &[u8], count: usize) -> Res<Vec<u64>> {
    let (kind, mut rest) = bytes.split_first().ok_or("an empty encoding")?;
    seen(format!("encoding {kind}"));
    let values = match kind {
        0 => vec![take_u64(&mut rest)?; count],
        1 => packed(&mut rest, count)?,
        2 => {
            let mut value = take_u64(&mut rest)?;
            let mut values = vec![value; count.min(1)];
            for difference in packed(&mut rest, count.saturating_sub(1))? {
                value = value.wrapping_add(difference);
                values.push(value);
            }
            values
        }
        3 => {
            let runs = size(take_u32(&mut rest)?.into());
            let (values, lengths) = (packed(&mut rest, runs)?, packed(&mut rest, runs)?);
            let mut all = Vec::new();
            for (value, length) in values.into_iter().zip(lengths) {
                if length == 0 || length > u64::try_from(count).unwrap() {
                    return Err(format!("a run of {length}"));
                }
                all.extend(std::iter::repeat_n(value, size(length)));
            }
            all
        }
        4 => {
            let entries = size(take_u32(&mut rest)?.into());
            let entries = packed(&mut rest, entries)?;
            let at =
                |index: u64| entries.get(size(index)).copied().ok_or("an index outside".into());
            packed(&mut rest, count)?.into_iter().map(at).collect::<Res<_>>()?
        }
        other => return Err(format!("encoding {other}")),
    };
    if values.len() != count || !rest.is_empty() {
        return Err(format!("{} values of {count}, {} bytes left", values.len(), rest.len()));
    }
    Ok(values)
}

/// A packed run, bit by bit.
fn packed(rest: &mut &[u8], count: usize) -> Res<Vec<u64>> {
    let reference = take_u64(rest)?;
    let width = usize::from(take(rest, 1)?[0]);
    if width > 64 {
        return Err(format!("width {width}"));
    }
    let bits = take(rest, (count * width).div_ceil(8))?;
    let value = |i: usize| {
        let mut value = 0u64;
        for bit in 0..width {
            let k = i * width + bit;
            value |= u64::from(bits[k / 8] >> (k % 8) & 1) << bit;
        }
        reference.wrapping_add(value)
    };
    Ok((0..count).map(value).collect())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Res<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length).ok_or("an encoding is cut off")?;
    *rest = left;
    Ok(taken)
}

fn take_u32(rest: &mut &[u8]) -> Res<u32> {
    u32_at(take(rest, 4)?, 0)
}

fn take_u64(rest: &mut &[u8]) -> Res<u64> {
    u64_at(take(rest, 8)?, 0)
}
