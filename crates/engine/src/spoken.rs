//! Messages of functions and of DataFusion in the words of the query.

use std::str::FromStr;

use arrow_schema::DataType;
use arrow_schema::Field;
use lakebed_core::TensorType;
use lakebed_grammar::Language;

/// How operators and helpers are written, by the name of what computes them.
const SIGNS: [(&str, &str); 39] = [
    ("tensor_eq", "=="),
    ("tensor_ne", "!="),
    ("tensor_lt", "<"),
    ("tensor_le", "<="),
    ("tensor_gt", ">"),
    ("tensor_ge", ">="),
    ("tensor_eq_strict", "=="),
    ("tensor_ne_strict", "!="),
    ("tensor_lt_strict", "<"),
    ("tensor_le_strict", "<="),
    ("tensor_gt_strict", ">"),
    ("tensor_ge_strict", ">="),
    ("tensor_add", "+"),
    ("tensor_sub", "-"),
    ("tensor_mul", "*"),
    ("tensor_div", "/"),
    ("tensor_mod", "%"),
    ("tensor_pow", "^"),
    ("tensor_neg", "-"),
    ("tensor_and", "AND"),
    ("tensor_or", "OR"),
    ("tensor_and_strict", "AND"),
    ("tensor_or_strict", "OR"),
    ("tensor_across_space", "ACROSS SPACE"),
    ("tensor_readable", "a function of text"),
    ("tensor_readable_text", "a function of text"),
    ("tensor_not", "NOT"),
    ("tensor_like", "LIKE"),
    ("tensor_ilike", "ILIKE"),
    ("tensor_array", "ARRAY"),
    ("tensor_typed_array", "ARRAY"),
    ("tensor_cast", "CAST"),
    ("tensor_sort_key", "ORDER BY"),
    ("tensor_group_key", "GROUP BY"),
    ("tensor_slice", "a subscript"),
    ("tensor_slice_or_null", "a subscript"),
    ("tensor_index", "a subscript"),
    ("tensor_index_or_null", "a subscript"),
    ("json_get", "a subscript"),
];

/// What stands between a function's name and what it says.
const SPEAKS: [&str; 3] = [": ", " of `", " was given "];

/// A message with the function that speaks named as people write it, and help where the message
/// itself holds it.
pub(crate) fn spoken(message: &str, language: Language) -> (String, Option<String>) {
    if let Some((message, help)) = signature(message) {
        return (message, help);
    }
    // Behind the row, if there is one: "row 3: tensor_mod: the divisor is 0".
    let start = message.find(':').filter(|_| message.starts_with("row "));
    let start = start.map_or(0, |at| at + ": ".len());
    let (before, rest) = message.split_at(start.min(message.len()));
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    if !SPEAKS.iter().any(|speaks| rest.starts_with(speaks)) {
        return (sentence(message), None);
    }
    let Some(written) = written(name) else { return (sentence(message), None) };
    let rest = match language {
        Language::Tql => rest.replacen(&format!("write {name}("), &format!("write {written}("), 1),
        Language::Sql => rest.to_string(),
    };
    (format!("{before}{written}{rest}"), None)
}

/// The sign or the name in TQL of a function of ours.
fn written(name: &str) -> Option<&'static str> {
    if let Some((_, sign)) = SIGNS.iter().find(|(udf, _)| *udf == name) {
        return Some(sign);
    }
    if name.starts_with("bm25_") {
        return Some("BM25_SIMILARITY");
    }
    let entry = lakebed_functions::catalogue().iter().find(|entry| entry.udf == name)?;
    entry.tql.first().copied()
}

/// Without the prefixes that say which layer speaks.
fn sentence(message: &str) -> String {
    let mut text = message;
    for prefix in ["Error during planning: ", "Execution error: ", "Schema error: "] {
        text = text.strip_prefix(prefix).unwrap_or(text);
    }
    text.to_string()
}

