//! `TO_JSON(x)` and `JSON_PARSE(text)`.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::StringViewBuilder;
use lakebed_core::DType;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::json;
use crate::json::Documents;
use crate::labels;
use crate::value::Value;

/// A single value as JSON.
#[derive(Debug)]
pub struct ToJson;

/// A text that is JSON as JSON.
#[derive(Debug)]
pub struct JsonParse;

static TO_JSON: Entry = Entry {
    tql: &["TO_JSON"],
    udf: "tensor_to_json",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_to_json(x) -> json",
    help: "A text, number or bool as JSON; a class label as the text of its name; JSON as it is.",
    example: "SELECT tensor_to_json('cell') AS document",
};

static JSON_PARSE: Entry = Entry {
    tql: &["JSON_PARSE"],
    udf: "json_parse",
    aliases: &[],
    parameters: &["text"],
    signature: "json_parse(text) -> json",
    help: "The JSON that a text spells; text that is no JSON is an error.",
    example: "SELECT json_length(json_parse('[1, 2]')) AS items",
};

impl TensorFunction for ToJson {
    fn entry(&self) -> &'static Entry {
        &TO_JSON
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let known = args.first().and_then(Arg::scalar_dtype).is_some_and(|dtype| {
            matches!(dtype, DType::Json | DType::Text) || dtype.is_tensor_element()
        });
        if !known {
            return Err(self.wrong_types(args, "it takes one text, number or bool a row"));
        }
        Ok(Output::scalar(DType::Json, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        if x.arg.is_json() {
            return Ok(Arc::new(x.texts()?));
        }
        let mut texts = StringViewBuilder::with_capacity(rows);
        if x.nulls(rows).is_some_and(|nulls| nulls.null_count() == rows) {
            (0..rows).for_each(|_| texts.append_null());
        } else if x.arg.classes().is_some() {
            let numbers = x.numbers()?;
            let names = labels::names(&numbers)?;
            for row in 0..rows {
                let name = names.get(numbers.range(row).start).copied().flatten();
                let name = name.filter(|_| !numbers.is_null(row));
                texts.append_option(name.map(|name| serde_json::Value::from(name).to_string()));
            }
        } else {
            let documents = Documents::try_new(x)?;
            for row in 0..rows {
                match x.is_null(row) {
                    true => texts.append_null(),
                    false => texts.append_value(documents.get(row)?.to_string()),
                }
            }
        }
        Ok(Arc::new(texts.finish()))
    }
}

impl TensorFunction for JsonParse {
    fn entry(&self) -> &'static Entry {
        &JSON_PARSE
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        match args {
            [x] if x.is_text() || x.is_json() => {
                Ok(Output::scalar(DType::Json, any_nullable(args)))
            }
            _ => Err(self.wrong_types(args, "it takes text")),
        }
    }

    fn evaluate(&self, args: &[Value], _out: &Output, _rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let texts = x.texts()?;
        for row in (0..texts.len()).filter(|row| texts.is_valid(*row)) {
            json::parse(texts.value(row), row)?;
        }
        Ok(Arc::new(texts))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Int64Array;
    use arrow::array::StringViewArray;
    use lakebed_core::DType;

    use crate::testing::*;

    #[test]
    fn values_become_documents_and_texts_are_parsed() {
        let texts = StringViewArray::from(vec![Some("a\"b"), None]);
        let texts = scalars(DType::Text, Arc::new(texts));
        let json = run("tensor_to_json", &[texts], 2).texts();
        assert_eq!(json, [Some("\"a\\\"b\"".to_string()), None]);
        let numbers = scalars(DType::I64, Arc::new(Int64Array::from(vec![7])));
        assert_eq!(run("tensor_to_json", &[numbers], 1).texts(), [Some("7".to_string())]);
        let spelled = StringViewArray::from(vec!["[1]", "[1"]);
        let spelled = scalars(DType::Text, Arc::new(spelled));
        let refused = call("json_parse", &[spelled], 2).unwrap_err();
        assert!(refused.contains("row 1") && refused.contains("no JSON"), "{refused}");
    }
}
