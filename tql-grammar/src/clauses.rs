//! TQL's own clauses of one query: EXPAND BY, ACROSS, UNGROUP BY, LIMIT PERCENT, SAMPLE BY and
//! ARRANGE BY.
//!
//! In the tree they are pipe operators `|> CALL __tql_...(...)` of the `Query` they belong to, at
//! any depth, so that visitors see their expressions and nothing can lose them unnoticed
//! (DataFusion's planner refuses what the lowering has not taken). A SELECT of a set operation
//! that has an EXPAND, ACROSS or UNGROUP of its own is a parenthesised query in the tree.

use std::ops::ControlFlow;

use sqlparser::ast::Expr;
use sqlparser::ast::Function;
use sqlparser::ast::PipeOperator;
use sqlparser::ast::Query;
use sqlparser::ast::Value;
use sqlparser::ast::ValueWithSpan;
use sqlparser::ast::Visitor;

use crate::span::Span;
use crate::subscript::call_arguments;
use crate::subscript::is_null;
use crate::visit;

pub(crate) const EXPAND: &str = "__tql_expand";
pub(crate) const ACROSS: &str = "__tql_across";
pub(crate) const UNGROUP: &str = "__tql_ungroup";
pub(crate) const PERCENT: &str = "__tql_limit_percent";
pub(crate) const SAMPLE: &str = "__tql_sample";
pub(crate) const ARRANGE: &str = "__tql_arrange";

/// The clauses of one query; all absent in plain SQL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clauses {
    /// `EXPAND BY before [after] [OVERLAP bool]`.
    pub expand: Option<Expand>,
    /// `GROUP BY ... ACROSS SPACE | TIME`.
    pub across: Option<Across>,
    /// `UNGROUP BY SPLIT | n | ARRAY[a, b]`.
    pub ungroup: Option<Ungroup>,
    /// The LIMIT of the query is a percentage of the rows.
    pub limit_percent: bool,
    /// `SAMPLE BY weight [REPLACE bool] [LIMIT n [PERCENT]]`.
    pub sample: Option<Sample>,
    /// `ARRANGE BY e, ...`; empty if absent.
    pub arrange: Vec<Expr>,
}

/// `EXPAND BY`: rows around each match. Numbers are literals or parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expand {
    /// Rows before each match, and after it if `after` is absent.
    pub before: Expr,
    /// Rows after each match.
    pub after: Option<Expr>,
    /// Whether rows that lie in several windows repeat (the default).
    pub overlap: bool,
}

/// `ACROSS`: what a grouped column becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    /// One array with a new first axis.
    Space,
    /// A sequence (the default).
    Time,
}

/// `UNGROUP BY`: how sequences become rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ungroup {
    /// One row for each element.
    Split,
    /// That many parts: a literal or a parameter.
    Parts(Expr),
    /// Parts of these lengths: an array.
    Lengths(Expr),
}

/// `SAMPLE BY`: a weighted draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The weight of a row: an expression, or a call of SUM_WEIGHT or MAX_WEIGHT whose arguments
    /// are pairs (see [`crate::subscript::as_pair`]).
    pub weight: Expr,
    /// Whether a row can be drawn twice (the default).
    pub replace: bool,
    /// How many rows: a literal or a parameter; as many as there are if absent.
    pub limit: Option<Expr>,
    /// Whether `limit` is a percentage of the rows.
    pub percent: bool,
}

impl Clauses {
    /// The clauses of this query, not of those inside it.
    pub fn of(query: &Query) -> Clauses {
        let mut clauses = Clauses::default();
        for operator in &query.pipe_operators {
            if let PipeOperator::Call { function, alias: None } = operator {
                clauses.add(function);
            }
        }
        clauses
    }

    /// Takes the clauses off this query, so that what is left is plain SQL.
    pub fn take(query: &mut Query) -> Clauses {
        let clauses = Clauses::of(query);
        query.pipe_operators.clear();
        clauses
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        *self == Clauses::default()
    }

