//! Calling functions in tests as DataFusion does: plan, then run.

use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::ArrowPrimitiveType;
use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::ArrowNativeType;
use arrow::datatypes::DataType;
use arrow::datatypes::Field;
use arrow::datatypes::FieldRef;
use arrow::datatypes::Float64Type;
use datafusion_common::ScalarValue;
use datafusion_common::config::ConfigOptions;
use datafusion_expr::ColumnarValue;
use datafusion_expr::ReturnFieldArgs;
use datafusion_expr::ScalarFunctionArgs;
use lakebed_core::BoxFormat;
use lakebed_core::Column;
use lakebed_core::DType;
use lakebed_core::Shape;
use lakebed_core::TensorArray;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;

/// One argument: its field and its rows.
#[derive(Debug, Clone)]
pub struct Given {
    pub field: FieldRef,
    pub value: ColumnarValue,
}

/// The result of a call.
#[derive(Debug, Clone)]
pub struct Answer {
    pub field: FieldRef,
    pub array: ArrayRef,
}

/// Plans and runs a call over `rows` rows.
pub fn call(name: &str, args: &[Given], rows: usize) -> Result<Answer, String> {
    let udf = crate::by_udf_name(name).ok_or(format!("no function {name}"))?;
    let arg_fields: Vec<FieldRef> = args.iter().map(|arg| Arc::clone(&arg.field)).collect();
    let literals: Vec<Option<&ScalarValue>> = args
        .iter()
        .map(|arg| match &arg.value {
            ColumnarValue::Scalar(value) => Some(value),
            ColumnarValue::Array(_) => None,
        })
        .collect();
    let planning = ReturnFieldArgs { arg_fields: &arg_fields, scalar_arguments: &literals };
    let return_field = udf.return_field_from_args(planning).map_err(|e| e.to_string())?;
    let types: Vec<DataType> = arg_fields.iter().map(|f| f.data_type().clone()).collect();
    assert_eq!(udf.coerce_types(&types).unwrap(), types);
    let result = udf
        .invoke_with_args(ScalarFunctionArgs {
            args: args.iter().map(|arg| arg.value.clone()).collect(),
            arg_fields,
            number_rows: rows,
            return_field: Arc::clone(&return_field),
            config_options: Arc::new(ConfigOptions::default()),
        })
        .map_err(|e| e.to_string())?;
    let array = result.into_array(rows).map_err(|e| e.to_string())?;
    assert_eq!(array.data_type(), return_field.data_type(), "{name} broke its promise");
    assert_eq!(array.len(), rows);
    assert!(return_field.is_nullable() || array.null_count() == 0, "{name} said it is never null");
    array.to_data().validate_full().unwrap();
    Ok(Answer { field: return_field, array })
}

/// Runs a call and expects an answer.
pub fn run(name: &str, args: &[Given], rows: usize) -> Answer {
    call(name, args, rows).unwrap_or_else(|error| panic!("{name}: {error}"))
}

impl Answer {
    /// The tensor type.
    pub fn ty(&self) -> TensorType {
        TensorType::from_field(&self.field).unwrap()
    }

    /// Every row as its shape and its numbers; `None` for null.
    pub fn rows(&self) -> Vec<Option<(Vec<usize>, Vec<f64>)>> {
        let tensor = TensorArray::try_new(self.ty(), &self.array).unwrap();
        let numbers = cast(tensor.elements(), &DataType::Float64).unwrap();
        let numbers = numbers.as_primitive::<Float64Type>();
        (0..tensor.len())
            .map(|row| {
                (!tensor.is_null(row)).then(|| {
                    (tensor.shape(row).to_vec(), numbers.values()[tensor.range(row)].to_vec())
                })
            })
            .collect()
    }

    /// One number a row.
    pub fn scalars(&self) -> Vec<Option<f64>> {
        self.rows().into_iter().map(|row| row.map(|(_, numbers)| numbers[0])).collect()
    }

