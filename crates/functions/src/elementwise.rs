//! The loops of every element-wise function of one or two operands.

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::buffer::BooleanBuffer;
use arrow::buffer::NullBuffer;
use lakebed_core::Layout;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::Rows;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::bits;
use crate::error::Result;
use crate::lanes::Real;
use crate::numbers::Numbers;
use crate::numbers::slice_of;
use crate::shapes::broadcast_row;

/// What happens where two rows have unequal shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// Only rank 0 stretches; other unequal shapes make the row null.
    Never,
    /// Only rank 0 stretches; other unequal shapes are an error.
    Refused,
    /// NumPy's broadcasting; shapes that do not fit are an error.
    Numpy,
}

/// What the elements of a result are. Bools become bits in the loop that computes them.
pub trait Item: Copy + Default {
    /// Many of them.
    type Many;

    /// `f` of every element.
    fn map<A: Copy>(values: &[A], f: impl FnMut(A) -> Self) -> Self::Many;

    /// `f` of every pair of elements.
    fn zip<A: Copy, B: Copy>(a: &[A], b: &[B], f: impl FnMut(A, B) -> Self) -> Self::Many;
}

impl Item for bool {
    type Many = BooleanBuffer;

    fn map<A: Copy>(values: &[A], f: impl FnMut(A) -> bool) -> BooleanBuffer {
        bits::map(values, f)
    }

    fn zip<A: Copy, B: Copy>(a: &[A], b: &[B], f: impl FnMut(A, B) -> bool) -> BooleanBuffer {
        bits::zip(a, b, f)
    }
}

macro_rules! numbers {
    ($($t:ty)*) => { $(
        impl Item for $t {
            type Many = Vec<$t>;

            fn map<A: Copy>(values: &[A], f: impl FnMut(A) -> $t) -> Vec<$t> {
                values.iter().copied().map(f).collect()
            }

            fn zip<A: Copy, B: Copy>(a: &[A], b: &[B], mut f: impl FnMut(A, B) -> $t) -> Vec<$t> {
                a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()
            }
        }
    )* };
}
numbers!(u8 i64 u64 f32 f64);

/// Elements of a result before they become an array.
#[derive(Debug)]
pub struct Built<O: Item> {
    elements: O::Many,
    rows: Rows,
    nulls: Option<NullBuffer>,
}

impl<O: Item> Built<O> {
    /// The array of `ty`.
    ///
    /// # Errors
    /// As [`assemble`].
    pub fn finish(
        self,
        ty: &TensorType,
        array: impl FnOnce(O::Many) -> ArrayRef,
    ) -> Result<ArrayRef> {
        assemble(ty, array(self.elements), self.rows, self.nulls)
    }
}

impl<O: Item<Many = Vec<O>>> Built<O> {
    /// The first row that is not null and holds an element that `found` accepts.
    pub fn find_row(&self, rows: usize, found: impl Fn(&O) -> bool) -> Option<usize> {
        (0..rows).find(|&row| {
            let valid = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
            let range = self.rows.range(row, self.elements.len());
            valid && self.elements.get(range).unwrap_or(&[]).iter().any(&found)
        })
    }
}

/// `f` of every element of one operand.
///
/// # Errors
/// As [`Rows::like`].
pub fn map<A: Copy, O: Item>(
    of: &Numbers,
    elements: &[A],
    out: &TensorType,
    rows: usize,
    f: impl FnMut(A) -> O,
) -> Result<Built<O>> {
    let elements = O::map(elements.get(of.window(rows)).unwrap_or(&[]), f);
    Ok(Built { elements, rows: Rows::like(of, out, rows)?, nulls: of.nulls(rows) })
}

/// `f` of every element of one operand, computed in the floats of `T`.
///
/// # Errors
/// Those of Arrow's cast, and as [`map`].
pub fn map_floats<T: ArrowPrimitiveType>(
    of: &Numbers,
    out: &TensorType,
    rows: usize,
    f: impl FnMut(T::Native) -> T::Native,
) -> Result<ArrayRef>
where
    T::Native: Real,
{
    let elements = of.elements_as(&T::DATA_TYPE)?;
    map(of, slice_of::<T>(&elements)?, out, rows, f)?.finish(out, primitive::<T>)
}

/// `f` of every pair of elements; the inner error is the row whose shapes do not fit
/// under [`Stretch::Numpy`] or [`Stretch::Refused`].
///
/// # Errors
/// The row in the inner result; the outer one as [`Layouter::push`].
pub fn zip<A: Copy, B: Copy, O: Item>(
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
    if let (true, &[s]) = (stands_for_all(left, right, out), b) {
        let built = map(left, a, out, rows, |x| f(x, s))?;
        return Ok(Ok(Built { nulls, ..built }));
    }
    if let (true, &[s]) = (stands_for_all(right, left, out), a) {
        let built = map(right, b, out, rows, |y| f(s, y))?;
        return Ok(Ok(Built { nulls, ..built }));
    }
    // The same shape in every row of both.
    let flat = match (left.uniform(), right.uniform()) {
        (Some(x), Some(y)) => x == y || (out.is_scalar() && x.elements() == 1 && y.elements() == 1),
        _ => matches!(out.layout, Layout::Ragged) && left.same_shapes(right),
    };
    if flat && !left.is_constant() && !right.is_constant() {
        let a = a.get(left.window(rows)).unwrap_or(&[]);
        let b = b.get(right.window(rows)).unwrap_or(&[]);
        let rows = Rows::like(left, out, rows)?;
        return Ok(Ok(Built { elements: O::zip(a, b, f), rows, nulls }));
    }
    by_row((left, a), (right, b), out, rows, stretch, nulls, f)
}

/// True if the one element of the constant `single` meets every element of `many` without changing
/// its shape.
fn stands_for_all(many: &Numbers, single: &Numbers, out: &TensorType) -> bool {
    single.is_constant()
        && !many.is_constant()
        && single
            .uniform()
            .is_some_and(|shape| shape.ndim() == 0 || (out.is_scalar() && shape.elements() == 1))
}

fn all_null<O: Item>(out: &TensorType, rows: usize) -> Result<Built<O>> {
    let placeholder = fixed(out);
    let mut layout = Layouter::new(out.ndim(), rows);
    for row in 0..rows {
        layout.push_null((row + 1) * placeholder)?;
    }
    let elements = O::map(&vec![O::default(); placeholder * rows], |element| element);
    Ok(Built { elements, rows: layout.into(), nulls: Some(NullBuffer::new_null(rows)) })
}

fn by_row<A: Copy, B: Copy, O: Item>(
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
            () if stretch == Stretch::Refused => return Ok(Err(row)),
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
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    let elements = O::map(&elements, |element| element);
    Ok(Ok(Built { elements, rows: layout.into(), nulls }))
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