/// DataFusion's words for a call that fits none of a function's forms, in ours.
fn signature(message: &str) -> Option<(String, Option<String>)> {
    let (before, after) =
        message.split_once("No function matches the given name and argument types '")?;
    let (call, after) = after.split_once("'. ")?;
    let (name, types) = call.strip_suffix(')')?.split_once('(')?;
    let given: Vec<String> = split(types).into_iter().map(type_name).collect();
    let of = match given.is_empty() {
        true => " without arguments".to_string(),
        false => format!(" of {}", given.join(" and ")),
    };
    let forms: Vec<String> = after
        .split_once("Candidate functions:")
        .map(|(_, forms)| forms.lines().map(str::trim).filter(|form| !form.is_empty()))
        .into_iter()
        .flatten()
        .filter(|form| !form.contains("UserDefined") && !form.contains("Any"))
        .map(form_in_our_types)
        .collect();
    let name = name.to_uppercase();
    if !forms.is_empty() {
        let message = format!("{name}{of}: no form of the function takes that");
        return Some((message, Some(format!("write {}", forms.join(" or ")))));
    }
    // What the function says itself, without the layers around it.
    let reason = before.rsplit_once(": ").map_or(before, |(_, reason)| reason);
    Some((format!("{name}{of}: {}", reason.trim_end_matches(['.', ' '])), None))
}

/// The parts between the commas that stand in no bracket.
fn split(types: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, letter) in types.char_indices() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.extend(types.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(types.get(start..));
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// An Arrow type, as it prints itself, as a tensor type.
fn type_name(arrow: &str) -> String {
    // What a nested field knows beside its type stands in braces, which no type has.
    let mut bare = String::new();
    let mut rest = arrow;
    while let Some((before, after)) = rest.split_once(", metadata: {") {
        bare.push_str(before);
        rest = after.split_once('}').map_or("", |(_, behind)| behind);
    }
    bare.push_str(rest);
    let arrow = bare.as_str();
    DataType::from_str(arrow).map_or_else(|_| format!("`{arrow}`"), |data_type| named(&data_type))
}

/// A type as errors name it: `f32[?,4]`, or Arrow's own name where it is no tensor.
fn named(data_type: &DataType) -> String {
    of_field(&Field::new("", data_type.clone(), true))
}

/// As [`named`], with what the field knows of classes and dimensions.
pub(crate) fn of_field(field: &Field) -> String {
    match TensorType::from_field(field) {
        Some(ty) => format!("`{ty}`"),
        None => format!("`{}`", field.data_type()),
    }
}

/// `substr(str: String, start_pos: Int64)` as `substr(str: text, start_pos: i64)`.
fn form_in_our_types(form: &str) -> String {
    const TYPES: [(&str, &str); 9] = [
        ("String", "text"),
        ("Utf8View", "text"),
        ("Utf8", "text"),
        ("Int64", "i64"),
        ("Int32", "i32"),
        ("Float64", "f64"),
        ("Float32", "f32"),
        ("Boolean", "bool"),
        ("Binary", "bytes"),
    ];
    let mut shown = form.to_string();
    for (theirs, ours) in TYPES {
        shown = shown.replace(theirs, ours);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::Language;
    use super::spoken;

    fn said(message: &str) -> String {
        match spoken(message, Language::Tql) {
            (message, Some(help)) => format!("{message} / {help}"),
            (message, None) => message,
        }
    }

    #[test]
    fn the_function_that_speaks_has_the_name_of_the_query() {
        assert_eq!(said("row 3: tensor_mod: the divisor is 0"), "row 3: %: the divisor is 0");
        assert_eq!(said("tensor_like of `f32` and `text`: no"), "LIKE of `f32` and `text`: no");
        assert_eq!(
            said("tensor_shape was given no argument: write tensor_shape(x) -> i32[n]"),
            "SHAPE was given no argument: write SHAPE(x) -> i32[n]"
        );
        let sql = "tensor_shape was given no argument: write tensor_shape(x) -> i32[n]";
        assert!(spoken(sql, Language::Sql).0.ends_with("write tensor_shape(x) -> i32[n]"));
        assert_eq!(said("column 'a', row 1: no"), "column 'a', row 1: no");
        assert_eq!(said("Error during planning: no"), "no");
    }

    #[test]
    fn calls_that_fit_no_form_name_types_as_we_do() {
        let tail = " No function matches the given name and argument types";
        assert_eq!(
            said(&format!(
                "Function 'upper' requires String, but received Float32.{tail} 'upper(Float32)'. \
                 You might need to add explicit type casts.\n\tCandidate functions:\n\tupper(String)"
            )),
            "UPPER of `f32`: no form of the function takes that / write upper(text)"
        );
        assert_eq!(
            said(&format!(
                "Function 'min' user-defined coercion failed with: Execution error: min/max was \
                 called with 2 arguments. It requires only 1..{tail} 'min(Float32, Utf8View)'. You \
                 might need.\n\tCandidate functions:\n\tmin(UserDefined)"
            )),
            "MIN of `f32` and `text`: min/max was called with 2 arguments. It requires only 1"
        );
    }
}
