//! Binary operators, chosen by the types of both sides while the planner still asks.
//!
//! DataFusion would compare lists as wholes and text with class codes; an analyzer rule comes too
//! late, because the planner checks types as it goes.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use datafusion::common::DFSchema;
use datafusion::common::Result;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::AggregateUDF;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::GetFieldAccess;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::WindowFunctionDefinition;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::planner::PlannerResult;
use datafusion::logical_expr::planner::RawAggregateExpr;
use datafusion::logical_expr::planner::RawBinaryExpr;
use datafusion::logical_expr::planner::RawFieldAccessExpr;
use datafusion::logical_expr::planner::RawWindowExpr;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use lakebed_core::DType;
use lakebed_core::TensorType;
use lakebed_grammar::Language;

/// The planner's hook for operators.
#[derive(Debug)]
pub(crate) struct Operators {
    language: Language,
    functions: HashMap<String, Arc<ScalarUDF>>,
}

/// What an operand is, as far as operators care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Bool,
    Integer,
    Float,
    Decimal,
    Text,
    Time,
    Json,
    /// Codes with names.
    Label,
    /// Anything with dimensions.
    Tensor,
    /// Types that are DataFusion's own business: structs, maps, intervals.
    Other,
}

impl Operators {
    pub fn new(language: Language) -> Operators {
        let functions = lakebed_functions::all()
            .into_iter()
            .map(|function| (function.name().to_string(), Arc::new(function)))
            .collect();
        Operators { language, functions }
    }

    /// The function for an operator between two kinds; `None` for DataFusion's own operator.
    fn choose(&self, op: &BinaryOperator, left: Kind, right: Kind) -> Option<&'static str> {
        if let (BinaryOperator::Arrow | BinaryOperator::LongArrow, Kind::Json) = (op, left) {
            return Some(if *op == BinaryOperator::Arrow { "json_get" } else { "json_get_text" });
        }
        let name = function_of(op)?;
        let either = |kind: Kind| left == kind || right == kind;
        if self.language == Language::Sql {
            let labelled = either(Kind::Label) && either(Kind::Text) && is_comparison(op);
            return (either(Kind::Tensor) || labelled).then_some(name);
        }
        if either(Kind::Other) {
            return None;
        }
        if is_logic(op) {
            return (left != Kind::Bool || right != Kind::Bool).then_some(name);
        }
        if either(Kind::Null) && !either(Kind::Tensor) && !either(Kind::Json) {
            return None;
        }
        let native = if is_comparison(op) {
            matches!(
                (left, right),
                (Kind::Integer, Kind::Integer)
                    | (Kind::Bool, Kind::Bool)
                    | (Kind::Text, Kind::Text)
                    | (Kind::Label, Kind::Integer)
                    | (Kind::Integer, Kind::Label)
                    | (Kind::Time, Kind::Time | Kind::Text)
                    | (Kind::Text, Kind::Time)
                    | (Kind::Decimal, Kind::Decimal | Kind::Integer | Kind::Float)
                    | (Kind::Integer | Kind::Float, Kind::Decimal)
            )
        } else {
            either(Kind::Time) || either(Kind::Decimal)
        };
        (!native).then_some(name)
    }

    /// An aggregate over rows, which may mean something else in TQL.
    fn aggregate(&self, func: Arc<AggregateUDF>) -> Arc<AggregateUDF> {
        let ours = match self.language {
            Language::Tql => lakebed_functions::aggregates::in_tql(&func),
            Language::Sql => None,
        };
        ours.map_or(func, Arc::new)
    }

    fn kind(&self, expr: &Expr, schema: &DFSchema) -> Option<Kind> {
        let (_, field) = expr.to_field(schema).ok()?;
        Some(kind_of(&field, self.language))
    }
}

