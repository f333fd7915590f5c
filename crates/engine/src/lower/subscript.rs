//! `x[100:300, :, 0]`: constant subscripts become one text, so that plans can be compared and the
//! scan can cut; values that rows decide become arguments.

use datafusion::sql::sqlparser::ast::Expr;
use datafusion::sql::sqlparser::ast::Spanned;
use datafusion::sql::sqlparser::tokenizer::Span as SourceSpan;
use lakebed_core::Subscript;
use lakebed_core::subscript;
use lakebed_grammar::Span;
use lakebed_grammar::subscript::Item;

use super::Lowering;
use super::expression::Place;
use super::expression::integer_literal;
use super::expression::text_literal;
use super::syntax;
use crate::error::Error;
use crate::error::Result;

/// A bound of a slice: a constant, a value of the row, or none.
enum Bound {
    None,
    Constant(i64),
    Row(Box<Expr>),
}

impl Lowering<'_> {
    /// `root[items]`.
    pub(crate) fn subscript(
        &mut self,
        root: &Expr,
        items: &[Item],
        span: SourceSpan,
        place: &Place,
    ) -> Result<Expr> {
        let root = self.value(root, place)?;
        if let [Item::Index(key)] = items
            && let Some(key_text) = text_literal(key)
        {
            let key = syntax::text(key_text, key.span());
            return Ok(syntax::call("json_get", span, vec![root, key]));
        }
        let mut arguments = vec![root];
        let mut constant = Vec::with_capacity(items.len());
        let mut pattern = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Item::Rest => {
                    constant.push(Subscript::Rest);
                    pattern.push("...".to_string());
                }
                Item::Index(index) => match integer_literal(index) {
                    Some(index) => {
                        constant.push(Subscript::Index(index));
                        pattern.push(index.to_string());
                    }
                    None => {
                        refuse_float(index)?;
                        arguments.push(self.value(index, place)?);
                        pattern.push("$".to_string());
                    }
                },
                Item::Slice { start, stop, step } => {
                    let parts = [start, stop, step].map(Option::as_ref);
                    let mut bounds = Vec::with_capacity(3);
                    for part in parts {
                        bounds.push(self.bound(part, place)?);
                    }
                    let value = |at: usize| match bounds.get(at) {
                        Some(Bound::Constant(value)) => Some(*value),
                        _ => None,
                    };
                    let slice =
                        Subscript::Slice { start: value(0), stop: value(1), step: value(2) };
                    constant.push(slice);
                    let mut text = String::new();
                    let last = if matches!(bounds.get(2), Some(Bound::None)) { 2 } else { 3 };
                    for (at, bound) in bounds.into_iter().take(last).enumerate() {
                        if at > 0 {
                            text.push(':');
                        }
                        match bound {
                            Bound::None => {}
                            Bound::Constant(value) => text.push_str(&value.to_string()),
                            Bound::Row(expr) => {
                                text.push('$');
                                arguments.push(*expr);
                            }
                        }
                    }
                    pattern.push(text);
                }
            }
        }
        subscript::check(&constant, None)
            .map_err(|error| Error::planning(error.to_string(), Span::from_sqlparser(span)))?;
        let missing = place.missing_is_null();
        if arguments.len() == 1 {
            // Without a position nothing can be out of range, and a call that cannot fail may move
            // below sorts and limits, down to the scan.
            let fails = constant.iter().any(|part| matches!(part, Subscript::Index(_)));
            let name = if missing || !fails { "tensor_slice_or_null" } else { "tensor_slice" };
            arguments.push(syntax::text(subscript::format_list(&constant), span));
            return Ok(syntax::call(name, span, arguments));
        }
        let name = if missing { "tensor_index_or_null" } else { "tensor_index" };
        arguments.insert(1, syntax::text(pattern.join(", "), span));
        Ok(syntax::call(name, span, arguments))
    }

    fn bound(&mut self, bound: Option<&Expr>, place: &Place) -> Result<Bound> {
        let Some(bound) = bound else { return Ok(Bound::None) };
        match integer_literal(bound) {
            Some(value) => Ok(Bound::Constant(value)),
            None => {
                refuse_float(bound)?;
                Ok(Bound::Row(Box::new(self.value(bound, place)?)))
            }
        }
    }
}

fn refuse_float(expr: &Expr) -> Result<()> {
    use datafusion::sql::sqlparser::ast::Value;
    let inner = match expr {
        Expr::UnaryOp { expr, .. } => expr,
        other => other,
    };
    match inner {
        Expr::Value(value) if matches!(value.value, Value::Number(..)) => Err(Error::planning(
            format!("{expr} is no index: positions are whole numbers"),
            Span::from_sqlparser(expr.span()),
        )),
        _ => Ok(()),
    }
}
