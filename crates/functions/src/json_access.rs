//! Access to members of JSON documents.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::StringViewBuilder;
use lakebed_core::Shape;
use lakebed_core::Subscript;
use lakebed_core::subscript;
use serde_json::Value as Json;

use crate::error::Result;
use crate::json::Documents;
use crate::value::Value;

/// A member of an object, an item of a list, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// By name.
    Name(String),
    /// By place, from the end if negative.
    Place(i64),
    /// A slice of a list, as NumPy cuts.
    Slice(Subscript),
}

impl Key {
    /// The key that a subscript means: an integer, or a name with or without quotes.
    pub fn from_subscript(text: &str) -> Key {
        let trimmed = text.trim();
        if let Ok(place) = trimmed.parse() {
            return Key::Place(place);
        }
        let unquoted = ['\'', '"'].iter().find_map(|quote| {
            trimmed.strip_prefix(*quote).and_then(|rest| rest.strip_suffix(*quote))
        });
        if let (None, Ok([slice @ Subscript::Slice { .. }])) =
            (unquoted, subscript::parse_list(trimmed).as_deref())
        {
            return Key::Slice(*slice);
        }
        Key::Name(unquoted.unwrap_or(text).to_string())
    }

    fn of<'a>(&self, value: &'a Json) -> Option<Cow<'a, Json>> {
        match (self, value) {
            (Key::Name(name), Json::Object(members)) => members.get(name).map(Cow::Borrowed),
            (Key::Place(place), Json::Array(items)) => {
                let from_end = usize::try_from(place.unsigned_abs()).ok()?;
                let at = if *place < 0 { items.len().checked_sub(from_end)? } else { from_end };
                items.get(at).map(Cow::Borrowed)
            }
            (Key::Slice(slice), Json::Array(items)) => {
                let shape = Shape::new(&[items.len()])?;
                let region = subscript::resolve(std::slice::from_ref(slice), &shape).ok()?;
                let runs = region.runs(&shape);
                let chosen = runs.iter().flat_map(|run| items.get(run.start..run.start + run.len));
                Some(Cow::Owned(chosen.flatten().cloned().collect::<Vec<_>>().into()))
            }
            _ => None,
        }
    }
}

/// The member of every row's document, as JSON; null where there is none and where it is null.
///
/// # Errors
/// [`crate::FunctionError::Row`] for text that is no JSON.
pub fn get(documents: &Value, rows: usize, key: impl Fn(usize) -> Option<Key>) -> Result<ArrayRef> {
    members(documents, rows, key, Json::to_string)
}

/// As [`get`], but a text member is the text itself, without quotes.
///
/// # Errors
/// As [`get`].
pub fn get_text(
    documents: &Value,
    rows: usize,
    key: impl Fn(usize) -> Option<Key>,
) -> Result<ArrayRef> {
    members(documents, rows, key, |member| match member {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    })
}

fn members(
    documents: &Value,
    rows: usize,
    key: impl Fn(usize) -> Option<Key>,
    written: impl Fn(&Json) -> String,
) -> Result<ArrayRef> {
    let mut members = StringViewBuilder::with_capacity(rows);
    let all_null = documents.nulls(rows).is_some_and(|nulls| nulls.null_count() == rows);
    let source = if all_null { None } else { Some(Documents::try_new(documents)?) };
    for row in 0..rows {
        let (Some(source), Some(key)) = (&source, key(row)) else {
            members.append_null();
            continue;
        };
        if documents.is_null(row) {
            members.append_null();
            continue;
        }
        let document = source.get(row)?;
        match key.of(&document) {
            Some(member) if !member.is_null() => members.append_value(written(&member)),
            _ => members.append_null(),
        }
    }
    Ok(Arc::new(members.finish()))
}
