//! The types of the datasets' columns.

use lakebed::core::BoxFormat;
use lakebed::core::Column;
use lakebed::core::DType;
use lakebed::core::HType;
use serde_json::Map;
use serde_json::Value as Json;

use super::Result;

/// Columns whose name is their type, whatever the dataset.
fn known(dataset: &str, name: &str) -> Option<Column> {
    let tensor = |dtype: DType, dims: &[Option<u32>]| Column::tensor(name, dtype, dims);
    Some(match (dataset, name) {
        ("main", "i64") | ("indexed", "num") => Column::scalar(name, DType::I64),
        ("main", "u8") => Column::scalar(name, DType::U8),
        ("main", "f32") | ("other", "weight") => Column::scalar(name, DType::F32),
        ("main", "f64") => Column::scalar(name, DType::F64),
        ("main", "label") => {
            Column::class_label(name, ["cat", "dog", "bird", "fish"].map(str::to_string).to_vec())
        }
        ("main", "labels") => tensor(DType::I32, &[None]),
        ("main", "vec3") => tensor(DType::F32, &[Some(3)]),
        ("main", "mat") => tensor(DType::I32, &[Some(2), Some(3)]),
        ("main", "boxes" | "mem") => tensor(DType::F32, &[None, Some(4)]),
        ("main", "bb") => Column::boxes(name, BoxFormat::Ltwh),
        ("main", "img") => Column::image(name),
        ("main", "emb") => Column::embedding(name, 4),
        ("docs", "emb") => Column::embedding(name, 3),
        ("main", "mask") => tensor(DType::Bool, &[Some(4), Some(5)]).with_htype(HType::BinaryMask),
        ("main", "smask") => tensor(DType::U8, &[Some(4), Some(5)]).with_htype(HType::SegmentMask),
        ("main", "meta") | ("indexed", "meta") => Column::json(name),
        ("main", "seq") | ("seqs", "s") => Column::scalar(name, DType::I32).sequence(),
        ("main", "words") | ("seqs", "w") => Column::text(name).sequence(),
        ("seqs", "m") => tensor(DType::F32, &[Some(2)]).sequence(),
        ("main", "nint") => Column::scalar(name, DType::I32).nullable(),
        ("main", "ntxt") => Column::text(name).nullable(),
        _ => return None,
    })
}

/// The columns of a dataset, from the list of the corpus or else from the first value of each.
///
/// # Errors
/// A column without values whose type is not listed.
pub fn columns(dataset: &str, rows: &[Map<String, Json>]) -> Result<Vec<Column>> {
    let names = rows.first().into_iter().flat_map(Map::keys);
    names
        .map(|name| {
            if let Some(column) = known(dataset, name) {
                return Ok(column);
            }
            let mut values = rows.iter().filter_map(|row| row.get(name));
            let first = values.find(|value| !value.is_null());
            let first = first.ok_or_else(|| format!("{dataset}.{name} has no values"))?;
            let column = guessed(name, first);
            let nullable = rows.iter().any(|row| row.get(name).is_none_or(Json::is_null));
            Ok(if nullable { column.nullable() } else { column })
        })
        .collect()
}

/// A column that holds values like this one: ragged where it is a tensor, integers in 32 bits.
fn guessed(name: &str, value: &Json) -> Column {
    match value {
        Json::Bool(_) => Column::scalar(name, DType::Bool),
        Json::String(_) => Column::text(name),
        Json::Number(number) if number.is_f64() => Column::scalar(name, DType::F64),
        Json::Number(_) => Column::scalar(name, DType::I32),
        Json::Array(items) => match items.first() {
            Some(item) => guessed(name, item).sequence(),
            None => Column::text(name).sequence(),
        },
        Json::Object(members) => {
            let dtype = members.get("dtype").and_then(Json::as_str).unwrap_or_default();
            let dims = members.get("shape").and_then(Json::as_array).map_or(0, Vec::len);
            let dtype = match dtype {
                "" => return Column::json(name),
                "bool" => DType::Bool,
                "uint8" => DType::U8,
                "int64" => DType::I64,
                "float64" => DType::F64,
                "float32" => DType::F32,
                _ => DType::I32,
            };
            Column::tensor(name, dtype, &vec![None; dims])
        }
        Json::Null => Column::text(name),
    }
}
