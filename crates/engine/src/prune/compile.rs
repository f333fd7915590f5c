//! From DataFusion's physical expressions to what statistics understand.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_expr::expressions::CastExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::expressions::InListExpr;
use datafusion::physical_expr::expressions::IsNotNullExpr;
use datafusion::physical_expr::expressions::IsNullExpr;
use datafusion::physical_expr::expressions::LikeExpr;
use datafusion::physical_expr::expressions::Literal as LiteralExpr;
use datafusion::physical_expr::expressions::NotExpr;
use datafusion::physical_expr::expressions::TryCastExpr;
use lakebed_core::DType;
use lakebed_core::TensorType;
use lakebed_core::subscript;

use super::compare::Comparison;
use super::in_list::List;
use super::like::Prefix;
use super::literal;
use super::outcomes::Outcomes;
use super::predicate::Predicate;
use super::predicate::Test;
use super::steps::ValuePath;

type Expr = Arc<dyn PhysicalExpr>;

/// What statistics understand of a boolean expression over the table whose columns have `types`.
pub fn compile(expr: &Expr, types: &[TensorType]) -> Predicate {
    Compiler { types }.predicate(expr)
}

/// True for an expression over one column whose values statistics bound: cheap to compute.
pub fn is_value(expr: &Expr, types: &[TensorType]) -> bool {
    Compiler { types }.value(expr).is_some()
}

struct Compiler<'a> {
    types: &'a [TensorType],
}

