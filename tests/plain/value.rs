//! A plain value: null, or numbers in an `ndarray`, and what TQL's rules do with it.
//!
//! Written to be read beside `tql-rules.md`, slowly and without any code of the project: rank 0 is
//! a scalar, integers of every width are i64 (rule 14).

use ndarray::ArrayD;
use ndarray::Axis;
use ndarray::IxDyn;

/// Why a row has no value.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// The rules make it an error.
    Error(String),
    /// An error of a part that an answer can do without. SQL leaves open whether such a part is
    /// computed at all, so the row may be an error or have any value.
    Unneeded(String),
    /// The rules do not settle it, so nothing can be compared.
    Unsettled,
}

pub type Result<T> = std::result::Result<T, Trouble>;

pub fn error<T>(why: impl Into<String>) -> Result<T> {
    Err(Trouble::Error(why.into()))
}

/// The value of a part that an answer can do without.
pub fn unneeded<T>(value: Result<T>) -> Result<T> {
    value.map_err(|trouble| match trouble {
        Trouble::Error(why) => Trouble::Unneeded(why),
        other => other,
    })
}

/// Both of two parts. What is certain to be an error stays one, whatever the other part is.
pub fn both<A, B>(a: Result<A>, b: Result<B>) -> Result<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(why @ Trouble::Error(_)), _) | (_, Err(why @ Trouble::Error(_))) => Err(why),
        (Err(Trouble::Unsettled), _) | (_, Err(Trouble::Unsettled)) => Err(Trouble::Unsettled),
        (Err(why), _) | (_, Err(why)) => Err(why),
    }
}

/// Numbers or bools of one shape.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    Bool(ArrayD<bool>),
    Int(ArrayD<i64>),
    F32(ArrayD<f32>),
    F64(ArrayD<f64>),
}

/// The value of an expression in one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Numbers(Numbers),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    Sum,
    Avg,
    Amin,
    Amax,
    Any,
    All,
}

pub fn scalar<T>(value: T) -> ArrayD<T> {
    ndarray::arr0(value).into_dyn()
}

impl Numbers {
    pub fn shape(&self) -> &[usize] {
        match self {
            Numbers::Bool(x) => x.shape(),
            Numbers::Int(x) => x.shape(),
            Numbers::F32(x) => x.shape(),
            Numbers::F64(x) => x.shape(),
        }
    }

    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// The same elements without dimensions; there is one.
    pub fn into_scalar(self) -> Numbers {
        self.reshaped(&[])
    }

    fn reshaped(self, shape: &[usize]) -> Numbers {
        match self {
            Numbers::Bool(x) => Numbers::Bool(reshape(&x, shape)),
            Numbers::Int(x) => Numbers::Int(reshape(&x, shape)),
            Numbers::F32(x) => Numbers::F32(reshape(&x, shape)),
            Numbers::F64(x) => Numbers::F64(reshape(&x, shape)),
        }
    }

    fn is_integer(&self) -> bool {
        matches!(self, Numbers::Bool(_) | Numbers::Int(_))
    }

    /// Bools and integers as i64.
    fn integers(&self) -> ArrayD<i64> {
        match self {
            Numbers::Bool(x) => x.mapv(i64::from),
            Numbers::Int(x) => x.clone(),
            Numbers::F32(_) | Numbers::F64(_) => panic!("floats are no integers"),
        }
    }

    fn singles(&self) -> ArrayD<f32> {
        match self {
            Numbers::F32(x) => x.clone(),
            Numbers::F64(_) => panic!("f64 stays f64"),
            other => other.integers().mapv(|x| x as f32),
        }
    }

    pub fn doubles(&self) -> ArrayD<f64> {
        match self {
            Numbers::F64(x) => x.clone(),
            Numbers::F32(x) => x.mapv(f64::from),
            other => other.integers().mapv(|x| x as f64),
        }
    }

