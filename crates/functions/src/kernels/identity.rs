//! `tensor_identity(x)`: a value as one key.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::BinaryViewBuilder;
use arrow::compute::take;
use arrow::datatypes::DataType;
use arrow::row::RowConverter;
use arrow::row::SortField;

use crate::canonical::one_nan;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::value::Value;

/// A value as one key: equal keys are equal values, shape included.
#[derive(Debug)]
pub struct Identity;

static ENTRY: Entry = Entry {
    tql: &[],
    udf: "tensor_identity",
    aliases: &[],
    parameters: &["x"],
    signature: "tensor_identity(x) -> bytes",
    help: "A key that is equal for equal values, shapes included: for windows and groups over tensors, which have no order of their own.",
    example: "SELECT tensor_identity(ARRAY[1, 2]) = tensor_identity(ARRAY[1, 2]) AS same",
};

impl TensorFunction for Identity {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn strict(&self) -> bool {
        false
    }

    fn result(&self, _args: &[Arg]) -> Result<Output> {
        Ok(Output::plain(DataType::BinaryView, false))
    }

    fn evaluate(&self, args: &[Value], _out: &Output, rows: usize) -> Result<ArrayRef> {
        let [x] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let converter = RowConverter::new(vec![SortField::new(x.array.data_type().clone())])?;
        let keys = converter.convert_columns(&[one_nan(&x.array)])?;
        let mut bytes = BinaryViewBuilder::with_capacity(keys.num_rows());
        for key in &keys {
            bytes.append_value(key.as_ref());
        }
        let bytes = bytes.finish();
        if x.constant && rows != 1 {
            let first = arrow::array::UInt32Array::from(vec![0; rows]);
            return Ok(take(&bytes, &first, None)?);
        }
        Ok(Arc::new(bytes))
    }
}
