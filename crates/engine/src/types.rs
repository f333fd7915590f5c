//! Types that DataFusion would bring together, or find apart only while rows are computed.

use arrow_schema::DataType;
use arrow_schema::Field;
use arrow_schema::FieldRef;
use datafusion::common::DFSchema;
use datafusion::common::Result;
use datafusion::common::plan_err;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::Case;
use datafusion::logical_expr::Cast;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::type_coercion::other::get_coerce_type_for_case_expression;
use datafusion::logical_expr::utils::merge_schema;
use lakebed_core::DType;
use lakebed_core::TensorType;
use lakebed_functions::aggregates::Draw;
use lakebed_grammar::Language;

use crate::spoken::of_field;

/// Refuses branches of CASE and UNION that have no type in common (rule 13), and in TQL what can
/// be no member of a subquery and no weight.
///
/// # Errors
/// A plan error that names both types.
pub(crate) fn check(plan: &LogicalPlan, language: Language) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        node.apply_expressions(|expr| {
            expr.apply(|inner| {
                match inner {
                    Expr::Case(case) => branches(case, &schema)?,
                    Expr::InSubquery(within) if language == Language::Tql => {
                        membership(within, &schema)?;
                    }
                    Expr::AggregateFunction(call) if call.func.name() == Draw::NAME => {
                        if let Some(Expr::Cast(Cast { expr: weight, .. })) = call.params.args.get(1)
                        {
                            is_weight(weight, &schema)?;
                        }
                    }
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        if let LogicalPlan::Union(union) = node {
            let (first, rest) = match union.inputs.split_first() {
                Some((first, rest)) => (first.schema(), rest),
                None => return Ok(TreeNodeRecursion::Continue),
            };
            for other in rest {
                for (a, b) in first.fields().iter().zip(other.schema().fields()) {
                    if !same_dimensions(a, b) {
                        let (name, a, b) = (a.name(), of_field(a), of_field(b));
                        return plan_err!(
                            "UNION of {a} and {b} in column '{name}': both sides need one number of dimensions"
                        );
                    }
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn branches(case: &Case, schema: &DFSchema) -> Result<()> {
    let results = case.when_then_expr.iter().map(|(_, result)| result);
    let fields: Result<Vec<FieldRef>> = results
        .chain(&case.else_expr)
        .map(|result| result.to_field(schema).map(|(_, field)| field))
        .collect();
    // What is wrong with a branch itself the analyzer says.
    let Ok(fields) = fields else { return Ok(()) };
    let known: Vec<&FieldRef> =
        fields.iter().filter(|field| field.data_type() != &DataType::Null).collect();
    let Some((first, rest)) = known.split_first() else { return Ok(()) };
    for other in rest {
        let types = [first.data_type().clone()];
        let meet = get_coerce_type_for_case_expression(&types, Some(other.data_type())).is_some();
        if !meet || !same_dimensions(first, other) {
            let (a, b) = (of_field(first), of_field(other));
            return plan_err!(
                "CASE of {a} and {b}: its branches need one type and one number of dimensions: \
                 cast one of them, or write NULL"
            );
        }
    }
    Ok(())
}

fn membership(within: &InSubquery, schema: &DFSchema) -> Result<()> {
    let Ok((_, of)) = within.expr.to_field(schema) else { return Ok(()) };
    let Some(member) = within.subquery.subquery.schema().fields().first() else { return Ok(()) };
    let apart = is_text(&of) != is_text(member) && (is_number(&of) || is_number(member));
    if apart || !same_dimensions(&of, member) {
        let (a, b) = (of_field(&of), of_field(member));
        return plan_err!("IN of {a} and {b}: a value is sought among values of its own type");
    }
    Ok(())
}

fn is_weight(weight: &Expr, schema: &DFSchema) -> Result<()> {
    let weight = match weight {
        Expr::ScalarFunction(call) if call.name() == "tensor_cast" => {
            call.args.first().unwrap_or(weight)
        }
        weight => weight,
    };
    let Ok((_, field)) = weight.to_field(schema) else { return Ok(()) };
    let Some(ty) = TensorType::from_field(&field) else { return Ok(()) };
    if !ty.is_scalar() || ty.dtype == DType::Text {
        let ty = of_field(&field);
        return plan_err!("SAMPLE BY of {ty}: a weight is one number a row, or a condition");
    }
    Ok(())
}

/// False where both are tensors or scalars, and of different numbers of dimensions.
fn same_dimensions(a: &Field, b: &Field) -> bool {
    if a.data_type() == &DataType::Null || b.data_type() == &DataType::Null {
        return true;
    }
    match (TensorType::from_field(a), TensorType::from_field(b)) {
        (Some(a), Some(b)) => a.is_scalar() == b.is_scalar() && a.dims.len() == b.dims.len(),
        _ => true,
    }
}

fn is_text(field: &Field) -> bool {
    TensorType::from_field(field).is_some_and(|ty| ty.is_scalar() && ty.dtype == DType::Text)
}

/// True for numbers that are no codes of classes, which have names.
fn is_number(field: &Field) -> bool {
    TensorType::from_field(field).is_some_and(|ty| ty.is_numeric() && ty.classes.is_empty())
}