impl ExprPlanner for Operators {
    /// SQL's subscripts count from 1, and from the end where they are negative; beyond the ends
    /// they are null. TQL's never come here: the lowering makes calls of them.
    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let GetFieldAccess::ListIndex { key } = &expr.field_access else {
            return Ok(PlannerResult::Original(expr));
        };
        let (Expr::Literal(key, _), Some(Kind::Tensor), Some(function)) = (
            key.as_ref(),
            self.kind(&expr.expr, schema),
            self.functions.get("tensor_slice_or_null"),
        ) else {
            return Ok(PlannerResult::Original(expr));
        };
        let ScalarValue::Int64(Some(place)) = key.cast_to(&DataType::Int64)? else {
            return Ok(PlannerResult::Original(expr));
        };
        let place = match place {
            // There is no element 0.
            0 => i64::MAX,
            place => place - i64::from(place > 0),
        };
        let subscript = Expr::Literal(ScalarValue::from(place.to_string()), None);
        Ok(PlannerResult::Planned(Expr::ScalarFunction(ScalarFunction::new_udf(
            Arc::clone(function),
            vec![expr.expr, subscript],
        ))))
    }

    fn plan_aggregate(&self, expr: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        let func = self.aggregate(expr.func);
        Ok(PlannerResult::Original(RawAggregateExpr { func, ..expr }))
    }

    fn plan_window(&self, expr: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        let func_def = match expr.func_def {
            WindowFunctionDefinition::AggregateUDF(func) => {
                WindowFunctionDefinition::AggregateUDF(self.aggregate(func))
            }
            other => other,
        };
        Ok(PlannerResult::Original(RawWindowExpr { func_def, ..expr }))
    }

    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let (op, strict) = unmarked(&expr.op);
        let mut expr = RawBinaryExpr { op, ..expr };
        let kinds = (self.kind(&expr.left, schema), self.kind(&expr.right, schema));
        let (Some(left), Some(right)) = kinds else { return Ok(PlannerResult::Original(expr)) };
        if expr.op == BinaryOperator::StringConcat && self.language == Language::Tql {
            for (side, kind) in [(&mut expr.left, left), (&mut expr.right, right)] {
                if let (Kind::Json | Kind::Label, Some(readable)) =
                    (kind, self.functions.get("tensor_readable"))
                {
                    let inner = std::mem::replace(side, Expr::Literal(ScalarValue::Null, None));
                    *side = readable.call(vec![inner]);
                }
            }
        }
        // Only two arrays have shapes that may differ; of all else a condition and what is shown
        // are one expression.
        let strict = strict && left == Kind::Tensor && right == Kind::Tensor;
        let name = match strict_function_of(&expr.op).filter(|_| strict) {
            Some(name) => Some(name),
            None => self.choose(&expr.op, left, right),
        };
        let function = name.and_then(|name| self.functions.get(name));
        Ok(match function {
            Some(function) => PlannerResult::Planned(Expr::ScalarFunction(
                ScalarFunction::new_udf(Arc::clone(function), vec![expr.left, expr.right]),
            )),
            None => PlannerResult::Original(expr),
        })
    }
}

fn kind_of(field: &Field, language: Language) -> Kind {
    let data_type = match field.data_type() {
        DataType::Dictionary(_, values) => values.as_ref(),
        other => other,
    };
    if data_type == &DataType::Null {
        return Kind::Null;
    }
    if let DataType::Decimal32(..)
    | DataType::Decimal64(..)
    | DataType::Decimal128(..)
    | DataType::Decimal256(..) = data_type
    {
        return Kind::Decimal;
    }
    if let DataType::Interval(_) | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) =
        data_type
    {
        return Kind::Time;
    }
    let Some(ty) = TensorType::from_field(field) else {
        // Wide lists come from expressions such as ARRAY_AGG.
        return match data_type {
            DataType::LargeList(_) if language == Language::Tql => Kind::Tensor,
            _ => Kind::Other,
        };
    };
    if !ty.is_scalar() {
        let named = field.metadata().contains_key(EXTENSION_TYPE_NAME_KEY);
        // In SQL a plain list is SQL's own.
        return if language == Language::Tql || named { Kind::Tensor } else { Kind::Other };
    }
    match &ty.dtype {
        _ if !ty.classes.is_empty() => Kind::Label,
        DType::Bool => Kind::Bool,
        DType::Text => Kind::Text,
        DType::Json => Kind::Json,
        dtype if dtype.is_integer() => Kind::Integer,
        dtype if dtype.is_float() => Kind::Float,
        DType::Date | DType::Time | DType::Timestamp(..) | DType::Duration(_) => Kind::Time,
        _ => Kind::Other,
    }
}

