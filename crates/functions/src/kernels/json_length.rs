//! `JSON_LENGTH(json)`.

use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;
use serde_json::Value as Json;

use crate::assemble::number_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::json::Documents;
use crate::value::Value;

/// How many items or members there are.
#[derive(Debug)]
pub struct JsonLength;

static ENTRY: Entry = Entry {
    tql: &["JSON_LENGTH"],
    udf: "json_length",
    aliases: &[],
    parameters: &["json"],
    signature: "json_length(json) -> i64",
    help: "How many items a JSON list has, or how many members an object; null of anything else.",
    example: "SELECT JSON_LENGTH(json_get('{\"a\": [1, 2]}', 'a')) AS items",
};

impl TensorFunction for JsonLength {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        match args {
            [x] if x.is_json() => Ok(Output::scalar(DType::I64, true)),
            _ => Err(self.wrong_types(args, "it takes JSON")),
        }
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let all_null = x.nulls(rows).is_some_and(|nulls| nulls.null_count() == rows);
        let documents = if all_null { None } else { Some(Documents::try_new(x)?) };
        let mut lengths = Vec::with_capacity(rows);
        let mut valid = Vec::with_capacity(rows);
        for row in 0..rows {
            let length = match &documents {
                Some(documents) if !x.is_null(row) => match documents.get(row)? {
                    Json::Array(items) => Some(items.len()),
                    Json::Object(members) => Some(members.len()),
                    _ => None,
                },
                _ => None,
            };
            valid.push(length.is_some());
            lengths.push(length.map_or(0, |length| i64::try_from(length).unwrap_or(i64::MAX)));
        }
        Ok(number_rows::<Int64Type>(lengths, Some(NullBuffer::from(valid))))
    }
}