    /// True where an element is not zero; NaN is not.
    pub fn truths(&self) -> ArrayD<bool> {
        match self {
            Numbers::Bool(x) => x.clone(),
            Numbers::Int(x) => x.mapv(|x| x != 0),
            Numbers::F32(x) => x.mapv(|x| x != 0.0),
            Numbers::F64(x) => x.mapv(|x| x != 0.0),
        }
    }

    /// Rule 14 and 15: integers in i64, f32 unless met by f64, `/` always in f64.
    pub fn arithmetic(&self, op: Arithmetic, other: &Numbers) -> Result<Numbers> {
        use Numbers::F64;
        if op == Arithmetic::Div {
            return zip(&self.doubles(), &other.doubles(), |x, y| Ok(x / y)).map(F64);
        }
        if self.is_integer() && other.is_integer() {
            let answer = |x, y| integer_arithmetic(op, x, y);
            return zip(&self.integers(), &other.integers(), answer).map(Numbers::Int);
        }
        if matches!(self, F64(_)) || matches!(other, F64(_)) {
            return zip(&self.doubles(), &other.doubles(), |x, y| {
                Ok(match op {
                    Arithmetic::Add => x + y,
                    Arithmetic::Sub => x - y,
                    Arithmetic::Mul => x * y,
                    Arithmetic::Div => x / y,
                    Arithmetic::Rem => x % y,
                })
            })
            .map(F64);
        }
        zip(&self.singles(), &other.singles(), |x, y| {
            Ok(match op {
                Arithmetic::Add => x + y,
                Arithmetic::Sub => x - y,
                Arithmetic::Mul => x * y,
                Arithmetic::Div => x / y,
                Arithmetic::Rem => x % y,
            })
        })
        .map(Numbers::F32)
    }

    /// Rules 9 and 10: IEEE, and two arrays never stretch. `None` where their shapes differ.
    pub fn compare(&self, op: Comparison, other: &Numbers) -> Option<Numbers> {
        if !meet_without_stretching(self, other) {
            return None;
        }
        let answer = if self.is_integer() && other.is_integer() {
            zip(&self.integers(), &other.integers(), |x, y| Ok(holds(op, x, y)))
        } else {
            zip(&self.doubles(), &other.doubles(), |x, y| Ok(holds(op, x, y)))
        };
        answer.ok().map(Numbers::Bool)
    }

    /// AND or OR, element by element. What arrays of unequal shapes give is not settled.
    pub fn logic(&self, and: bool, other: &Numbers) -> Result<Numbers> {
        if !meet_without_stretching(self, other) {
            return Err(Trouble::Unsettled);
        }
        let answer = |x: bool, y: bool| Ok(if and { x && y } else { x || y });
        zip(&self.truths(), &other.truths(), answer).map(Numbers::Bool)
    }

    pub fn not(&self) -> Numbers {
        Numbers::Bool(self.truths().mapv(|x| !x))
    }

    pub fn negative(&self) -> Result<Numbers> {
        match self {
            Numbers::F32(x) => Ok(Numbers::F32(x.mapv(|x| -x))),
            Numbers::F64(x) => Ok(Numbers::F64(x.mapv(|x| -x))),
            other => {
                let negative = |x: i64| match x.checked_neg() {
                    Some(x) => Ok(x),
                    None => error("- leaves 64 bits"),
                };
                collected(other.integers().mapv(negative)).map(Numbers::Int)
            }
        }
    }

