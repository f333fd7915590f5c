//! Expressions: every operator and call of TQL as what DataFusion's planner can plan.

use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::CaseWhen;
use datafusion::sql::sqlparser::ast::CastKind;
use datafusion::sql::sqlparser::ast::DataType;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::ast::OrderByExpr;
use datafusion::sql::sqlparser::ast::Query;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::UnaryOperator;
use datafusion::sql::sqlparser::ast::Value;
use datafusion::sql::sqlparser::ast::ValueWithSpan;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_grammar::Span;
use lakebed_grammar::subscript::as_subscript;

use super::Lowering;
use super::call::meeting;
use super::call::readable;
use super::query::Carry;
use super::scope::Found;
use super::scope::Scope;
use super::scope::span_of;
use super::syntax;
use crate::error::Error;
use crate::error::Result;
use crate::expr_planner::is_comparison;
use crate::expr_planner::strict;

/// Which clause an expression stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clause {
    Select,
    Where,
    On,
    GroupBy,
    Having,
    OrderBy,
}

/// What `ROW_NUMBER()` means at a place.
#[derive(Debug, Clone)]
pub(crate) enum RowNumber {
    /// This expression.
    Is(Box<Expr>),
    /// Nothing, for this reason.
    Refused(&'static str),
}

/// Where an expression stands.
#[derive(Debug, Clone)]
pub(crate) struct Place<'a> {
    pub scope: &'a Scope<'a>,
    pub clause: Clause,
    /// True in a block whose SUM and AVG aggregate rows.
    pub sql_block: bool,
    /// True inside an aggregate's argument, where SUM and AVG reduce within the sample.
    pub in_aggregate: bool,
    /// True inside a condition, CASE WHEN included, where arrays of unequal shapes compare as
    /// false; what is shown must not hide that they differ.
    pub in_condition: bool,
    pub row_number: RowNumber,
}

impl Place<'_> {
    /// A missing element is null where rows are chosen or sorted, and an error where it is shown.
    pub fn missing_is_null(&self) -> bool {
        matches!(self.clause, Clause::Where | Clause::On | Clause::Having | Clause::OrderBy)
    }
}

