//! `CONTAINS(x, v)`.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::Field;
use lakebed_core::DType;
use lakebed_core::Layout;
use serde_json::Value as Json;

use crate::assemble::bool_rows;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::json;
use crate::json::Documents;
use crate::per_item;
use crate::substring::holding;
use crate::value::Value;
use crate::value::any_null;

use super::any::Any;
use super::compare;

/// Is the text part of another, or the value an element of an array?
#[derive(Debug)]
pub struct Contains;

static ENTRY: Entry = Entry {
    tql: &["CONTAINS"],
    udf: "tensor_contains",
    aliases: &[],
    parameters: &["x", "value"],
    signature: "tensor_contains(x, value) -> bool",
    help: "True if the second text is part of the first, with the same case; on arrays, sequences and JSON lists, if the value is one of the elements; on a JSON object, if the text is one of its keys.",
    example: "SELECT CONTAINS('red blood cell', 'blood') AS in_text, CONTAINS(ARRAY[1, 2, 3], 2) AS in_array",
};

enum Kind {
    Text,
    Elements,
    Json,
}

impl Contains {
    fn kind(&self, args: &[Arg]) -> Result<Kind> {
        let [x, item] = args else {
            return Err(self.wrong_types(args, "two arguments are needed"));
        };
        if x.is_text() && item.is_text() {
            return Ok(Kind::Text);
        }
        let simple = |arg: &Arg| arg.scalar_dtype().is_some();
        if x.is_json() && simple(item) {
            return Ok(Kind::Json);
        }
        let scalar = x.ty.as_ref().is_some_and(|ty| ty.is_scalar());
        if scalar {
            return Err(self.wrong_types(args, "a scalar has no elements: compare with ="));
        }
        let items = x.ty.as_ref().is_some_and(|ty| {
            ty.is_numeric() || matches!(&ty.layout, Layout::Sequence(inner) if inner.is_scalar())
        });
        if !items || !simple(item) {
            return Err(self.wrong_types(
                args,
                "it looks for one text in a text, or for one value in an array",
            ));
        }
        per_item::result(&compare::EQ, args)?;
        Ok(Kind::Elements)
    }
}

impl TensorFunction for Contains {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        self.kind(args)?;
        Ok(Output::scalar(DType::Bool, any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let described: Vec<Arg> = args.iter().map(|value| value.arg.clone()).collect();
        let kind = self.kind(&described)?;
        let [x, item] = args else {
            return Err(self.wrong_types(&described, "two arguments are needed"));
        };
        match kind {
            Kind::Text => {
                let nulls = any_null(args, rows);
                let (texts, parts) = (x.texts()?, item.texts()?);
                let valid = |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
                let found = if item.constant && rows > 0 && !item.is_null(0) {
                    let part = parts.value(item.row(0)).as_bytes();
                    let found = holding(&texts, part);
                    match x.constant {
                        true => BooleanBuffer::collect_bool(rows, |row| found.value(x.row(row))),
                        false => found,
                    }
                } else {
                    BooleanBuffer::collect_bool(rows, |row| {
                        valid(row) && texts.value(x.row(row)).contains(parts.value(item.row(row)))
                    })
                };
                Ok(bool_rows(found, nulls))
            }
            Kind::Elements => {
                let same = per_item::result(&compare::EQ, &described)?;
                let array = per_item::evaluate(&compare::EQ, args, &same, rows)?;
                let arg = Arg::new(Arc::new(Field::clone(&same.field)), None);
                let same = Value { arg, array, constant: false };
                Any.evaluate(&[same], out, rows)
            }
            Kind::Json => {
                let nulls = any_null(args, rows);
                let mut found = vec![false; rows];
                if nulls.as_ref().is_none_or(|nulls| nulls.null_count() < rows) {
                    let (lists, items) = (Documents::try_new(x)?, Documents::try_new(item)?);
                    for (row, found) in found.iter_mut().enumerate() {
                        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                            *found = holds(&lists.get(row)?, &items.get(row)?);
                        }
                    }
                }
                Ok(bool_rows(BooleanBuffer::from(found), nulls))
            }
        }
    }
}

fn holds(list: &Json, item: &Json) -> bool {
    match (list, item) {
        (Json::Array(items), item) => items.iter().any(|candidate| json::equal(candidate, item)),
        (Json::String(text), Json::String(part)) => text.contains(part.as_str()),
        (Json::Object(members), Json::String(key)) => members.contains_key(key),
        _ => false,
    }
}
