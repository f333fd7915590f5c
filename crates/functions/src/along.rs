//! One answer from every line of elements along the reduced dimensions of a row.

use arrow::array::ArrayRef;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::axes::Axes;
use crate::error::Result;
use crate::numbers::Numbers;
use crate::permute::Walk;

/// Where the answers of each row end.
#[derive(Debug)]
pub struct Ends(Vec<usize>);

/// The answers of `f` along `axes` of all rows, one after another; `nothing` stands in null rows of
/// a fixed form. `f` is called for a whole line, so that the compiler makes one loop for each type
/// of elements and not one more for each function.
pub fn along<E: Copy, A: Clone>(
    (x, values): (&Numbers, &[E]),
    axes: &Axes,
    out: &TensorType,
    rows: usize,
    nothing: A,
    f: &dyn Fn(&[E]) -> A,
) -> (Vec<A>, Ends) {
    let placeholder = fixed(out);
    let order = axes.reduced_last(x.ty().ndim());
    let mut answers = Vec::new();
    let mut ends = Vec::with_capacity(rows);
    let mut lined_up = Vec::new();
    for row in 0..rows {
        if x.is_null(row) {
            answers.resize(answers.len() + placeholder, nothing.clone());
            ends.push(answers.len());
            continue;
        }
        let shape = x.shape(row);
        let count = axes.left(&shape).elements();
        let values = values.get(x.range(row)).unwrap_or(&[]);
        let walk = Walk::new(&shape, &order);
        let lines = if walk.is_straight() {
            values
        } else {
            lined_up.clear();
            walk.copy(values, &mut lined_up);
            &lined_up[..]
        };
        match lines.len().checked_div(count).filter(|size| *size > 0) {
            Some(size) => answers.extend(lines.chunks_exact(size).map(f)),
            // Lines without elements have answers too.
            None => answers.extend((0..count).map(|_| f(&[]))),
        }
        ends.push(answers.len());
    }
    (answers, Ends(ends))
}

impl Ends {
    /// The row of an answer.
    pub fn row_of(&self, answer: usize) -> usize {
        self.0.partition_point(|end| *end <= answer)
    }

    /// The array of `ty` over the answers as `elements`.
    ///
    /// # Errors
    /// As [`assemble`].
    pub fn finish(
        &self,
        elements: ArrayRef,
        x: &Numbers,
        axes: &Axes,
        ty: &TensorType,
    ) -> Result<ArrayRef> {
        let rows = self.0.len();
        let mut layout = Layouter::new(ty.ndim(), rows);
        for (row, end) in self.0.iter().enumerate() {
            match x.is_null(row) {
                true => layout.push_null(*end)?,
                false => layout.push(*end, &axes.left(&x.shape(row)))?,
            }
        }
        assemble(ty, elements, layout, x.nulls(rows))
    }
}