impl Lowering<'_> {
    /// A value.
    pub(crate) fn value(&mut self, expr: &Expr, place: &Place) -> Result<Expr> {
        let span = expr.span();
        let lowered = match expr {
            Expr::Identifier(ident) => self.identifier(ident, place)?,
            Expr::CompoundIdentifier(parts) => compound(parts, expr, place)?,
            Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. })
                if too_large(digits) =>
            {
                return Err(Error::planning(
                    format!("{digits} does not fit into 64 bits with a sign"),
                    Span::from_sqlparser(span),
                )
                .with_help(format!("write {digits}.0 for a float")));
            }
            Expr::Value(_) | Expr::TypedString(_) | Expr::Interval(_) => expr.clone(),
            Expr::Nested(inner) => Expr::Nested(Box::new(self.value(inner, place)?)),
            Expr::BinaryOp { .. } => self.operators(expr, place)?,
            Expr::UnaryOp { op, expr: inner } => self.unary(*op, inner, span, place)?,
            Expr::Between { expr: inner, negated, low, high } => {
                let arguments = self.values([inner.as_ref(), low, high], place)?;
                negate(syntax::call("tensor_between", span, arguments), *negated, span)
            }
            Expr::InList { expr: inner, list, negated } => {
                let all = std::iter::once(inner.as_ref()).chain(list);
                let arguments = self.values(all, place)?;
                negate(syntax::call("tensor_in", span, arguments), *negated, span)
            }
            Expr::Like { negated, any: false, expr: inner, pattern, escape_char: None } => {
                self.like("tensor_like", *negated, inner, pattern, span, place)?
            }
            Expr::ILike { negated, any: false, expr: inner, pattern, escape_char: None } => {
                self.like("tensor_ilike", *negated, inner, pattern, span, place)?
            }
            Expr::IsNull(inner) => {
                syntax::call("tensor_is_null", span, self.values([inner.as_ref()], place)?)
            }
            Expr::IsNotNull(inner) => {
                let test =
                    syntax::call("tensor_is_null", span, self.values([inner.as_ref()], place)?);
                Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(test) }
            }
            Expr::IsTrue(inner) => Expr::IsTrue(Box::new(self.value(inner, place)?)),
            Expr::IsNotTrue(inner) => Expr::IsNotTrue(Box::new(self.value(inner, place)?)),
            Expr::IsFalse(inner) => Expr::IsFalse(Box::new(self.value(inner, place)?)),
            Expr::IsNotFalse(inner) => Expr::IsNotFalse(Box::new(self.value(inner, place)?)),
            Expr::IsDistinctFrom(left, right) => Expr::IsDistinctFrom(
                Box::new(self.value(left, place)?),
                Box::new(self.value(right, place)?),
            ),
            Expr::IsNotDistinctFrom(left, right) => Expr::IsNotDistinctFrom(
                Box::new(self.value(left, place)?),
                Box::new(self.value(right, place)?),
            ),
            Expr::Case { case_token, end_token, operand, conditions, else_result } => {
                let mut whens = Vec::with_capacity(conditions.len());
                for when in conditions {
                    let condition = match operand {
                        Some(operand) => {
                            let sides = self.values([operand.as_ref(), &when.condition], place)?;
                            let equal = syntax::call("tensor_eq", when.condition.span(), sides);
                            syntax::call("tensor_truth", when.condition.span(), vec![equal])
                        }
                        None => self.predicate(&when.condition, place)?,
                    };
                    whens.push(CaseWhen { condition, result: self.value(&when.result, place)? });
                }
                let mut otherwise = match else_result {
                    Some(otherwise) => Some(Box::new(self.value(otherwise, place)?)),
                    None => None,
                };
                let results = whens.iter().map(|when| when.result.clone());
                let results: Vec<Expr> =
                    results.chain(otherwise.iter().map(|other| other.as_ref().clone())).collect();
                let mut met = meeting(results).into_iter();
                for (when, result) in whens.iter_mut().zip(met.by_ref()) {
                    when.result = result;
                }
                otherwise = met.next().map(Box::new);
                Expr::Case {
                    case_token: case_token.clone(),
                    end_token: end_token.clone(),
                    operand: None,
                    conditions: whens,
                    else_result: otherwise,
                }
            }
            Expr::Cast { kind, expr: inner, data_type, .. }
                if casts_elements(kind, inner, data_type) =>
            {
                let to = syntax::text(data_type.to_string().to_lowercase(), span);
                syntax::call("tensor_cast", span, vec![self.value(inner, place)?, to])
            }
            Expr::Cast { data_type: DataType::Custom(name, _), .. }
                if !lakebed_functions::is_element_type(&name.to_string()) =>
            {
                return Err(super::cast::unknown_type(name));
            }
            Expr::Cast { kind, expr: inner, data_type, array, format } => {
                let value = match super::cast::is_text(data_type) {
                    true => self.read(inner, place)?,
                    false => self.value(inner, place)?,
                };
                Expr::Cast {
                    kind: kind.clone(),
                    expr: Box::new(value),
                    data_type: data_type.clone(),
                    array: *array,
                    format: format.clone(),
                }
            }
            Expr::Array(array) => self.array(&array.elem, span, place)?,
            Expr::Function(function) => match as_subscript(expr) {
                Some((root, items)) => self.subscript(root, &items, span, place)?,
                None => self.function(function, span, place)?,
            },
            Expr::Subquery(query) => Expr::Subquery(Box::new(self.one_column(query, place)?)),
            Expr::Exists { subquery, negated } => Expr::Exists {
                subquery: Box::new(self.subquery(subquery, place)?),
                negated: *negated,
            },
            Expr::InSubquery { expr: inner, subquery, negated } => Expr::InSubquery {
                expr: Box::new(self.value(inner, place)?),
                subquery: Box::new(self.one_column(subquery, place)?),
                negated: *negated,
            },
            Expr::Extract { field, syntax, expr: inner } => Expr::Extract {
                field: field.clone(),
                syntax: syntax.clone(),
                expr: Box::new(self.value(inner, place)?),
            },
            Expr::Substring { expr: inner, substring_from, substring_for, special, shorthand } => {
                let mut part = |part: &Option<Box<Expr>>| match part {
                    Some(part) => self.value(part, place).map(|part| Some(Box::new(part))),
                    None => Ok(None),
                };
                let (from, length) = (part(substring_from)?, part(substring_for)?);
                Expr::Substring {
                    expr: Box::new(self.read(inner, place)?),
                    substring_from: from,
                    substring_for: length,
                    special: *special,
                    shorthand: *shorthand,
                }
            }
            Expr::Trim { trim_where, trim_what, expr: inner, trim_characters } => {
                let what = match trim_what {
                    Some(what) => Some(Box::new(self.value(what, place)?)),
                    None => None,
                };
                Expr::Trim {
                    trim_where: *trim_where,
                    trim_what: what,
                    expr: Box::new(self.read(inner, place)?),
                    trim_characters: trim_characters.clone(),
                }
            }
            Expr::Ceil { expr: inner, .. } => {
                syntax::call("tensor_ceil", span, self.values([inner.as_ref()], place)?)
            }
            Expr::Floor { expr: inner, .. } => {
                syntax::call("tensor_floor", span, self.values([inner.as_ref()], place)?)
            }
            Expr::Position { expr: inner, r#in } => Expr::Position {
                expr: Box::new(self.read(inner, place)?),
                r#in: Box::new(self.read(r#in, place)?),
            },
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => {
                return Err(Error::planning(
                    "'*' stands for all columns in SELECT and COUNT(*) only",
                    Span::from_sqlparser(span),
                ));
            }
            other => {
                return Err(Error::Unsupported {
                    what: format!("the expression {other}"),
                    span: Span::from_sqlparser(span),
                    help: None,
                });
            }
        };
        Ok(lowered)
    }

    /// A value as SQL's functions of texts read it.
    fn read(&mut self, expr: &Expr, place: &Place) -> Result<Expr> {
        Ok(readable(self.value(expr, place)?))
    }

    /// Several values.
    pub(crate) fn values<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        place: &Place,
    ) -> Result<Vec<Expr>> {
        exprs.into_iter().map(|expr| self.value(expr, place)).collect()
    }

    /// A condition: what decides about a row. Each operand under AND, OR and NOT is taken as true
    /// or false; a null is false.
    pub(crate) fn predicate(&mut self, expr: &Expr, place: &Place) -> Result<Expr> {
        let inside;
        let place = if place.in_condition {
            place
        } else {
            inside = Place { in_condition: true, ..place.clone() };
            &inside
        };
        let truth = |lowered: Expr| syntax::call("tensor_truth", expr.span(), vec![lowered]);
        Ok(match expr {
            Expr::Nested(inner) => Expr::Nested(Box::new(self.predicate(inner, place)?)),
            Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. } => {
                // Chains lean to the left and may be long: no recursion along them.
                let mut rights = Vec::new();
                let mut first = expr;
                while let Expr::BinaryOp {
                    left,
                    op: op @ (BinaryOperator::And | BinaryOperator::Or),
                    right,
                } = first
                {
                    rights.push((op.clone(), right.as_ref()));
                    first = left;
                }
                let mut lowered = self.predicate(first, place)?;
                for (op, right) in rights.into_iter().rev() {
                    lowered = syntax::binary(lowered, op, self.predicate(right, place)?);
                }
                lowered
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr: Box::new(Expr::Nested(Box::new(self.predicate(inner, place)?))),
            },
            Expr::Between { expr: inner, negated: true, low, high } => not(truth(syntax::call(
                "tensor_between",
                expr.span(),
                self.values([inner.as_ref(), low, high], place)?,
            ))),
            Expr::InList { expr: inner, list, negated: true } => not(truth(syntax::call(
                "tensor_in",
                expr.span(),
                self.values(std::iter::once(inner.as_ref()).chain(list), place)?,
            ))),
            Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::Exists { .. }
            | Expr::InSubquery { .. }
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..) => self.value(expr, place)?,
            other => truth(self.value(other, place)?),
        })
    }

    /// An array of written numbers takes their smallest type; with anything else in it, numbers
    /// take the type that they have alone, before any constant is folded.
    fn array(&mut self, items: &[Expr], span: SourceSpan, place: &Place) -> Result<Expr> {
        if items.iter().all(is_literal) {
            return Ok(syntax::call("tensor_array", span, self.values(items, place)?));
        }
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let value = self.value(item, place)?;
            values.push(match item {
                Expr::Array(_) => value,
                _ => match literal_number(item) {
                    Some(digits) if digits.contains(['.', 'e', 'E']) => {
                        syntax::as_decimal(value, digits)
                    }
                    Some(_) => syntax::as_integer(value),
                    None => value,
                },
            });
        }
        Ok(syntax::call("tensor_typed_array", span, values))
    }

    /// `NOT LIKE` is no plain negation: an empty text matches neither LIKE nor NOT LIKE.
    fn like(
        &mut self,
        name: &str,
        negated: bool,
        text: &Expr,
        pattern: &Expr,
        span: SourceSpan,
        place: &Place,
    ) -> Result<Expr> {
        let text = self.value(text, place)?;
        let pattern = self.value(pattern, place)?;
        let like = syntax::call(name, span, vec![text.clone(), pattern]);
        if !negated {
            return Ok(like);
        }
        let empty = syntax::text("", SourceSpan::empty());
        let some = syntax::binary(text, BinaryOperator::NotEq, empty);
        let unlike = syntax::call("tensor_not", span, vec![like]);
        Ok(Expr::Nested(Box::new(syntax::binary(some, BinaryOperator::And, unlike))))
    }

    /// Binary operators; the planner's hook sees the types of both sides and chooses.
    fn operators(&mut self, expr: &Expr, place: &Place) -> Result<Expr> {
        let mut rights = Vec::new();
        let mut first = expr;
        while let Expr::BinaryOp { left, op, right } = first {
            if let (true, Expr::BinaryOp { op: inner, right: middle, .. }) =
                (is_comparison(op), left.as_ref())
                && is_comparison(inner)
            {
                return Err(Error::planning(
                    format!("{inner} and {op} stand side by side, which compares a truth value"),
                    Span::from_sqlparser(first.span()),
                )
                .with_help(format!("write ... {inner} {middle} AND {middle} {op} {right}")));
            }
            rights.push((op.clone(), right.as_ref()));
            first = left;
        }
        let mut lowered = self.value(first, place)?;
        for (op, right) in rights.into_iter().rev() {
            let op = if place.in_condition { op } else { strict(op) };
            lowered = syntax::binary(lowered, op, self.value(right, place)?);
        }
        Ok(lowered)
    }

    fn unary(
        &mut self,
        op: UnaryOperator,
        inner: &Expr,
        span: SourceSpan,
        place: &Place,
    ) -> Result<Expr> {
        match (op, inner) {
            (UnaryOperator::Minus | UnaryOperator::Plus, Expr::Value(value))
                if matches!(value.value, Value::Number(..)) =>
            {
                Ok(Expr::UnaryOp { op, expr: Box::new(inner.clone()) })
            }
            (UnaryOperator::Minus, inner) => {
                Ok(syntax::call("tensor_neg", span, self.values([inner], place)?))
            }
            (UnaryOperator::Plus, inner) => self.value(inner, place),
            (UnaryOperator::Not, inner) => {
                Ok(syntax::call("tensor_not", span, self.values([inner], place)?))
            }
            (op, inner) => Ok(Expr::UnaryOp { op, expr: Box::new(self.value(inner, place)?) }),
        }
    }

    fn identifier(&mut self, ident: &Ident, place: &Place) -> Result<Expr> {
        let plain = || Expr::Identifier(syntax::quoted(&ident.value, ident.span));
        match place.scope.find(ident) {
            // Aliases come second, so the source's column is named with its table.
            Ok(Found::Column(relation)) if place.clause == Clause::OrderBy && !place.sql_block => {
                Ok(syntax::column(&relation, &ident.value, ident.span))
            }
            Ok(_) => Ok(plain()),
            Err(error) => {
                let is_alias = place.scope.aliases.contains(&ident.value);
                match place.clause {
                    Clause::OrderBy | Clause::Having | Clause::GroupBy if is_alias => Ok(plain()),
                    Clause::Where | Clause::On if is_alias => Err(Error::planning(
                        format!(
                            "'{}' is a name that AS gives; WHERE sees the columns of FROM only",
                            ident.value
                        ),
                        span_of(ident),
                    )
                    .with_help("repeat the expression, or select from a subquery that names it")),
                    Clause::OrderBy | Clause::Having if !place.scope.aliases.is_empty() => {
                        let mut names = place.scope.column_names();
                        names.extend(place.scope.aliases.iter().cloned());
                        let near = lakebed_core::nearest::nearest(
                            &ident.value,
                            names.iter().map(String::as_str),
                        );
                        match near {
                            Some(near) => Err(error.with_help(format!("did you mean '{near}'?"))),
                            None => Err(error),
                        }
                    }
                    _ => Err(error),
                }
            }
        }
    }

    /// A query that stands for values: it has one column.
    fn one_column(&mut self, query: &Query, place: &Place) -> Result<Query> {
        let lowered = self.query(query, Some(place.scope), Carry::Nothing)?;
        match lowered.columns.map(|columns| columns.len()) {
            None | Some(1) => Ok(lowered.query),
            Some(many) => Err(Error::planning(
                format!("a query in an expression has one column, and this one has {many}"),
                Span::from_sqlparser(query.span()),
            )
            .with_help("select the column whose values are meant")),
        }
    }

    /// A query inside an expression.
    fn subquery(&mut self, query: &Query, place: &Place) -> Result<Query> {
        Ok(self.query(query, Some(place.scope), Carry::Nothing)?.query)
    }

    /// Sort keys inside a call or a window.
    pub(crate) fn sort_keys(
        &mut self,
        keys: &[OrderByExpr],
        place: &Place,
    ) -> Result<Vec<OrderByExpr>> {
        keys.iter()
            .map(|key| {
                let ascending = key.options.asc.unwrap_or(true);
                let nulls_first = key.options.nulls_first.unwrap_or(ascending);
                Ok(syntax::sort_key(self.value(&key.expr, place)?, ascending, nulls_first))
            })
            .collect()
    }
}

