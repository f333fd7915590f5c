//! `SAMPLE BY`: rows drawn by weight, in the order of the draw.

use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::CaseWhen;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Join;
use datafusion::sql::sqlparser::ast::JoinConstraint;
use datafusion::sql::sqlparser::ast::JoinOperator;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::Value;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_functions::aggregates::Draw;
use lakebed_grammar::Span;
use lakebed_grammar::clauses::Sample;
use lakebed_grammar::subscript::as_pair;

use super::Lowering;
use super::expression::Clause;
use super::expression::Place;
use super::expression::text_literal;
use super::limit;
use super::scope::Scope;
use super::stages;
use super::step::Step;
use super::step::numbered;
use super::step::selected;
use super::syntax;
use super::walk;
use crate::error::Error;
use crate::error::Result;

/// The column of the weights that rows were drawn by, for who selects it.
pub(crate) const WEIGHT: &str = "__weight";

const DRAWN: &str = "__drawn";
const ROW: &str = "__row";
const DRAW: &str = "__draw";

impl Lowering<'_> {
    /// The rows that the draw chooses; `weight` is over the rows of `step`.
    fn sampled(&mut self, step: Step, sample: &Sample, weight: &Expr) -> Result<Step> {
        let scope = Scope { relations: vec![step.relation()], ..Scope::default() };
        let place = stages::place(&scope, Clause::Where);
        let at = weight.span();
        let weight = self.weight(weight, &place)?;
        let count = match &sample.limit {
            Some(count) => {
                let count = limit::number(count)?.max(0.0);
                syntax::as_double(syntax::number(format!("{count:?}")))
            }
            None => syntax::as_double(syntax::null()),
        };
        let arguments = vec![
            step.position(),
            syntax::as_double(weight),
            count,
            syntax::boolean(sample.percent),
            syntax::boolean(sample.replace),
            syntax::as_integer(syntax::number(self.seed.cast_signed())),
        ];
        let empty = SourceSpan::empty();
        let (list, draws) = (self.fresh(), self.fresh());
        let drawn = syntax::call(Draw::NAME, at, arguments);
        let query = selected(vec![syntax::aliased(drawn, DRAWN, empty)], step.from());
        let from = syntax::from_one(syntax::derived(query, syntax::table_alias(&list)));
        let places = || syntax::column(&list, DRAWN, empty);
        let length = syntax::call("array_length", empty, vec![places()]);
        let numbers = syntax::call("range", empty, vec![syntax::number(0), length]);
        let query = selected(
            vec![
                syntax::aliased(syntax::call("unnest", empty, vec![places()]), ROW, empty),
                syntax::aliased(syntax::call("unnest", empty, vec![numbers]), DRAW, empty),
            ],
            from,
        );
        let mut from = syntax::from_one(syntax::derived(query, syntax::table_alias(&draws)));
        let chosen =
            syntax::binary(syntax::column(&draws, ROW, empty), BinaryOperator::Eq, step.position());
        if let Some(table) = from.first_mut() {
            table.joins.push(Join {
                relation: step.factor(),
                global: false,
                join_operator: JoinOperator::Inner(JoinConstraint::On(chosen)),
            });
        }
        let mut items = step.items();
        items.push(numbered(syntax::column(&draws, DRAW, empty)));
        Ok(step.with(syntax::select(items, from)))
    }

    /// As [`Lowering::sampled`]; the weights stay as a column [`WEIGHT`] if they are `kept`.
    pub(crate) fn sampled_with_weights(
        &mut self,
        step: Step,
        sample: &Sample,
        weight: &Expr,
        kept: bool,
    ) -> Result<Step> {
        if !kept {
            return self.sampled(step, sample, weight);
        }
        let scope = Scope { relations: vec![step.relation()], ..Scope::default() };
        let weight = self.weight(weight, &stages::place(&scope, Clause::Where))?;
        let mut items = step.items();
        items.push(syntax::aliased(syntax::as_double(weight), WEIGHT, SourceSpan::empty()));
        items.push(numbered(step.position()));
        let mut weighed = step.with(syntax::select(items, step.from()));
        weighed.columns.push(WEIGHT.to_string());
        self.sampled(weighed, sample, &Expr::Identifier(syntax::made(WEIGHT)))
    }

    /// The weight of a row as a number: a condition is 1 or 0.
    fn weight(&mut self, weight: &Expr, place: &Place) -> Result<Expr> {
        if let Expr::Function(call) = weight
            && let Some(name @ ("sum_weight" | "max_weight")) = walk::function_name(call).as_deref()
        {
            return self.weights(name, &walk::plain_arguments(call), weight, place);
        }
        match weight {
            Expr::Nested(inner) => self.weight(inner, place),
            Expr::BinaryOp { op, .. } if is_condition(op) => {
                Ok(either(self.predicate(weight, place)?, one(), zero()))
            }
            Expr::UnaryOp { op: datafusion::sql::sqlparser::ast::UnaryOperator::Not, .. }
            | Expr::Between { .. }
            | Expr::InList { .. }
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::IsNull(_)
            | Expr::IsNotNull(_) => Ok(either(self.predicate(weight, place)?, one(), zero())),
            Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)) => {
                Err(Error::planning(
                    "a weight is a number or a condition",
                    Span::from_sqlparser(value.span),
                ))
            }
            // A cast of ours knows what JSON holds.
            other => {
                let double = syntax::text("f64", other.span());
                Ok(syntax::call(
                    "tensor_cast",
                    other.span(),
                    vec![self.value(other, place)?, double],
                ))
            }
        }
    }

    /// `SUM_WEIGHT(condition: weight, ...)` and `MAX_WEIGHT`; also selectable.
    pub(crate) fn weights(
        &mut self,
        name: &str,
        pairs: &[&Expr],
        call: &Expr,
        place: &Place,
    ) -> Result<Expr> {
        let largest = name == "max_weight";
        let mut terms = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let Some((condition, weight)) = as_pair(pair) else {
                return Err(Error::planning(
                    format!("{} takes pairs of a condition and a weight", name.to_uppercase()),
                    Span::from_sqlparser(pair.span()),
                )
                .with_help(format!("write {}(label == 'cat': 5, ...)", name.to_uppercase())));
            };
            if text_literal(weight).is_some() {
                return Err(Error::planning(
                    format!("{weight} is no weight: a weight is a number"),
                    Span::from_sqlparser(weight.span()),
                ));
            }
            let weight = syntax::as_double(self.value(weight, place)?);
            let otherwise = if largest { syntax::as_double(syntax::null()) } else { zero() };
            terms.push(either(self.predicate(condition, place)?, weight, otherwise));
        }
        let (Some(first), rest) = (terms.first().cloned(), terms.split_off(1.min(terms.len())))
        else {
            return Err(Error::planning(
                format!("{} needs a pair", name.to_uppercase()),
                Span::from_sqlparser(call.span()),
            )
            .with_help(format!("write {}(label == 'cat': 5)", name.to_uppercase())));
        };
        if largest {
            // Of the pairs that hold; the others are null, which GREATEST passes over.
            let all = std::iter::once(first).chain(rest).collect();
            let empty = SourceSpan::empty();
            let largest = syntax::call("greatest", empty, all);
            return Ok(syntax::call("coalesce", empty, vec![largest, zero()]));
        }
        Ok(rest.into_iter().fold(first, |sum, term| {
            Expr::Nested(Box::new(syntax::binary(sum, BinaryOperator::Plus, term)))
        }))
    }
}

fn is_condition(op: &BinaryOperator) -> bool {
    matches!(
        op,
        BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::And
            | BinaryOperator::Or
    )
}

fn one() -> Expr {
    syntax::as_double(syntax::number(1))
}

fn zero() -> Expr {
    syntax::as_double(syntax::number(0))
}

/// `CASE WHEN condition THEN yes ELSE no END`.
fn either(condition: Expr, yes: Expr, no: Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: yes }],
        else_result: Some(Box::new(no)),
    }
}
