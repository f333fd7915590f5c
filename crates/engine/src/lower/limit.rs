//! LIMIT and OFFSET: whole numbers, negative ones as 0, fractions cut off.

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

fn count(expr: &Expr) -> Result<u64> {
    let wrong = || {
        Error::planning(format!("'{expr}' is no number of rows"), Span::from_sqlparser(expr.span()))
            .with_help("LIMIT and OFFSET take a number")
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
        _ => Err(wrong()),
    }
}

/// The whole part of a literal such as `12`, `2.7` or `1e3`; the largest count if it is larger.
fn whole(text: &str) -> Option<u64> {
    if let Ok(value) = text.parse::<u64>() {
        return Some(value);
    }
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() || value < 0.0 {
        return None;
    }
    let digits = format!("{:.0}", value.trunc());
    Some(digits.parse().unwrap_or(u64::MAX))
}