impl Compiler<'_> {
    fn predicate(&self, expr: &Expr) -> Predicate {
        self.native(expr)
            .or_else(|| self.call(expr))
            .or_else(|| Some(Predicate::Test(self.boxed_value(expr)?, Test::Nonzero)))
            .unwrap_or(Predicate::UNKNOWN)
    }

    fn boxed(&self, expr: &Expr) -> Box<Predicate> {
        Box::new(self.predicate(expr))
    }

    /// DataFusion's own predicates.
    fn native(&self, expr: &Expr) -> Option<Predicate> {
        if let Some(constant) = constant(expr) {
            return Some(Predicate::Constant(match constant {
                ScalarValue::Boolean(Some(true)) => Outcomes::YES,
                ScalarValue::Boolean(Some(false)) => Outcomes::NO,
                ScalarValue::Boolean(None) | ScalarValue::Null => Outcomes::NULL,
                _ => Outcomes::ANY,
            }));
        }
        if let Some(not) = expr.downcast_ref::<NotExpr>() {
            return Some(Predicate::Not(self.boxed(not.arg())));
        }
        if let Some(test) = expr.downcast_ref::<IsNullExpr>() {
            return self.test(test.arg(), Test::IsNull);
        }
        if let Some(test) = expr.downcast_ref::<IsNotNullExpr>() {
            let is_null = self.test(test.arg(), Test::IsNull)?;
            return Some(Predicate::Not(Box::new(is_null)));
        }
        if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
            let both = || vec![self.predicate(binary.left()), self.predicate(binary.right())];
            return match binary.op() {
                Operator::And => Some(Predicate::And(both())),
                Operator::Or => Some(Predicate::Or(both())),
                op => self.compare(comparison(*op)?, binary.left(), binary.right()),
            };
        }
        if let Some(list) = expr.downcast_ref::<InListExpr>() {
            return Some(negate(self.in_list(list.expr(), list.list())?, list.negated()));
        }
        if let Some(like) = expr.downcast_ref::<LikeExpr>() {
            let prefix = Prefix::sql(&text(like.pattern())?);
            if like.case_insensitive() {
                return None;
            }
            return Some(negate(self.text_test(like.expr(), Test::Like(prefix))?, like.negated()));
        }
        None
    }

    /// Calls of tensor functions.
    fn call(&self, expr: &Expr) -> Option<Predicate> {
        let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
        let name = call.fun().name();
        match (name, call.args()) {
            ("tensor_truth", [x]) => Some(Predicate::Truth(self.boxed(x))),
            ("tensor_any", [x]) => Some(Predicate::Any(self.boxed(x))),
            ("tensor_all" | "tensor_all_strict", [x]) => Some(Predicate::All(self.boxed(x))),
            ("tensor_not", [x]) => Some(Predicate::Not(self.boxed(x))),
            // Arrays of unequal shapes make a null row, whatever they hold.
            ("tensor_and", [a, b]) => {
                let or_null = Predicate::Constant(Outcomes { null: true, ..Outcomes::YES });
                Some(Predicate::And(vec![self.predicate(a), self.predicate(b), or_null]))
            }
            ("tensor_or", [a, b]) => {
                let or_null = Predicate::Constant(Outcomes { null: true, ..Outcomes::NO });
                Some(Predicate::Or(vec![self.predicate(a), self.predicate(b), or_null]))
            }
            ("tensor_is_null", [x]) => self.test(x, Test::IsNullOrEmpty),
            ("is_empty", [x]) => self.test(x, Test::IsEmpty),
            ("tensor_in", [x, list @ ..]) => self.in_list(x, list),
            ("tensor_between", [x, low, high]) => Some(Predicate::And(vec![
                self.compare(Comparison::GreaterOrEqual, x, low)?,
                self.compare(Comparison::LessOrEqual, x, high)?,
            ])),
            ("tensor_like", [x, pattern]) => {
                self.text_test(x, Test::Like(Prefix::glob(&text(pattern)?)))
            }
            ("tensor_contains", [x, what]) => self.contains(x, what),
            (_, [a, b]) => self.compare(tensor_comparison(name)?, a, b),
            _ => None,
        }
    }

    fn test(&self, expr: &Expr, test: Test) -> Option<Predicate> {
        Some(Predicate::Test(self.boxed_value(expr)?, test))
    }

    /// A test of texts, one a row.
    fn text_test(&self, expr: &Expr, test: Test) -> Option<Predicate> {
        let value = self.value(expr).filter(|v| v.ty.is_scalar() && v.ty.dtype == DType::Text)?;
        Some(Predicate::Test(Box::new(value), test))
    }

    fn compare(&self, comparison: Comparison, a: &Expr, b: &Expr) -> Option<Predicate> {
        let (value, comparison, constant) = match (constant(a), constant(b)) {
            (None, Some(constant)) => (self.value(a)?, comparison, constant),
            (Some(constant), None) => (self.value(b)?, comparison.flip(), constant),
            _ => return None,
        };
        let literal = literal::literal(&constant, &value.ty)?;
        Some(Predicate::Test(Box::new(value), Test::Compare(comparison, literal)))
    }

    fn in_list(&self, expr: &Expr, list: &[Expr]) -> Option<Predicate> {
        let value = self.value(expr)?;
        let mut items = Vec::with_capacity(list.len());
        let mut null = false;
        for item in list {
            let item = constant(item)?;
            if item.is_null() {
                null = true;
            } else {
                items.push(literal::literal(&item, &value.ty)?);
            }
        }
        Some(Predicate::Test(Box::new(value), Test::InList(Arc::new(List::new(items, null)))))
    }

    fn contains(&self, expr: &Expr, what: &Expr) -> Option<Predicate> {
        let value = self.value(expr)?;
        let constant = constant(what)?;
        if value.ty.is_scalar() {
            return self.text_test(expr, Test::Contains(text(what)?));
        }
        let literal = literal::literal(&constant, &value.ty)?;
        let equal = Predicate::Test(Box::new(value), Test::Compare(Comparison::Equal, literal));
        Some(Predicate::Any(Box::new(equal)))
    }

    fn boxed_value(&self, expr: &Expr) -> Option<Box<ValuePath>> {
        self.value(expr).map(Box::new)
    }

    /// An expression over one column whose values statistics bound.
    fn value(&self, expr: &Expr) -> Option<ValuePath> {
        if let Some(column) = expr.downcast_ref::<Column>() {
            let ty = self.types.get(column.index())?;
            return Some(ValuePath::column(column.index(), ty.clone()));
        }
        if let Some(cast) = expr.downcast_ref::<CastExpr>() {
            return self.value(cast.expr())?.cast(DType::from_arrow(cast.cast_type())?);
        }
        if let Some(cast) = expr.downcast_ref::<TryCastExpr>() {
            return self.value(cast.expr())?.cast(DType::from_arrow(cast.cast_type())?);
        }
        let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
        match (call.fun().name(), call.args()) {
            ("tensor_decode", [x]) => self.value(x),
            ("tensor_shape", [x]) => self.value(x)?.shape(),
            ("tensor_slice" | "tensor_slice_or_null", [x, subscripts]) => {
                self.value(x)?.slice(subscript::parse_list(&text(subscripts)?).ok()?)
            }
            ("tensor_amax" | "tensor_amin", [x]) => self.value(x)?.extreme(),
            _ => None,
        }
    }
}

fn negate(predicate: Predicate, negated: bool) -> Predicate {
    if negated { Predicate::Not(Box::new(predicate)) } else { predicate }
}

/// The value of an expression that has one.
fn constant(expr: &Expr) -> Option<ScalarValue> {
    expr.downcast_ref::<LiteralExpr>().map(|literal| literal.value().clone())
}

fn text(expr: &Expr) -> Option<String> {
    constant(expr)?.try_as_str()?.map(str::to_string)
}

fn comparison(op: Operator) -> Option<Comparison> {
    Some(match op {
        Operator::Eq => Comparison::Equal,
        Operator::NotEq => Comparison::NotEqual,
        Operator::Lt => Comparison::Less,
        Operator::LtEq => Comparison::LessOrEqual,
        Operator::Gt => Comparison::Greater,
        Operator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn tensor_comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        "tensor_eq" => Comparison::Equal,
        "tensor_ne" => Comparison::NotEqual,
        "tensor_lt" => Comparison::Less,
        "tensor_le" => Comparison::LessOrEqual,
        "tensor_gt" => Comparison::Greater,
        "tensor_ge" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}
