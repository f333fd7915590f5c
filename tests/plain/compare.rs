//! Are two answers the same?

use super::value::Numbers;
use super::value::Value;

/// Relative, for floats (rule 14).
const TOLERANCE: f64 = 1e-6;

/// The same value of the same shape; integers and bools exactly, NaN equals NaN, and one element of
/// any number of dimensions is a scalar (rule 10).
pub fn is_same(a: &Value, b: &Value) -> bool {
    let (a, b) = match (a, b) {
        (Value::Null, Value::Null) => return true,
        (Value::Numbers(a), Value::Numbers(b)) => (a, b),
        _ => return false,
    };
    let one = a.len() == 1 && b.len() == 1 && (a.shape().is_empty() || b.shape().is_empty());
    if a.shape() != b.shape() && !one {
        return false;
    }
    match (a, b) {
        (Numbers::Bool(a), Numbers::Bool(b)) => a.iter().eq(b.iter()),
        (Numbers::Int(a), Numbers::Int(b)) => a.iter().eq(b.iter()),
        (Numbers::F32(_) | Numbers::F64(_), Numbers::F32(_) | Numbers::F64(_)) => {
            a.doubles().iter().zip(b.doubles().iter()).all(|(a, b)| is_close(*a, *b))
        }
        _ => false,
    }
}

fn is_close(a: f64, b: f64) -> bool {
    let near = (a - b).abs() <= TOLERANCE * a.abs().max(b.abs());
    a == b || (a.is_nan() && b.is_nan()) || (a.is_finite() && b.is_finite() && near)
}
