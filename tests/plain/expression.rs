//! A small tree of TQL: its text, and its value in one row.

use std::collections::BTreeMap;
use std::fmt;

use ndarray::Array1;

use super::slice::Subscript;
use super::slice::subscripted;
use super::types::Dims;
use super::value::Arithmetic;
use super::value::Comparison;
use super::value::Numbers;
use super::value::Reduction;
use super::value::Result;
use super::value::Trouble;
use super::value::Value;
use super::value::both;
use super::value::error;
use super::value::scalar;
use super::value::unneeded;

/// An expression.
#[derive(Clone, PartialEq)]
pub enum Expr {
    Column(&'static str),
    Int(i64),
    Decimal(f64),
    /// `ARRAY[...]` of [`Expr::Int`] and [`Expr::Decimal`].
    Array(Vec<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// AND if true, OR if false.
    Logic(bool, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    /// The reduction, its axis, and keepdims.
    Reduce(Reduction, Box<Expr>, Option<i64>, bool),
    Shape(Box<Expr>),
    IsNull(Box<Expr>),
    Subscript(Box<Expr>, Vec<Subscript>),
}

/// The values of one row, by column.
pub type Row = BTreeMap<&'static str, Value>;

/// Where an expression stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Select,
    Where,
}

impl Expr {
    /// The value in a row.
    ///
    /// # Errors
    /// What the rules make an error, in the types or in this row.
    pub fn value(&self, row: &Row, place: Place) -> Result<Value> {
        self.dims()?;
        self.evaluate(row, place)
    }

    /// True if WHERE keeps the row (rules 6 and 7).
    ///
    /// # Errors
    /// As [`Expr::value`]. A side of AND or OR is unneeded where the other decides.
    pub fn keeps(&self, row: &Row) -> Result<bool> {
        match self {
            Expr::Logic(and, a, b) => {
                let (a, b) = unneeded(both(a.keeps(row), b.keeps(row)))?;
                Ok(if *and { a && b } else { a || b })
            }
            Expr::Not(inner) => Ok(!inner.keeps(row)?),
            other => Ok(match other.value(row, Place::Where)? {
                Value::Null => false,
                Value::Numbers(x) => x.truths().first().copied().unwrap_or(false),
            }),
        }
    }

    /// As [`Expr::value`], for types that were checked.
    pub fn evaluate(&self, row: &Row, place: Place) -> Result<Value> {
        let one = |x: &Expr| x.evaluate(row, place);
        let bool = |x: bool| Value::Numbers(Numbers::Bool(scalar(x)));
        Ok(match self {
            Expr::Column(name) => row[name].clone(),
            Expr::Int(x) => Value::Numbers(Numbers::Int(scalar(*x))),
            Expr::Decimal(x) => Value::Numbers(Numbers::F64(scalar(*x))),
            Expr::Array(items) => Value::Numbers(array(items)),
            Expr::Arithmetic(op, a, b) => match operands(a, b, row, place)? {
                Some((a, b)) => Value::Numbers(a.arithmetic(*op, &b)?),
                None => Value::Null,
            },
            Expr::Compare(op, a, b) => match operands(a, b, row, place)? {
                None => Value::Null,
                Some((a, b)) => match a.compare(*op, &b) {
                    Some(answer) => Value::Numbers(answer),
                    // A condition takes null and false for the same.
                    None if place == Place::Where => Value::Null,
                    None => return error("compared shapes differ"),
                },
            },
            Expr::Logic(and, a, b) => match unneeded(operands(a, b, row, place))? {
                Some((a, b)) => Value::Numbers(a.logic(*and, &b)?),
                None => self.with_null(*and, &one(a)?, &one(b)?)?,
            },
            Expr::Not(x) => map(one(x)?, |x| Ok(x.not()))?,
            Expr::Negative(x) => map(one(x)?, Numbers::negative)?,
            Expr::Reduce(of, x, axis, keepdims) => {
                map(one(x)?, |x| x.reduce(*of, *axis, *keepdims))?
            }
            // The types alone may tell the shape, and that there is a value.
            Expr::Shape(x) => map(unneeded(one(x))?, |x| {
                let sizes = x.shape().iter().map(|size| *size as i64);
                Ok(Numbers::Int(Array1::from_iter(sizes).into_dyn()))
            })?,
            Expr::IsNull(x) => match unneeded(one(x))? {
                Value::Null => bool(true),
                Value::Numbers(x) => bool(x.len() == 0),
            },
            Expr::Subscript(x, parts) => match one(x)? {
                Value::Null => Value::Null,
                Value::Numbers(x) => subscripted(&x, parts, row, place)?,
            },
        })
    }

    /// AND and OR of scalars are SQL's, with three values; of an array and null unsettled.
    fn with_null(&self, and: bool, a: &Value, b: &Value) -> Result<Value> {
        if !self.dims()?.is_empty() {
            return Err(Trouble::Unsettled);
        }
        let decides = |x: &Value| match x {
            Value::Null => false,
            Value::Numbers(x) => x.truths().first() == Some(&!and),
        };
        let decided = decides(a) || decides(b);
        Ok(if decided { Value::Numbers(Numbers::Bool(scalar(!and))) } else { Value::Null })
    }
}

fn map(value: Value, f: impl FnOnce(&Numbers) -> Result<Numbers>) -> Result<Value> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Numbers(x) => f(&x).map(Value::Numbers),
    }
}

