//! What a column's first values say about its type.

use lakebed_core::Column;
use lakebed_core::DType;
use serde_json::Value;

use super::written;

/// What is known about a column so far. Observing more only widens it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Kind {
    /// Only nulls.
    #[default]
    Nothing,
    /// Numbers or bools with this many dimensions.
    Tensor(Element, usize),
    /// Empty lists, this deep at least.
    Empty(usize),
    Text,
    Texts,
    /// Objects of base64.
    Bytes,
    /// Objects of base64 that say how a picture is encoded.
    Image,
    /// Only `"NaN"` and the infinities, which JSON has no numbers for.
    NotFinite,
    /// Anything else that JSON can say.
    Json,
}

/// The element type of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    /// Not negative, and fits i64.
    Natural,
    /// Fits i64; some are negative.
    Signed,
    /// Not negative, and above i64's range.
    Unsigned,
    /// Integers that no one type holds.
    Wide,
    Float,
}

impl Kind {
    /// The kind of one value.
    pub fn of(value: &Value) -> Kind {
        match value {
            Value::Null => Kind::Nothing,
            Value::Bool(_) => Kind::Tensor(Element::Bool, 0),
            Value::Number(number) if number.as_i64().is_some_and(|n| n < 0) => {
                Kind::Tensor(Element::Signed, 0)
            }
            Value::Number(number) if number.is_i64() => Kind::Tensor(Element::Natural, 0),
            Value::Number(number) if number.is_u64() => Kind::Tensor(Element::Unsigned, 0),
            Value::Number(_) => Kind::Tensor(Element::Float, 0),
            Value::String(text) => match text.as_str() {
                "NaN" | "Infinity" | "-Infinity" => Kind::NotFinite,
                _ => Kind::Text,
            },
            Value::Object(object) => match object.get("base64") {
                Some(Value::String(_)) if object.len() == 1 => Kind::Bytes,
                Some(Value::String(_)) if object.contains_key("format") => Kind::Image,
                _ => Kind::Json,
            },
            Value::Array(list) => {
                let inner = list.iter().map(Kind::of).reduce(Kind::merge);
                match inner {
                    None => Kind::Empty(1),
                    Some(Kind::NotFinite) => Kind::Tensor(Element::Float, 1),
                    Some(Kind::Tensor(element, ndim)) if ndim < 8 => {
                        Kind::Tensor(element, ndim + 1)
                    }
                    Some(Kind::Empty(depth)) if depth < 8 => Kind::Empty(depth + 1),
                    Some(Kind::Text) if list.iter().all(Value::is_string) => Kind::Texts,
                    Some(_) => Kind::Json,
                }
            }
        }
    }

    /// The kind of a value that is written with an integer which neither i64 nor u64 holds.
    pub fn of_wide(value: &Value, written: &str) -> Kind {
        match Kind::of(value) {
            Kind::Tensor(Element::Float, ndim) if written::all_integers(written) => {
                Kind::Tensor(Element::Wide, ndim)
            }
            kind => kind,
        }
    }

    /// What holds values of both.
    pub fn merge(self, other: Kind) -> Kind {
        match (self, other) {
            (Kind::Nothing, kind) | (kind, Kind::Nothing) => kind,
            (a, b) if a == b => a,
            (Kind::Tensor(a, n), Kind::Tensor(b, m)) if n == m => match (a, b) {
                (Element::Bool, _) | (_, Element::Bool) => Kind::Json,
                (Element::Float, _) | (_, Element::Float) => Kind::Tensor(Element::Float, n),
                (Element::Natural, wider) | (wider, Element::Natural) => Kind::Tensor(wider, n),
                // Some are negative and some beyond i64.
                _ => Kind::Tensor(Element::Wide, n),
            },
            (Kind::Empty(a), Kind::Empty(b)) => Kind::Empty(a.max(b)),
            (Kind::Empty(depth), Kind::Tensor(element, n))
            | (Kind::Tensor(element, n), Kind::Empty(depth))
                if depth <= n =>
            {
                Kind::Tensor(element, n)
            }
            (Kind::NotFinite, Kind::Text) | (Kind::Text, Kind::NotFinite) => Kind::Text,
            (Kind::NotFinite, Kind::Tensor(element, 0))
            | (Kind::Tensor(element, 0), Kind::NotFinite)
                if element != Element::Bool =>
            {
                Kind::Tensor(Element::Float, 0)
            }
            (Kind::Empty(1), Kind::Texts) | (Kind::Texts, Kind::Empty(1)) => Kind::Texts,
            _ => Kind::Json,
        }
    }

    /// The column of this kind: shapes stay open, since later rows may have others.
    pub fn column(&self, name: &str) -> Column {
        let tensor = |element: &Element, ndim: usize| {
            let dtype = match element {
                Element::Bool => DType::Bool,
                Element::Natural | Element::Signed => DType::I64,
                Element::Unsigned => DType::U64,
                // Integers that are too wide come this far only if a type was given for them.
                Element::Float | Element::Wide => DType::F64,
            };
            Column::tensor(name, dtype, &vec![None; ndim])
        };
        let column = match self {
            Kind::Tensor(element, ndim) => tensor(element, *ndim),
            Kind::NotFinite => tensor(&Element::Float, 0),
            Kind::Empty(depth) => tensor(&Element::Float, *depth),
            Kind::Nothing | Kind::Text => Column::text(name),
            Kind::Texts => Column::text(name).sequence(),
            Kind::Bytes => Column::scalar(name, DType::Bytes),
            Kind::Image => Column::image(name),
            Kind::Json => Column::json(name),
        };
        column.nullable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_widen() {
        let merged =
            |values: &[Value]| values.iter().map(Kind::of).reduce(Kind::merge).unwrap().column("x");
        let cases = [
            (vec![json!(1), json!(null)], Column::scalar("x", DType::I64)),
            (vec![json!(1), json!(1.5)], Column::scalar("x", DType::F64)),
            (vec![json!(u64::MAX)], Column::scalar("x", DType::U64)),
            (vec![json!(1), json!(u64::MAX), json!(2)], Column::scalar("x", DType::U64)),
            (vec![json!(1), json!(-1), json!(2)], Column::scalar("x", DType::I64)),
            (vec![json!(u64::MAX), json!(-1)], Column::scalar("x", DType::F64)),
            (vec![json!(true), json!(1)], Column::json("x")),
            (vec![json!([]), json!([[1, 2]])], Column::tensor("x", DType::I64, &[None, None])),
            (vec![json!([]), json!(["a"])], Column::text("x").sequence()),
            (vec![json!([1, "a"])], Column::json("x")),
            (vec![json!({"a": 1})], Column::json("x")),
            (vec![json!(null)], Column::text("x")),
            (vec![json!({"base64": "AA=="}), json!(null)], Column::scalar("x", DType::Bytes)),
            (vec![json!({"base64": "AA==", "a": 1})], Column::json("x")),
            (vec![json!({"format": "png", "shape": [1, 1, 3], "base64": ""})], Column::image("x")),
            (vec![json!([[1], 2])], Column::json("x")),
            (vec![json!("NaN"), json!(1)], Column::scalar("x", DType::F64)),
            (vec![json!("NaN"), json!("a")], Column::text("x")),
            (vec![json!(["NaN", 1.5])], Column::tensor("x", DType::F64, &[None])),
        ];
        for (values, column) in cases {
            assert_eq!(merged(&values), column.nullable(), "{values:?}");
        }
    }
}
