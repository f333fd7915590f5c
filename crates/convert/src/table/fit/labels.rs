//! Class labels that are text in a file of another program: their names, and the codes of these.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::ListArray;
use arrow::array::UInt32Array;
use arrow::compute::cast;
use arrow_schema::DataType;
use arrow_schema::Field;

use super::BadRow;

/// True for text, and for lists of it.
pub(super) fn are_texts(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => are_texts(values),
        other => item(other).is_some_and(|item| are_texts(item.data_type())),
    }
}

fn item(data_type: &DataType) -> Option<&Field> {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => Some(item),
        _ => None,
    }
}

/// Lists as lists with 32-bit offsets, what is in them as text.
fn plain(array: &ArrayRef) -> Result<ArrayRef, String> {
    let to = match item(array.data_type()) {
        None => DataType::Utf8View,
        Some(item) if self::item(item.data_type()).is_some() => {
            return Err("lists of lists of text are no class labels: give it the type json".into());
        }
        Some(_) => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8View, true))),
    };
    cast(array, &to).map_err(|e| e.to_string())
}

/// Adds the names that occur; the empty text is none.
pub(super) fn gather(array: &ArrayRef, names: &mut BTreeSet<String>) -> Result<(), String> {
    let array = plain(array)?;
    let texts = array.as_list_opt::<i32>().map_or(&array, |list| list.values());
    for name in texts.as_string_view().iter().flatten().filter(|name| !name.is_empty()) {
        if !names.contains(name) {
            names.insert(name.to_string());
        }
    }
    Ok(())
}

/// Names as codes. `classes` is sorted: it was gathered.
pub(super) fn codes(
    array: &ArrayRef,
    classes: &[String],
    bad: &mut Vec<BadRow>,
) -> Result<ArrayRef, String> {
    let array = plain(array)?;
    let code = |name: &str| {
        let place = classes.binary_search_by(|class| class.as_str().cmp(name)).ok()?;
        u32::try_from(place).ok()
    };
    let turned = |texts: &ArrayRef| -> UInt32Array {
        texts.as_string_view().iter().map(|name| name.and_then(code)).collect()
    };
    let Some(list) = array.as_list_opt::<i32>() else {
        for (row, name) in array.as_string_view().iter().enumerate() {
            // The empty text is a label that is missing.
            if let Some(name) = name.filter(|name| !name.is_empty() && code(name).is_none()) {
                bad.push((row, format!("'{name}' is no class: the file was changed meanwhile")));
            }
        }
        return Ok(Arc::new(turned(&array)));
    };
    let item = Arc::new(Field::new_list_field(DataType::UInt32, true));
    let codes = Arc::new(turned(list.values()));
    let list = ListArray::try_new(item, list.offsets().clone(), codes, list.nulls().cloned());
    Ok(Arc::new(list.map_err(|e| e.to_string())?))
}
