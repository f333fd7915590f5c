//! LIMIT and OFFSET: whole numbers, negative ones as 0, fractions cut off.

use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::LimitClause;
use datafusion::sql::sqlparser::ast::Offset;
use datafusion::sql::sqlparser::ast::OffsetRows;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::ast::UnaryOperator;
use datafusion::sql::sqlparser::ast::Value;
use lakebed_grammar::Span;

use super::syntax;
use crate::error::Error;
use crate::error::Result;

/// How many rows are left out, and how many follow at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    pub offset: u64,
    pub rows: Option<u64>,
}

impl Limit {
    /// Reads the clause.
    pub fn read(clause: Option<&LimitClause>) -> Result<Limit> {
        match clause {
            None => Ok(Limit::default()),
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) => {
                if let Some(by) = limit_by.first() {
                    return Err(Error::Unsupported {
                        what: "LIMIT BY".into(),
                        span: Span::from_sqlparser(by.span()),
                        help: None,
                    });
                }
                let rows = match limit {
                    Some(limit) => Some(count(limit)?),
                    None => None,
                };
                let offset = match offset {
                    Some(offset) => count(&offset.value)?,
                    None => 0,
                };
                Ok(Limit { offset, rows })
            }
            Some(LimitClause::OffsetCommaLimit { offset, .. }) => {
                Err(Error::planning("LIMIT takes one number", Span::from_sqlparser(offset.span()))
                    .with_help("write LIMIT n OFFSET m"))
            }
        }
    }

    /// True if it leaves everything as it is.
    pub fn is_none(self) -> bool {
        self == Limit::default()
    }

    /// The clause for the planner.
    pub fn clause(self) -> Option<LimitClause> {
        if self.is_none() {
            return None;
        }
        let offset = (self.offset > 0)
            .then(|| Offset { value: syntax::number(self.offset), rows: OffsetRows::None });
        Some(LimitClause::LimitOffset {
            limit: self.rows.map(syntax::number),
            offset,
            limit_by: Vec::new(),
        })
    }
}

/// The share and the offset of `LIMIT n PERCENT OFFSET m`.
///
/// # Errors
/// A share that is no number.
pub(crate) fn percent(clause: Option<&LimitClause>) -> Result<(f64, u64)> {
    match clause {
        Some(LimitClause::LimitOffset { limit: Some(limit), offset, .. }) => {
            let offset = match offset {
                Some(offset) => count(&offset.value)?,
                None => 0,
            };
            Ok((number(limit)?.max(0.0), offset))
        }
        other => Err(Error::planning(
            "PERCENT needs a number before it",
            other.and_then(|clause| Span::from_sqlparser(clause.span())),
        )
        .with_help("write LIMIT 10 PERCENT")),
    }
}

/// An expression in quotes, once.
fn shown(expr: &Expr) -> String {
    let text = expr.to_string();
    if text.starts_with('\'') { text } else { format!("'{text}'") }
}

/// A number that may have a sign and a fraction, or a sum, difference or product of such.
///
/// # Errors
/// Anything else.
pub(crate) fn number(expr: &Expr) -> Result<f64> {
    let wrong = || {
        Error::planning(format!("{} is no number", shown(expr)), Span::from_sqlparser(expr.span()))
            .with_help("write a number, such as 10 or 2.5")
    };
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => {
                text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => number(inner).map(|n| -n),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } | Expr::Nested(inner) => {
            number(inner)
        }
        Expr::BinaryOp { left, op, right } => {
            let (left, right) = (number(left)?, number(right)?);
            let value = match op {
                BinaryOperator::Plus => left + right,
                BinaryOperator::Minus => left - right,
                BinaryOperator::Multiply => left * right,
                _ => return Err(wrong()),
            };
            Some(value).filter(|value| value.is_finite()).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// A number of rows: a literal or a sum, difference or product of such, negative ones as 0,
/// fractions cut off.
///
/// # Errors
/// Anything else.
pub(crate) fn count(expr: &Expr) -> Result<u64> {
    let wrong = || {
        let message = format!("{} is no number of rows", shown(expr));
        Error::planning(message, Span::from_sqlparser(expr.span()))
            .with_help("write a number, such as 10")
    };
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => whole(text).ok_or_else(wrong),
            _ => Err(wrong()),
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => count(inner).map(|_| 0),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr: inner } | Expr::Nested(inner) => {
            count(inner)
        }
        Expr::BinaryOp { .. } => {
            let rows = number(expr).map_err(|_| wrong())?;
            whole(&rows.max(0.0).trunc().to_string()).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}

/// The whole part of a literal such as `12`, `2.7` or `1e3`; the largest count that plans hold if
/// it is larger.
fn whole(text: &str) -> Option<u64> {
    const LARGEST: u64 = i64::MAX as u64;
    if let Ok(value) = text.parse::<u64>() {
        return Some(value.min(LARGEST));
    }
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() || value < 0.0 {
        return None;
    }
    let digits = format!("{:.0}", value.trunc());
    Some(digits.parse().map_or(LARGEST, |value: u64| value.min(LARGEST)))
}
