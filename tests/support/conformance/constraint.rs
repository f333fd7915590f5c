//! What an answer has to hold where it is not determined.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::answer::Answer;
use super::compare::same_row;
use super::judge::row_list;
use super::judge::rows_of;
use super::judge::strings;
use super::judge::to_u64;
use super::judge::tolerance;
use super::value::Value;

/// Nothing, or the first condition that does not hold.
///
/// # Errors
/// That condition.
pub fn check(expect: &Json, answer: &Answer) -> Result<(), String> {
    let or_error = expect.get("or_error").and_then(Json::as_bool).unwrap_or(false);
    if or_error && matches!(answer, Answer::Error { .. }) {
        return Ok(());
    }
    let (columns, rows) = rows_of(answer)?;
    let tolerance = tolerance(expect);
    let listed = |name: &str| expect.get(name).map(|rows| row_list(Some(rows)));
    if let Some(count) = expect.get("n_rows").filter(|count| !holds(count, rows.len())) {
        return Err(format!("{} rows instead of {count}", rows.len()));
    }
    if let Some(names) = expect.get("columns").map(|names| strings(Some(names)))
        && names != columns
    {
        return Err(format!("columns ({}) instead of ({})", columns.join(", "), names.join(", ")));
    }
    if let Some(allowed) = listed("subset_of") {
        let other = rows.iter().position(|row| !contains(&allowed, row, tolerance));
        if let Some(number) = other {
            return Err(format!("row {number} is none of those allowed: {:?}", rows[number]));
        }
    }
    if expect.get("distinct").and_then(Json::as_bool).unwrap_or(false) {
        let twice = (1..rows.len()).find(|at| contains(&rows[..*at], &rows[*at], 0.0));
        if let Some(number) = twice {
            return Err(format!("row {number} came before: {:?}", rows[number]));
        }
    }
    for needed in listed("must_contain").unwrap_or_default() {
        if !contains(rows, &needed, tolerance) {
            return Err(format!("no row {needed:?}"));
        }
    }
    if let Some(keys) = expect.get("sorted_by") {
        sorted(keys, columns, rows)?;
    }
    elements(expect, rows, tolerance)
}

fn contains(rows: &[Vec<Value>], row: &[Value], tolerance: f64) -> bool {
    rows.iter().any(|other| same_row(other, row, tolerance))
}

/// A number, a list of numbers, or `{"min", "max"}`.
fn holds(condition: &Json, count: usize) -> bool {
    let count = to_u64(count);
    match condition {
        Json::Array(choices) => choices.iter().any(|choice| choice.as_u64() == Some(count)),
        Json::Object(bounds) => {
            let bound = |name: &str| bounds.get(name).and_then(Json::as_u64);
            bound("min").is_none_or(|min| count >= min)
                && bound("max").is_none_or(|max| count <= max)
        }
        other => other.as_u64() == Some(count),
    }
}

/// A column or a list of them, each `name` or `name DESC`.
fn sorted(keys: &Json, columns: &[String], rows: &[Vec<Value>]) -> Result<(), String> {
    let keys: Vec<&str> = match keys {
        Json::Array(keys) => keys.iter().filter_map(Json::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    let mut places = Vec::new();
    for key in &keys {
        let (name, falling) = match key.rsplit_once(' ') {
            Some((name, way)) if way.eq_ignore_ascii_case("desc") => (name, true),
            Some((name, way)) if way.eq_ignore_ascii_case("asc") => (name, false),
            _ => (*key, false),
        };
        let place = columns.iter().position(|column| column == name);
        places.push((place.ok_or_else(|| format!("no column '{name}' to be sorted by"))?, falling));
    }
    let order = |a: &[Value], b: &[Value]| {
        let keys = places.iter().map(|(place, falling)| {
            let order = a[*place].order(&b[*place]);
            if *falling { order.reverse() } else { order }
        });
        keys.fold(Ordering::Equal, Ordering::then)
    };
    match rows.windows(2).position(|pair| order(&pair[0], &pair[1]) == Ordering::Greater) {
        Some(number) => Err(format!("rows {number} and {} are out of order", number + 1)),
        None => Ok(()),
    }
}

/// `elements_subset_of` and `elements_total`, over the elements of all cells.
fn elements(expect: &Json, rows: &[Vec<Value>], tolerance: f64) -> Result<(), String> {
    let all: Vec<Value> = rows.iter().flatten().flat_map(Value::parts).collect();
    if let Some(total) = expect.get("elements_total").filter(|total| !holds(total, all.len())) {
        return Err(format!("{} elements instead of {total}", all.len()));
    }
    let Some(allowed) = expect.get("elements_subset_of").and_then(Json::as_array) else {
        return Ok(());
    };
    let allowed: Vec<Value> = allowed.iter().map(Value::from_record).collect();
    let known = |value: &&Value| !allowed.iter().any(|other| other.is_same(value, tolerance));
    match all.iter().find(known) {
        Some(value) => Err(format!("the element {value} is none of those allowed")),
        None => Ok(()),
    }
}
