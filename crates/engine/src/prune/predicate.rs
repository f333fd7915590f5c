//! What statistics can say about a predicate: a tree of tests on single columns.

use std::sync::Arc;

use super::compare;
use super::compare::Comparison;
use super::contains;
use super::facts::Facts;
use super::in_list;
use super::in_list::List;
use super::like;
use super::like::Prefix;
use super::literal::Literal;
use super::nonzero;
use super::null;
use super::outcomes::Outcomes;
use super::spans::Spans;
use super::steps::ValuePath;
use super::values::Values;

/// A predicate, as far as statistics understand it.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// The same outcomes everywhere; [`Outcomes::ANY`] for what is not understood.
    Constant(Outcomes),
    /// All of them.
    And(Vec<Predicate>),
    /// One of them at least.
    Or(Vec<Predicate>),
    /// The opposite.
    Not(Box<Predicate>),
    /// The truth of a value: never null.
    Truth(Box<Predicate>),
    /// Some element of a row.
    Any(Box<Predicate>),
    /// Every element of a row.
    All(Box<Predicate>),
    /// A test of every element of a value.
    Test(Box<ValuePath>, Test),
}

/// A test of the elements of one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// A comparison with a constant.
    Compare(Comparison, Literal),
    /// One of a list.
    InList(Arc<List>),
    /// A text that matches a pattern.
    Like(Prefix),
    /// A text that holds another.
    Contains(String),
    /// Not zero.
    Nonzero,
    /// Null.
    IsNull,
    /// Null or empty.
    IsNullOrEmpty,
    /// Empty.
    IsEmpty,
}

impl Predicate {
    /// Nothing is known.
    pub const UNKNOWN: Predicate = Predicate::Constant(Outcomes::ANY);

    /// The columns whose statistics it looks at.
    pub fn columns(&self, out: &mut Vec<usize>) {
        match self {
            Predicate::Constant(_) => {}
            Predicate::And(parts) | Predicate::Or(parts) => {
                for part in parts {
                    part.columns(out);
                }
            }
            Predicate::Not(part)
            | Predicate::Truth(part)
            | Predicate::Any(part)
            | Predicate::All(part) => part.columns(out),
            Predicate::Test(value, _) => out.push(value.column),
        }
    }

    /// Its possible outcomes over the rows of a fragment.
    pub fn outcomes(&self, facts: &Facts) -> Spans<Outcomes> {
        let join =
            |parts: &[Predicate], start: Outcomes, of: fn(Outcomes, Outcomes) -> Outcomes| {
                parts.iter().fold(Spans::constant(facts.rows(), start), |all, part| {
                    all.zip(&part.outcomes(facts), of)
                })
            };
        match self {
            Predicate::Constant(outcomes) => Spans::constant(facts.rows(), *outcomes),
            Predicate::And(parts) => join(parts, Outcomes::YES, Outcomes::and),
            Predicate::Or(parts) => join(parts, Outcomes::NO, Outcomes::or),
            Predicate::Not(part) => part.outcomes(facts).map(Outcomes::not),
            Predicate::Truth(part) => part.outcomes(facts).map(Outcomes::truth),
            Predicate::Any(part) => part.outcomes(facts).map(Outcomes::any),
            Predicate::All(part) => part.outcomes(facts).map(Outcomes::all),
            Predicate::Test(value, test) => {
                facts.spans(value, |values| test.outcomes(values, value))
            }
        }
    }
}

impl Test {
    fn outcomes(&self, values: &Values, value: &ValuePath) -> Outcomes {
        let dtype = &value.ty.dtype;
        match self {
            Test::Compare(comparison, literal) => {
                compare::outcomes(*comparison, values, literal, dtype)
            }
            Test::InList(list) => in_list::outcomes(list, values, dtype),
            Test::Like(prefix) => like::outcomes(prefix, values),
            Test::Contains(part) => contains::outcomes(part, values),
            Test::Nonzero => nonzero::outcomes(values, dtype),
            Test::IsNull => null::is_null(values),
            Test::IsNullOrEmpty => null::is_null_or_empty(values),
            Test::IsEmpty => null::is_empty(values),
        }
    }
}
