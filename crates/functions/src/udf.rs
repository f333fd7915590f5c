//! The one place that speaks DataFusion: any [`TensorFunction`] as a scalar function.

use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

use arrow::array::new_empty_array;
use arrow::datatypes::DataType;
use arrow::datatypes::FieldRef;
use datafusion_common::Result as PlanResult;
use datafusion_common::ScalarValue;
use datafusion_common::internal_err;
use datafusion_expr::ColumnarValue;
use datafusion_expr::Expr;
use datafusion_expr::ExprSchemable;
use datafusion_expr::ExpressionPlacement;
use datafusion_expr::ReturnFieldArgs;
use datafusion_expr::ScalarFunctionArgs;
use datafusion_expr::ScalarUDF;
use datafusion_expr::ScalarUDFImpl;
use datafusion_expr::Signature;
use datafusion_expr::Volatility;
use datafusion_expr::simplify::ExprSimplifyResult;
use datafusion_expr::simplify::SimplifyContext;

use crate::error::FunctionError;
use crate::error::Result;
use crate::function::Arg;
use crate::function::Output;
use crate::function::TensorFunction;
use crate::per_item;
use crate::value::Value;

/// A tensor function under DataFusion's trait. Two are equal if their names are.
#[derive(Debug, Clone)]
pub struct TensorUdf {
    function: Kept,
    signature: Signature,
    aliases: Vec<String>,
}

/// A function of this crate, or one that a user brought.
#[derive(Debug, Clone)]
enum Kept {
    Ours(&'static dyn TensorFunction),
    Theirs(Arc<dyn TensorFunction>),
}

impl TensorUdf {
    /// The UDF of a function of this crate.
    pub fn new(function: &'static dyn TensorFunction) -> TensorUdf {
        TensorUdf::of(Kept::Ours(function))
    }

    /// The UDF of a function that is made while the program runs.
    pub fn shared(function: Arc<dyn TensorFunction>) -> TensorUdf {
        TensorUdf::of(Kept::Theirs(function))
    }

    fn of(function: Kept) -> TensorUdf {
        let inner = match &function {
            Kept::Ours(function) => *function,
            Kept::Theirs(function) => function.as_ref(),
        };
        let entry = inner.entry();
        let aliases = entry.aliases.iter().map(ToString::to_string).collect();
        let signature = Signature::user_defined(inner.volatility());
        // What takes any number of arguments has no list of names for SQL.
        let named = entry.parameters.iter().all(|name| !name.starts_with('*'));
        let names = entry.parameters.to_vec();
        let signature = match signature.clone().with_parameter_names(names) {
            Ok(with_names) if named && !entry.parameters.is_empty() => with_names,
            _ => signature,
        };
        TensorUdf { function, signature, aliases }
    }

    /// The function behind it.
    pub fn function(&self) -> &dyn TensorFunction {
        match &self.function {
            Kept::Ours(function) => *function,
            Kept::Theirs(function) => function.as_ref(),
        }
    }

    /// The function behind a UDF, if it is one of these: its arguments are decoded tensors.
    pub fn of_udf(udf: &ScalarUDF) -> Option<&TensorUdf> {
        udf.inner().downcast_ref::<TensorUdf>()
    }

    fn check_arity(&self, found: usize) -> Result<()> {
        let (fewest, most) = self.function().arity();
        if (fewest..=most).contains(&found) {
            return Ok(());
        }
        let entry = self.function().entry();
        Err(FunctionError::Arity { function: entry.udf, found, signature: entry.signature })
    }

    /// How many arguments are left once those at the end that are not given are dropped.
    fn given(&self, args: &[Arg]) -> usize {
        let (fewest, most) = self.function().arity();
        if most == usize::MAX {
            return args.len();
        }
        let last = args.iter().rposition(|arg| !arg.is_untyped_null());
        last.map_or(0, |last| last + 1).max(fewest).min(args.len())
    }

