//! The rows of a unit that are still wanted.

use std::ops::Range;

use arrow::array::BooleanArray;
use lakebed_dataset::Rows;

/// Rows within a fragment, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alive {
    /// All of a range.
    Range(Range<u64>),
    /// Some.
    List(Vec<u64>),
}

impl Alive {
    /// The rows of ascending, disjoint ranges.
    pub fn of_ranges(ranges: &[Range<u64>]) -> Alive {
        match ranges {
            [] => Alive::Range(0..0),
            [one] => Alive::Range(one.clone()),
            many => Alive::List(many.iter().cloned().flatten().collect()),
        }
    }

    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Alive::Range(range) => usize::try_from(range.end - range.start).unwrap_or(usize::MAX),
            Alive::List(list) => list.len(),
        }
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `index`-th row.
    pub fn get(&self, index: usize) -> u64 {
        match self {
            Alive::Range(range) => range.start + wide(index),
            Alive::List(list) => list.get(index).copied().unwrap_or(u64::MAX),
        }
    }

    /// As ascending ranges without gaps inside.
    pub fn to_ranges(&self) -> Vec<Range<u64>> {
        match self {
            Alive::Range(range) if range.is_empty() => Vec::new(),
            Alive::Range(range) => vec![range.clone()],
            Alive::List(list) => {
                let runs = list.chunk_by(|a, b| a + 1 == *b);
                runs.filter_map(|run| Some(*run.first()?..*run.last()? + 1)).collect()
            }
        }
    }

    /// Every row.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Those that pass; the mask has no nulls.
    pub fn filter(&self, mask: &BooleanArray) -> Alive {
        let kept = mask.values().set_indices();
        Alive::List(match self {
            Alive::Range(range) => kept.map(|at| range.start + wide(at)).collect(),
            Alive::List(list) => kept.filter_map(|at| list.get(at).copied()).collect(),
        })
    }

    /// `len` of them from the `start`-th on.
    pub fn slice(&self, start: usize, len: usize) -> Alive {
        match self {
            Alive::Range(_) => match len {
                0 => Alive::Range(0..0),
                _ => Alive::Range(self.get(start)..self.get(start + len - 1) + 1),
            },
            Alive::List(list) => {
                Alive::List(list.get(start..start + len).unwrap_or_default().to_vec())
            }
        }
    }

    /// As a request; a list without gaps is a range.
    pub fn to_rows(&self) -> Rows {
        match self {
            Alive::Range(range) => Rows::Range(range.clone()),
            Alive::List(list) => match (list.first(), list.last()) {
                (Some(first), Some(last)) if self.len() == Alive::Range(*first..last + 1).len() => {
                    Rows::Range(*first..last + 1)
                }
                _ => Rows::List(list.clone()),
            },
        }
    }
}

fn wide(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filtered_rows_keep_their_places() {
        let all = Alive::of_ranges(&[10..13, 20..22]);
        assert_eq!(all.len(), 5);
        let mask = BooleanArray::from(vec![false, true, false, true, true]);
        let some = all.filter(&mask);
        assert_eq!(some, Alive::List(vec![11, 20, 21]));
        assert_eq!(some.slice(1, 2).to_rows(), Rows::Range(20..22));
        assert_eq!(some.to_ranges(), [11..12, 20..22]);
        assert_eq!(Alive::Range(5..9).slice(1, 2), Alive::Range(6..8));
    }
}