    /// One bool a row.
    pub fn bools(&self) -> Vec<Option<bool>> {
        self.array.as_boolean().iter().collect()
    }

    /// One text a row.
    pub fn texts(&self) -> Vec<Option<String>> {
        let texts = cast(&self.array, &DataType::Utf8View).unwrap();
        texts.as_string_view().iter().map(|text| text.map(str::to_string)).collect()
    }

    /// The answer as the argument of another call.
    pub fn given(&self) -> Given {
        Given {
            field: Arc::clone(&self.field),
            value: ColumnarValue::Array(Arc::clone(&self.array)),
        }
    }
}

/// The shape and the elements of one row.
pub type Sample<'a, T> = (&'a [usize], Vec<T>);

/// A tensor column of a type; `None` is a null row.
pub fn tensors<P: ArrowPrimitiveType>(
    ty: &TensorType,
    rows: &[Option<Sample<'_, P::Native>>],
) -> Given
where
    P::Native: ArrowNativeType + Default,
{
    let mut builder = TensorBuilder::<P::Native>::new(ty.ndim());
    let fixed: Option<Vec<usize>> =
        ty.dims.iter().map(|dim| dim.map(|d| usize::try_from(d).unwrap())).collect();
    let fixed = fixed.filter(|_| ty.layout == lakebed_core::Layout::Fixed);
    for row in rows {
        match row {
            Some((shape, elements)) => builder.push(elements, shape).unwrap(),
            None => {
                let shape = fixed.as_ref().map(|dims| Shape::new(dims).unwrap());
                builder.push_null(shape.as_ref()).unwrap();
            }
        }
    }
    column(ty, builder.finish::<P>(ty).unwrap())
}

/// A column of a type.
pub fn column(ty: &TensorType, array: ArrayRef) -> Given {
    Given { field: ty.to_field_ref("c", true), value: ColumnarValue::Array(array) }
}

/// A scalar column of a dtype.
pub fn scalars(dtype: DType, array: ArrayRef) -> Given {
    column(&TensorType::scalar(dtype), array)
}

/// A constant.
pub fn literal(value: impl Into<ScalarValue>) -> Given {
    let value = value.into();
    let field = Field::new("literal", value.data_type(), value.is_null());
    Given { field: Arc::new(field), value: ColumnarValue::Scalar(value) }
}

/// A constant vector or matrix as `tensor_array` makes it.
pub fn constant(answer: &Answer) -> Given {
    let value = ScalarValue::try_from_array(&answer.array, 0).unwrap();
    Given { field: Arc::clone(&answer.field), value: ColumnarValue::Scalar(value) }
}

/// Class labels, any number a row.
pub fn labels(classes: &[&str], rows: &[Option<&[u32]>]) -> Given {
    let names = classes.iter().map(ToString::to_string).collect();
    let ty = TensorType::from_column(&Column::class_labels("labels", names));
    let shapes: Vec<[usize; 1]> = rows.iter().map(|row| [row.map_or(0, <[u32]>::len)]).collect();
    let rows: Vec<_> = rows
        .iter()
        .zip(&shapes)
        .map(|(row, shape)| row.map(|codes| (&shape[..], codes.to_vec())))
        .collect();
    tensors::<arrow::datatypes::UInt32Type>(&ty, &rows)
}

/// Boxes in a convention.
pub fn boxes(format: Option<BoxFormat>, rows: &[Option<&[[f32; 4]]>]) -> Given {
    let ty = match format {
        Some(format) => TensorType::from_column(&Column::boxes("boxes", format)),
        None => TensorType::tensor(DType::F32, vec![None, Some(4)]),
    };
    let shapes: Vec<[usize; 2]> = rows.iter().map(|row| [row.map_or(0, <[_]>::len), 4]).collect();
    let rows: Vec<_> = rows
        .iter()
        .zip(&shapes)
        .map(|(row, shape)| row.map(|boxes| (&shape[..], boxes.concat())))
        .collect();
    tensors::<arrow::datatypes::Float32Type>(&ty, &rows)
}