    fn planned(&self, args: Vec<Arg>) -> Result<Output> {
        self.check_arity(args.len())?;
        per_item::result(self.function(), &typed(self.function(), args, |args| self.given(args)))
    }
}

/// Arguments as functions see them: NULL literals are dropped where they mean "not given", and
/// elsewhere take the type of the first typed argument.
fn typed(
    function: &dyn TensorFunction,
    mut args: Vec<Arg>,
    given: impl Fn(&[Arg]) -> usize,
) -> Vec<Arg> {
    args.truncate(given(&args));
    let count = args.len();
    let example = args.iter().find(|arg| !arg.is_untyped_null()).cloned();
    let nulls = args.iter_mut().enumerate().filter(|(_, arg)| arg.is_untyped_null());
    for (_, arg) in nulls.filter(|(at, _)| !function.is_optional(*at, count)) {
        let field = match &example {
            Some(example) => example.field.as_ref().clone().with_nullable(true),
            None => arrow::datatypes::Field::new("null", DataType::Boolean, true),
        };
        let literal = ScalarValue::try_new_null(field.data_type()).ok();
        *arg = Arg { literal, ..Arg::new(Arc::new(field), None) };
    }
    args
}

impl PartialEq for TensorUdf {
    fn eq(&self, other: &TensorUdf) -> bool {
        self.name() == other.name()
    }
}

impl Eq for TensorUdf {}

impl Hash for TensorUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for TensorUdf {
    fn name(&self) -> &str {
        self.function().entry().udf
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> PlanResult<DataType> {
        internal_err!("{} knows its result by the fields of its arguments only", self.name())
    }

    fn is_strict(&self) -> bool {
        // A NULL that stands for an argument that is not given does not make the result null.
        let (fewest, most) = self.function().arity();
        self.function().strict() && (fewest == most || most == usize::MAX)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> PlanResult<Vec<DataType>> {
        Ok(arg_types.to_vec())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> PlanResult<FieldRef> {
        let args = args
            .arg_fields
            .iter()
            .zip(args.scalar_arguments)
            .map(|(field, literal)| Arg::new(Arc::clone(field), literal.cloned()))
            .collect();
        let output = self.planned(args).map_err(FunctionError::planning)?;
        Ok(Arc::new(output.field.with_name(self.name())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> PlanResult<ColumnarValue> {
        let rows = args.number_rows;
        let mut described = Vec::with_capacity(args.args.len());
        for (value, field) in args.args.iter().zip(&args.arg_fields) {
            let literal = match value {
                ColumnarValue::Scalar(literal) => Some(literal.clone()),
                ColumnarValue::Array(_) => None,
            };
            described.push(Arg::new(Arc::clone(field), literal));
        }
        let out = Output::from_field(&args.return_field);
        let run = || -> Result<ColumnarValue> {
            self.check_arity(described.len())?;
            let constant = self.signature.volatility != Volatility::Volatile
                && args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
            let values = typed(self.function(), described, |args| self.given(args))
                .into_iter()
                .zip(&args.args)
                .map(|(arg, value)| Value::try_new(arg, value))
                .collect::<Result<Vec<_>>>()?;
            let rows = if constant { 1 } else { rows };
            let array = if rows == 0 {
                new_empty_array(out.field.data_type())
            } else {
                per_item::evaluate(self.function(), &values, &out, rows)?
            };
            if constant {
                return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
            }
            Ok(ColumnarValue::Array(array))
        };
        run().map_err(FunctionError::running)
    }

    fn simplify(
        &self,
        mut exprs: Vec<Expr>,
        context: &SimplifyContext,
    ) -> PlanResult<ExprSimplifyResult> {
        let mut args = Vec::with_capacity(exprs.len());
        for expr in &exprs {
            let (_, field) = expr.to_field(context.schema().as_ref())?;
            let literal = match expr {
                Expr::Literal(literal, _) => Some(literal.clone()),
                _ => None,
            };
            args.push(Arg::new(field, literal));
        }
        let (written, given) = (exprs.len(), self.given(&args));
        exprs.truncate(given);
        let args = typed(self.function(), args, |_| given);
        let simplified =
            self.function().simplify(exprs, &args, context).map_err(FunctionError::planning)?;
        Ok(match simplified {
            // Rules that look for a call find it without its NULLs.
            ExprSimplifyResult::Original(exprs) if given < written => {
                let udf = ScalarUDF::new_from_impl(self.clone());
                ExprSimplifyResult::Simplified(udf.call(exprs))
            }
            other => other,
        })
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        self.function().placement(args)
    }
}
