//! `tensor_class_label(codes, names)`: numbers as labels of named classes.

use std::sync::Arc;

use arrow::array::ArrayRef;
use lakebed_core::HType;
use lakebed_core::Layout;
use lakebed_core::TensorType;

use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::value::Value;

/// Codes with the names of their classes.
#[derive(Debug)]
pub struct ClassLabel;

static ENTRY: Entry = Entry {
    tql: &["CLASS_LABEL"],
    udf: "tensor_class_label",
    aliases: &[],
    parameters: &["codes", "names"],
    signature: "tensor_class_label(codes, '[\"cat\", \"dog\"]') -> class labels",
    help: "Integers as labels of the classes of a constant JSON list, the first of which has code 0.",
    example: "SELECT tensor_class_label(1, '[\"cat\", \"dog\"]') AS dog",
};

impl TensorFunction for ClassLabel {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (2, 2)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let [codes, names] = args else {
            return Err(self.wrong_types(args, "two arguments are needed"));
        };
        let integers = codes
            .numeric()
            .filter(|ty| ty.dtype.is_integer() && !matches!(ty.layout, Layout::Sequence(_)));
        let Some(ty) = integers else {
            return Err(self.wrong_types(args, "it takes integers and the names of classes"));
        };
        let listed = names.text_literal().and_then(|text| serde_json::from_str(text).ok());
        let Some(names): Option<Vec<String>> = listed else {
            return Err(self.wrong_argument("the names are a constant JSON list of texts"));
        };
        let labels = TensorType {
            htype: HType::ClassLabel,
            classes: Arc::from(names),
            box_format: None,
            ..ty.clone()
        };
        Ok(Output::tensor(labels, codes.nullable()))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, _rows: usize) -> Result<ArrayRef> {
        match args {
            [codes, _] => Ok(Arc::clone(&codes.array)),
            _ => Err(self.wrong_types(&[], "two arguments are needed")),
        }
    }
}
