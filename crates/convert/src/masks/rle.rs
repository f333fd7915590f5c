//! Run lengths, and run lengths as text.

use std::fmt;
use std::ops::Range;

/// What is wrong with run lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RleError {
    /// More pixels than 2^32 - 1.
    TooLarge { height: u32, width: u32 },
    /// The counts go beyond the last pixel; at which count.
    Beyond { index: usize, height: u32, width: u32 },
    /// The counts end before the last pixel.
    Short { covered: u32, height: u32, width: u32 },
    /// A byte of the text that stands for no group of bits.
    WrongByte { at: usize, byte: u8 },
    /// The text ends inside a count.
    CutShort,
    /// A count that is negative or above 2^32 - 1.
    WrongCount { index: usize, count: i64 },
}

impl fmt::Display for RleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RleError::TooLarge { height, width } => {
                write!(f, "a mask of {height} x {width} has more than 2^32 - 1 pixels")
            }
            RleError::Beyond { index, height, width } => {
                write!(
                    f,
                    "count {index} of the run lengths goes beyond a mask of {height} x {width}"
                )
            }
            RleError::Short { covered, height, width } => {
                write!(f, "the run lengths cover {covered} pixels of a mask of {height} x {width}")
            }
            RleError::WrongByte { at, byte } => {
                write!(f, "byte {at} of the run lengths, {byte:#04x}, is none of '0' to 'o'")
            }
            RleError::CutShort => f.write_str("the run lengths end inside a count"),
            RleError::WrongCount { index, count } => {
                write!(f, "count {index} of the run lengths is {count}: wanted 0 to 2^32 - 1")
            }
        }
    }
}

/// A mask of `height` x `width` as run lengths: of background first, then of the object, in turn,
/// down the first column, then down the second. They add up to `height * width`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rle {
    pub height: u32,
    pub width: u32,
    counts: Vec<u32>,
}

impl Rle {
    /// Run lengths that cover the mask exactly.
    pub fn from_counts(
        height: u32,
        width: u32,
        counts: impl IntoIterator<Item = i64>,
    ) -> Result<Rle, RleError> {
        let pixels = pixels(height, width)?;
        let mut covered = 0u32;
        let mut kept = Vec::new();
        for (index, count) in counts.into_iter().enumerate() {
            let count = u32::try_from(count).map_err(|_| RleError::WrongCount { index, count })?;
            covered = covered
                .checked_add(count)
                .filter(|covered| *covered <= pixels)
                .ok_or(RleError::Beyond { index, height, width })?;
            kept.push(count);
        }
        if covered < pixels {
            return Err(RleError::Short { covered, height, width });
        }
        Ok(Rle { height, width, counts: kept })
    }

    /// Run lengths as text: each count from the fourth on as its difference to the one before the
    /// last, in groups of five bits, the lowest first, a sixth bit where more follow, plus 48.
    pub fn from_text(height: u32, width: u32, text: &str) -> Result<Rle, RleError> {
        let mut counts: Vec<i64> = Vec::new();
        let mut bytes = text.bytes().enumerate().peekable();
        while bytes.peek().is_some() {
            let (mut value, mut shift) = (0i64, 0u32);
            loop {
                let (at, byte) = bytes.next().ok_or(RleError::CutShort)?;
                // Seven groups hold every difference of two counts, and its sign.
                if !(48..112).contains(&byte) || shift > 30 {
                    return Err(RleError::WrongByte { at, byte });
                }
                let group = byte - 48;
                value |= i64::from(group & 0x1f) << shift;
                shift += 5;
                if group & 0x20 == 0 {
                    if group & 0x10 != 0 {
                        value |= -1i64 << shift;
                    }
                    break;
                }
            }
            if counts.len() > 2 {
                value += counts.get(counts.len() - 2).copied().unwrap_or(0);
            }
            // Counts are bounded at once, so that their sums stay in range.
            if u32::try_from(value).is_err() {
                return Err(RleError::WrongCount { index: counts.len(), count: value });
            }
            counts.push(value);
        }
        Rle::from_counts(height, width, counts)
    }

    /// The text that [`Rle::from_text`] reads.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.counts.len() * 2);
        for (index, count) in self.counts.iter().enumerate() {
            let mut value = i64::from(*count);
            if index > 2 {
                value -= self.counts.get(index - 2).copied().map_or(0, i64::from);
            }
            loop {
                let group = u8::try_from(value & 0x1f).unwrap_or(0);
                value >>= 5;
                let more = if group & 0x10 != 0 { value != -1 } else { value != 0 };
                text.push(char::from(group + 48 + if more { 0x20 } else { 0 }));
                if !more {
                    break;
                }
            }
        }
        text
    }

    /// Run lengths from the places, column by column, where background and object change; in
    /// order, none twice.
    pub fn from_changes(
        height: u32,
        width: u32,
        changes: impl IntoIterator<Item = u32>,
    ) -> Result<Rle, RleError> {
        let pixels = pixels(height, width)?;
        let mut counts = Vec::new();
        let mut before = 0;
        for (index, at) in changes.into_iter().enumerate() {
            if at >= pixels {
                break;
            }
            let beyond = RleError::Beyond { index, height, width };
            counts.push(at.checked_sub(before).ok_or(beyond)?);
            before = at;
        }
        counts.push(pixels - before);
        Ok(Rle { height, width, counts })
    }

    /// Pixels of the object.
    #[cfg(test)]
    pub fn area(&self) -> u64 {
        self.counts.iter().skip(1).step_by(2).map(|count| u64::from(*count)).sum()
    }

    /// The run lengths.
    #[cfg(test)]
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// The object's pixels: the column, and the rows in it.
    pub fn spans(&self) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
        let height = usize::try_from(self.height).unwrap_or(usize::MAX).max(1);
        let mut at = 0usize;
        let runs = self.counts.iter().enumerate().filter_map(move |(index, count)| {
            let begin = at;
            at += usize::try_from(*count).unwrap_or(0);
            (index % 2 == 1).then_some(begin..at)
        });
        runs.flat_map(move |run| {
            let mut from = run.start;
            std::iter::from_fn(move || {
                if from >= run.end {
                    return None;
                }
                let (column, top) = (from / height, from % height);
                let bottom = height.min(top + run.end - from);
                from += bottom - top;
                Some((column, top..bottom))
            })
        })
    }
}

fn pixels(height: u32, width: u32) -> Result<u32, RleError> {
    height.checked_mul(width).ok_or(RleError::TooLarge { height, width })
}
