//! The loops of every element-wise function of one or two operands.

use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::NullBuffer;
use lakebed_core::Layout;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::error::Result;
use crate::numbers::Numbers;
use crate::shapes::broadcast_row;

/// What happens where two rows have unequal shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// Only rank 0 stretches; other unequal shapes make the row null.
    Never,
    /// NumPy's broadcasting; shapes that do not fit are an error.
    Numpy,
}

/// Elements of a result before they become an array.
#[derive(Debug)]
pub struct Built<O> {
    /// The elements of all rows.
    pub elements: Vec<O>,
    rows: Layouter,
    /// Null rows.
    pub nulls: Option<NullBuffer>,
}

impl<O> Built<O> {
    /// The array of `ty`.
    ///
    /// # Errors
    /// As [`assemble`].
    pub fn finish(
        self,
        ty: &TensorType,
        array: impl FnOnce(Vec<O>) -> ArrayRef,
    ) -> Result<ArrayRef> {
        assemble(ty, array(self.elements), self.rows, self.nulls)
    }

    /// The first row that is not null and holds an element that `found` accepts.
    pub fn find_row(
        &self,
        rows: usize,
        ty: &TensorType,
        found: impl Fn(&O) -> bool,
    ) -> Option<usize> {
        (0..rows).find(|&row| {
            let valid = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            let elements = self.row(row, rows, ty);
            valid && elements.iter().any(&found)
        })
    }

    fn row(&self, row: usize, rows: usize, ty: &TensorType) -> &[O] {
        let range = match ty.layout {
            Layout::Scalar | Layout::Fixed => {
                let stride = self.elements.len().checked_div(rows).unwrap_or(0);
                row * stride..(row + 1) * stride
            }
            _ => self.rows.range(row),
        };
        self.elements.get(range).unwrap_or(&[])
    }
}

/// `f` of every element of one operand.
///
/// # Errors
/// As [`Layouter::push`].
pub fn map<A: Copy, O>(
    of: &Numbers,
    elements: &[A],
    out: &TensorType,
    rows: usize,
    f: impl FnMut(A) -> O,
) -> Result<Built<O>> {
    let window = of.window(rows);
    let base = window.start;
    let elements = elements.get(window).unwrap_or(&[]).iter().copied().map(f).collect();
    let mut layout = Layouter::new(out.ndim(), rows);
    if !matches!(out.layout, Layout::Scalar) {
        for row in 0..rows {
            layout.push(of.range(row).end - base, &of.shape(row))?;
        }
    }
    Ok(Built { elements, rows: layout, nulls: of.nulls(rows) })
}

/// `f` of every pair of elements; `None` is the row whose shapes do not fit under
/// [`Stretch::Numpy`].
///
/// # Errors
/// The row in the inner result; the outer one as [`Layouter::push`].
pub fn zip<A: Copy, B: Copy, O: Copy + Default>(
    (left, a): (&Numbers, &[A]),
    (right, b): (&Numbers, &[B]),
    out: &TensorType,
    rows: usize,
    stretch: Stretch,
    mut f: impl FnMut(A, B) -> O,
) -> Result<Result<Built<O>, usize>> {
    let nulls = NullBuffer::union(left.nulls(rows).as_ref(), right.nulls(rows).as_ref());
    if nulls.as_ref().is_some_and(|nulls| nulls.null_count() == rows) {
        return all_null(out, rows).map(Ok);
    }
    // A number that is the same in every row: one loop over all elements of the other operand.
    if let (true, true, &[s]) = (right.is_constant(), stands_for_all(left, right, out), b) {
        let mut built = map(left, a, out, rows, |x| f(x, s))?;
        if left.is_constant() && rows > 1 {
            built = repeat(built, out, rows)?;
        }
        built.nulls = nulls;
        return Ok(Ok(built));
    }
    if let (true, true, &[s]) = (left.is_constant(), stands_for_all(right, left, out), a) {
        let mut built = map(right, b, out, rows, |y| f(s, y))?;
        built.nulls = nulls;
        return Ok(Ok(built));
    }
    // The same number of elements in every row of both.
    let flat = match (left.uniform(), right.uniform()) {
        (Some(x), Some(y)) => x == y || (out.is_scalar() && x.elements() == 1 && y.elements() == 1),
        _ => false,
    };
    if flat && !left.is_constant() && !right.is_constant() {
        let elements = a.iter().zip(b).map(|(x, y)| f(*x, *y)).collect();
        let mut layout = Layouter::new(out.ndim(), rows);
        if !out.is_scalar() {
            for row in 0..rows {
                layout.push(left.range(row).end, &left.shape(row))?;
            }
        }
        return Ok(Ok(Built { elements, rows: layout, nulls }));
    }
    by_row((left, a), (right, b), out, rows, stretch, nulls, f)
}

/// True if the one element of `single` meets every element of `many` without changing its shape.
fn stands_for_all(many: &Numbers, single: &Numbers, out: &TensorType) -> bool {
    let scalar = single
        .uniform()
        .is_some_and(|shape| shape.ndim() == 0 || (out.is_scalar() && shape.elements() == 1));
    scalar && (!many.is_constant() || single.is_constant())
}

