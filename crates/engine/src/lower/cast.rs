//! The types that CAST takes.

use datafusion::sql::sqlparser::ast::DataType;
use datafusion::sql::sqlparser::ast::ObjectName;
use datafusion::sql::sqlparser::ast::Spanned;
use lakebed_core::nearest::nearest;
use lakebed_grammar::Span;

use crate::error::Error;

/// Our names of elements' types, and SQL's names of values.
const TYPES: [&str; 29] = [
    "bool",
    "u8",
    "u16",
    "u32",
    "u64",
    "i8",
    "i16",
    "i32",
    "i64",
    "f16",
    "f32",
    "f64",
    "tinyint",
    "smallint",
    "int",
    "integer",
    "bigint",
    "float",
    "real",
    "double",
    "boolean",
    "text",
    "varchar",
    "char",
    "decimal",
    "date",
    "time",
    "timestamp",
    "binary",
];

/// True for the types of texts.
pub(crate) fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Text
            | DataType::String(_)
            | DataType::Varchar(_)
            | DataType::Char(_)
            | DataType::CharVarying(_)
            | DataType::CharacterVarying(_)
            | DataType::Character(_)
    )
}

/// The error for a type that there is not.
pub(crate) fn unknown_type(name: &ObjectName) -> Error {
    let error = Error::planning(format!("no type '{name}'"), Span::from_sqlparser(name.span()));
    match nearest(&name.to_string(), TYPES) {
        Some(near) => error.with_help(format!("did you mean {near}?")),
        None => error
            .with_help("types are bool, u8 to u64, i8 to i64, f16, f32, f64, text and SQL's own"),
    }
}
