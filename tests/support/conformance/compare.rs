//! Whether two tables are the same answer.

use super::answer::Answer;
use super::value::Value;

/// What an answer has to be.
#[derive(Debug)]
pub struct Table {
    /// Names of the columns, where they matter.
    pub columns: Option<Vec<String>>,
    pub rows: Vec<Vec<Value>>,
    /// Rows in all, if more than the listed ones.
    pub count: usize,
    /// False if rows may come in any order.
    pub ordered: bool,
    /// Relative, for floats.
    pub tolerance: f64,
}

impl Table {
    /// Nothing, or what differs.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self, columns: &[String], rows: &[Vec<Value>]) -> Result<(), String> {
        if let Some(expected) = self.columns.as_ref().filter(|names| names.as_slice() != columns) {
            return Err(format!("columns {} instead of {}", names(columns), names(expected)));
        }
        if rows.len() != self.count {
            return Err(format!(
                "{} rows instead of {}{}",
                rows.len(),
                self.count,
                first_difference(&self.rows, rows, self.tolerance)
            ));
        }
        if self.ordered {
            let difference = first_difference(&self.rows, rows, self.tolerance);
            return if difference.is_empty() { Ok(()) } else { Err(difference[2..].to_string()) };
        }
        let mut left: Vec<&Vec<Value>> = rows.iter().collect();
        for row in &self.rows {
            match left.iter().position(|other| same_row(row, other, self.tolerance)) {
                Some(at) => drop(left.swap_remove(at)),
                None => return Err(format!("no row {}", shown(row))),
            }
        }
        Ok(())
    }
}

/// True if both rows hold the same values.
pub fn same_row(a: &[Value], b: &[Value], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b, tolerance))
}

/// The first row that differs, after "; "; nothing if none does among those that both have.
fn first_difference(expected: &[Vec<Value>], rows: &[Vec<Value>], tolerance: f64) -> String {
    for (number, (want, got)) in expected.iter().zip(rows).enumerate() {
        if want.len() != got.len() {
            return format!("; {} columns instead of {}", got.len(), want.len());
        }
        let cell = want.iter().zip(got).position(|(want, got)| !want.is_same(got, tolerance));
        if let Some(column) = cell {
            let (want, got) = (&want[column], &got[column]);
            return format!("; row {number}, column {column}: {got} instead of {want}");
        }
    }
    String::new()
}

/// Nothing if two runs ended alike: the same rows, in the same order where they are `ordered`, or
/// both in an error.
///
/// # Errors
/// What differs.
pub fn same_answer(a: &Answer, b: &Answer, ordered: bool) -> Result<(), String> {
    match (a, b) {
        (Answer::Rows { columns, rows }, Answer::Rows { columns: names, rows: others }) => {
            // Sums of floats may be taken in another order.
            let expected = Table {
                columns: Some(columns.clone()),
                rows: rows.clone(),
                count: rows.len(),
                ordered,
                tolerance: 1e-9,
            };
            expected.compare(names, others)
        }
        (Answer::Error { .. }, Answer::Error { .. }) | (Answer::NotRun(_), Answer::NotRun(_)) => {
            Ok(())
        }
        (_, other) => Err(ended(other)),
    }
}

/// How a query ended, for a message.
pub fn ended(answer: &Answer) -> String {
    match answer {
        Answer::Rows { rows, .. } => match rows.first() {
            Some(row) => format!("an answer of {} rows, first {}", rows.len(), shown(row)),
            None => "an answer without rows".to_string(),
        },
        Answer::Error { message, .. } => format!("error: {}", one_line(message)),
        Answer::Panic(message) => format!("panic: {}", one_line(message)),
        Answer::Timeout => "no answer in time".to_string(),
        Answer::NotRun(what) => what.clone(),
    }
}

fn shown(row: &[Value]) -> String {
    let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
    format!("({})", cells.join(" | "))
}

fn names(columns: &[String]) -> String {
    format!("({})", columns.join(", "))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
