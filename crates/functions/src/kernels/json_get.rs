//! `d['key']` and `d[0]` on JSON (rule 25).

use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::datatypes::Int64Type;
use lakebed_core::DType;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::json_access;
use crate::json_access::Key;
use crate::value::Value;

/// A member of an object or an item of a list.
#[derive(Debug)]
pub struct JsonGet {
    /// True for text, false for JSON.
    as_text: bool,
}

/// As JSON.
pub static GET: JsonGet = JsonGet { as_text: false };
/// As text.
pub static GET_TEXT: JsonGet = JsonGet { as_text: true };

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "json_get",
    aliases: &[],
    parameters: &["json", "key"],
    signature: "json_get(json, key or place) -> json; in TQL: d['key'], d[0]; in SQL: json -> 'key'",
    help: "The member of an object, or the item of a list from 0, negative from the end, as JSON. Null where there is none.",
    example: "SELECT json_get('{\"stain\": \"Wright\"}', 'stain') AS stain",
};

static TEXT_ENTRY: Entry = Entry {
    tql: &[],
    udf: "json_get_text",
    aliases: &[],
    parameters: &["json", "key"],
    signature: "json_get_text(json, key or place) -> text; in SQL: json ->> 'key'",
    help: "As json_get, as text: of a text what it says, of anything else its JSON.",
    example: "SELECT json_get_text('{\"stain\": \"Wright\"}', 'stain') AS stain",
};

impl TensorFunction for JsonGet {
    fn entry(&self) -> &'static Entry {
        if self.as_text { &TEXT_ENTRY } else { &ENTRY }
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn per_item(&self) -> bool {
        true
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let fits = match args {
            [json, key] => {
                let by_place = key.scalar_dtype().is_some_and(DType::is_integer);
                (json.is_json() || json.is_text()) && (key.is_text() || by_place)
            }
            _ => false,
        };
        if !fits {
            return Err(self.wrong_types(
                args,
                "it takes JSON and the name of a member or the place of an item",
            ));
        }
        Ok(Output::scalar(if self.as_text { DType::Text } else { DType::Json }, true))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [json, key] = args else {
            return Err(self.wrong_types(&[], "two arguments are needed"));
        };
        // Text counts as JSON here, so that a literal can be taken apart.
        let mut json = json.clone();
        json.arg.ty = Some(lakebed_core::TensorType::scalar(DType::Json));
        if key.arg.is_text() {
            let names = key.texts()?;
            return self.members(&json, rows, |row| {
                (!key.is_null(row)).then(|| Key::Name(names.value(key.row(row)).to_string()))
            });
        }
        let places = cast(&key.array, &DataType::Int64)?;
        let places = places.as_primitive::<Int64Type>();
        self.members(&json, rows, |row| {
            (!key.is_null(row)).then(|| Key::Place(places.value(key.row(row))))
        })
    }
}

impl JsonGet {
    fn members(
        &self,
        json: &Value,
        rows: usize,
        key: impl Fn(usize) -> Option<Key>,
    ) -> Result<ArrayRef> {
        match self.as_text {
            true => json_access::get_text(json, rows, key),
            false => json_access::get(json, rows, key),
        }
    }
}
