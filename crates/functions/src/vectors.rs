//! Pairs of vectors: a vector with a vector, or every row of a matrix with a vector (rule 15).

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::error::Result;
use crate::function::Arg;
use crate::numbers::Numbers;
use crate::wide;
use crate::wide::Job;

/// Dimensions of the result, none or the matrix's rows; or why the two do not pair.
pub fn paired(args: &[Arg]) -> Result<Vec<Option<u32>>, String> {
    let [a, b] = args else { return Err("two arguments are needed".into()) };
    let (Some(a), Some(b)) = (a.numeric(), b.numeric()) else {
        return Err("it takes vectors of numbers".into());
    };
    match (a.dims.last(), b.dims.last()) {
        (Some(Some(m)), Some(Some(n))) if m != n => {
            return Err(format!("vectors of {m} and {n} elements do not pair"));
        }
        (Some(_), Some(_)) => {}
        _ => return Err("it takes vectors, not single numbers".into()),
    }
    match (a.ndim(), b.ndim()) {
        (1, 1) => Ok(Vec::new()),
        (2, 1) => Ok(a.dims[..1].to_vec()),
        (1, 2) => Ok(b.dims[..1].to_vec()),
        _ => Err("it takes two vectors, or a matrix and a vector".into()),
    }
}

/// The float in which two vectors meet: f32 if neither is wider.
pub fn float_of(a: &TensorType, b: &TensorType) -> DType {
    let small = |ty: &TensorType| matches!(ty.dtype, DType::F16 | DType::F32);
    if small(a) && small(b) { DType::F32 } else { DType::F64 }
}

/// True for a constant of doubles beside small floats: the constant is rounded to them once, rather
/// than every row widened to it. Sums are kept in f64 all the same.
pub fn meet_in_f32(a: &Numbers, b: &Numbers) -> bool {
    let small = |of: &Numbers| matches!(of.ty().dtype, DType::F16 | DType::F32);
    let rounds = |of: &Numbers| of.is_constant() && of.ty().dtype == DType::F64;
    small(a) && !a.is_constant() && rounds(b) || small(b) && !b.is_constant() && rounds(a)
}

/// One number from a pair of vectors of one length; `of` must be `inline(always)`, as all that it
/// calls.
pub trait OfPair<E> {
    /// The number.
    type Answer: Copy + Default;

    /// The number of a pair that is in `row`.
    ///
    /// # Errors
    /// A number that is out of range.
    fn of(&self, row: usize, x: &[E], y: &[E]) -> Result<Self::Answer>;
}

/// The numbers of every pair of vectors of a row.
pub struct Pairs<N> {
    /// The numbers of all rows.
    pub values: Vec<N>,
    /// Where each row ends, and how many pairs it has.
    pub ends: Vec<usize>,
    /// Null rows.
    pub nulls: Option<NullBuffer>,
}

/// The first row whose vectors have unequal lengths, with the shapes.
pub type Unpaired = (usize, Shape, Shape);

/// Applies `f` to every pair; `fixed` is how many numbers a null row holds.
///
/// # Errors
/// Those of `f`.
pub fn pairs<E, F: OfPair<E>>(
    a: (&Numbers, &[E]),
    b: (&Numbers, &[E]),
    rows: usize,
    fixed: usize,
    f: &F,
) -> Result<Result<Pairs<F::Answer>, Unpaired>> {
    wide::run(Pairing { a, b, rows, fixed, f })
}

struct Pairing<'a, E, F> {
    a: (&'a Numbers, &'a [E]),
    b: (&'a Numbers, &'a [E]),
    rows: usize,
    fixed: usize,
    f: &'a F,
}

impl<E, F: OfPair<E>> Job for Pairing<'_, E, F> {
    type Answer = Result<Result<Pairs<F::Answer>, Unpaired>>;

    #[inline(always)]
    fn run(self) -> Self::Answer {
        let ((a, x), (b, y), rows) = (self.a, self.b, self.rows);
        let nulls = NullBuffer::union(a.nulls(rows).as_ref(), b.nulls(rows).as_ref());
        let vectors = a.ty().ndim() == 1 && b.ty().ndim() == 1;
        let mut values = Vec::with_capacity(rows);
        let mut ends = Vec::with_capacity(if vectors { 0 } else { rows });
        for row in 0..rows {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                values.resize(values.len() + self.fixed, F::Answer::default());
                ends.push(values.len());
                continue;
            }
            let (x, y) = (x.get(a.range(row)).unwrap_or(&[]), y.get(b.range(row)).unwrap_or(&[]));
            let step = if vectors {
                // The only size of a vector is the number of its elements.
                if x.len() != y.len() {
                    return Ok(Err((row, a.shape(row), b.shape(row))));
                }
                Steps { size: x.len(), x: 0, y: 0, count: 1 }
            } else {
                let (p, q) = (a.shape(row), b.shape(row));
                match Steps::of(&p, &q) {
                    Some(steps) => steps,
                    None => return Ok(Err((row, p, q))),
                }
            };
            for at in 0..step.count {
                let x = x.get(at * step.x..at * step.x + step.size).unwrap_or(&[]);
                let y = y.get(at * step.y..at * step.y + step.size).unwrap_or(&[]);
                values.push(self.f.of(row, x, y)?);
            }
            if !vectors {
                ends.push(values.len());
            }
        }
        Ok(Ok(Pairs { values, ends, nulls }))
    }
}

/// Where the vectors of one row are.
struct Steps {
    size: usize,
    x: usize,
    y: usize,
    count: usize,
}

impl Steps {
    fn of(p: &Shape, q: &Shape) -> Option<Steps> {
        let size = *p.last()?;
        if Some(&size) != q.last() {
            return None;
        }
        let first = |shape: &Shape| shape.first().copied().unwrap_or(0);
        Some(match (p.ndim(), q.ndim()) {
            (1, 1) => Steps { size, x: 0, y: 0, count: 1 },
            (1, _) => Steps { size, x: 0, y: size, count: first(q) },
            _ => Steps { size, x: size, y: 0, count: first(p) },
        })
    }
}

impl<N> Pairs<N> {
    /// The array of `ty`.
    ///
    /// # Errors
    /// As [`assemble`].
    pub fn finish(
        self,
        ty: &TensorType,
        array: impl FnOnce(Vec<N>) -> ArrayRef,
    ) -> Result<ArrayRef> {
        let mut layout = Layouter::new(ty.ndim(), self.ends.len());
        if !ty.is_scalar() {
            let mut start = 0;
            for end in &self.ends {
                layout.push(*end, &Shape::new(&[end - start]).unwrap_or_default())?;
                start = *end;
            }
        }
        assemble(ty, array(self.values), layout, self.nulls)
    }
}
