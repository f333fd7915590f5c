//! `SHAPE(x)`.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::FixedSizeListArray;
use arrow::array::Int32Array;
use arrow::datatypes::DataType;
use arrow::datatypes::Int32Type;
use datafusion_expr::ExpressionPlacement;
use lakebed_core::DType;
use lakebed_core::Error as CoreError;
use lakebed_core::Layout;
use lakebed_core::TensorType;

use crate::assemble::Layouter;
use crate::assemble::assemble;
use crate::entry::Entry;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::function::any_nullable;
use crate::value::Value;

/// The shape of every row. Reads the stored sizes only: encoded images stay encoded.
#[derive(Debug)]
pub struct Shape;

static ENTRY: Entry = Entry {
    tql: &["SHAPE"],
    udf: "tensor_shape",
    aliases: &["shape"],
    parameters: &["x"],
    signature: "tensor_shape(x) -> i32[number of dimensions of x]",
    help: "The shape of a value: [height, width, channels] of an image, [length] of a sequence, [] of a scalar or a text. Images are not decoded for it.",
    example: "SELECT SHAPE(ARRAY[[1, 2, 3], [4, 5, 6]]) AS shape",
};

impl TensorFunction for Shape {
    fn entry(&self) -> &'static Entry {
        &ENTRY
    }

    fn arity(&self) -> (usize, usize) {
        (1, 1)
    }

    fn result(&self, args: &[Arg]) -> Result<Output> {
        let Some(ty) = args.first().and_then(|arg| arg.ty.as_ref()) else {
            return Err(self.wrong_types(args, "only columns and tensors have a shape"));
        };
        let ndim = match &ty.layout {
            Layout::Sequence(_) => 1,
            _ => u32::try_from(ty.ndim()).unwrap_or(u32::MAX),
        };
        Ok(Output::tensor(TensorType::tensor(DType::I32, vec![Some(ndim)]), any_nullable(args)))
    }

    fn evaluate(&self, args: &[Value], out: &Output, rows: usize) -> Result<ArrayRef> {
        let [value] = args else { return Err(self.wrong_types(&[], "one argument is needed")) };
        let ty = value.ty()?;
        let found = value.array.data_type();
        let wrong = || CoreError::WrongType { expected: ty.to_string(), found: found.to_string() };
        let sizes: Int32Array = match (&ty.layout, found) {
            (_, DataType::List(_)) if value.is_stacked() => {
                let numbers = value.numbers()?;
                let mut sizes = Vec::with_capacity(rows * ty.ndim());
                for row in 0..rows {
                    sizes.extend(
                        numbers.shape(row).iter().map(|n| i32::try_from(*n).unwrap_or(i32::MAX)),
                    );
                }
                sizes.into()
            }
            (Layout::Scalar, _) => {
                let mut layout = Layouter::new(1, rows);
                for _ in 0..rows {
                    layout.push(0, &lakebed_core::Shape::new(&[0]).unwrap_or_default())?;
                }
                let empty: ArrayRef = Arc::new(Int32Array::from(Vec::<i32>::new()));
                return assemble(out.ty()?, empty, layout, value.nulls(rows));
            }
            (Layout::Fixed, _) => {
                let dim = |dim: &Option<u32>| i32::try_from(dim.unwrap_or(0)).unwrap_or(i32::MAX);
                ty.dims.iter().map(dim).collect::<Vec<_>>().repeat(rows).into()
            }
            (Layout::Sequence(_), DataType::List(_)) => {
                let list = value.array.as_list_opt::<i32>().ok_or_else(wrong)?;
                (0..rows).map(|row| list.value_length(value.row(row))).collect::<Vec<_>>().into()
            }
            (Layout::Ragged | Layout::Encoded, DataType::Struct(_)) => {
                let parts = value.array.as_struct_opt().ok_or_else(wrong)?;
                let shape = parts.columns().get(1).ok_or_else(wrong)?;
                let shape = shape.as_fixed_size_list_opt().ok_or_else(wrong)?;
                shape.values().as_primitive_opt::<Int32Type>().ok_or_else(wrong)?.clone()
            }
            _ => return Err(wrong().into()),
        };
        let DataType::FixedSizeList(item, size) = out.field.data_type() else {
            return Err(wrong().into());
        };
        let nulls = value.nulls(rows);
        Ok(Arc::new(FixedSizeListArray::try_new_with_length(
            Arc::clone(item),
            *size,
            Arc::new(sizes),
            nulls,
            rows,
        )?))
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        match args {
            [ExpressionPlacement::Column] => ExpressionPlacement::MoveTowardsLeafNodes,
            _ => ExpressionPlacement::KeepInPlace,
        }
    }
}