/// Both operands; `None` if one is null. One element against a scalar is a scalar (rule 10), where
/// the types say that there is one: a column's number of dimensions is the same in every row.
fn operands(a: &Expr, b: &Expr, row: &Row, place: Place) -> Result<Option<(Numbers, Numbers)>> {
    let values = both(a.evaluate(row, place), b.evaluate(row, place))?;
    let (Value::Numbers(x), Value::Numbers(y)) = values else { return Ok(None) };
    let single = |dims: &Dims| dims.iter().all(|size| *size == Some(1));
    let (p, q) = (a.dims()?, b.dims()?);
    if (p.is_empty() || q.is_empty()) && single(&p) && single(&q) {
        return Ok(Some((x.into_scalar(), y.into_scalar())));
    }
    Ok(Some((x, y)))
}

/// Rule 12: f32 where every element is exact in f32 or written as a decimal; else i64 or f64.
fn array(items: &[Expr]) -> Numbers {
    let number = |item: &Expr| match item {
        Expr::Int(x) => *x as f64,
        Expr::Decimal(x) => *x,
        other => panic!("{other} is no literal"),
    };
    let integer = |item: &Expr| match item {
        Expr::Int(x) => Some(*x),
        _ => None,
    };
    let small = items.iter().all(|item| match item {
        Expr::Int(x) => (*x as f32) as i128 == i128::from(*x),
        _ => true,
    });
    let integers: Option<Vec<i64>> = items.iter().map(integer).collect();
    let doubles: Array1<f64> = items.iter().map(number).collect();
    match (small, integers) {
        (true, _) => Numbers::F32(doubles.mapv(|x| x as f32).into_dyn()),
        (false, Some(integers)) => Numbers::Int(Array1::from_vec(integers).into_dyn()),
        (false, None) => Numbers::F64(doubles.into_dyn()),
    }
}

/// The text of TQL, with brackets wherever they could matter.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Column(name) => f.write_str(name),
            Expr::Int(x) if *x < 0 => write!(f, "({x})"),
            Expr::Int(x) => write!(f, "{x}"),
            Expr::Decimal(x) if *x < 0.0 => write!(f, "({x:?})"),
            Expr::Decimal(x) => write!(f, "{x:?}"),
            Expr::Array(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "ARRAY[{}]", items.join(", ").replace(['(', ')'], ""))
            }
            Expr::Arithmetic(op, a, b) => {
                let sign = match op {
                    Arithmetic::Add => "+",
                    Arithmetic::Sub => "-",
                    Arithmetic::Mul => "*",
                    Arithmetic::Div => "/",
                    Arithmetic::Rem => "%",
                };
                write!(f, "({a} {sign} {b})")
            }
            Expr::Compare(op, a, b) => {
                let sign = match op {
                    Comparison::Eq => "==",
                    Comparison::Ne => "!=",
                    Comparison::Lt => "<",
                    Comparison::Le => "<=",
                    Comparison::Gt => ">",
                    Comparison::Ge => ">=",
                };
                write!(f, "({a} {sign} {b})")
            }
            Expr::Logic(true, a, b) => write!(f, "({a} AND {b})"),
            Expr::Logic(false, a, b) => write!(f, "({a} OR {b})"),
            Expr::Not(x) => write!(f, "(NOT {x})"),
            Expr::Negative(x) => write!(f, "(-{x})"),
            Expr::Reduce(of, x, axis, keepdims) => {
                let name = match of {
                    Reduction::Sum => "SUM",
                    Reduction::Avg => "AVG",
                    Reduction::Amin => "AMIN",
                    Reduction::Amax => "AMAX",
                    Reduction::Any => "ANY",
                    Reduction::All => "ALL",
                };
                write!(f, "{name}({x}")?;
                axis.map_or(Ok(()), |axis| write!(f, ", {axis}"))?;
                match (axis, keepdims) {
                    (_, false) => f.write_str(")"),
                    (Some(_), true) => f.write_str(", true)"),
                    (None, true) => f.write_str(", keepdims => true)"),
                }
            }
            Expr::Shape(x) => write!(f, "SHAPE({x})"),
            Expr::IsNull(x) => write!(f, "({x} IS NULL)"),
            Expr::Subscript(x, parts) => {
                let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                write!(f, "{x}[{}]", parts.join(", "))
            }
        }
    }
}

/// Failing cases are shown as text.
impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
