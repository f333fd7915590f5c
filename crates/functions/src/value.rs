//! How a kernel sees its arguments.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::StringViewArray;
use arrow::array::new_null_array;
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion_expr::ColumnarValue;
use lakebed_core::Error as CoreError;
use lakebed_core::Layout;
use lakebed_core::TensorType;

use crate::error::Result;
use crate::function::Arg;
use crate::function::plainer;
use crate::numbers::Numbers;

/// One evaluated argument.
#[derive(Debug, Clone)]
pub struct Value {
    /// Its type and, if it is a constant, its value.
    pub arg: Arg,
    /// One row a row, or one row in all if `constant`.
    pub array: ArrayRef,
    /// True if the one row stands for every row.
    pub constant: bool,
}

impl Value {
    /// An argument as DataFusion hands it over; constants are not expanded.
    ///
    /// # Errors
    /// Those of Arrow's cast, for dictionaries and wide lists.
    pub fn try_new(arg: Arg, value: &ColumnarValue) -> Result<Value> {
        let (mut array, constant) = match value {
            ColumnarValue::Array(array) => (Arc::clone(array), false),
            ColumnarValue::Scalar(scalar) => (scalar.to_array()?, true),
        };
        if array.data_type() == &DataType::Null && arg.field.data_type() != &DataType::Null {
            array = new_null_array(arg.field.data_type(), array.len());
        }
        while let Some(plain) = plainer(array.data_type()) {
            array = cast(&array, &plain)?;
        }
        Ok(Value { arg, array, constant })
    }

    /// The place in [`Value::array`] of a row.
    pub fn row(&self, row: usize) -> usize {
        if self.constant { 0 } else { row }
    }

    /// True if the row is null.
    pub fn is_null(&self, row: usize) -> bool {
        self.array.is_null(self.row(row))
    }

    /// The nulls of all rows; a null constant makes every row null.
    pub fn nulls(&self, rows: usize) -> Option<NullBuffer> {
        if !self.constant {
            return self.array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        }
        self.array.is_null(0).then(|| NullBuffer::new_null(rows))
    }

    /// The tensor type.
    ///
    /// # Errors
    /// [`CoreError::WrongType`] for Arrow types that no column has.
    pub fn ty(&self) -> Result<&TensorType> {
        Ok(self.arg.ty.as_ref().ok_or_else(|| CoreError::WrongType {
            expected: "a tensor".into(),
            found: self.array.data_type().to_string(),
        })?)
    }

    /// True for plain lists of lists and lists of tensors of one shape, which count as tensors of
    /// more dimensions.
    pub fn is_stacked(&self) -> bool {
        let DataType::List(item) = self.array.data_type() else { return false };
        matches!(item.data_type(), DataType::List(_) | DataType::FixedSizeList(..))
            && self.arg.numeric().is_some_and(|ty| !matches!(ty.layout, Layout::Sequence(_)))
    }

    /// The argument as tensors of numbers.
    ///
    /// # Errors
    /// [`CoreError::WrongType`] for other types, for encoded samples, and for lists of lists that
    /// are not rectangular.
    pub fn numbers(&self) -> Result<Numbers> {
        Numbers::try_new(self)
    }

    /// The argument as text: each row's, or the elements of a sequence.
    ///
    /// # Errors
    /// Those of Arrow's cast.
    pub fn texts(&self) -> Result<StringViewArray> {
        let array = match self.arg.ty.as_ref().map(|ty| &ty.layout) {
            Some(Layout::Sequence(_)) => Arc::clone(
                self.array.as_list_opt::<i32>().ok_or_else(|| self.not("texts"))?.values(),
            ),
            _ => Arc::clone(&self.array),
        };
        let array = if array.data_type() == &DataType::Utf8View {
            array
        } else {
            cast(&array, &DataType::Utf8View)?
        };
        Ok(array.as_string_view_opt().ok_or_else(|| self.not("text"))?.clone())
    }

    fn not(&self, expected: &str) -> CoreError {
        CoreError::WrongType {
            expected: expected.into(),
            found: self.array.data_type().to_string(),
        }
    }
}

/// The rows in which any argument is null.
pub fn any_null(values: &[Value], rows: usize) -> Option<NullBuffer> {
    values
        .iter()
        .fold(None, |all, value| NullBuffer::union(all.as_ref(), value.nulls(rows).as_ref()))
}
