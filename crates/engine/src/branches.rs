//! CASE in TQL: what its branches have in common. DataFusion brings branches together by their
//! Arrow types, so that a class label among texts would be its code, and JSON among numbers a text.

use std::sync::Arc;

use arrow_schema::DataType;
use arrow_schema::FieldRef;
use datafusion::common::DFSchema;
use datafusion::common::Result;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::Case;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use lakebed_core::DType;
use lakebed_core::TensorType;

/// What the branches of a CASE become.
enum Meeting {
    /// Class labels among texts, or of several lists of classes: names.
    Names,
    /// Labels of one list of classes: labels of it.
    Labels(Arc<[String]>),
    /// JSON among anything: JSON.
    Json,
}

/// The plan with every such CASE made of branches of one type.
///
/// # Errors
/// Those of computing schemas again.
pub(crate) fn meet(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !concerned(&plan)? {
        return Ok(plan);
    }
    let met = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        let rewritten = node.map_expressions(|expr| {
            let saved = names.save(&expr);
            Ok(expr
                .transform_up(|expr| rewrite(expr, &schema))?
                .update_data(|expr| saved.restore(expr)))
        })?;
        // Types change upwards from every node below which one has changed.
        Ok(Transformed::yes(rewritten.data.recompute_schema()?))
    })?;
    Ok(met.data)
}

fn concerned(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        node.apply_expressions(|expr| {
            expr.apply(|inner| {
                if let Expr::Case(case) = inner {
                    found |= meeting(case, &schema).is_some();
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::Case(mut case) = expr else { return Ok(Transformed::no(expr)) };
    let Some(meeting) = meeting(&case, schema) else {
        return Ok(Transformed::no(Expr::Case(case)));
    };
    let wrap = match meeting {
        Meeting::Names => Some("tensor_readable"),
        Meeting::Json => Some("tensor_to_json"),
        Meeting::Labels(_) => None,
    };
    if let Some(wrap) = wrap {
        let otherwise = case.else_expr.iter_mut().map(AsMut::as_mut);
        for result in case.when_then_expr.iter_mut().map(|(_, then)| then.as_mut()).chain(otherwise)
        {
            if !is_null(result) {
                let inner = std::mem::replace(result, Expr::Literal(ScalarValue::Null, None));
                *result = call(wrap, vec![inner]);
            }
        }
    }
    let case = Expr::Case(case);
    Ok(Transformed::yes(match meeting {
        Meeting::Names => case,
        Meeting::Json => call("json_parse", vec![case]),
        Meeting::Labels(classes) => {
            let names = serde_json::json!(&classes[..]).to_string();
            call("tensor_class_label", vec![case, Expr::Literal(ScalarValue::from(names), None)])
        }
    }))
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if value.is_null())
}

fn call(udf: &str, args: Vec<Expr>) -> Expr {
    match lakebed_functions::by_udf_name(udf) {
        Some(function) => function.call(args),
        None => unreachable!("the functions of this project hold {udf}"),
    }
}

/// `None` for branches that DataFusion brings together as TQL does.
fn meeting(case: &Case, schema: &DFSchema) -> Option<Meeting> {
    let results = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
    let mut fields: Vec<FieldRef> = Vec::new();
    for result in results.filter(|result| !is_null(result)) {
        // What is wrong with a branch itself the checks after this say.
        fields.push(result.to_field(schema).ok()?.1);
    }
    fields.retain(|field| field.data_type() != &DataType::Null);
    let types: Vec<TensorType> =
        fields.iter().map(|field| TensorType::from_field(field)).collect::<Option<_>>()?;
    if types.iter().any(|ty| !ty.is_scalar()) {
        return None;
    }
    let is_label = |ty: &TensorType| ty.is_numeric() && !ty.classes.is_empty();
    if types.iter().any(|ty| ty.dtype == DType::Json) {
        let known =
            |ty: &TensorType| matches!(ty.dtype, DType::Json | DType::Text) || ty.is_numeric();
        return types.iter().all(known).then_some(Meeting::Json);
    }
    let first = types.iter().find(|ty| is_label(ty))?;
    if types.iter().all(|ty| is_label(ty) && ty.classes == first.classes) {
        return Some(Meeting::Labels(Arc::clone(&first.classes)));
    }
    let named = |ty: &TensorType| is_label(ty) || ty.dtype == DType::Text;
    types.iter().all(named).then_some(Meeting::Names)
}
