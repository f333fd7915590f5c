//! TQL as a dialect of `sqlparser`.

use std::any::TypeId;
use std::cell::Cell;

use sqlparser::ast::BinaryOperator;
use sqlparser::ast::Expr;
use sqlparser::dialect::Dialect;
use sqlparser::dialect::GenericDialect;
use sqlparser::dialect::Precedence;
use sqlparser::keywords::Keyword;
use sqlparser::keywords::RESERVED_FOR_IDENTIFIER;
use sqlparser::parser::Parser;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::Token;

use crate::subscript;

/// The token that `:` becomes inside `SUM_WEIGHT(e: w)`, see [`crate::normalize`].
pub(crate) const PAIR_OPERATOR: &str = "__pair";
/// Binds weaker than OR (5), so that `a OR b: 1` is `(a OR b): 1`.
const PAIR_PRECEDENCE: u8 = 2;

/// The hooks, and a bound on the work of one parse.
#[derive(Debug)]
pub(crate) struct TqlDialect {
    /// Expressions that may still be tried. sqlparser tries alternatives by going back, which on
    /// hostile text is exponential in the nesting.
    fuel: Cell<u64>,
}

impl TqlDialect {
    /// For a text of that many tokens.
    pub(crate) fn new(tokens: usize) -> TqlDialect {
        let tokens = u64::try_from(tokens).unwrap_or(u64::MAX);
        TqlDialect { fuel: Cell::new(tokens.saturating_mul(50).saturating_add(10_000)) }
    }

    /// Takes a unit of fuel. The error passes through sqlparser's `maybe_parse`, others do not.
    fn burn(&self) -> Result<(), ParserError> {
        match self.fuel.get().checked_sub(1) {
            Some(left) => {
                self.fuel.set(left);
                Ok(())
            }
            None => Err(ParserError::RecursionLimitExceeded),
        }
    }
}

/// Words that never begin an operand.
fn no_operand(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::AND
            | Keyword::OR
            | Keyword::IN
            | Keyword::IS
            | Keyword::AS
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::BETWEEN
            | Keyword::FROM
            | Keyword::WHERE
            | Keyword::HAVING
            | Keyword::LIMIT
            | Keyword::UNION
            | Keyword::INTERSECT
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE
            | Keyword::ON
            | Keyword::SELECT
    )
}

/// `EQUALS` between two operands.
fn is_equals(parser: &Parser) -> bool {
    is_bare_word(&parser.peek_token_ref().token, "EQUALS")
}

/// Whether the token is this word, not in quotes.
fn is_bare_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

/// `IN` without a parenthesis: `3 IN labels`. Gives whether it is negated.
fn bare_in(parser: &Parser) -> Option<bool> {
    let keyword = |n: usize| match &parser.peek_nth_token_ref(n).token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    };
    let opens = |n: usize| parser.peek_nth_token_ref(n).token == Token::LParen;
    match keyword(0) {
        Keyword::IN if !opens(1) && keyword(1) != Keyword::UNNEST => Some(false),
        Keyword::NOT if keyword(1) == Keyword::IN && !opens(2) && keyword(2) != Keyword::UNNEST => {
            Some(true)
        }
        _ => None,
    }
}

impl Dialect for TqlDialect {
    /// sqlparser keeps much of its syntax behind "is it the generic dialect".
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    /// `@` belongs to names: `dataset@version`.
    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '@'
    }

    fn supports_partiql(&self) -> bool {
        // Leaves `[` to `parse_infix`.
        true
    }

    fn supports_pipe_operator(&self) -> bool {
        // TQL's own clauses travel as pipe operators, see `crate::clauses`; users cannot write them.
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_window_function_null_treatment_arg(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_within_after_array_aggregation(&self) -> bool {
        true
    }

    fn supports_left_associative_joins_without_parens(&self) -> bool {
        true
    }

    fn supports_parens_around_table_factor(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    fn supports_select_wildcard_replace(&self) -> bool {
        true
    }

    fn supports_select_wildcard_rename(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_try_convert(&self) -> bool {
        true
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        true
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        true
    }

    fn supports_extract_comma_syntax(&self) -> bool {
        true
    }

    fn allow_extract_custom(&self) -> bool {
        true
    }

    fn allow_extract_single_quotes(&self) -> bool {
        true
    }

    /// FROM is optional, so these may directly follow the SELECT list.
    fn is_select_item_alias(&self, explicit: bool, keyword: &Keyword, parser: &mut Parser) -> bool {
        explicit
            || !matches!(keyword, Keyword::WINDOW | Keyword::QUALIFY)
                && self.is_column_alias(keyword, parser)
    }

    /// After a failed attempt sqlparser takes the word for a column, unless it is reserved.
    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        RESERVED_FOR_IDENTIFIER.contains(&keyword)
            || matches!(keyword, Keyword::NOT | Keyword::CASE | Keyword::CAST)
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        if let Err(error) = self.burn() {
            return Some(Err(error));
        }
        let no_operand = match &parser.peek_token_ref().token {
            Token::Colon => true,
            // sqlparser would take these for columns.
            Token::Word(word) => word.quote_style.is_none() && no_operand(word.keyword),
            _ => false,
        };
        no_operand.then(|| parser.expected_ref("an expression", parser.peek_token_ref()))
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        if let Err(error) = self.burn() {
            return Some(Err(error));
        }
        match &parser.peek_token_ref().token {
            // The default binds `:` tighter than `==`, for paths into JSON; here it ends the bound
            // of a slice.
            Token::Colon => Some(Ok(0)),
            Token::CustomBinaryOperator(name) if name == PAIR_OPERATOR => Some(Ok(PAIR_PRECEDENCE)),
            token if is_bare_word(token, "ISNULL") => Some(Ok(self.prec_value(Precedence::Is))),
            token if is_bare_word(token, "EQUALS") => Some(Ok(self.prec_value(Precedence::Eq))),
            _ => None,
        }
    }

    fn parse_infix(
        &self,
        parser: &mut Parser,
        expr: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        match &parser.peek_token_ref().token {
            Token::LBracket => Some(subscript::parse(parser, expr.clone())),
            Token::CustomBinaryOperator(name) if name == PAIR_OPERATOR => {
                let span = parser.peek_token_ref().span;
                parser.advance_token();
                Some(parser.parse_subexpr(PAIR_PRECEDENCE).map(|weight| {
                    subscript::call(subscript::PAIR, span, vec![expr.clone(), weight])
                }))
            }
            token if is_bare_word(token, "ISNULL") => {
                parser.advance_token();
                Some(Ok(Expr::IsNull(Box::new(expr.clone()))))
            }
            _ if is_equals(parser) => {
                parser.advance_token();
                Some(parser.parse_subexpr(precedence).map(|right| Expr::BinaryOp {
                    left: Box::new(expr.clone()),
                    op: BinaryOperator::Eq,
                    right: Box::new(right),
                }))
            }
            _ => bare_in(parser).map(|negated| {
                parser.advance_token();
                if negated {
                    parser.advance_token();
                }
                parser.parse_subexpr(precedence).map(|item| Expr::InList {
                    expr: Box::new(expr.clone()),
                    list: vec![item],
                    negated,
                })
            }),
        }
    }
}
