//! Whether an answer is the one that a record asks for.

use serde_json::Value as Json;

use super::answer::Answer;
use super::compare::Table;
use super::compare::ended;
use super::constraint;
use super::corpus::Record;
use super::value::Value;

/// The one reduction that the reference answers with an array of one element.
const ONE_ELEMENT_REDUCTION: &str = "HAMMING_DISTANCE(";
/// Relative tolerance of floats where a record says nothing.
const TOLERANCE: f64 = 1e-6;

/// Nothing if the record holds, or what differs.
///
/// # Errors
/// What differs.
pub fn judge(record: &Record, answer: &Answer) -> Result<(), String> {
    if let Answer::Panic(_) | Answer::Timeout | Answer::NotRun(_) = answer {
        return Err(ended(answer));
    }
    if let Some(expect) = &record.expect {
        return expected(expect, answer);
    }
    match record.verdict.as_str() {
        "match" => recorded(record, answer),
        "error" => match answer {
            Answer::Error { in_query: true, .. } => Ok(()),
            Answer::Error { .. } => Err(format!("no place in the query: {}", ended(answer))),
            _ => Err(format!("{} instead of an error", ended(answer))),
        },
        "nondet" => {
            let (_, rows) = rows_of(answer)?;
            let count = record.recorded.get("n_rows").and_then(Json::as_u64);
            match count {
                Some(count) if count != to_u64(rows.len()) => {
                    Err(format!("{} rows instead of {count}", rows.len()))
                }
                _ => Ok(()),
            }
        }
        "extend" => rows_of(answer).map(|_| ()),
        // An answer or an error: both hold.
        _ => Ok(()),
    }
}

/// The columns and rows of an answer.
///
/// # Errors
/// How the query ended instead.
pub fn rows_of(answer: &Answer) -> Result<(&[String], &[Vec<Value>]), String> {
    match answer {
        Answer::Rows { columns, rows } => Ok((columns, rows)),
        other => Err(ended(other)),
    }
}

/// What an `expect` field says.
fn expected(expect: &Json, answer: &Answer) -> Result<(), String> {
    match expect.get("status").and_then(Json::as_str).unwrap_or("ok") {
        "ok" => {
            let (columns, rows) = rows_of(answer)?;
            table(expect).compare(columns, rows)
        }
        "error" => match answer {
            Answer::Error { .. } => Ok(()),
            _ => Err(format!("{} instead of an error", ended(answer))),
        },
        "any" => match expect.get("one_of").and_then(Json::as_array) {
            None => Ok(()),
            Some(choices) => {
                let mut reasons = Vec::new();
                for choice in choices {
                    match expected(choice, answer) {
                        Ok(()) => return Ok(()),
                        Err(reason) => reasons.push(reason),
                    }
                }
                Err(format!("none of the sane answers: {}", reasons.join("; or ")))
            }
        },
        "constraint" => constraint::check(expect, answer),
        other => Err(format!("the status '{other}' of 'expect' is not known")),
    }
}

/// The answer of the reference, all of it or the columns that were kept.
fn recorded(record: &Record, answer: &Answer) -> Result<(), String> {
    let (columns, rows) = rows_of(answer)?;
    let mut table = table(&record.recorded);
    if record.query.to_uppercase().contains(ONE_ELEMENT_REDUCTION) {
        reduced(&mut table.rows, rows);
    }
    let dropped = strings(record.recorded.get("columns_dropped"));
    let kept: Vec<usize> =
        (0..columns.len()).filter(|at| !dropped.contains(&columns[*at])).collect();
    if kept.len() == columns.len() {
        return table.compare(columns, rows);
    }
    let columns: Vec<String> = kept.iter().map(|at| columns[*at].clone()).collect();
    let rows: Vec<Vec<Value>> =
        rows.iter().map(|row| kept.iter().map(|at| row[*at].clone()).collect()).collect();
    table.compare(&columns, &rows)
}

/// An answer as a record or an `expect` field writes it.
fn table(json: &Json) -> Table {
    let mut rows = row_list(json.get("rows"));
    one_rank(&mut rows);
    let count = json.get("n_rows").and_then(Json::as_u64).and_then(|n| usize::try_from(n).ok());
    Table {
        columns: json.get("columns").map(|columns| strings(Some(columns))),
        count: count.unwrap_or(rows.len()),
        rows,
        ordered: json.get("ordered").and_then(Json::as_bool).unwrap_or(true),
        tolerance: tolerance(json),
    }
}

/// An array of one element against a scalar is a scalar (rule 10), so the reference mixes scalars
/// and arrays in one column. A column here has one number of dimensions: in such a column, and only
/// there, a scalar stands for an array of one element.
fn one_rank(rows: &mut [Vec<Value>]) {
    let is_array = |value: &Value| matches!(value, Value::Tensor(shape, _) if shape.len() == 1);
    let is_scalar =
        |value: &Value| matches!(value, Value::Bool(_) | Value::Int(_) | Value::Float(_));
    let columns = rows.first().map_or(0, Vec::len);
    for column in 0..columns {
        let mixed = rows.iter().any(|row| row.get(column).is_some_and(is_array));
        let cells = rows.iter_mut().filter_map(|row| row.get_mut(column));
        for cell in cells.filter(|cell| mixed && is_scalar(cell)) {
            *cell = Value::Tensor(vec![1], vec![cell.clone()]);
        }
    }
}

/// The shape [1] of a reduction equals a scalar (rule 10).
fn reduced(expected: &mut [Vec<Value>], rows: &[Vec<Value>]) {
    for (want, got) in expected.iter_mut().zip(rows) {
        for (want, got) in want.iter_mut().zip(got) {
            if let (Value::Tensor(shape, elements), Value::Int(_)) = (&*want, got)
                && let ([1], [element]) = (&shape[..], &elements[..])
            {
                *want = element.clone();
            }
        }
    }
}

/// The relative tolerance that a record asks for.
pub fn tolerance(json: &Json) -> f64 {
    json.get("tolerance").and_then(Json::as_f64).unwrap_or(TOLERANCE)
}

/// Rows as a record writes them.
pub fn row_list(rows: Option<&Json>) -> Vec<Vec<Value>> {
    let rows = rows.and_then(Json::as_array).into_iter().flatten();
    rows.map(|row| row.as_array().into_iter().flatten().map(Value::from_record).collect()).collect()
}

/// Names, written as such or as the `name` of objects.
pub fn strings(json: Option<&Json>) -> Vec<String> {
    let items = json.and_then(Json::as_array).into_iter().flatten();
    items
        .filter_map(|item| item.as_str().or_else(|| item.get("name")?.as_str()))
        .map(str::to_string)
        .collect()
}

/// A length for a comparison with JSON.
pub fn to_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
