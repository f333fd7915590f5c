//! What is known of an expression without any row: its dimensions, and what its elements are.

use super::expression::Expr;
use super::slice::Subscript;
use super::slice::positions;
use super::slice::spelled_out;
use super::value::Arithmetic;
use super::value::Reduction;
use super::value::Result;
use super::value::dimension;
use super::value::error;

/// The sizes of the dimensions; `None` where rows differ.
pub type Dims = Vec<Option<usize>>;

/// What elements are, from the narrowest that meets to the widest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Bool,
    Int,
    F32,
    F64,
}

/// The columns of every generated dataset, `id` apart.
pub const COLUMNS: [&str; 6] = ["n", "x", "vec", "mat", "labels", "boxes"];

fn column(name: &str) -> (Kind, Dims) {
    match name {
        "n" => (Kind::Int, vec![]),
        "x" => (Kind::F64, vec![]),
        "vec" => (Kind::F32, vec![Some(3)]),
        "mat" => (Kind::Int, vec![Some(2), Some(3)]),
        "labels" => (Kind::Int, vec![None]),
        "boxes" => (Kind::F32, vec![None, Some(4)]),
        other => panic!("no column {other}"),
    }
}

impl Expr {
    /// The dimensions in every row.
    ///
    /// # Errors
    /// What is an error whatever the rows hold.
    pub fn dims(&self) -> Result<Dims> {
        match self {
            Expr::Column(name) => Ok(column(name).1),
            Expr::Int(_) | Expr::Decimal(_) => Ok(vec![]),
            Expr::Array(items) => Ok(vec![Some(items.len())]),
            Expr::Arithmetic(_, a, b) => broadcast(a.dims()?, b.dims()?),
            Expr::Compare(_, a, b) | Expr::Logic(_, a, b) => Ok(compared(a.dims()?, b.dims()?)),
            Expr::Not(x) | Expr::Negative(x) => x.dims(),
            Expr::Reduce(_, x, axis, keepdims) => {
                let dims = x.dims()?;
                let axis = axis.map(|axis| dimension(axis, dims.len())).transpose()?;
                let is_reduced = |at: usize| axis.is_none_or(|axis| axis == at);
                let left = dims.iter().enumerate().filter(|(at, _)| *keepdims || !is_reduced(*at));
                Ok(left.map(|(at, size)| if is_reduced(at) { Some(1) } else { *size }).collect())
            }
            Expr::Shape(x) => Ok(vec![Some(x.dims()?.len())]),
            Expr::IsNull(x) => x.dims().map(|_| vec![]),
            Expr::Subscript(x, parts) => {
                let dims = x.dims()?;
                let mut left = Vec::new();
                let all = spelled_out(parts, dims.len())?;
                for (part, size) in all.iter().zip(&dims) {
                    if let Subscript::Slice(start, stop, step) = part {
                        // A step of 0 is an error of any size.
                        positions(*start, *stop, *step, 0)?;
                        let of = |size| positions(*start, *stop, *step, size).map(|it| it.len());
                        left.push(size.map(of).transpose()?);
                    }
                }
                left.extend(&dims[all.len()..]);
                Ok(left)
            }
        }
    }

    /// What the elements are.
    pub fn kind(&self) -> Kind {
        match self {
            Expr::Column(name) => column(name).0,
            Expr::Int(_) | Expr::Shape(_) => Kind::Int,
            Expr::Decimal(_) | Expr::Reduce(Reduction::Avg, ..) => Kind::F64,
            // Only ever too narrow for arrays of large integers, which are i64 or f64.
            Expr::Array(_) => Kind::F32,
            Expr::Arithmetic(Arithmetic::Div, ..) => Kind::F64,
            Expr::Arithmetic(_, a, b) => Kind::Int.max(a.kind()).max(b.kind()),
            Expr::Negative(x) | Expr::Reduce(Reduction::Sum, x, ..) => Kind::Int.max(x.kind()),
            Expr::Reduce(Reduction::Any | Reduction::All, ..)
            | Expr::Compare(..)
            | Expr::Logic(..)
            | Expr::Not(_)
            | Expr::IsNull(_) => Kind::Bool,
            Expr::Reduce(_, x, ..) | Expr::Subscript(x, _) => x.kind(),
        }
    }
}

fn is_single(dims: &Dims) -> bool {
    dims.iter().all(|size| *size == Some(1))
}

/// NumPy's broadcast of what is known.
fn broadcast(a: Dims, b: Dims) -> Result<Dims> {
    if (a.is_empty() || b.is_empty()) && is_single(&a) && is_single(&b) {
        return Ok(vec![]);
    }
    let ndim = a.len().max(b.len());
    let padded = |dims: Dims| [vec![Some(1); ndim - dims.len()], dims].concat();
    padded(a)
        .into_iter()
        .zip(padded(b))
        .map(|pair| match pair {
            (m, n) if m == n => Ok(m),
            (Some(1), n) => Ok(n),
            (m, Some(1)) => Ok(m),
            (None, n) => Ok(n),
            (m, None) => Ok(m),
            (Some(m), Some(n)) => error(format!("sizes {m} and {n} do not broadcast")),
        })
        .collect()
}

/// The dimensions of the operand that has some; equal shapes are needed otherwise.
fn compared(a: Dims, b: Dims) -> Dims {
    match (a.is_empty(), b.is_empty()) {
        (true, _) if is_single(&b) => vec![],
        (_, true) if is_single(&a) => vec![],
        (true, _) => b,
        (_, true) => a,
        _ if a.len() != b.len() => a,
        _ => a.into_iter().zip(b).map(|(m, n)| m.or(n)).collect(),
    }
}
