//! Boxes of one row, in any convention, and how two sets of them overlap.

use std::collections::BTreeMap;

use lakebed_core::BoxFormat;
use lakebed_core::TensorType;

/// One box as left, top, right, bottom.
pub type Ltrb = [f64; 4];

/// The most boxes on both sides of one group of overlapping boxes that are matched exactly.
pub const MOST_MATCHED: usize = 1024;

/// The convention of a column; plain arrays are x, y, w, h (rule 27).
pub fn format_of(ty: &TensorType) -> BoxFormat {
    ty.box_format.unwrap_or(BoxFormat::Ltwh)
}

/// The boxes of a row's elements, four each.
pub fn read(elements: &[f64], format: BoxFormat) -> Vec<Ltrb> {
    elements.as_chunks::<4>().0.iter().map(|four| format.to_ltrb(*four)).collect()
}

/// Area of a box; 0 if its sides cross.
pub fn area(b: &Ltrb) -> f64 {
    (b[2] - b[0]).max(0.0) * (b[3] - b[1]).max(0.0)
}

/// Intersection over union of two boxes; 0 if one has no area.
pub fn overlap(a: &Ltrb, b: &Ltrb) -> f64 {
    let (own, other) = (area(a), area(b));
    let shared = [a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])];
    let shared = area(&shared);
    // NaN coordinates fail this too.
    if !(own > 0.0 && other > 0.0 && shared > 0.0) {
        return 0.0;
    }
    shared / (own + other - shared)
}

/// The mean overlap of the best one-to-one matching, over the larger number of boxes: 1 if both
/// sides are empty, 0 if one is.
///
/// Boxes that touch no box of the other side add nothing, and groups of boxes that overlap only
/// each other are matched apart, so the result is exact whatever the number of boxes.
///
/// # Errors
/// The size of a group with more than [`MOST_MATCHED`] boxes on both of its sides, whose exact
/// matching would take too long.
pub fn matched_overlap(a: &[Ltrb], b: &[Ltrb]) -> Result<f64, usize> {
    let most = a.len().max(b.len());
    if most == 0 {
        return Ok(1.0);
    }
    let mut total = 0.0;
    for group in groups(a, b) {
        total += group.best()?;
    }
    Ok(total / most as f64)
}

/// Boxes of both sides that are connected by overlaps.
struct Group {
    rows: usize,
    columns: usize,
    /// (row, column, overlap), all above 0.
    pairs: Vec<(usize, usize, f64)>,
}

fn groups(a: &[Ltrb], b: &[Ltrb]) -> Vec<Group> {
    let mut leader: Vec<usize> = (0..a.len() + b.len()).collect();
    let mut pairs = Vec::new();
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            let overlap = overlap(x, y);
            if overlap > 0.0 {
                pairs.push((i, j, overlap));
                let (p, q) = (find(&mut leader, i), find(&mut leader, a.len() + j));
                leader[p] = q;
            }
        }
    }
    let mut groups: BTreeMap<usize, Members> = BTreeMap::new();
    for (i, j, overlap) in pairs {
        let group = groups.entry(find(&mut leader, i)).or_default();
        let next = group.rows.len();
        let row = *group.rows.entry(i).or_insert(next);
        let next = group.columns.len();
        let column = *group.columns.entry(j).or_insert(next);
        group.pairs.push((row, column, overlap));
    }
    groups
        .into_values()
        .map(|group| Group {
            rows: group.rows.len(),
            columns: group.columns.len(),
            pairs: group.pairs,
        })
        .collect()
}

/// A group while it is found: boxes numbered in the order in which they are met.
#[derive(Default)]
struct Members {
    rows: BTreeMap<usize, usize>,
    columns: BTreeMap<usize, usize>,
    pairs: Vec<(usize, usize, f64)>,
}

fn find(leader: &mut [usize], mut at: usize) -> usize {
    while leader[at] != at {
        leader[at] = leader[leader[at]];
        at = leader[at];
    }
    at
}

impl Group {
    /// The largest sum of overlaps of a one-to-one matching.
    fn best(&self) -> Result<f64, usize> {
        if self.rows == 1 || self.columns == 1 {
            return Ok(self.pairs.iter().map(|(_, _, overlap)| *overlap).fold(0.0, f64::max));
        }
        if self.rows.min(self.columns) > MOST_MATCHED {
            return Err(self.rows.min(self.columns));
        }
        // The short side becomes the rows.
        let turned = self.rows > self.columns;
        let (n, m) = if turned { (self.columns, self.rows) } else { (self.rows, self.columns) };
        let mut gains = vec![0.0; n * m];
        for (row, column, overlap) in &self.pairs {
            let (i, j) = if turned { (*column, *row) } else { (*row, *column) };
            gains[i * m + j] = *overlap;
        }
        Ok(assignment(&gains, n, m))
    }
}

/// The largest sum of an assignment of `n` rows to `m >= n` columns: the Hungarian method by
/// shortest augmenting paths with potentials (Kuhn 1955; Jonker and Volgenant 1987).
fn assignment(gains: &[f64], n: usize, m: usize) -> f64 {
    // Potentials of rows and columns; column 0 is a stand-in for "not assigned yet".
    let (mut of_row, mut of_column) = (vec![0.0; n + 1], vec![0.0; m + 1]);
    let mut row_of = vec![0usize; m + 1];
    let mut from = vec![0usize; m + 1];
    for row in 1..=n {
        row_of[0] = row;
        let mut column = 0;
        let mut slack = vec![f64::INFINITY; m + 1];
        let mut reached = vec![false; m + 1];
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

#[cfg(test)]
#[path = "boxes_tests.rs"]
mod tests;