    /// Reads one pipe operator; false if it is none of ours or malformed.
    fn add(&mut self, function: &Function) -> bool {
        if let Some(arguments) = call_arguments(function, EXPAND)
            && let [before, after, overlap] = arguments.as_slice()
        {
            let after = if is_null(after) { None } else { Some((*after).clone()) };
            let before = (*before).clone();
            self.expand = Some(Expand { before, after, overlap: is_true(overlap) });
            return true;
        }
        if let Some(arguments) = call_arguments(function, ACROSS)
            && let [kind] = arguments.as_slice()
        {
            self.across =
                Some(if text_of(kind) == Some("SPACE") { Across::Space } else { Across::Time });
            return true;
        }
        if let Some(arguments) = call_arguments(function, UNGROUP)
            && let [how] = arguments.as_slice()
        {
            self.ungroup = Some(match how {
                how if text_of(how) == Some("SPLIT") => Ungroup::Split,
                Expr::Array(_) => Ungroup::Lengths((*how).clone()),
                how => Ungroup::Parts((*how).clone()),
            });
            return true;
        }
        if call_arguments(function, PERCENT).is_some_and(|arguments| arguments.is_empty()) {
            self.limit_percent = true;
            return true;
        }
        if let Some(arguments) = call_arguments(function, SAMPLE)
            && let [weight, replace, limit, percent] = arguments.as_slice()
        {
            self.sample = Some(Sample {
                weight: (*weight).clone(),
                replace: is_true(replace),
                limit: if is_null(limit) { None } else { Some((*limit).clone()) },
                percent: is_true(percent),
            });
            return true;
        }
        if let Some(arguments) = call_arguments(function, ARRANGE) {
            self.arrange = arguments.into_iter().cloned().collect();
            return !self.arrange.is_empty();
        }
        false
    }
}

/// The first clause of TQL's own in the query or in one inside it: its name and place.
pub fn first_clause(query: &Query) -> Option<(&'static str, Option<Span>)> {
    first(query, &|function| match name_of(function).as_deref() {
        Some(EXPAND) => Some("EXPAND BY"),
        Some(ACROSS) => Some("ACROSS"),
        Some(UNGROUP) => Some("UNGROUP BY"),
        Some(PERCENT) => Some("LIMIT PERCENT"),
        Some(SAMPLE) => Some("SAMPLE BY"),
        Some(ARRANGE) => Some("ARRANGE BY"),
        _ => None,
    })
}

/// The first clause whose arguments are not what the clause takes: what it takes, and its place.
pub(crate) fn first_malformed(query: &Query) -> Option<(&'static str, Option<Span>)> {
    first(query, &|function| {
        if Clauses::default().add(function) {
            return None;
        }
        Some(match name_of(function).as_deref() {
            Some(SAMPLE) => "SAMPLE BY takes one weight",
            Some(ARRANGE) => "ARRANGE BY takes expressions",
            Some(EXPAND) => "EXPAND BY takes one or two numbers of rows",
            Some(UNGROUP) => "UNGROUP BY takes SPLIT, one number or one array",
            _ => "this clause is not what its grammar says",
        })
    })
}

/// The first clause, in this query or inside, that `choose` names.
fn first(
    query: &Query,
    choose: &dyn Fn(&Function) -> Option<&'static str>,
) -> Option<(&'static str, Option<Span>)> {
    struct Search<'a> {
        choose: &'a dyn Fn(&Function) -> Option<&'static str>,
        found: Option<(&'static str, Option<Span>)>,
    }
    impl Visitor for Search<'_> {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            for operator in &query.pipe_operators {
                if let PipeOperator::Call { function, .. } = operator
                    && let Some(name) = (self.choose)(function)
                {
                    self.found = Some((name, place(function)));
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut search = Search { choose, found: None };
    let _ = visit::query(query, &mut search);
    search.found
}

fn name_of(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [part] => part.as_ident().map(|ident| ident.value.clone()),
        _ => None,
    }
}

fn place(function: &Function) -> Option<Span> {
    let part = function.name.0.first()?;
    Span::from_sqlparser(part.as_ident()?.span)
}

fn is_true(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Boolean(true), .. }))
}

fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some(text),
        _ => None,
    }
}
