//! Scalars that are no numbers to a tensor: dates, times, durations, decimals, bytes, intervals.
//! They compare and add as DataFusion says, through Arrow's kernels.

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::Datum;
use arrow::array::Scalar;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion_expr::Operator;
use datafusion_expr::type_coercion::binary::BinaryTypeCoercer;
use lakebed_core::DType;

use crate::error::Result;
use crate::function::Arg;
use crate::native::is_plain;
use crate::value::Value;

/// The type of `a op b` if at least one of the two is such a scalar and DataFusion knows the
/// operation.
pub fn result_type(op: Operator, a: &Arg, b: &Arg) -> Option<DataType> {
    if !is_plain(a)
        || !is_plain(b)
        || (!is_special(a) && !is_special(b))
        || a.is_json()
        || b.is_json()
    {
        return None;
    }
    BinaryTypeCoercer::new(a.field.data_type(), &op, b.field.data_type()).get_result_type().ok()
}

fn is_special(arg: &Arg) -> bool {
    arg.scalar_dtype().is_none_or(|dtype| !dtype.is_tensor_element() && *dtype != DType::Text)
}

/// `a op b` by an Arrow kernel.
///
/// # Errors
/// Arrow's: overflow, or a cast that fails.
pub fn evaluate(
    op: Operator,
    a: &Value,
    b: &Value,
    rows: usize,
    kernel: impl Fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef>,
) -> Result<ArrayRef> {
    let (x, y) =
        BinaryTypeCoercer::new(a.array.data_type(), &op, b.array.data_type()).get_input_types()?;
    let (left, right) = (cast(&a.array, &x)?, cast(&b.array, &y)?);
    match (a.constant && rows > 1, b.constant && rows > 1) {
        (false, false) => kernel(&left, &right),
        (true, false) => kernel(&Scalar::new(left), &right),
        (false, true) => kernel(&left, &Scalar::new(right)),
        (true, true) => {
            let one = kernel(&left, &right)?;
            let indices = arrow::array::UInt32Array::from(vec![0; rows]);
            Ok(arrow::compute::take(one.as_ref() as &dyn Array, &indices, None)?)
        }
    }
}