fn compound(parts: &[Ident], expr: &Expr, place: &Place) -> Result<Expr> {
    match parts {
        [relation, column] => {
            place.scope.check_qualified(relation, column)?;
            Ok(Expr::CompoundIdentifier(vec![
                syntax::quoted(&relation.value, relation.span),
                syntax::quoted(&column.value, column.span),
            ]))
        }
        _ => Err(Error::planning(
            format!("'{expr}' has too many parts: write table.column"),
            Span::from_sqlparser(expr.span()),
        )),
    }
}

/// True for whole numbers beyond the 64-bit ones.
fn too_large(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<i64>().is_err()
}

fn negate(expr: Expr, negated: bool, span: SourceSpan) -> Expr {
    if negated { syntax::call("tensor_not", span, vec![expr]) } else { expr }
}

fn not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) }
}

/// True for casts to the type of an element: tensors take them too. A written number has its type
/// at once.
fn casts_elements(kind: &CastKind, of: &Expr, to: &DataType) -> bool {
    matches!(kind, CastKind::Cast | CastKind::DoubleColon)
        && literal_number(of).is_none()
        && lakebed_functions::is_element_type(&to.to_string())
}

/// The digits of a number as written, its sign apart.
fn literal_number(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => Some(digits),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
            literal_number(expr)
        }
        _ => None,
    }
}

/// True for what is written out: numbers, texts, and arrays of them.
fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Array(array) => array.elem.iter().all(is_literal),
        Expr::Value(_) => true,
        other => literal_number(other).is_some(),
    }
}

/// The text of a text literal.
pub(crate) fn text_literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some(text),
        _ => None,
    }
}

/// The value of a whole-number literal, with its sign.
pub(crate) fn integer_literal(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => digits.parse().ok(),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => {
                format!("-{digits}").parse().ok()
            }
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => integer_literal(expr),
        Expr::Nested(inner) => integer_literal(inner),
        _ => None,
    }
}
