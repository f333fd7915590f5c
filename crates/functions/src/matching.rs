//! The best one-to-one matching of two sets of boxes.

use crate::boxes::Ltrb;
use crate::boxes::area;

/// The most boxes on both sides of one group of overlapping boxes that are matched exactly.
pub const MOST_MATCHED: usize = 1024;

/// Matches one row after another, in memory that is kept from row to row.
#[derive(Debug, Default)]
pub struct Matcher {
    areas: Vec<f64>,
    pairs: Vec<Pair>,
    /// Of each box of the second side: is it in a pair, and its place in the group.
    places: Vec<Option<usize>>,
    leader: Vec<usize>,
    gains: Vec<f64>,
    assignment: Assignment,
}

/// Two boxes that overlap.
#[derive(Debug, Clone, Copy)]
struct Pair {
    group: usize,
    row: usize,
    column: usize,
    overlap: f64,
}

impl Matcher {
    /// The mean overlap of the best one-to-one matching, over the larger number of boxes: 1 if
    /// both sides are empty, 0 if one is.
    ///
    /// Boxes that touch no box of the other side add nothing, and groups of boxes that overlap
    /// only each other are matched apart, so the result is exact whatever the number of boxes.
    ///
    /// # Errors
    /// The size of a group with more than [`MOST_MATCHED`] boxes on both of its sides, whose exact
    /// matching would take too long.
    pub fn overlap(&mut self, a: &[Ltrb], b: &[Ltrb]) -> Result<f64, usize> {
        let most = a.len().max(b.len());
        if most == 0 {
            return Ok(1.0);
        }
        let total = if self.find_pairs(a, b) {
            self.pairs.iter().map(|pair| pair.overlap).sum()
        } else {
            self.by_group(a.len(), b.len())?
        };
        Ok(total / most as f64)
    }

    /// Finds all pairs that overlap; true if no box is in two of them.
    fn find_pairs(&mut self, a: &[Ltrb], b: &[Ltrb]) -> bool {
        self.areas.clear();
        self.areas.extend(b.iter().map(area));
        self.pairs.clear();
        self.places.clear();
        self.places.resize(b.len(), None);
        let mut apart = true;
        for (row, x) in a.iter().enumerate() {
            let own = area(x);
            let before = self.pairs.len();
            for (column, (y, other)) in b.iter().zip(&self.areas).enumerate() {
                let overlap = overlap(x, own, y, *other);
                if overlap > 0.0 {
                    self.pairs.push(Pair { group: 0, row, column, overlap });
                    apart &= self.places[column].replace(0).is_none();
                }
            }
            apart &= self.pairs.len() - before <= 1;
        }
        apart
    }

    /// The largest sum of overlaps, one group of boxes that are connected by overlaps after
    /// another.
    fn by_group(&mut self, rows: usize, columns: usize) -> Result<f64, usize> {
        self.leader.clear();
        self.leader.extend(0..rows + columns);
        for pair in &self.pairs {
            let p = find(&mut self.leader, pair.row);
            let q = find(&mut self.leader, rows + pair.column);
            self.leader[p] = q;
        }
        for pair in &mut self.pairs {
            pair.group = find(&mut self.leader, pair.row);
        }
        self.pairs.sort_unstable_by_key(|pair| (pair.group, pair.row, pair.column));
        let mut total = 0.0;
        for group in self.pairs.chunk_by(|a, b| a.group == b.group) {
            let rows = group.chunk_by(|a, b| a.row == b.row).count();
            for pair in group {
                self.places[pair.column] = None;
            }
            let mut columns = 0;
            for pair in group {
                if self.places[pair.column].is_none() {
                    self.places[pair.column] = Some(columns);
                    columns += 1;
                }
            }
            if rows == 1 || columns == 1 {
                total += group.iter().fold(0.0, |best, pair| larger(pair.overlap, best));
                continue;
            }
            if rows.min(columns) > MOST_MATCHED {
                return Err(rows.min(columns));
            }
            // The short side becomes the rows.
            let turned = rows > columns;
            let (n, m) = if turned { (columns, rows) } else { (rows, columns) };
            self.gains.clear();
            self.gains.resize(n * m, 0.0);
            for (i, pairs) in group.chunk_by(|a, b| a.row == b.row).enumerate() {
                for pair in pairs {
                    let j = self.places[pair.column].unwrap_or(0);
                    let at = if turned { j * m + i } else { i * m + j };
                    self.gains[at] = pair.overlap;
                }
            }
            total += match n {
                2 => best_of_two(&self.gains, m),
                _ => self.assignment.best(&self.gains, n, m),
            };
        }
        Ok(total)
    }
}

