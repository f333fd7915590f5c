//! `CONTAINS_TOKEN(text, 'word')` (rule 24).

use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use lakebed_core::DType;

use crate::assemble::bool_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::tokens::Terms;
use crate::value::Value;
use crate::value::any_null;

/// Are all words of one text in another?
#[derive(Debug)]
pub struct ContainsToken;

static ENTRY: Entry = Entry {
    tql: &["CONTAINS_TOKEN"],
    udf: "contains_token",
    aliases: &[],
    parameters: &["text", "words"],
    signature: "contains_token(text, words) -> bool",
    help: "True if every token of the second text is a token of the first, in any order and case. A token is a run of letters and digits. Without a token in the second text it is false.",
    example: "SELECT CONTAINS_TOKEN('Red blood cells', 'BLOOD') AS word, CONTAINS_TOKEN('Red blood cells', 'cell') AS part",
};

impl TensorFunction for ContainsToken {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        if !args.iter().all(Arg::is_text) {
            return Err(self.wrong_types(args, "it looks for the words of a text in a text"));
        }
        Ok(Output::scalar(DType::Bool, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [text, words] = args else {
            return Err(self.wrong_types(&[], "two arguments are needed"));
        };
        let nulls = any_null(args, rows);
        let (texts, queries) = (text.texts()?, words.texts()?);
        let mut terms: Option<Terms> = None;
        let found = BooleanBuffer::collect_bool(rows, |row| {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                return false;
            }
            if !words.constant {
                terms = None;
            }
            let terms = terms.get_or_insert_with(|| Terms::new(queries.value(words.row(row))));
            terms.all_in(texts.value(text.row(row)))
        });
        Ok(bool_rows(found, nulls))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringViewArray;
    use lakebed_core::DType;

    use crate::testing::*;

    fn texts(texts: Vec<Option<&str>>) -> Given {
        scalars(DType::Text, Arc::new(StringViewArray::from(texts)))
    }

    #[test]
    fn whole_words_in_any_case() {
        let x = texts(vec![Some("Deep Lake, stores"), Some("deeper lakes"), Some(""), None]);
        let of = |words: &str| run("contains_token", &[x.clone(), literal(words)], 4).bools();
        assert_eq!(of("lake"), [Some(true), Some(false), Some(false), None]);
        assert_eq!(of("STORES deep"), [Some(true), Some(false), Some(false), None]);
        assert_eq!(of("lake delta"), [Some(false), Some(false), Some(false), None]);
        assert_eq!(of(" ?"), [Some(false), Some(false), Some(false), None]);
        let each = texts(vec![Some("deep"), Some("DEEPER"), Some("a"), Some("a")]);
        let found = run("contains_token", &[x, each], 4).bools();
        assert_eq!(found, [Some(true), Some(true), Some(false), None]);
        let error = call("contains_token", &[literal("a"), literal(1i64)], 1).unwrap_err();
        assert!(error.contains("`text` and `i64`"), "{error}");
    }
}
