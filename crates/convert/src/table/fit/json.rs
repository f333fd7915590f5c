//! Structs, maps and lists of other programs as JSON text.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StringViewBuilder;
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow_schema::DataType;
use arrow_schema::Field;
use lakebed_core::cells::Cells;
use serde_json::Value;

use super::lists::step;

/// True for types whose values are documents rather than single values.
pub(super) fn is_nested(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_nested(values),
        DataType::Struct(_)
        | DataType::Map(_, _)
        | DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(_, _)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => true,
        _ => false,
    }
}

/// Every row as one document.
pub(super) fn documents(array: &ArrayRef) -> Result<ArrayRef, String> {
    let node = Node::new(array)?;
    let mut texts = StringViewBuilder::new();
    for row in 0..array.len() {
        match node.value(row) {
            Value::Null => texts.append_null(),
            value => texts.append_value(value.to_string()),
        }
    }
    Ok(std::sync::Arc::new(texts.finish()))
}

/// An array, made ready to be read row by row.
struct Node {
    nulls: Option<NullBuffer>,
    form: Form,
}

enum Form {
    Struct(Vec<(String, Node)>),
    /// Where each row's values begin, and the values.
    List(Vec<usize>, Box<Node>),
    /// As a list, of keys and of values.
    Map(Vec<usize>, Box<Node>, Box<Node>),
    Leaf(Box<Cells>),
}

impl Node {
    fn new(array: &ArrayRef) -> Result<Node, String> {
        let nulls = array.nulls().cloned();
        let form = match array.data_type() {
            DataType::Struct(fields) => {
                let children = fields.iter().zip(array.as_struct().columns());
                let children = children
                    .map(|(field, child)| Ok((field.name().clone(), Node::new(child)?)))
                    .collect::<Result<Vec<_>, String>>()?;
                Form::Struct(children)
            }
            DataType::Map(_, _) => {
                let map = array.as_map();
                let place = |at: &i32| usize::try_from(*at).unwrap_or(0);
                Form::Map(
                    map.offsets().iter().map(place).collect(),
                    Box::new(Node::new(map.keys())?),
                    Box::new(Node::new(map.values())?),
                )
            }
            DataType::Dictionary(_, values) => {
                return Node::new(&cast(array, values).map_err(|e| e.to_string())?);
            }
            data_type if is_nested(data_type) => {
                let (offsets, child) = step(array).map_err(|e| e.to_string())?.ok_or("no list")?;
                Form::List(offsets, Box::new(Node::new(&child)?))
            }
            data_type => {
                let field = Field::new("value", data_type.clone(), true);
                Form::Leaf(Box::new(Cells::new(&field, array).map_err(|e| e.to_string())?))
            }
        };
        Ok(Node { nulls, form })
    }

    fn value(&self, row: usize) -> Value {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Value::Null;
        }
        let range = |offsets: &[usize]| {
            let at = |index: usize| offsets.get(index).copied().unwrap_or(0);
            at(row)..at(row + 1)
        };
        match &self.form {
            Form::Struct(children) => {
                let members = children.iter();
                let members = members.map(|(name, child)| (name.clone(), child.value(row)));
                Value::Object(members.collect())
            }
            Form::List(offsets, child) => range(offsets).map(|at| child.value(at)).collect(),
            Form::Map(offsets, keys, values) => {
                let members = range(offsets).map(|at| {
                    let key = keys.value(at);
                    let key = key.as_str().map_or_else(|| key.to_string(), str::to_string);
                    (key, values.value(at))
                });
                Value::Object(members.collect())
            }
            Form::Leaf(cells) => cells.json(row),
        }
    }
}
