//! Decoding where a function needs pixels, and nowhere else.

use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::ArrayRef;
use arrow::array::AsArray;
use arrow::array::ListArray;
use arrow::datatypes::UInt8Type;
use arrow_schema::DataType;
use arrow_schema::FieldRef;
use datafusion::common::DFSchema;
use datafusion::common::DataFusionError;
use datafusion::common::Result;
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::common::exec_err;
use datafusion::common::internal_err;
use datafusion::common::plan_err;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::ColumnarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::ExpressionPlacement;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::ReturnFieldArgs;
use datafusion::logical_expr::ScalarFunctionArgs;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::ScalarUDFImpl;
use datafusion::logical_expr::Signature;
use datafusion::logical_expr::Volatility;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::optimizer::analyzer::AnalyzerRule;
use lakebed_codec::media;
use lakebed_core::Layout;
use lakebed_core::Limits;
use lakebed_core::TensorBuilder;
use lakebed_core::TensorType;
use lakebed_functions::TensorUdf;

/// Name of the function.
pub const TENSOR_DECODE: &str = "tensor_decode";

/// Functions that read encoded samples as they are.
const READS_ENCODED: [&str; 8] = [
    TENSOR_DECODE,
    "tensor_shape",
    "tensor_size",
    "tensor_ndim",
    "tensor_dtype",
    "tensor_is_null",
    "tensor_readable",
    "tensor_nullable",
];

/// `tensor_decode(x)`: encoded images as pixels `u8[height, width, channels]`; anything else as it
/// is.
#[derive(Debug)]
pub struct TensorDecode {
    limits: Limits,
    signature: Signature,
}

impl TensorDecode {
    /// The function under these limits.
    pub fn new(limits: Limits) -> TensorDecode {
        TensorDecode { limits, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl PartialEq for TensorDecode {
    fn eq(&self, other: &TensorDecode) -> bool {
        self.limits == other.limits
    }
}

impl Eq for TensorDecode {}

impl Hash for TensorDecode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        TENSOR_DECODE.hash(state);
    }
}

impl ScalarUDFImpl for TensorDecode {
    fn name(&self) -> &str {
        TENSOR_DECODE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("tensor_decode knows its result by the field of its argument only")
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let [field] = args.arg_fields else {
            return plan_err!("tensor_decode takes one argument");
        };
        Ok(match TensorType::from_field(field) {
            Some(ty) => ty.decoded().to_field_ref(TENSOR_DECODE, field.is_nullable()),
            None => Arc::clone(field),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ([value], [field]) = (args.args.as_slice(), args.arg_fields.as_slice()) else {
            return exec_err!("tensor_decode takes one argument");
        };
        let ty = match TensorType::from_field(field) {
            Some(ty) if is_encoded(&ty) => ty,
            _ => return Ok(value.clone()),
        };
        match value {
            ColumnarValue::Array(array) => {
                decode(array, &ty, &self.limits).map(ColumnarValue::Array)
            }
            ColumnarValue::Scalar(scalar) => {
                let array = decode(&scalar.to_array()?, &ty, &self.limits)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?))
            }
        }
    }

    fn placement(&self, _: &[ExpressionPlacement]) -> ExpressionPlacement {
        // Pixels are far more than their file: decode above sorts and limits.
        ExpressionPlacement::KeepInPlace
    }
}

/// True for encoded images and sequences of them.
fn is_encoded(ty: &TensorType) -> bool {
    match &ty.layout {
        Layout::Encoded => true,
        Layout::Sequence(inner) => is_encoded(inner),
        _ => false,
    }
}

/// Encoded samples of type `ty` as pixels.
///
/// # Errors
/// A sample that is no picture, is damaged, or is larger than the limits allow.
pub fn decode(array: &ArrayRef, ty: &TensorType, limits: &Limits) -> Result<ArrayRef> {
    match &ty.layout {
        Layout::Encoded => decode_images(array, ty, limits),
        Layout::Sequence(inner) if is_encoded(inner) => {
            let Some(list) = array.as_list_opt::<i32>() else {
                return internal_err!("a sequence of images is {}", array.data_type());
            };
            let values = decode(list.values(), inner, limits)?;
            let DataType::List(item) = ty.decoded().data_type() else {
                return internal_err!("a sequence of images has no list type");
            };
            let decoded =
                ListArray::try_new(item, list.offsets().clone(), values, list.nulls().cloned())?;
            Ok(Arc::new(decoded))
        }
        _ => Ok(Arc::clone(array)),
    }
}

fn decode_images(array: &ArrayRef, ty: &TensorType, limits: &Limits) -> Result<ArrayRef> {
    let parts = array.as_struct_opt();
    let Some(files) = parts.and_then(|parts| parts.column(0).as_binary_view_opt()) else {
        return internal_err!("encoded images are {}", array.data_type());
    };
    let mut builder = TensorBuilder::<u8>::new(3);
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.push_null(None).map_err(external)?;
            continue;
        }
        let file = files.value(row);
        if file.is_empty() {
            builder.push(&[], &[0, 0, 0]).map_err(external)?;
            continue;
        }
        let (shape, pixels) = media::decode(file, limits).map_err(external)?;
        builder.push(&pixels, &shape).map_err(external)?;
    }
    builder.finish::<UInt8Type>(&ty.decoded()).map_err(external)
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Wraps encoded arguments of tensor functions in [`TENSOR_DECODE`].
#[derive(Debug)]
pub(crate) struct DecodeArguments {
    decode: Arc<ScalarUDF>,
}

impl DecodeArguments {
    /// The rule's name.
    pub const NAME: &str = "tensor_decode_arguments";

    pub fn new(decode: Arc<ScalarUDF>) -> DecodeArguments {
        DecodeArguments { decode }
    }

    fn rewrite_plan(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let mut schema = merge_schema(&plan.inputs());
        if let LogicalPlan::TableScan(scan) = &plan {
            let source = DFSchema::try_from_qualified_schema(
                scan.table_name.clone(),
                &scan.source.schema(),
            )?;
            schema.merge(&source);
        }
        let names = NamePreserver::new(&plan);
        let rewritten = plan.map_expressions(|expr| {
            let saved = names.save(&expr);
            let rewritten = expr.transform_up(|expr| self.rewrite(expr, &schema))?;
            Ok(rewritten.update_data(|expr| saved.restore(expr)))
        })?;
        if rewritten.transformed {
            return rewritten.map_data(LogicalPlan::recompute_schema);
        }
        Ok(rewritten)
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let Expr::ScalarFunction(mut call) = expr else { return Ok(Transformed::no(expr)) };
        let name = call.func.name();
        // Functions that users brought see decoded tensors, as ours do.
        let reads_pixels =
            TensorUdf::of_udf(&call.func).is_some() && !READS_ENCODED.contains(&name);
        if !reads_pixels {
            return Ok(Transformed::no(Expr::ScalarFunction(call)));
        }
        let mut changed = false;
        for argument in &mut call.args {
            let (_, field) = argument.to_field(schema)?;
            if TensorType::from_field(&field).is_some_and(|ty| is_encoded(&ty)) {
                *argument = self.decode.call(vec![argument.clone()]);
                changed = true;
            }
        }
        let expr = Expr::ScalarFunction(call);
        Ok(if changed { Transformed::yes(expr) } else { Transformed::no(expr) })
    }
}

impl AnalyzerRule for DecodeArguments {
    fn name(&self) -> &str {
        DecodeArguments::NAME
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(|plan| self.rewrite_plan(plan))?.data)
    }
}
