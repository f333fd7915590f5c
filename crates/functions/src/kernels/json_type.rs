//! `JSON_TYPE(json)`.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringViewBuilder;
use lakebed_core::DType;
use serde_json::Value as Json;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::json::Documents;
use crate::value::Value;

/// What a JSON value is.
#[derive(Debug)]
pub struct JsonType;

static ENTRY: Entry = Entry {
    tql: &["JSON_TYPE"],
    udf: "json_type",
    aliases: &[],
    parameters: &["json"],
    signature: "json_type(json) -> text",
    help: "What a JSON value is: 'null', 'bool', 'number', 'text', 'list' or 'object'.",
    example: "SELECT JSON_TYPE(json_get('{\"a\": [1, 2]}', 'a')) AS kind",
};

impl TensorFunction for JsonType {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        match args {
            [x] if x.is_json() => Ok(Output::scalar(DType::Text, any_nullable(args))),
            _ => Err(self.wrong_types(args, "it takes JSON")),
        }
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let all_null = x.nulls(rows).is_some_and(|nulls| nulls.null_count() == rows);
        let documents = if all_null { None } else { Some(Documents::try_new(x)?) };
        let mut kinds = StringViewBuilder::with_capacity(rows);
        for row in 0..rows {
            match &documents {
                Some(documents) if !x.is_null(row) => {
                    kinds.append_value(kind(&documents.get(row)?))
                }
                _ => kinds.append_null(),
            }
        }
        Ok(Arc::new(kinds.finish()))
    }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "text",
        Json::Array(_) => "list",
        Json::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringViewArray;
    use lakebed_core::DType;

    use crate::testing::*;

    #[test]
    fn kinds_and_lengths() {
        let texts = [
            Some("null"),
            None,
            Some("true"),
            Some("-1.5"),
            Some(r#""日本""#),
            Some("[1, [2, 3]]"),
            Some(r#"{"a": 1, "b": {}}"#),
            Some("[]"),
        ];
        let x = scalars(DType::Json, Arc::new(StringViewArray::from(texts.to_vec())));
        let kinds = run("json_type", std::slice::from_ref(&x), 8).texts();
        let kinds: Vec<Option<&str>> = kinds.iter().map(Option::as_deref).collect();
        assert_eq!(
            kinds,
            [
                Some("null"),
                None,
                Some("bool"),
                Some("number"),
                Some("text"),
                Some("list"),
                Some("object"),
                Some("list"),
            ]
        );
        let lengths = run("json_length", &[x], 8).scalars();
        assert_eq!(lengths, [None, None, None, None, None, Some(2.0), Some(2.0), Some(0.0)]);
        assert!(call("json_length", &[literal("[]")], 1).unwrap_err().contains("takes JSON"));
        assert!(call("json_type", &[literal("[]")], 1).unwrap_err().contains("takes JSON"));
    }

    #[test]
    fn broken_documents_name_their_row() {
        let x = scalars(DType::Json, Arc::new(StringViewArray::from(vec!["1", "{"])));
        let error = call("json_type", &[x], 2).unwrap_err();
        assert!(error.contains("row 1"), "{error}");
    }
}
