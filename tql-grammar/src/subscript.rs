//! Subscripts in the tree: `a[1:2, ..., -1]` is the function node
//! `__subscript(a, __slice(1, 2, NULL), __rest(), __index(-1))`.
//!
//! sqlparser's own subscript node holds one index or one closed slice only; a function node holds
//! any number and passes through every visitor.

use sqlparser::ast::Expr;
use sqlparser::ast::Function;
use sqlparser::ast::FunctionArg;
use sqlparser::ast::FunctionArgExpr;
use sqlparser::ast::FunctionArgumentList;
use sqlparser::ast::FunctionArguments;
use sqlparser::ast::Ident;
use sqlparser::ast::ObjectName;
use sqlparser::ast::ObjectNamePart;
use sqlparser::ast::Value;
use sqlparser::ast::ValueWithSpan;
use sqlparser::parser::Parser;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::Span;
use sqlparser::tokenizer::Token;

/// Name of the node: first argument the root, then one item for each part.
pub const SUBSCRIPT: &str = "__subscript";
/// Name of an item that is one position (or a key, or a vector of positions).
pub const INDEX: &str = "__index";
/// Name of an item `start:stop:step`; absent parts are `NULL`.
pub const SLICE: &str = "__slice";
/// Name of the item `...`.
pub const REST: &str = "__rest";
/// Name of `e: w` inside `SUM_WEIGHT` and `MAX_WEIGHT`.
pub const PAIR: &str = "__pair";

/// One part of a subscript, between its commas.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "lists of items are short and short-lived")]
pub enum Item {
    /// A position, a JSON key, or a vector of positions or truth values.
    Index(Expr),
    /// `start:stop:step`, each optional.
    Slice {
        /// First position.
        start: Option<Expr>,
        /// First position that is not included.
        stop: Option<Expr>,
        /// Distance between positions.
        step: Option<Expr>,
    },
    /// `...`: as many `:` as are missing.
    Rest,
}

/// The root and the parts of a subscript node; `None` for any other expression.
pub fn as_subscript(expr: &Expr) -> Option<(&Expr, Vec<Item>)> {
    let arguments = as_call(expr, SUBSCRIPT)?;
    let (root, items) = arguments.split_first()?;
    let items: Option<Vec<Item>> = items.iter().map(|item| as_item(item)).collect();
    items.filter(|items| !items.is_empty()).map(|items| (*root, items))
}

/// The two sides of an `e: w` node; `None` for any other expression.
pub fn as_pair(expr: &Expr) -> Option<(&Expr, &Expr)> {
    match as_call(expr, PAIR)?.as_slice() {
        [left, right] => Some((left, right)),
        _ => None,
    }
}

/// The node for `root[items]`, covering `span`.
pub fn subscript(root: Expr, items: Vec<Item>, span: Span) -> Expr {
    let mut arguments = vec![root];
    arguments.extend(items.into_iter().map(|item| item_node(item, span)));
    call(SUBSCRIPT, span, arguments)
}

/// The plain unnamed arguments of a call of `name`; `None` for anything else.
pub(crate) fn as_call<'a>(expr: &'a Expr, name: &str) -> Option<Vec<&'a Expr>> {
    match expr {
        Expr::Function(function) => call_arguments(function, name),
        _ => None,
    }
}

/// As [`as_call`], on the function itself.
pub(crate) fn call_arguments<'a>(function: &'a Function, name: &str) -> Option<Vec<&'a Expr>> {
    let [ObjectNamePart::Identifier(ident)] = function.name.0.as_slice() else { return None };
    if ident.value != name || function.over.is_some() || function.filter.is_some() {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else { return None };
    if list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
        return None;
    }
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

/// A call node of `name`.
pub(crate) fn call(name: &str, span: Span, arguments: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(Ident::with_span(span, name))]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments
                .into_iter()
                .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// `NULL`, made here.
fn null(span: Span) -> Expr {
    Expr::Value(ValueWithSpan { value: Value::Null, span })
}

/// Whether the expression is the literal `NULL`.
pub(crate) fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Null, .. }))
}

fn item_node(item: Item, span: Span) -> Expr {
    match item {
        Item::Index(expr) => call(INDEX, span, vec![expr]),
        Item::Slice { start, stop, step } => {
            let parts = [start, stop, step];
            call(SLICE, span, parts.into_iter().map(|p| p.unwrap_or_else(|| null(span))).collect())
        }
        Item::Rest => call(REST, span, Vec::new()),
    }
}

fn as_item(expr: &Expr) -> Option<Item> {
    if let Some(arguments) = as_call(expr, INDEX) {
        let [index] = arguments.as_slice() else { return None };
        return Some(Item::Index((*index).clone()));
    }
    if let Some(arguments) = as_call(expr, SLICE) {
        let [start, stop, step] = arguments.as_slice() else { return None };
        let part = |expr: &Expr| if is_null(expr) { None } else { Some(expr.clone()) };
        return Some(Item::Slice { start: part(start), stop: part(stop), step: part(step) });
    }
    match as_call(expr, REST) {
        Some(arguments) if arguments.is_empty() => Some(Item::Rest),
        _ => None,
    }
}

/// Parses `[...]` behind `root`; the parser stands before the `[`.
pub(crate) fn parse(parser: &mut Parser, root: Expr) -> Result<Expr, ParserError> {
    let open = parser.expect_token(&Token::LBracket).map(|_| parser.get_current_token().span)?;
    let mut arguments = vec![root];
    loop {
        let first = parser.peek_token_ref().span;
        let item = parse_item(parser)?;
        let last = parser.get_current_token().span;
        arguments.push(item_node(item, first.union(&last)));
        if parser.consume_token(&Token::Comma) {
            continue;
        }
        if parser.consume_token(&Token::RBracket) {
            break;
        }
        return parser.expected_ref("',' or ']' in a subscript", parser.peek_token_ref());
    }
    let close = parser.get_current_token().span;
    Ok(call(SUBSCRIPT, open.union(&close), arguments))
}

fn parse_item(parser: &mut Parser) -> Result<Item, ParserError> {
    if parser.peek_token_ref().token == Token::Period {
        for _ in 0..3 {
            if !parser.consume_token(&Token::Period) {
                return parser.expected_ref("'...' in a subscript", parser.peek_token_ref());
            }
        }
        return Ok(Item::Rest);
    }
    if matches!(parser.peek_token_ref().token, Token::RBracket | Token::Comma) {
        return parser
            .expected_ref("an index, a slice or '...' in a subscript", parser.peek_token_ref());
    }
    let start = parse_bound(parser)?;
    if !parser.consume_token(&Token::Colon) {
        return match start {
            Some(index) => Ok(Item::Index(index)),
            None => parser.expected_ref("an index in a subscript", parser.peek_token_ref()),
        };
    }
    let stop = parse_bound(parser)?;
    let step = if parser.consume_token(&Token::Colon) { parse_bound(parser)? } else { None };
    Ok(Item::Slice { start, stop, step })
}

/// One bound of a slice, absent before `:`, `,` and `]`.
fn parse_bound(parser: &mut Parser) -> Result<Option<Expr>, ParserError> {
    match parser.peek_token_ref().token {
        Token::Colon | Token::Comma | Token::RBracket => Ok(None),
        _ => parser.parse_expr().map(Some),
    }
}
