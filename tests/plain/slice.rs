//! NumPy's basic subscripts (rule 11), one position after the other.

use std::fmt;

use super::expression::Expr;
use super::expression::Place;
use super::expression::Row;
use super::value::Numbers;
use super::value::Result;
use super::value::Trouble;
use super::value::Value;
use super::value::error;

/// One part of a subscript, between its commas.
#[derive(Debug, Clone, PartialEq)]
pub enum Subscript {
    Index(i64),
    /// An index that each row decides: an integer scalar.
    Row(Expr),
    Slice(Option<i64>, Option<i64>, Option<i64>),
    /// `...`.
    Rest,
}

/// The positions that `start:stop:step` selects of `size`, as Python's `slice.indices` has them.
///
/// # Errors
/// A step of 0.
pub fn positions(
    start: Option<i64>,
    stop: Option<i64>,
    step: Option<i64>,
    size: usize,
) -> Result<Vec<usize>> {
    let size = size as i64;
    let step = step.unwrap_or(1);
    if step == 0 {
        return error("the step is 0");
    }
    let (lowest, highest) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let clipped = |bound: i64| {
        let from_start = if bound < 0 { bound + size } else { bound };
        from_start.clamp(lowest, highest)
    };
    let (first, last) = if step > 0 { (0, size) } else { (size - 1, -1) };
    let mut at = start.map_or(first, clipped);
    let stop = stop.map_or(last, clipped);
    let mut chosen = Vec::new();
    while (step > 0 && at < stop) || (step < 0 && at > stop) {
        chosen.push(at as usize);
        at += step;
    }
    Ok(chosen)
}

/// As many `:` as `...` stands for; missing ones at the end stand for themselves.
///
/// # Errors
/// More parts than dimensions, or two `...`.
pub fn spelled_out(parts: &[Subscript], ndim: usize) -> Result<Vec<Subscript>> {
    let rests = parts.iter().filter(|part| **part == Subscript::Rest).count();
    let named = parts.len() - rests;
    if ndim == 0 || named > ndim || rests > 1 {
        return error(format!("{parts:?} of {ndim} dimensions"));
    }
    let mut all = Vec::new();
    for part in parts {
        match part {
            Subscript::Rest => {
                all.extend(vec![Subscript::Slice(None, None, None); ndim - named]);
            }
            other => all.push(other.clone()),
        }
    }
    Ok(all)
}

/// `x[parts]`. An index out of range is an error in SELECT and null in WHERE.
///
/// # Errors
/// As [`spelled_out`] and [`positions`], and that.
pub fn subscripted(x: &Numbers, parts: &[Subscript], row: &Row, place: Place) -> Result<Value> {
    let mut result = x.clone();
    let mut missing = false;
    let mut axis = 0;
    for part in spelled_out(parts, x.shape().len())? {
        let size = result.shape()[axis];
        let index = match part {
            Subscript::Slice(start, stop, step) => {
                result = result.select(axis, &positions(start, stop, step, size)?);
                axis += 1;
                continue;
            }
            Subscript::Index(index) => index,
            Subscript::Row(index) => match index.evaluate(row, place)? {
                Value::Null => return Ok(Value::Null),
                Value::Numbers(Numbers::Int(index)) => *index.first().unwrap(),
                other @ Value::Numbers(_) => panic!("{other:?} is no index"),
            },
            Subscript::Rest => panic!("spelled out above"),
        };
        let from_start = if index < 0 { index.checked_add(size as i64) } else { Some(index) };
        match from_start.and_then(|at| usize::try_from(at).ok()).filter(|at| *at < size) {
            Some(at) => result = result.select(axis, &[at]).without(axis),
            // Other indices may be null, and then the row is.
            None => {
                missing = true;
                axis += 1;
            }
        }
    }
    match place {
        _ if !missing => Ok(Value::Numbers(result)),
        Place::Where => Ok(Value::Null),
        Place::Select => Err(Trouble::Error("an index out of range".to_string())),
    }
}

impl fmt::Display for Subscript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bound: &Option<i64>| bound.map_or_else(String::new, |bound| bound.to_string());
        match self {
            Subscript::Index(index) => write!(f, "{index}"),
            Subscript::Row(index) => write!(f, "{index}"),
            Subscript::Slice(start, stop, None) => write!(f, "{}:{}", text(start), text(stop)),
            Subscript::Slice(start, stop, step) => {
                write!(f, "{}:{}:{}", text(start), text(stop), text(step))
            }
            Subscript::Rest => f.write_str("..."),
        }
    }
}
