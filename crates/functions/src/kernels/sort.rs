//! `SORT`, `ARGSORT` and `TOPK` along the last dimension.

use arrow::array::ArrayRef;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::assemble::fixed;
use crate::assemble::primitive;
use crate::axes::Integers;
use crate::axes::flag;
use crate::axes::integers;
use crate::axes::integers_of_row;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::lanes::Element;
use crate::numbers::Numbers;
use crate::numbers::few;
use crate::numbers::not_numbers;
use crate::numbers::with_few_numbers;
use crate::order::order;
use crate::relabel::with_dims;
use crate::value::Value;

/// Elements, or their places, in order.
#[derive(Debug)]
pub struct Sort {
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Elements,
    Places,
    Top,
}

/// `SORT`.
pub static SORT: Sort = Sort { what: What::Elements };
/// `ARGSORT`.
pub static ARGSORT: Sort = Sort { what: What::Places };
/// `TOPK`.
pub static TOPK: Sort = Sort { what: What::Top };

static SORT_ENTRY: Entry = Entry {
    tql: &["SORT"],
    udf: "tensor_sort",
    aliases: &[],
    parameters: &["x", "descending"],
    signature: "tensor_sort(x[, descending]) -> tensor of the type of x",
    help: "The elements in rising order along the last dimension, or in falling order with descending => true. NaN counts as larger than every number.",
    example: "SELECT SORT(ARRAY[3, 1, 2]) AS rising",
};

static ARGSORT_ENTRY: Entry = Entry {
    tql: &["ARGSORT"],
    udf: "argsort",
    aliases: &[],
    parameters: &["x", "descending"],
    signature: "argsort(x[, descending]) -> i64 of the shape of x",
    help: "The places of the elements in the order of tensor_sort, along the last dimension; equal elements keep their order.",
    example: "SELECT ARGSORT(ARRAY[3, 1, 2]) AS places",
};

static TOPK_ENTRY: Entry = Entry {
    tql: &["TOPK"],
    udf: "topk",
    aliases: &[],
    parameters: &["x", "k"],
    signature: "topk(x, k) -> tensor of the type of x with at most k elements along the last dimension",
    help: "The k largest elements along the last dimension, largest first; all of them if there are fewer. NaN counts as larger than every number.",
    example: "SELECT TOPK(ARRAY[3, 1, 2], 2) AS largest",
};

impl Sort {
    fn descending(&self, args: &[Arg]) -> Result<bool> {
        if self.what == What::Top {
            return Ok(true);
        }
        flag(args, 1, "descending", false).map_err(|reason| self.wrong_argument(reason))
    }

    /// The size of the last dimension of the result. That of the k largest is open, even for a
    /// constant k: an expression of constants is folded after types are known.
    fn last(&self, args: &[Arg], size: Option<u32>) -> Result<Option<u32>> {
        let Some(k) = args.get(1).filter(|_| self.what == What::Top) else { return Ok(size) };
        let fail = |reason: String| self.wrong_argument(reason);
        match integers(k).map_err(fail)? {
            Integers::Known(list) if list.iter().any(|k| *k < 0) => {
                Err(fail("k is not below 0".into()))
            }
            _ if k.scalar_dtype().is_some_and(DType::is_integer) => Ok(None),
            _ => Err(fail("k is one integer".into())),
        }
    }
}

