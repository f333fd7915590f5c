//! What ORDER BY in TQL sorts by (rules 25 and 26).

use arrow::array::ArrayRef;
use arrow::array::BinaryViewBuilder;
use lakebed_core::DType;
use serde_json::Number;
use serde_json::Value as Json;
use std::sync::Arc;

use crate::canonical::one_nan;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::json::Documents;
use crate::value::Value;

/// One value a row, in an order that bytes have.
#[derive(Debug)]
pub struct SortKey;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_sort_key",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_sort_key(x) -> x, or bytes that sort as JSON does; in TQL: ORDER BY x",
    help: "What TQL sorts by: a scalar itself; of JSON, bytes in the order null, false, true, numbers, texts, lists, objects, where objects are all alike. Arrays have no order.",
    example: "SELECT tensor_sort_key(1.5) AS key",
};

/// Where a list ends: before everything that may stand in it.
const END: u8 = 0;
const NULL: u8 = 1;
const BOOL: u8 = 2;
const NUMBER: u8 = 3;
const TEXT: u8 = 4;
const LIST: u8 = 5;
const OBJECT: u8 = 6;
/// Follows a zero byte inside a text, so that [`END`] alone ends it.
const ESCAPE: u8 = 0xff;
/// From here on, integers that differ may be one f64.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl TensorFunction for SortKey {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [x] = args else { return Err(self.wrong_types(args, "one argument is needed")) };
        if x.ty.as_ref().is_some_and(|ty| !ty.is_scalar()) {
            return Err(self.wrong_types(
                args,
                "rows are sorted by one value each: take an element, such as x[0], or reduce the array",
            ));
        }
        if x.is_json() {
            return Ok(Output::scalar(DType::Bytes, true));
        }
        Ok(Output::from_field(&x.field))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        if !x.arg.is_json() {
            // NaN is one value, and the last.
            return Ok(one_nan(&x.array));
        }
        let mut keys = BinaryViewBuilder::with_capacity(rows);
        let some = x.nulls(rows).is_none_or(|nulls| nulls.null_count() < rows);
        let documents = if some { Some(Documents::try_new(x)?) } else { None };
        let mut key = Vec::new();
        for row in 0..rows {
            let value = match &documents {
                Some(documents) if !x.is_null(row) => documents.get(row)?,
                _ => Json::Null,
            };
            if value.is_null() {
                keys.append_null();
                continue;
            }
            key.clear();
            push(&value, &mut key);
            keys.append_value(&key);
        }
        Ok(Arc::new(keys.finish()))
    }
}

/// The bytes that a document sorts by.
pub fn json_key(document: &Json) -> Vec<u8> {
    let mut key = Vec::new();
    push(document, &mut key);
    key
}

fn push(value: &Json, key: &mut Vec<u8>) {
    match value {
        Json::Null => key.push(NULL),
        Json::Bool(value) => key.extend([BOOL, u8::from(*value)]),
        Json::Number(number) => {
            key.push(NUMBER);
            push_number(number, key);
        }
        Json::String(text) => {
            key.push(TEXT);
            for byte in text.bytes() {
                key.push(byte);
                if byte == END {
                    key.push(ESCAPE);
                }
            }
            key.push(END);
        }
        Json::Array(items) => {
            key.push(LIST);
            items.iter().for_each(|item| push(item, key));
            key.push(END);
        }
        Json::Object(_) => key.push(OBJECT),
    }
}

/// The float that it is or is nearest to, then the integer where that is not exact.
fn push_number(number: &Number, key: &mut Vec<u8>) {
    // -0 is 0.
    let float = number.as_f64().unwrap_or(f64::NAN) + 0.0;
    let bits = float.to_bits();
    let sign = 1 << 63;
    let ordered = if bits & sign == 0 { bits | sign } else { !bits };
    key.extend(ordered.to_be_bytes());
    if float.abs() >= EXACT {
        let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        // A float of this size is whole; one beyond 128 bits meets no integer.
        let exact = integer.or_else(|| format!("{float:.0}").parse().ok()).unwrap_or(0);
        key.extend((exact ^ i128::MIN).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::push;

    #[test]
    fn documents_have_one_order() {
        let texts = [
            "false",
            "true",
            "-1e300",
            "-2",
            "-1.5",
            "0",
            "0.5",
            "2",
            "9007199254740992",
            "9007199254740993",
            "9007199254740994.0",
            "18446744073709551615",
            "\"\"",
            "\"a\"",
            "\"a\\u0000\"",
            "\"ab\"",
            "\"b\"",
            "[]",
            "[null]",
            "[1]",
            "[1,\"a\"]",
            "[1,\"a\",null]",
            "[2]",
            "[\"a\"]",
            "{}",
        ];
        let keys: Vec<Vec<u8>> = texts
            .iter()
            .map(|text| {
                let mut key = Vec::new();
                push(&serde_json::from_str(text).unwrap(), &mut key);
                key
            })
            .collect();
        for (pair, names) in keys.windows(2).zip(texts.windows(2)) {
            assert!(pair[0] < pair[1], "{} before {}", names[0], names[1]);
        }
        let key = |text: &str| {
            let mut key = Vec::new();
            push(&serde_json::from_str(text).unwrap(), &mut key);
            key
        };
        assert_eq!(key("{\"a\":1}"), key("{\"b\":2}"));
        assert_eq!(key("2"), key("2.0"));
        assert_eq!(key("0"), key("-0.0"));
    }
}