    /// Of all elements, or along one axis.
    pub fn reduce(&self, of: Reduction, axis: Option<i64>, keepdims: bool) -> Result<Numbers> {
        let axis = axis.map(|axis| dimension(axis, self.shape().len())).transpose()?;
        match (of, self) {
            (Reduction::Any, x) => {
                lines(&x.truths(), axis, keepdims, |line| Ok(line.contains(&true)))
                    .map(Numbers::Bool)
            }
            (Reduction::All, x) => {
                lines(&x.truths(), axis, keepdims, |line| Ok(!line.contains(&false)))
                    .map(Numbers::Bool)
            }
            (Reduction::Sum, Numbers::Bool(_) | Numbers::Int(_)) => {
                let sum = |line: Vec<i64>| match i64::try_from(total(&line)) {
                    Ok(sum) => Ok(sum),
                    Err(_) => error("the sum leaves 64 bits"),
                };
                lines(&self.integers(), axis, keepdims, sum).map(Numbers::Int)
            }
            // The generator asks only for sums whose order does not matter; rounded once.
            (Reduction::Sum, Numbers::F32(_)) => {
                let sum = |line: Vec<f64>| Ok(line.iter().sum::<f64>() as f32);
                lines(&self.doubles(), axis, keepdims, sum).map(Numbers::F32)
            }
            (Reduction::Sum, Numbers::F64(x)) => {
                lines(x, axis, keepdims, |line| Ok(line.iter().sum())).map(Numbers::F64)
            }
            (Reduction::Avg, Numbers::Bool(_) | Numbers::Int(_)) => {
                let mean = |line: Vec<i64>| Ok(mean(total(&line) as f64, line.len()));
                lines(&self.integers(), axis, keepdims, mean).map(Numbers::F64)
            }
            (Reduction::Avg, _) => {
                let mean = |line: Vec<f64>| Ok(mean(line.iter().sum(), line.len()));
                lines(&self.doubles(), axis, keepdims, mean).map(Numbers::F64)
            }
            (Reduction::Amin | Reduction::Amax, Numbers::Bool(x)) => {
                // The smallest of no bools is 0, as of no numbers (rule 15).
                let extreme = |line: Vec<bool>| match of {
                    Reduction::Amax => Ok(line.contains(&true)),
                    _ => Ok(!line.is_empty() && !line.contains(&false)),
                };
                lines(x, axis, keepdims, extreme).map(Numbers::Bool)
            }
            (Reduction::Amin, Numbers::Int(x)) => {
                let least = |line: Vec<i64>| Ok(line.into_iter().min().unwrap_or(0));
                lines(x, axis, keepdims, least).map(Numbers::Int)
            }
            (Reduction::Amax, Numbers::Int(x)) => {
                let most = |line: Vec<i64>| Ok(line.into_iter().max().unwrap_or(0));
                lines(x, axis, keepdims, most).map(Numbers::Int)
            }
            (Reduction::Amin | Reduction::Amax, Numbers::F32(_)) => {
                let extreme = |line: Vec<f64>| Ok(extreme(of, &line) as f32);
                lines(&self.doubles(), axis, keepdims, extreme).map(Numbers::F32)
            }
            (Reduction::Amin | Reduction::Amax, Numbers::F64(x)) => {
                lines(x, axis, keepdims, |line| Ok(extreme(of, &line))).map(Numbers::F64)
            }
        }
    }

    /// The elements at these positions of one axis.
    pub fn select(&self, axis: usize, positions: &[usize]) -> Numbers {
        let axis = Axis(axis);
        match self {
            Numbers::Bool(x) => Numbers::Bool(x.select(axis, positions)),
            Numbers::Int(x) => Numbers::Int(x.select(axis, positions)),
            Numbers::F32(x) => Numbers::F32(x.select(axis, positions)),
            Numbers::F64(x) => Numbers::F64(x.select(axis, positions)),
        }
    }

    /// Without an axis of size 1.
    pub fn without(self, axis: usize) -> Numbers {
        let mut shape = self.shape().to_vec();
        assert_eq!(shape.remove(axis), 1);
        self.reshaped(&shape)
    }
}

/// Place of an axis that may count from the end.
pub fn dimension(axis: i64, ndim: usize) -> Result<usize> {
    let from_start = if axis < 0 { axis + ndim as i64 } else { axis };
    match usize::try_from(from_start) {
        Ok(axis) if axis < ndim => Ok(axis),
        _ => error(format!("no axis {axis} of {ndim}")),
    }
}

