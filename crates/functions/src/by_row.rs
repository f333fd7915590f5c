//! One answer from the elements of every row, or of every pair of rows.

use crate::numbers::Numbers;
use crate::wide;
use crate::wide::Job;

/// What a loop over the elements of one row gives; `of` must be `inline(always)`, as all that it
/// calls.
pub trait OfRow<E> {
    /// One answer a row.
    type Answer;

    /// The answer of a row.
    fn of(&self, row: &[E]) -> Self::Answer;
}

/// The answer of every row; null rows are asked too, whatever they hold.
pub fn each<E, F: OfRow<E>>(numbers: &Numbers, values: &[E], rows: usize, f: &F) -> Vec<F::Answer> {
    wide::run(Each { numbers, values, rows, f })
}

struct Each<'a, E, F> {
    numbers: &'a Numbers,
    values: &'a [E],
    rows: usize,
    f: &'a F,
}

impl<E, F: OfRow<E>> Job for Each<'_, E, F> {
    type Answer = Vec<F::Answer>;

    #[inline(always)]
    fn run(self) -> Vec<F::Answer> {
        let mut answers = Vec::with_capacity(self.rows);
        for row in 0..self.rows {
            answers.push(self.f.of(self.values.get(self.numbers.range(row)).unwrap_or(&[])));
        }
        answers
    }
}
