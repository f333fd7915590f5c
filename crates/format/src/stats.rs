//! Statistics of a chunk or of a page: bounds that let a query leave it unread.

use std::cmp::Ordering;

use lakebed_core::DType;
use lakebed_core::Limits;

use crate::buffers::BufferWriter;
use crate::buffers::Buffers;
use crate::buffers::to_u64;
use crate::buffers::to_usize;
use crate::error::Error;
use crate::error::Result;
use crate::scalar::Scalar;

/// The most distinct elements that are listed.
pub const MAX_DISTINCT: usize = 64;
/// The most bytes of a text bound; longer ones are rounded outward.
pub const MAX_TEXT_BOUND: usize = 64;

/// What is known of the samples of a chunk or page.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stats {
    /// Rows.
    pub rows: u64,
    /// Null rows.
    pub nulls: u64,
    /// Rows that are not null and hold no element: empty tensors and sequences, ''.
    pub empties: u64,
    /// Elements in all.
    pub elements: u64,
    /// True if `min` and `max` are elements that occur; else they are bounds.
    pub exact: bool,
    /// True if some element is NaN; `min` and `max` are of the others.
    pub has_nan: bool,
    /// No element is smaller; `None` if unknown or there is none.
    pub min: Option<Scalar>,
    /// No element is larger; `None` if unknown or there is none.
    pub max: Option<Scalar>,
    /// The smallest size of each dimension over rows that are not null.
    pub shape_min: Vec<u32>,
    /// The largest size of each dimension over rows that are not null.
    pub shape_max: Vec<u32>,
    /// All distinct elements in ascending order, if they are few and there is no NaN.
    pub distinct: Option<Vec<Scalar>>,
}

impl Stats {
    /// The statistics of two pieces together.
    pub fn merge(&self, other: &Stats) -> Stats {
        if self.rows == 0 {
            return other.clone();
        }
        if other.rows == 0 {
            return self.clone();
        }
        // A piece without elements says nothing about bounds; one with unknown bounds hides them.
        let bound = |a: &Option<Scalar>, b: &Option<Scalar>, keep: Ordering| match (a, b) {
            (Some(x), Some(y)) => {
                x.compare(y).map(|o| if o == keep { x.clone() } else { y.clone() })
            }
            (Some(x), None) if other.elements == 0 => Some(x.clone()),
            (None, Some(y)) if self.elements == 0 => Some(y.clone()),
            _ => None,
        };
        let shapes = |a: &[u32], b: &[u32], pick: fn(u32, u32) -> u32| {
            let all_null = |s: &Stats| s.nulls == s.rows;
            match (all_null(self), all_null(other)) {
                (true, false) => b.to_vec(),
                (false, true) => a.to_vec(),
                _ => a.iter().zip(b).map(|(&x, &y)| pick(x, y)).collect(),
            }
        };
        let exact = |s: &Stats| s.exact || s.elements == 0;
        Stats {
            rows: self.rows + other.rows,
            nulls: self.nulls + other.nulls,
            empties: self.empties + other.empties,
            elements: self.elements + other.elements,
            exact: exact(self) && exact(other),
            has_nan: self.has_nan || other.has_nan,
            min: bound(&self.min, &other.min, Ordering::Less),
            max: bound(&self.max, &other.max, Ordering::Greater),
            shape_min: shapes(&self.shape_min, &other.shape_min, u32::min),
            shape_max: shapes(&self.shape_max, &other.shape_max, u32::max),
            distinct: self.merged_distinct(other),
        }
    }

    fn merged_distinct(&self, other: &Stats) -> Option<Vec<Scalar>> {
        let list = |s: &Stats| match &s.distinct {
            Some(list) => Some(list.clone()),
            None if s.elements == 0 => Some(Vec::new()),
            None => None,
        };
        let (mut all, more) = (list(self)?, list(other)?);
        all.extend(more);
        distinct_of(all)
    }
}

/// Sorts and dedups; `None` if there are too many or they do not compare.
pub(crate) fn distinct_of(mut all: Vec<Scalar>) -> Option<Vec<Scalar>> {
    let mut comparable = true;
    all.sort_by(|a, b| {
        a.compare(b).unwrap_or_else(|| {
            comparable = false;
            Ordering::Equal
        })
    });
    all.dedup();
    (comparable && all.len() <= MAX_DISTINCT).then_some(all)
}