impl TensorFunction for Sort {
    fn entry(&self) -> &'static Entry {
        match self.what {
            What::Elements => &SORT_ENTRY,
            What::Places => &ARGSORT_ENTRY,
            What::Top => &TOPK_ENTRY,
        }
    }

    fn arity(&self) -> (usize, usize) {
        if self.what == What::Top { (2, 2) } else { (1, 2) }
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(Arg::numeric).filter(|ty| ty.ndim() > 0) else {
            return Err(self.wrong_types(args, "it takes arrays of numbers"));
        };
        self.descending(args)?;
        let mut dims = ty.dims.clone();
        if let Some(last) = dims.last_mut() {
            *last = self.last(args, *last)?;
        }
        let ty = match self.what {
            What::Places => TensorType::tensor(DType::I64, dims),
            _ => with_dims(ty, dims),
        };
        Ok(Output::tensor(ty, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let Some(x) = args.first() else {
            return Err(self.wrong_types(&[], "an argument is needed"));
        };
        let (x, ty) = (x.numbers()?, out.ty()?);
        let call = Call {
            sort: self,
            x: &x,
            k: args.get(1).filter(|_| self.what == What::Top),
            descending: self.descending(&described)?,
            ty,
            rows,
        };
        let elements = x.elements_as(&few(&x.ty().dtype))?;
        with_few_numbers!(elements, T, values => match self.what {
            What::Places => {
                call.run(values, |line, places| call.places(line, places), primitive::<Int64Type>)
            }
            _ => call.run(values, |line, sorted| call.elements(line, sorted), primitive::<T>),
        }, else Err(not_numbers(elements.data_type())))
    }
}

struct Call<'a> {
    sort: &'a Sort,
    x: &'a Numbers,
    k: Option<&'a Value>,
    descending: bool,
    ty: &'a TensorType,
    rows: usize,
}

impl Call<'_> {
    fn run<E, O: Clone + Default>(
        &self,
        values: &[E],
        line_of: impl Fn((&[E], usize), &mut Vec<O>),
        array: impl FnOnce(Vec<O>) -> ArrayRef,
    ) -> Result<ArrayRef> {
        let k_nulls = self.k.and_then(|k| k.nulls(self.rows));
        let nulls =
            arrow::buffer::NullBuffer::union(self.x.nulls(self.rows).as_ref(), k_nulls.as_ref());
        let mut sorted = Vec::with_capacity(self.x.window(self.rows).len());
        let mut layout = Layouter::new(self.ty.ndim(), self.rows);
        for row in 0..self.rows {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                sorted.resize(sorted.len() + fixed(self.ty), O::default());
                layout.push_null(sorted.len())?;
                continue;
            }
            let mut sizes = self.x.shape(row).to_vec();
            let Some(last) = sizes.last_mut() else { continue };
            let size = *last;
            let keep = self.keep(row)?.min(size);
            *last = keep;
            let values = values.get(self.x.range(row)).unwrap_or(&[]);
            if size > 0 {
                for line in values.chunks_exact(size) {
                    line_of((line, keep), &mut sorted);
                }
            }
            layout.push(sorted.len(), &Shape::new(&sizes).unwrap_or_default())?;
        }
        assemble(self.ty, array(sorted), layout, nulls)
    }

    /// How many elements of a line are kept.
    fn keep(&self, row: usize) -> Result<usize> {
        let Some(k) = self.k else { return Ok(usize::MAX) };
        let list = integers_of_row(k, row).map_err(|why| self.sort.wrong_row(row, why))?;
        list.first()
            .and_then(|k| usize::try_from(*k).ok())
            .ok_or_else(|| self.sort.wrong_row(row, "k is not below 0"))
    }

    fn elements<E: Element>(&self, (line, keep): (&[E], usize), sorted: &mut Vec<E>) {
        let start = sorted.len();
        sorted.extend_from_slice(line);
        let Some(own) = sorted.get_mut(start..) else { return };
        if self.descending {
            if keep < own.len() {
                own.select_nth_unstable_by(keep, |a, b| order(b, a));
                sorted.truncate(start + keep);
            }
            if let Some(own) = sorted.get_mut(start..) {
                own.sort_unstable_by(|a, b| order(b, a));
            }
            return;
        }
        own.sort_unstable_by(order);
    }

    fn places<E: Element>(&self, (line, _): (&[E], usize), places: &mut Vec<i64>) {
        let start = places.len();
        places.extend((0i64..).take(line.len()));
        let Some(own) = places.get_mut(start..) else { return };
        let at = |place: &i64| usize::try_from(*place).ok().and_then(|at| line.get(at));
        let compare = |a: &i64, b: &i64| match (at(a), at(b)) {
            (Some(x), Some(y)) => order(x, y),
            _ => std::cmp::Ordering::Equal,
        };
        if self.descending {
            own.sort_by(|a, b| compare(b, a));
        } else {
            own.sort_by(compare);
        }
    }
}