/// The tensor function that computes an operator, if one does.
pub(crate) fn function_of(op: &BinaryOperator) -> Option<&'static str> {
    Some(match op {
        BinaryOperator::Eq => "tensor_eq",
        BinaryOperator::NotEq => "tensor_ne",
        BinaryOperator::Lt => "tensor_lt",
        BinaryOperator::LtEq => "tensor_le",
        BinaryOperator::Gt => "tensor_gt",
        BinaryOperator::GtEq => "tensor_ge",
        BinaryOperator::Plus => "tensor_add",
        BinaryOperator::Minus => "tensor_sub",
        BinaryOperator::Multiply => "tensor_mul",
        BinaryOperator::Divide => "tensor_div",
        BinaryOperator::Modulo => "tensor_mod",
        BinaryOperator::BitwiseXor | BinaryOperator::PGExp => "tensor_pow",
        BinaryOperator::And => "tensor_and",
        BinaryOperator::Or => "tensor_or",
        _ => return None,
    })
}

/// The function that computes a comparison, AND or OR outside of conditions, where unequal shapes are an error
/// (rule 10).
pub(crate) fn strict_function_of(op: &BinaryOperator) -> Option<&'static str> {
    Some(match op {
        BinaryOperator::Eq => "tensor_eq_strict",
        BinaryOperator::NotEq => "tensor_ne_strict",
        BinaryOperator::Lt => "tensor_lt_strict",
        BinaryOperator::LtEq => "tensor_le_strict",
        BinaryOperator::Gt => "tensor_gt_strict",
        BinaryOperator::GtEq => "tensor_ge_strict",
        BinaryOperator::And => "tensor_and_strict",
        BinaryOperator::Or => "tensor_or_strict",
        _ => return None,
    })
}

/// What marks a comparison, AND or OR outside of conditions in a lowered tree. The planner's hook sees types
/// and no clause, the lowering sees the clause and no types.
const STRICT: &str = "strict";

/// A comparison, AND or OR marked as one outside of conditions; other operators as they are.
pub(crate) fn strict(op: BinaryOperator) -> BinaryOperator {
    if is_comparison(&op) || is_logic(&op) {
        BinaryOperator::PGCustomBinaryOperator(vec![STRICT.to_string(), op.to_string()])
    } else {
        op
    }
}

/// The operator as written, and whether it was marked.
pub(crate) fn unmarked(op: &BinaryOperator) -> (BinaryOperator, bool) {
    if let BinaryOperator::PGCustomBinaryOperator(parts) = op
        && let [mark, sign] = parts.as_slice()
        && mark == STRICT
        && let Some(op) = COMPARISONS.iter().chain(&LOGIC).find(|op| &op.to_string() == sign)
    {
        return (op.clone(), true);
    }
    (op.clone(), false)
}

const COMPARISONS: [BinaryOperator; 6] = [
    BinaryOperator::Eq,
    BinaryOperator::NotEq,
    BinaryOperator::Lt,
    BinaryOperator::LtEq,
    BinaryOperator::Gt,
    BinaryOperator::GtEq,
];

/// True for =, !=, <, <=, > and >=.
pub(crate) fn is_comparison(op: &BinaryOperator) -> bool {
    COMPARISONS.contains(op)
}

const LOGIC: [BinaryOperator; 2] = [BinaryOperator::And, BinaryOperator::Or];

fn is_logic(op: &BinaryOperator) -> bool {
    LOGIC.contains(op)
}
