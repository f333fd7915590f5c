//! JSON documents beside other values (rule 25): access yields JSON, comparison is dynamic.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::BooleanArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Float64Type;
use arrow::datatypes::Int64Type;
use arrow::datatypes::UInt64Type;
use datafusion_expr::Operator;
use serde_json::Value as Json;

use crate::error::FunctionError;
use crate::error::Result;
use crate::kernels::compare::Compare;
use crate::value::Value;
use crate::value::any_null;

/// A column of scalars as JSON values.
pub struct Documents {
    source: Source,
    constant: bool,
}

enum Source {
    Documents(arrow::array::StringViewArray),
    Texts(arrow::array::StringViewArray),
    Bools(BooleanArray),
    Ints(arrow::array::Int64Array),
    Wide(arrow::array::UInt64Array),
    Floats(arrow::array::Float64Array),
    /// A constant, parsed once.
    Parsed(Json),
}

impl Documents {
    /// Looks at an argument.
    ///
    /// # Errors
    /// Those of Arrow's casts, or [`FunctionError::Row`] for a constant that is no JSON.
    pub fn try_new(value: &Value) -> Result<Documents> {
        let source = match value.array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View if value.arg.is_json() => {
                Source::Documents(value.texts()?)
            }
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Source::Texts(value.texts()?)
            }
            DataType::Boolean => Source::Bools(value.array.as_boolean().clone()),
            DataType::UInt64 => Source::Wide(value.array.as_primitive::<UInt64Type>().clone()),
            data_type if data_type.is_integer() => Source::Ints(
                cast(&value.array, &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
            ),
            _ => Source::Floats(
                cast(&value.array, &DataType::Float64)?.as_primitive::<Float64Type>().clone(),
            ),
        };
        let mut documents = Documents { source, constant: value.constant };
        if value.constant && !value.is_null(0) {
            documents.source = Source::Parsed(documents.read(0)?);
        }
        Ok(documents)
    }

    /// The value of a row that is not null.
    ///
    /// # Errors
    /// [`FunctionError::Row`] for text that is no JSON.
    pub fn get(&self, row: usize) -> Result<Json> {
        self.read(if self.constant { 0 } else { row })
    }

    fn read(&self, row: usize) -> Result<Json> {
        Ok(match &self.source {
            Source::Documents(texts) => parse(texts.value(row), row)?,
            Source::Texts(texts) => Json::from(texts.value(row)),
            Source::Bools(bools) => Json::from(bools.value(row)),
            Source::Ints(ints) => Json::from(ints.value(row)),
            Source::Wide(ints) => Json::from(ints.value(row)),
            Source::Floats(floats) => Json::from(floats.value(row)),
            Source::Parsed(value) => value.clone(),
        })
    }
}

/// Reads one document.
///
/// # Errors
/// [`FunctionError::Row`].
pub fn parse(text: &str, row: usize) -> Result<Json> {
    serde_json::from_str(text).map_err(|error| FunctionError::Row {
        function: "json",
        row,
        reason: format!("the value is no JSON: {error}"),
    })
}

/// Compares two columns of which one is JSON; a mismatch of types is false.
///
/// # Errors
/// As [`Documents`].
pub fn compare(operator: Operator, a: &Value, b: &Value, rows: usize) -> Result<ArrayRef> {
    let nulls = any_null(&[a.clone(), b.clone()], rows);
    let mut answers = vec![false; rows];
    if nulls.as_ref().is_none_or(|nulls| nulls.null_count() < rows) {
        let (x, y) = (Documents::try_new(a)?, Documents::try_new(b)?);
        for (row, answer) in answers.iter_mut().enumerate() {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                *answer = holds(operator, &x.get(row)?, &y.get(row)?);
            }
        }
    }
    Ok(Arc::new(BooleanArray::new(answers.into(), nulls)))
}

fn holds(operator: Operator, a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Null, _) | (_, Json::Null) => false,
        (Json::Object(_), Json::Object(_)) | (Json::Array(_), Json::Array(_)) => match operator {
            Operator::Eq => equal(a, b),
            Operator::NotEq => !equal(a, b),
            _ => false,
        },
        // NaN cannot be in JSON, but in the other operand: only `!=` holds then.
        (Json::Number(_), Json::Number(_)) => match order(a, b) {
            Some(order) => Compare::holds(operator, order),
            None => operator == Operator::NotEq,
        },
        _ => order(a, b).is_some_and(|order| Compare::holds(operator, order)),
    }
}

fn order(a: &Json, b: &Json) -> Option<Ordering> {
    match (a, b) {
        (Json::Bool(x), Json::Bool(y)) => Some(x.cmp(y)),
        (Json::String(x), Json::String(y)) => Some(x.cmp(y)),
        (Json::Number(x), Json::Number(y)) => {
            let wide = |n: &serde_json::Number| {
                n.as_i64().map(i128::from).or_else(|| n.as_u64().map(i128::from))
            };
            match (wide(x), wide(y)) {
                (Some(x), Some(y)) => Some(x.cmp(&y)),
                _ => x.as_f64()?.partial_cmp(&y.as_f64()?),
            }
        }
        _ => None,
    }
}

/// Equality by value: 1 and 1.0 are the same number, at any depth.
pub fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Null, Json::Null) => true,
        (Json::Array(x), Json::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| equal(x, y))
        }
        (Json::Object(x), Json::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| equal(x, y)))
        }
        _ => order(a, b).is_some_and(Ordering::is_eq),
    }
}

/// Rule 6: scalars by value, a list by its first element, text and objects false.
pub fn truth(value: &Json) -> bool {
    match value {
        Json::Bool(x) => *x,
        Json::Number(x) => x.as_f64().is_some_and(|x| x != 0.0),
        Json::Array(items) => items.first().is_some_and(truth),
        Json::Null | Json::String(_) | Json::Object(_) => false,
    }
}
