//! Cells in one form, whether the record or the engine has them, and when two are the same.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value as Json;

/// Shown characters of a value in a message.
const SHOWN: usize = 120;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    /// A class: its code and its name.
    Label(u64, String),
    /// So many bytes that are no text and no picture.
    Bytes(usize),
    /// A sequence, or a list inside a document.
    List(Vec<Value>),
    /// Elements in row-major order; at least one dimension.
    Tensor(Vec<usize>, Vec<Value>),
    Object(BTreeMap<String, Value>),
    /// The reference could not read this cell: nothing is known of it.
    Unread,
}

impl Value {
    /// The cell that a record writes.
    pub fn from_record(json: &Json) -> Value {
        if let Json::Object(members) = json {
            if let (Some(shape), Some(data)) = (members.get("shape"), members.get("data"))
                && members.contains_key("dtype")
            {
                return tensor(shape, data);
            }
            if let Some(name) = members.get("float").and_then(Json::as_str) {
                return Value::Float(match name {
                    "inf" => f64::INFINITY,
                    "-inf" => f64::NEG_INFINITY,
                    _ => f64::NAN,
                });
            }
            if members.contains_key("read_error") {
                return Value::Unread;
            }
            if let Some(count) = members.get("bytes").and_then(Json::as_u64) {
                return Value::Bytes(usize::try_from(count).unwrap_or(usize::MAX));
            }
        }
        Value::from_document(json, Value::from_record)
    }

    /// The cell that a JSON document is.
    pub fn from_json(json: &Json) -> Value {
        Value::from_document(json, Value::from_json)
    }

    fn from_document(json: &Json, inner: impl Fn(&Json) -> Value) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => Value::Int(value.into()),
                (_, Some(value)) => Value::Int(value.into()),
                _ => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(inner).collect()),
            Json::Object(members) => {
                Value::Object(members.iter().map(|(k, v)| (k.clone(), inner(v))).collect())
            }
        }
    }

    /// True if both are the same value of the same shape. `tolerance` is relative and holds for
    /// floats; integers are compared exactly, whatever their width.
    pub fn is_same(&self, other: &Value, tolerance: f64) -> bool {
        match (self, other) {
            (Value::Unread, _) | (_, Value::Unread) | (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
                let (a, b) = (self.number(), other.number());
                close(a, b, tolerance)
            }
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            (Value::Label(a, _), Value::Label(b, _)) => a == b,
            (Value::Label(code, _), Value::Int(b)) | (Value::Int(b), Value::Label(code, _)) => {
                i128::from(*code) == *b
            }
            (Value::Label(_, name), Value::Text(b)) | (Value::Text(b), Value::Label(_, name)) => {
                name == b
            }
            (Value::Tensor(shape, a), Value::Tensor(other_shape, b)) => {
                shape == other_shape && all_same(a, b, tolerance)
            }
            (Value::List(a), Value::List(b)) => all_same(a, b, tolerance),
            (Value::List(list), Value::Tensor(..)) => all_same(list, &other.parts(), tolerance),
            (Value::Tensor(..), Value::List(list)) => all_same(&self.parts(), list, tolerance),
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b)
                        .all(|((name, a), (other, b))| name == other && a.is_same(b, tolerance))
            }
            _ => false,
        }
    }

    fn number(&self) -> f64 {
        match self {
            // A rounded comparison of an integer with a float is what a tolerance is for.
            Value::Int(value) => value.to_string().parse().unwrap_or(f64::NAN),
            Value::Float(value) => *value,
            _ => f64::NAN,
        }
    }

    /// What lies along the first axis of a sequence or tensor; the value alone if it is neither.
    pub fn parts(&self) -> Vec<Value> {
        match self {
            Value::List(items) => items.clone(),
            Value::Tensor(shape, elements) => match shape.split_first() {
                Some((_, [])) | None => elements.clone(),
                Some((count, rest)) => {
                    let size: usize = rest.iter().product();
                    (0..*count)
                        .map(|at| {
                            let part = elements.get(at * size..(at + 1) * size);
                            Value::Tensor(rest.to_vec(), part.unwrap_or_default().to_vec())
                        })
                        .collect()
                }
            },
            other => vec![other.clone()],
        }
    }

    /// Before, with or after another value, for `sorted_by`: nulls first, NaN last.
    pub fn order(&self, other: &Value) -> std::cmp::Ordering {
        let rank = |value: &Value| match value {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) | Value::Float(_) | Value::Label(..) => 2,
            Value::Text(_) => 3,
            _ => 4,
        };
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Label(a, _), Value::Label(b, _)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => a.cmp(b),
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
                let (a, b) = (self.number(), other.number());
                a.partial_cmp(&b).unwrap_or(a.is_nan().cmp(&b.is_nan()))
            }
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

fn all_same(a: &[Value], b: &[Value], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_same(b, tolerance))
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    let near = || (a - b).abs() <= tolerance * a.abs().max(b.abs());
    a == b || (a.is_nan() && b.is_nan()) || (a.is_finite() && b.is_finite() && near())
}

/// `data` is nested lists of the shape, or a scalar for the shape `[]`.
fn tensor(shape: &Json, data: &Json) -> Value {
    let sizes = shape.as_array().into_iter().flatten();
    let shape: Vec<usize> = sizes.filter_map(|size| usize::try_from(size.as_u64()?).ok()).collect();
    let mut elements = Vec::new();
    flatten(data, shape.len(), &mut elements);
    match (shape.is_empty(), elements.pop()) {
        (true, last) => last.unwrap_or(Value::Null),
        (false, None) => Value::Tensor(shape, elements),
        (false, Some(last)) => {
            elements.push(last);
            Value::Tensor(shape, elements)
        }
    }
}

fn flatten(data: &Json, depth: usize, elements: &mut Vec<Value>) {
    match data {
        Json::Array(items) if depth > 0 => {
            items.iter().for_each(|item| flatten(item, depth - 1, elements));
        }
        other => elements.push(Value::from_record(other)),
    }
}

/// One line, shortened; tensors by shape and elements.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = text(self);
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{}…", &text[..end]),
            None => f.write_str(&text),
        }
    }
}

fn text(value: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(text).collect::<Vec<_>>().join(", ");
    match value {
        Value::Null => "null".to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Text(text) => format!("'{text}'"),
        Value::Label(code, name) => format!("class {code} '{name}'"),
        Value::Bytes(count) => format!("{count} bytes"),
        Value::List(items) => format!("[{}]", list(items)),
        Value::Tensor(shape, elements) => format!("tensor {shape:?} [{}]", list(elements)),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name}: {}", text(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Unread => "anything".to_string(),
    }
}