/// NumPy's broadcast of two shapes.
fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
    let ndim = a.len().max(b.len());
    let padded = |shape: &[usize]| [vec![1; ndim - shape.len()], shape.to_vec()].concat();
    padded(a)
        .into_iter()
        .zip(padded(b))
        .map(|pair| match pair {
            (m, n) if m == n => Ok(m),
            (1, n) => Ok(n),
            (m, 1) => Ok(m),
            _ => error(format!("shapes {a:?} and {b:?} do not broadcast")),
        })
        .collect()
}

fn meet_without_stretching(a: &Numbers, b: &Numbers) -> bool {
    a.shape().is_empty() || b.shape().is_empty() || a.shape() == b.shape()
}

fn zip<A: Copy, B: Copy, O>(
    a: &ArrayD<A>,
    b: &ArrayD<B>,
    f: impl Fn(A, B) -> Result<O>,
) -> Result<ArrayD<O>> {
    let shape = broadcast(a.shape(), b.shape())?;
    let (a, b) = (a.broadcast(&shape[..]).unwrap(), b.broadcast(&shape[..]).unwrap());
    let elements: Result<Vec<O>> = a.iter().zip(b.iter()).map(|(x, y)| f(*x, *y)).collect();
    Ok(ArrayD::from_shape_vec(IxDyn(&shape), elements?).unwrap())
}

/// The same elements in row-major order, however they lay before.
fn reshape<T: Copy>(x: &ArrayD<T>, shape: &[usize]) -> ArrayD<T> {
    ArrayD::from_shape_vec(shape, x.iter().copied().collect()).unwrap()
}

fn collected<O>(results: ArrayD<Result<O>>) -> Result<ArrayD<O>> {
    let shape = results.shape().to_vec();
    let elements: Result<Vec<O>> = results.into_iter().collect();
    Ok(ArrayD::from_shape_vec(shape, elements?).unwrap())
}

/// `f` of all elements, or of every line along an axis.
fn lines<A: Copy, O: Copy>(
    x: &ArrayD<A>,
    axis: Option<usize>,
    keepdims: bool,
    f: impl Fn(Vec<A>) -> Result<O>,
) -> Result<ArrayD<O>> {
    let mut shape = x.shape().to_vec();
    let reduced = match axis {
        Some(axis) => {
            shape[axis] = 1;
            collected(x.map_axis(Axis(axis), |line| f(line.to_vec())))?
        }
        None => {
            shape.fill(1);
            scalar(f(x.iter().copied().collect())?)
        }
    };
    Ok(if keepdims { reshape(&reduced, &shape) } else { reduced })
}

fn integer_arithmetic(op: Arithmetic, x: i64, y: i64) -> Result<i64> {
    let answer = match op {
        Arithmetic::Add => x.checked_add(y),
        Arithmetic::Sub => x.checked_sub(y),
        Arithmetic::Mul => x.checked_mul(y),
        Arithmetic::Div => panic!("/ is f64"),
        Arithmetic::Rem if y == 0 => return error("% 0"),
        // What leaves 64 bits here is the quotient, not the remainder.
        Arithmetic::Rem => Some(x.checked_rem(y).unwrap_or(0)),
    };
    match answer {
        Some(answer) => Ok(answer),
        None => error(format!("{x} {op:?} {y} leaves 64 bits")),
    }
}

fn holds<T: PartialOrd>(op: Comparison, x: T, y: T) -> bool {
    match op {
        Comparison::Eq => x == y,
        Comparison::Ne => x != y,
        Comparison::Lt => x < y,
        Comparison::Le => x <= y,
        Comparison::Gt => x > y,
        Comparison::Ge => x >= y,
    }
}

fn total(line: &[i64]) -> i128 {
    line.iter().map(|x| i128::from(*x)).sum()
}

fn mean(sum: f64, count: usize) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// The smallest or largest; NaN if one is NaN, as in NumPy, and 0 of nothing.
fn extreme(of: Reduction, line: &[f64]) -> f64 {
    if line.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let better = |a: f64, b: f64| if of == Reduction::Amin { a.min(b) } else { a.max(b) };
    line.iter().copied().reduce(better).unwrap_or(0.0)
}
