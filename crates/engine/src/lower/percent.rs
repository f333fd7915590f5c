//! `LIMIT n PERCENT`: a share of the rows at that point, rounded up (rule 4).

use datafusion::sql::sqlparser::ast::BinaryOperator;
use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::LimitClause;
use datafusion::sql::sqlparser::ast::SelectItem;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;

use super::Lowering;
use super::limit;
use super::step::Step;
use super::step::numbered;
use super::step::selected;
use super::syntax;
use crate::error::Result;

impl Lowering<'_> {
    /// The rows from the offset on, as many as the share of all rows.
    pub(crate) fn percent(&mut self, step: Step, limit: Option<&LimitClause>) -> Result<Step> {
        let (percent, offset) = limit::percent(limit)?;
        let count = syntax::call("count", SourceSpan::empty(), vec![syntax::number(1)]);
        let all =
            Expr::Subquery(Box::new(selected(vec![SelectItem::UnnamedExpr(count)], step.from())));
        let share = syntax::binary(
            syntax::binary(
                syntax::as_double(all),
                BinaryOperator::Multiply,
                syntax::as_double(syntax::number(format!("{percent:?}"))),
            ),
            BinaryOperator::Divide,
            syntax::as_double(syntax::number(100)),
        );
        // A whole number of rows must not become one more by rounding.
        let share = syntax::binary(
            Expr::Nested(Box::new(share)),
            BinaryOperator::Minus,
            syntax::as_double(syntax::number("0.000000001")),
        );
        let rows = syntax::call("ceil", SourceSpan::empty(), vec![share]);
        let end =
            syntax::binary(syntax::as_double(syntax::number(offset)), BinaryOperator::Plus, rows);
        let mut items = step.items();
        items.push(numbered(syntax::minus(step.position(), offset)));
        let mut select = syntax::select(items, step.from());
        select.selection = Some(syntax::binary(
            syntax::binary(step.position(), BinaryOperator::GtEq, syntax::number(offset)),
            BinaryOperator::And,
            syntax::binary(syntax::as_double(step.position()), BinaryOperator::Lt, end),
        ));
        Ok(step.with(select))
    }
}