/// A text that is not larger than `text`, and whether it is the text itself.
pub(crate) fn text_floor(text: &str) -> (String, bool) {
    if text.len() <= MAX_TEXT_BOUND {
        return (text.to_string(), true);
    }
    let mut end = MAX_TEXT_BOUND;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (text[..end].to_string(), false)
}

/// A text that is not smaller than `text`, if a short one exists, and whether it is the text.
pub(crate) fn text_ceiling(text: &str) -> (Option<String>, bool) {
    let (mut prefix, exact) = text_floor(text);
    if exact {
        return (Some(prefix), true);
    }
    // The next text of this length: raise the last character that can be raised.
    while let Some(last) = prefix.pop() {
        let next = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            prefix.push(next);
            return (Some(prefix), false);
        }
    }
    (None, false)
}

/// The buffers of a list of statistics in a buffer table; see `SPEC.md`, "Statistics".
mod tag {
    pub const ROWS: u32 = 64;
    pub const NULLS: u32 = 65;
    pub const EMPTIES: u32 = 66;
    pub const ELEMENTS: u32 = 67;
    pub const FLAGS: u32 = 68;
    pub const VALUE_LENGTHS: u32 = 69;
    pub const VALUES: u32 = 70;
    pub const DISTINCT_COUNTS: u32 = 71;
    pub const SHAPE_MIN: u32 = 80;
    // Eight dimensions and that of a sequence.
    pub const SHAPE_MAX: u32 = 96;
}

const EXACT: u64 = 1;
const HAS_NAN: u64 = 2;
const HAS_MIN: u64 = 4;
const HAS_MAX: u64 = 8;
const HAS_DISTINCT: u64 = 16;

/// Writes the statistics of a list of chunks or pages of one column with `ndim` dimensions.
pub(crate) fn write(table: &mut BufferWriter, stats: &[Stats], ndim: usize) {
    let column = |of: fn(&Stats) -> u64| stats.iter().map(of).collect::<Vec<u64>>();
    table.integers(tag::ROWS, &column(|s| s.rows));
    table.integers(tag::NULLS, &column(|s| s.nulls));
    table.integers(tag::EMPTIES, &column(|s| s.empties));
    table.integers(tag::ELEMENTS, &column(|s| s.elements));
    table.integers(tag::FLAGS, &column(flags));
    let mut lengths = Vec::new();
    let mut values = Vec::new();
    for s in stats {
        let distinct = s.distinct.iter().flatten();
        for scalar in s.min.iter().chain(&s.max).chain(distinct) {
            let bytes = scalar.to_bytes();
            lengths.push(to_u64(bytes.len()));
            values.extend(bytes);
        }
    }
    table.integers(tag::VALUE_LENGTHS, &lengths);
    table.bytes(tag::VALUES, values);
    table.integers(
        tag::DISTINCT_COUNTS,
        &column(|s| s.distinct.as_ref().map_or(0, |d| to_u64(d.len()))),
    );
    for axis in 0..ndim {
        let tag_axis = u32::try_from(axis).unwrap_or(0);
        let size = |of: &[u32]| u64::from(of.get(axis).copied().unwrap_or(0));
        let min: Vec<u64> = stats.iter().map(|s| size(&s.shape_min)).collect();
        let max: Vec<u64> = stats.iter().map(|s| size(&s.shape_max)).collect();
        table.integers(tag::SHAPE_MIN + tag_axis, &min);
        table.integers(tag::SHAPE_MAX + tag_axis, &max);
    }
}

fn flags(s: &Stats) -> u64 {
    let flag = |set: bool, bit: u64| if set { bit } else { 0 };
    flag(s.exact, EXACT)
        | flag(s.has_nan, HAS_NAN)
        | flag(s.min.is_some(), HAS_MIN)
        | flag(s.max.is_some(), HAS_MAX)
        | flag(s.distinct.is_some(), HAS_DISTINCT)
}