/// The intersection of two boxes over their union; 0 if one has no area.
pub fn of_two(x: &Ltrb, y: &Ltrb) -> f64 {
    overlap(x, area(x), y, area(y))
}

/// As [`of_two`], of boxes whose areas are known.
#[inline(always)]
pub fn overlap(x: &Ltrb, own: f64, y: &Ltrb, other: f64) -> f64 {
    let width = smaller(x[2], y[2]) - larger(x[0], y[0]);
    let height = smaller(x[3], y[3]) - larger(x[1], y[1]);
    if !(width > 0.0 && height > 0.0 && own > 0.0 && other > 0.0) {
        return 0.0;
    }
    let shared = width * height;
    if shared > 0.0 { shared / (own + other - shared) } else { 0.0 }
}

/// As `maxsd`: one instruction, where `f64::max` takes four to leave NaN out. The area of a box
/// with NaN is 0 already.
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

fn find(leader: &mut [usize], mut at: usize) -> usize {
    while leader[at] != at {
        leader[at] = leader[leader[at]];
        at = leader[at];
    }
    at
}

/// The largest sum of an assignment of two rows: both take their best column, or if that is one
/// and the same, one of them its second best.
fn best_of_two(gains: &[f64], m: usize) -> f64 {
    let (one, two) = gains.split_at(m);
    let best = |gains: &[f64]| {
        let (mut at, mut first, mut second) = (0, 0.0, 0.0);
        for (column, gain) in gains.iter().enumerate() {
            if *gain > first {
                (at, first, second) = (column, *gain, first);
            } else {
                second = larger(*gain, second);
            }
        }
        (at, first, second)
    };
    let ((i, p, p_next), (j, q, q_next)) = (best(one), best(two));
    if i == j { larger(p + q_next, p_next + q) } else { p + q }
}

/// The Hungarian method by shortest augmenting paths with potentials (Kuhn 1955; Jonker and
/// Volgenant 1987).
#[derive(Debug, Default)]
struct Assignment {
    of_row: Vec<f64>,
    of_column: Vec<f64>,
    row_of: Vec<usize>,
    from: Vec<usize>,
    slack: Vec<f64>,
    reached: Vec<bool>,
}

fn fill<T: Clone>(values: &mut Vec<T>, count: usize, value: T) {
    values.clear();
    values.resize(count, value);
}

impl Assignment {
    /// The largest sum of an assignment of `n` rows to `m >= n` columns.
    fn best(&mut self, gains: &[f64], n: usize, m: usize) -> f64 {
        // Potentials of rows and columns; column 0 is a stand-in for "not assigned yet".
        fill(&mut self.of_row, n + 1, 0.0);
        fill(&mut self.of_column, m + 1, 0.0);
        fill(&mut self.row_of, m + 1, 0);
        fill(&mut self.from, m + 1, 0);
        let (of_row, of_column) = (&mut self.of_row, &mut self.of_column);
        let (row_of, from) = (&mut self.row_of, &mut self.from);
        for row in 1..=n {
            row_of[0] = row;
            let mut column = 0;
            fill(&mut self.slack, m + 1, f64::INFINITY);
            fill(&mut self.reached, m + 1, false);
            let (slack, reached) = (&mut self.slack, &mut self.reached);
            while row_of[column] != 0 {
                reached[column] = true;
                let current = row_of[column];
                let (mut step, mut nearest) = (f64::INFINITY, 0);
                for candidate in 1..=m {
                    if reached[candidate] {
                        continue;
                    }
                    let cost = -gains[(current - 1) * m + candidate - 1];
                    let reduced = cost - of_row[current] - of_column[candidate];
                    if reduced < slack[candidate] {
                        slack[candidate] = reduced;
                        from[candidate] = column;
                    }
                    if slack[candidate] < step {
                        step = slack[candidate];
                        nearest = candidate;
                    }
                }
                for at in 0..=m {
                    if reached[at] {
                        of_row[row_of[at]] += step;
                        of_column[at] -= step;
                    } else {
                        slack[at] -= step;
                    }
                }
                column = nearest;
            }
            while column != 0 {
                let previous = from[column];
                row_of[column] = row_of[previous];
                column = previous;
            }
        }
        (1..=m).filter(|j| row_of[*j] != 0).map(|j| gains[(row_of[j] - 1) * m + j - 1]).sum()
    }
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
