//! `MATMUL(a, b)`.

use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Float32Type;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes;
use crate::lanes::Element;
use crate::numbers::Numbers;
use crate::numbers::meet;
use crate::numbers::slice_of;
use crate::permute::Walk;
use crate::value::Value;

use super::reduce::rounded;

/// The product of matrices.
#[derive(Debug)]
pub struct Matmul;

static ENTRY: Entry = Entry {
    tql: &["MATMUL"],
    udf: "matmul",
    aliases: &[],
    parameters: &["a", "b"],
    signature: "matmul(a, b) -> matrix; a vector of a matrix and a vector, a number of two vectors",
    help: "The product of two matrices: every row of a with every column of b. A vector on the left is a row, on the right a column. Sums of floats run in f64; integers compute in 64 bits, and leaving them is an error.",
    example: "SELECT MATMUL(ARRAY[[1, 2], [3, 4]], ARRAY[[0, 1], [1, 0]]) AS swapped",
};

impl TensorFunction for Matmul {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [Some(a), Some(b)] = [0, 1].map(|at| args.get(at).and_then(Arg::numeric)) else {
            return Err(self.wrong_types(args, "it takes matrices and vectors of numbers"));
        };
        if !(1..=2).contains(&a.ndim()) || !(1..=2).contains(&b.ndim()) {
            return Err(self.wrong_types(args, "it takes matrices and vectors"));
        }
        let inner = (a.dims.last().copied().flatten(), b.dims.first().copied().flatten());
        if let (Some(m), Some(n)) = inner
            && m != n
        {
            return Err(self.wrong_types(args, format!("rows of {m} and columns of {n} elements")));
        }
        let mut dims = Vec::new();
        dims.extend(a.dims.first().filter(|_| a.ndim() == 2));
        dims.extend(b.dims.last().filter(|_| b.ndim() == 2));
        let met = meet(&a.dtype, &b.dtype);
        let dtype = if met == DType::F16 { DType::F32 } else { met };
        Ok(Output::tensor(TensorType::tensor(dtype, dims), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [a, b] = args else { return Err(self.wrong_types(&[], "two operands are needed")) };
        let (a, b, ty) = (a.numbers()?, b.numbers()?, out.ty()?);
        let call = Call { a: &a, b: &b, ty, rows };
        let float = |x: &[f64], y: &[f64]| Some(lanes::products(x, y)[0]);
        let single = |x: &[f32], y: &[f32]| Some(lanes::products(x, y)[0]);
        match ty.dtype {
            DType::F64 => call.run::<Float64Type, f64>(float, primitive::<Float64Type>),
            DType::F32 => call.run::<Float32Type, f64>(single, |products| {
                primitive::<Float32Type>(rounded(&products))
            }),
            DType::U64 => call.run::<UInt64Type, u64>(exact, primitive::<UInt64Type>),
            _ => call.run::<Int64Type, i64>(exact, primitive::<Int64Type>),
        }
    }
}

/// The sum of the products of integers; `None` if it leaves 64 bits.
fn exact<E: Element + TryFrom<i128>>(x: &[E], y: &[E]) -> Option<E> {
    let sum = x
        .iter()
        .zip(y)
        .try_fold(0i128, |sum, (x, y)| sum.checked_add(x.to_i128().checked_mul(y.to_i128())?));
    sum.and_then(|sum| E::try_from(sum).ok())
}

struct Call<'a> {
    a: &'a Numbers,
    b: &'a Numbers,
    ty: &'a TensorType,
    rows: usize,
}

impl Call<'_> {
    fn run<T: ArrowPrimitiveType, O: Copy + Default>(
        &self,
        product: impl Fn(&[T::Native], &[T::Native]) -> Option<O>,
        array: impl FnOnce(Vec<O>) -> ArrayRef,
    ) -> Result<ArrayRef> {
        let (p, q) = (self.a.elements_as(&T::DATA_TYPE)?, self.b.elements_as(&T::DATA_TYPE)?);
        let (x, y) = (slice_of::<T>(&p)?, slice_of::<T>(&q)?);
        let rows = self.rows;
        let nulls = NullBuffer::union(self.a.nulls(rows).as_ref(), self.b.nulls(rows).as_ref());
        let mut products: Vec<O> = Vec::new();
        let mut layout = Layouter::new(self.ty.ndim(), rows);
        let mut columns: Vec<T::Native> = Vec::new();
        for row in 0..rows {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                products.resize(products.len() + fixed(self.ty), O::default());
                layout.push_null(products.len())?;
                continue;
            }
            let (p, q) = (self.a.shape(row), self.b.shape(row));
            let (size, depth) = (p.last().copied().unwrap_or(0), q.first().copied().unwrap_or(0));
            if size != depth {
                let reason = format!("shapes {p} and {q} do not multiply");
                return Err(Matmul.wrong_row(row, reason));
            }
            let height = if p.ndim() == 2 { p[0] } else { 1 };
            let width = if q.ndim() == 2 { q[1] } else { 1 };
            let x = x.get(self.a.range(row)).unwrap_or(&[]);
            let y = y.get(self.b.range(row)).unwrap_or(&[]);
            // Columns end to end, once a row, or once in all if they never change.
            if row == 0 || !self.b.is_constant() || columns.len() != y.len() {
                columns.clear();
                let order: &[usize] = if q.ndim() == 2 { &[1, 0] } else { &[0] };
                Walk::new(&q, order).copy(y, &mut columns);
            }
            for i in 0..height {
                let line = x.get(i * size..(i + 1) * size).unwrap_or(&[]);
                for j in 0..width {
                    let column = columns.get(j * size..(j + 1) * size).unwrap_or(&[]);
                    let reason = "the result does not fit in 64 bits: cast an operand to a float";
                    products
                        .push(product(line, column).ok_or_else(|| Matmul.wrong_row(row, reason))?);
                }
            }
            let mut shape = Shape::SCALAR;
            // At most two dimensions.
            let _ = (p.ndim() == 2).then(|| shape.push(height));
            let _ = (q.ndim() == 2).then(|| shape.push(width));
            layout.push(products.len(), &shape)?;
        }
        assemble(self.ty, array(products), layout, nulls)
    }
}
