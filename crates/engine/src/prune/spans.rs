//! Something known for consecutive rows of a fragment.

use std::ops::Range;

/// Rows 0..n of a fragment cut into consecutive spans with one value each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spans<T> {
    /// End (exclusive) and value of each span, ends ascending.
    spans: Vec<(u64, T)>,
}

impl<T: Copy + PartialEq> Spans<T> {
    /// The same for all rows.
    pub fn constant(rows: u64, value: T) -> Spans<T> {
        Spans { spans: vec![(rows, value)] }
    }

    /// From ends and values in ascending order; neighbours of equal value become one span.
    pub fn new(spans: impl IntoIterator<Item = (u64, T)>) -> Spans<T> {
        let mut joined: Vec<(u64, T)> = Vec::new();
        for (end, value) in spans {
            match joined.last_mut() {
                Some((last, same)) if *same == value => *last = end,
                _ => joined.push((end, value)),
            }
        }
        Spans { spans: joined }
    }

    /// Applies a function to every value.
    pub fn map(&self, of: impl Fn(T) -> T) -> Spans<T> {
        Spans::new(self.spans.iter().map(|(end, value)| (*end, of(*value))))
    }

    /// Combines two cuts of the same rows.
    pub fn zip(&self, other: &Spans<T>, of: impl Fn(T, T) -> T) -> Spans<T> {
        let (mut i, mut j) = (0, 0);
        let mut out = Vec::with_capacity(self.spans.len().max(other.spans.len()));
        while let (Some((end_a, a)), Some((end_b, b))) = (self.spans.get(i), other.spans.get(j)) {
            out.push(((*end_a).min(*end_b), of(*a, *b)));
            i += usize::from(end_a <= end_b);
            j += usize::from(end_b <= end_a);
        }
        Spans::new(out)
    }

    /// The spans in order.
    pub fn iter(&self) -> impl Iterator<Item = (Range<u64>, T)> + '_ {
        let mut start = 0;
        self.spans.iter().map(move |(end, value)| {
            let range = start..*end;
            start = *end;
            (range, *value)
        })
    }

    /// The rows for which `keep` holds, as few ranges as possible.
    pub fn ranges(&self, keep: impl Fn(T) -> bool) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for (range, value) in self.iter().filter(|(range, _)| !range.is_empty()) {
            if !keep(value) {
                continue;
            }
            match ranges.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => ranges.push(range),
            }
        }
        ranges
    }
}

/// The rows in both lists of ascending, disjoint ranges.
pub fn intersect(a: &[Range<u64>], b: &[Range<u64>]) -> Vec<Range<u64>> {
    let (mut i, mut j) = (0, 0);
    let mut out = Vec::new();
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let both = x.start.max(y.start)..x.end.min(y.end);
        if !both.is_empty() {
            out.push(both);
        }
        if x.end <= y.end {
            i += 1;
        } else {
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_combine() {
        let a = Spans::new([(10, true), (20, false), (30, true)]);
        let b = Spans::new([(15, true), (30, false)]);
        let or = a.zip(&b, |a, b| a || b);
        assert_eq!(or.ranges(|x| x), [0..15, 20..30]);
        assert_eq!(
            a.zip(&b, |a, b| a && b).ranges(|x| x),
            std::iter::once(0..10).collect::<Vec<_>>()
        );
        assert_eq!(intersect(&[0..10, 20..30], &[5..25, 40..50]), [5..10, 20..25]);
    }
}
