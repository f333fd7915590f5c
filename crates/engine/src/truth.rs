//! Conditions and sort keys of TQL as DataFusion's own, once the types are known.
//!
//! The lowering wraps every operand of a condition in `tensor_truth`. Of a plain truth value that
//! is `IS TRUE`, and at the root of a filter, under AND and OR alone, nothing: there a null already
//! drops the row. So `WHERE id = 3` plans in TQL as it does in SQL. A sort key that is no JSON is
//! itself, so `ORDER BY id` does too.

use arrow_schema::DataType;
use datafusion::common::DFSchema;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::BinaryExpr;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::Filter;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::Operator;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::optimizer::analyzer::AnalyzerRule;
use lakebed_core::DType;
use lakebed_core::TensorType;

/// The analyzer rule.
#[derive(Debug)]
pub(crate) struct Truth;

impl AnalyzerRule for Truth {
    fn name(&self) -> &str {
        "tensor_truth"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(rewrite_plan)?.data)
    }
}

fn rewrite_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let mut rewritten = plan.map_expressions(|expr| {
        let saved = names.save(&expr);
        Ok(expr
            .transform_up(|expr| rewrite(expr, &schema))?
            .update_data(|expr| saved.restore(expr)))
    })?;
    rewritten.data = match rewritten.data {
        LogicalPlan::Filter(filter) => {
            let predicate = bare(filter.predicate);
            LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?)
        }
        LogicalPlan::Join(mut join) => {
            join.filter = join.filter.map(bare);
            LogicalPlan::Join(join)
        }
        other => other,
    };
    Ok(rewritten)
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = &expr else { return Ok(Transformed::no(expr)) };
    let [argument] = call.args.as_slice() else { return Ok(Transformed::no(expr)) };
    if call.func.name() == "tensor_sort_key" {
        let (_, field) = argument.to_field(schema)?;
        // The key of an array is an error, which the call itself gives. A computed NaN may have
        // either sign, which must not show; the statistics of a plain column serve its sort.
        let computed = !matches!(argument, Expr::Column(_)) && field.data_type().is_floating();
        let is_itself = !computed
            && TensorType::from_field(&field)
                .is_none_or(|ty| ty.is_scalar() && ty.dtype != DType::Json);
        return Ok(match is_itself {
            true => Transformed::yes(argument.clone()),
            false => Transformed::no(expr),
        });
    }
    if call.func.name() != "tensor_truth" {
        return Ok(Transformed::no(expr));
    }
    if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::NotEq, right }) = argument
        && is_text(left, schema)?
        && is_text(right, schema)?
    {
        // A missing text is different from every text.
        let different = BinaryExpr::new(left.clone(), Operator::IsDistinctFrom, right.clone());
        return Ok(Transformed::yes(Expr::BinaryExpr(different)));
    }
    if argument.get_type(schema)? != DataType::Boolean {
        return Ok(Transformed::no(expr));
    }
    if argument.nullable(schema)? {
        return Ok(Transformed::yes(Expr::IsTrue(Box::new(argument.clone()))));
    }
    Ok(Transformed::yes(argument.clone()))
}

fn is_text(expr: &Expr, schema: &DFSchema) -> Result<bool> {
    let data_type = expr.get_type(schema)?;
    Ok(matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View))
}

/// Without IS TRUE where a null already drops the row.
fn bare(expr: Expr) -> Expr {
    match expr {
        Expr::IsTrue(inner) => bare(*inner),
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            Expr::BinaryExpr(BinaryExpr::new(Box::new(bare(*left)), op, Box::new(bare(*right))))
        }
        other => other,
    }
}
