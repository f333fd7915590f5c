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

/// `f` of every pair of vectors of a row.
pub struct Pairs<N> {
    /// The numbers of all rows.
    pub values: Vec<N>,
    /// Where each row ends, and how many pairs it has.
    pub ends: Vec<usize>,
    /// Null rows.
    pub nulls: Option<NullBuffer>,
}

/// Applies `f` to every pair. The inner error is the first row whose vectors have unequal lengths,
/// with the shapes; `fixed` is how many numbers a null row holds.
pub fn pairs<E: Copy, N: Copy + Default>(
    (a, x): (&Numbers, &[E]),
    (b, y): (&Numbers, &[E]),
    rows: usize,
    fixed: usize,
    mut f: impl FnMut(usize, &[E], &[E]) -> Result<N>,
) -> Result<Result<Pairs<N>, (usize, Shape, Shape)>> {
    let nulls = NullBuffer::union(a.nulls(rows).as_ref(), b.nulls(rows).as_ref());
    let mut values = Vec::with_capacity(rows);
    let mut ends = Vec::with_capacity(rows);
    for row in 0..rows {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            values.resize(values.len() + fixed, N::default());
            ends.push(values.len());
            continue;
        }
        let (p, q) = (a.shape(row), b.shape(row));
        let (Some(m), Some(n)) = (p.last(), q.last()) else { return Ok(Err((row, p, q))) };
        if m != n {
            return Ok(Err((row, p, q)));
        }
        let (x, y) = (x.get(a.range(row)).unwrap_or(&[]), y.get(b.range(row)).unwrap_or(&[]));
        let one = |shape: &Shape| shape.ndim() == 1;
        match (one(&p), one(&q)) {
            (true, true) => values.push(f(row, x, y)?),
            (false, _) => {
                for at in 0..p.first().copied().unwrap_or(0) {
                    values.push(f(row, x.get(at * m..(at + 1) * m).unwrap_or(&[]), y)?);
                }
            }
            (true, false) => {
                for at in 0..q.first().copied().unwrap_or(0) {
                    values.push(f(row, x, y.get(at * n..(at + 1) * n).unwrap_or(&[]))?);
                }
            }
        }
        ends.push(values.len());
    }
    Ok(Ok(Pairs { values, ends, nulls }))
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
