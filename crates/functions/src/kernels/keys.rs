//! `KEYS(json)`.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringViewBuilder;
use arrow::buffer::NullBuffer;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorType;
use serde_json::Value as Json;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::json::Documents;
use crate::value::Value;

/// The names of an object's members.
#[derive(Debug)]
pub struct Keys;

static ENTRY: Entry = Entry {
    tql: &["KEYS"],
    udf: "json_keys",
    aliases: &["keys"],
    parameters: &["json"],
    signature: "json_keys(json) -> sequence of text",
    help: "The names of the members of a JSON object, sorted by their bytes; null of anything else. CONTAINS(KEYS(m), 'k') and ANY(KEYS(m) = 'k') ask for one.",
    example: "SELECT KEYS(json_get('{\"a\": {\"y\": 1, \"x\": 2}}', 'a')) AS names",
};

impl TensorFunction for Keys {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        match args {
            [x] if x.is_json() => {
                let names = TensorType::sequence(TensorType::scalar(DType::Text));
                Ok(Output::tensor(names, true))
            }
            _ => Err(self.wrong_types(args, "only JSON has keys")),
        }
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let all_null = x.nulls(rows).is_some_and(|nulls| nulls.null_count() == rows);
        let documents = if all_null { None } else { Some(Documents::try_new(x)?) };
        let mut names = StringViewBuilder::new();
        let mut count = 0;
        let mut layout = Layouter::new(1, rows);
        let mut valid = Vec::with_capacity(rows);
        for row in 0..rows {
            let document = match &documents {
                Some(documents) if !x.is_null(row) => documents.get(row)?,
                _ => Json::Null,
            };
            let Json::Object(members) = document else {
                valid.push(false);
                layout.push_null(count)?;
                continue;
            };
            let mut sorted: Vec<&String> = members.keys().collect();
            sorted.sort_unstable();
            sorted.iter().for_each(|name| names.append_value(name));
            count += sorted.len();
            valid.push(true);
            layout.push(count, &Shape::new(&[sorted.len()]).unwrap_or_default())?;
        }
        let names: ArrayRef = Arc::new(names.finish());
        assemble(out.ty()?, names, layout, Some(NullBuffer::from(valid)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Array;
    use arrow::array::AsArray;
    use arrow::array::StringViewArray;
    use lakebed_core::DType;

    use crate::testing::*;

    fn documents() -> Given {
        let texts = vec![
            Some(r#"{"score": 1, "author": {"z": 1}, "tags": []}"#),
            None,
            Some("{}"),
            Some("[1]"),
            Some(r#"{"é": 1, "z": 2, "Z": 3, "z": 4}"#),
            Some("null"),
        ];
        scalars(DType::Json, Arc::new(StringViewArray::from(texts)))
    }

    #[test]
    fn names_are_sorted() {
        let answer = run("json_keys", &[documents()], 6);
        let lists = answer.array.as_list::<i32>();
        let names: Vec<Option<Vec<String>>> = lists
            .iter()
            .map(|list| {
                list.map(|list| {
                    list.as_string_view().iter().map(|name| name.unwrap().to_string()).collect()
                })
            })
            .collect();
        let of = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect());
        assert_eq!(
            names,
            [of(&["author", "score", "tags"]), None, of(&[]), None, of(&["Z", "z", "é"]), None]
        );
        assert!(answer.array.is_null(1));
        let error = call("json_keys", &[literal("{}")], 1).unwrap_err();
        assert!(error.contains("only JSON"), "{error}");
    }

    #[test]
    fn names_can_be_looked_for() {
        let keys = run("json_keys", &[documents()], 6).given();
        let expected = [Some(true), None, Some(false), None, Some(false), None];
        let found = run("tensor_contains", &[keys.clone(), literal("tags")], 6).bools();
        assert_eq!(found, expected);
        let same = run("tensor_eq", &[keys.clone(), literal("tags")], 6).given();
        assert_eq!(run("tensor_any", &[same], 6).bools(), expected);
        let first = run("tensor_slice_or_null", &[keys, literal("0")], 6).texts();
        assert_eq!(first[0].as_deref(), Some("author"));
        assert_eq!(first[2], None);
    }

    #[test]
    fn nothing_but_nulls() {
        let texts: Vec<Option<&str>> = vec![None, None];
        let x = scalars(DType::Json, Arc::new(StringViewArray::from(texts)));
        assert_eq!(run("json_keys", &[x], 2).array.null_count(), 2);
    }
}