fn repeat<O: Copy>(built: Built<O>, out: &TensorType, rows: usize) -> Result<Built<O>> {
    // `map` already laid the one row out `rows` times; its elements are there once only.
    let count = built.elements.len();
    let mut layout = Layouter::new(out.ndim(), rows);
    let shape = built.rows.shape(0);
    let mut elements = Vec::with_capacity(count * rows);
    for _ in 0..rows {
        elements.extend_from_slice(&built.elements);
        layout.push(elements.len(), &shape)?;
    }
    Ok(Built { elements, rows: layout, nulls: built.nulls })
}

fn all_null<O: Copy + Default>(out: &TensorType, rows: usize) -> Result<Built<O>> {
    let placeholder = fixed(out);
    let mut layout = Layouter::new(out.ndim(), rows);
    for row in 0..rows {
        layout.push_null((row + 1) * placeholder)?;
    }
    let elements = vec![O::default(); placeholder * rows];
    Ok(Built { elements, rows: layout, nulls: Some(NullBuffer::new_null(rows)) })
}

fn by_row<A: Copy, B: Copy, O: Copy + Default>(
    (left, a): (&Numbers, &[A]),
    (right, b): (&Numbers, &[B]),
    out: &TensorType,
    rows: usize,
    stretch: Stretch,
    nulls: Option<NullBuffer>,
    mut f: impl FnMut(A, B) -> O,
) -> Result<Result<Built<O>, usize>> {
    let placeholder = fixed(out);
    let mut elements: Vec<O> = Vec::new();
    let mut layout = Layouter::new(out.ndim(), rows);
    let mut valid = Vec::with_capacity(rows);
    for row in 0..rows {
        let is_null = nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        let (p, q) = (left.shape(row), right.shape(row));
        let x = a.get(left.range(row)).unwrap_or(&[]);
        let y = b.get(right.range(row)).unwrap_or(&[]);
        let shape = match () {
            () if is_null => None,
            () if out.is_scalar() => Some(Shape::SCALAR).filter(|_| x.len() == 1 && y.len() == 1),
            () if p == q || q.ndim() == 0 => Some(p),
            () if p.ndim() == 0 => Some(q),
            () if stretch == Stretch::Numpy => match broadcast_row(&p, &q) {
                Some(shape) => Some(shape),
                None => return Ok(Err(row)),
            },
            () => None,
        };
        valid.push(shape.is_some());
        let Some(shape) = shape else {
            elements.resize(elements.len() + placeholder, O::default());
            layout.push_null(elements.len())?;
            continue;
        };
        match (x, y) {
            (x, y) if x.len() == y.len() && (p == q || out.is_scalar()) => {
                elements.extend(x.iter().zip(y).map(|(x, y)| f(*x, *y)));
            }
            (x, &[y]) if q.ndim() == 0 => elements.extend(x.iter().map(|x| f(*x, y))),
            (&[x], y) if p.ndim() == 0 => elements.extend(y.iter().map(|y| f(x, *y))),
            (x, y) => stretched((x, &p), (y, &q), &shape, &mut elements, &mut f),
        }
        layout.push(elements.len(), &shape)?;
    }
    let nulls = NullBuffer::new(BooleanBuffer::from(valid));
    Ok(Ok(Built { elements, rows: layout, nulls: Some(nulls).filter(|n| n.null_count() > 0) }))
}

/// One row under NumPy's broadcasting: a loop along the last dimension for every place in the
/// others.
fn stretched<A: Copy, B: Copy, O>(
    (x, p): (&[A], &Shape),
    (y, q): (&[B], &Shape),
    shape: &Shape,
    elements: &mut Vec<O>,
    f: &mut impl FnMut(A, B) -> O,
) {
    let total = shape.elements();
    let ndim = shape.ndim();
    let Some(&last) = shape.last() else { return };
    if total == 0 {
        return;
    }
    let (from_x, from_y) = (steps(p, ndim), steps(q, ndim));
    let mut counter = [0usize; lakebed_core::MAX_NDIM];
    for _ in 0..total / last {
        let at = |steps: &[usize; lakebed_core::MAX_NDIM]| -> usize {
            (0..ndim - 1).map(|axis| counter[axis] * steps[axis]).sum()
        };
        let (i, j) = (at(&from_x), at(&from_y));
        let (dx, dy) = (from_x[ndim - 1], from_y[ndim - 1]);
        for k in 0..last {
            if let (Some(x), Some(y)) = (x.get(i + k * dx), y.get(j + k * dy)) {
                elements.push(f(*x, *y));
            }
        }
        for axis in (0..ndim - 1).rev() {
            counter[axis] += 1;
            if counter[axis] < shape[axis] {
                break;
            }
            counter[axis] = 0;
        }
    }
}

/// Elements between neighbours along each dimension of the result; 0 where the operand stretches.
fn steps(shape: &Shape, ndim: usize) -> [usize; lakebed_core::MAX_NDIM] {
    let mut steps = [0; lakebed_core::MAX_NDIM];
    let strides = shape.strides();
    let missing = ndim - shape.ndim();
    for axis in 0..shape.ndim() {
        if shape[axis] != 1 {
            steps[missing + axis] = strides[axis];
        }
    }
    steps
}