/// Reads what [`write`] wrote: `count` statistics.
pub(crate) fn read(
    table: &Buffers,
    count: usize,
    dtype: &DType,
    ndim: usize,
    limits: &Limits,
) -> Result<Vec<Stats>> {
    let column = |tag: u32| table.integers(tag, count, limits);
    let (rows, nulls, empties) = (column(tag::ROWS)?, column(tag::NULLS)?, column(tag::EMPTIES)?);
    let (elements, flags) = (column(tag::ELEMENTS)?, column(tag::FLAGS)?);
    let distinct = column(tag::DISTINCT_COUNTS)?;
    let mut shapes = Vec::with_capacity(ndim);
    for axis in 0..ndim {
        let axis = u32::try_from(axis).unwrap_or(0);
        shapes.push((column(tag::SHAPE_MIN + axis)?, column(tag::SHAPE_MAX + axis)?));
    }
    let scalars = flags.iter().zip(&distinct).try_fold(0usize, |sum, (flags, distinct)| {
        let own = usize::from(flags & HAS_MIN != 0) + usize::from(flags & HAS_MAX != 0);
        sum.checked_add(own)?.checked_add(usize::try_from(*distinct).ok()?)
    });
    let scalars = scalars.ok_or_else(|| Error::damaged(table.what(), "too many statistics"))?;
    let mut values = Values {
        lengths: table.integers(tag::VALUE_LENGTHS, scalars, limits)?.into_iter(),
        bytes: table.bytes(tag::VALUES)?,
        at: 0,
        dtype,
    };
    let mut list = Vec::with_capacity(count);
    for i in 0..count {
        let min = if flags[i] & HAS_MIN != 0 { Some(values.next()?) } else { None };
        let max = if flags[i] & HAS_MAX != 0 { Some(values.next()?) } else { None };
        let mut set = Vec::new();
        for _ in 0..distinct[i] {
            set.push(values.next()?);
        }
        let narrow = |size: u64| u32::try_from(size).unwrap_or(u32::MAX);
        list.push(Stats {
            rows: rows[i],
            nulls: nulls[i],
            empties: empties[i],
            elements: elements[i],
            exact: flags[i] & EXACT != 0,
            has_nan: flags[i] & HAS_NAN != 0,
            min,
            max,
            shape_min: shapes.iter().map(|(min, _)| narrow(min[i])).collect(),
            shape_max: shapes.iter().map(|(_, max)| narrow(max[i])).collect(),
            distinct: (flags[i] & HAS_DISTINCT != 0).then_some(set),
        });
    }
    Ok(list)
}

struct Values<'a> {
    lengths: std::vec::IntoIter<u64>,
    bytes: &'a [u8],
    at: usize,
    dtype: &'a DType,
}

impl Values<'_> {
    fn next(&mut self) -> Result<Scalar> {
        let damaged = || Error::damaged("a statistic", "it is cut off");
        let length = to_usize("a statistic", self.lengths.next().ok_or_else(damaged)?)?;
        let end = self.at.checked_add(length).ok_or_else(damaged)?;
        let bytes = self.bytes.get(self.at..end).ok_or_else(damaged)?;
        self.at = end;
        Scalar::from_bytes(self.dtype, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_bounds_round_outward() {
        let long = "ß".repeat(100);
        let (floor, exact) = text_floor(&long);
        assert!(!exact && floor.as_str() < long.as_str() && floor.len() <= MAX_TEXT_BOUND);
        let (ceiling, exact) = text_ceiling(&long);
        assert!(!exact && ceiling.unwrap().as_str() > long.as_str());
        let top = "\u{10ffff}".repeat(100);
        assert_eq!(text_ceiling(&top), (None, false));
        assert_eq!(text_ceiling("abc"), (Some("abc".into()), true));
    }

    #[test]
    fn statistics_read_back_and_merge() {
        let a = Stats {
            rows: 3,
            nulls: 1,
            elements: 5,
            exact: true,
            min: Some(Scalar::Int(-4)),
            max: Some(Scalar::Int(9)),
            shape_min: vec![1, 4],
            shape_max: vec![3, 4],
            distinct: Some(vec![Scalar::Int(-4), Scalar::Int(9)]),
            ..Stats::default()
        };
        let empty = Stats {
            rows: 2,
            nulls: 2,
            shape_min: vec![0, 0],
            shape_max: vec![0, 0],
            ..Stats::default()
        };
        let list = [a.clone(), empty.clone()];
        let mut table = BufferWriter::new();
        write(&mut table, &list, 2);
        let bytes = table.finish().into();
        let table = Buffers::parse("test", &bytes).unwrap();
        let back = read(&table, 2, &DType::I32, 2, &Limits::default()).unwrap();
        assert_eq!(back, list);
        let merged = a.merge(&empty);
        assert_eq!((merged.rows, merged.nulls, merged.exact), (5, 3, true));
        assert_eq!(merged.shape_min, [1, 4]);
        assert_eq!(merged.min, Some(Scalar::Int(-4)));
        assert_eq!(merged.distinct, a.distinct);
        let unknown = Stats { rows: 1, elements: 1, ..Stats::default() };
        assert_eq!(a.merge(&unknown).min, None);
    }
}
