//! Text to tree.

use std::ops::ControlFlow;

use lakebed_core::Limits;
use sqlparser::ast::Expr;
use sqlparser::ast::LimitClause;
use sqlparser::ast::Query;
use sqlparser::ast::Select;
use sqlparser::ast::SetExpr;
use sqlparser::ast::SetOperator;
use sqlparser::ast::TableFactor;
use sqlparser::ast::Visitor;
use sqlparser::ast::VisitorMut;
use sqlparser::dialect::Dialect;
use sqlparser::dialect::GenericDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::parser::ParserError;
use sqlparser::tokenizer::Location;
use sqlparser::tokenizer::Span as TokenSpan;
use sqlparser::tokenizer::Token;
use sqlparser::tokenizer::TokenWithSpan;
use sqlparser::tokenizer::Tokenizer;

use crate::clauses;
use crate::dialect::TqlDialect;
use crate::error::SyntaxError;
use crate::hints;
use crate::normalize::normalize;
use crate::rewrite::rewrite;
use crate::span::Span;
use crate::statement::Explain;
use crate::statement::Language;
use crate::statement::Statement;
use crate::visit;

/// sqlparser counts several steps for each bracket; brackets themselves are counted before.
const STEPS: usize = 4;
/// Bytes of stack that one step of the parser, or of a planner behind it, may take. A quarter of the
/// stack of a thread: what has to be left for a step is mapped anew for each where it is not there.
const STACK: usize = 512 << 10;

/// Subqueries within subqueries of expressions. DataFusion's planning takes twice the time for each:
/// a second for so many.
pub const MAX_SUBQUERIES: usize = 16;

/// Parses one TQL statement: a query, perhaps behind `EXPLAIN [ANALYZE]`, perhaps with a `;`.
///
/// # Errors
/// [`SyntaxError`] with the token at fault, also for text beyond `limits`.
pub fn parse_tql(text: &str, limits: &Limits) -> Result<Statement, SyntaxError> {
    parse(text, Language::Tql, limits)
}

/// Parses one SQL query, perhaps behind `EXPLAIN [ANALYZE]`, perhaps with a `;`.
///
/// # Errors
/// As [`parse_tql`].
pub fn parse_sql(text: &str, limits: &Limits) -> Result<Statement, SyntaxError> {
    parse(text, Language::Sql, limits)
}

/// Parses one statement of a language.
///
/// # Errors
/// As [`parse_tql`].
pub fn parse(text: &str, language: Language, limits: &Limits) -> Result<Statement, SyntaxError> {
    let source = tokens(text, language, limits)?;
    statement_of(source, text, language, limits)
}

/// The tokens of a text, whitespace included.
pub(crate) fn tokens(
    text: &str,
    language: Language,
    limits: &Limits,
) -> Result<Vec<TokenWithSpan>, SyntaxError> {
    let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
    if bytes > limits.max_query_bytes {
        let limit = limits.max_query_bytes;
        return Err(SyntaxError::new(
            format!("the query has {bytes} bytes, more than the limit of {limit}"),
            Some(Span::new(1, 1, 1, 2)),
        )
        .with_hint("pass long lists as parameters, or raise Limits::max_query_bytes"));
    }
    tokenize(text, language == Language::Tql)
}

/// The statement that tokens make; `text` is what they came from.
pub(crate) fn statement_of(
    source: Vec<TokenWithSpan>,
    text: &str,
    language: Language,
    limits: &Limits,
) -> Result<Statement, SyntaxError> {
    let tql = language == Language::Tql;
    let tokens = normalize(&source, limits, tql)?;
    let (explain, tokens) = take_explain(tokens);
    let tokens = one_statement(tokens, text)?;
    hints::refuse_early(&tokens, text, tql)?;
    let tokens = if tql { rewrite(&tokens)? } else { tokens };

    let steps = usize::try_from(limits.max_depth).unwrap_or(usize::MAX).saturating_mul(STEPS);
    let dialect: Box<dyn Dialect> =
        if tql { Box::new(TqlDialect::new(tokens.len())) } else { Box::new(SqlDialect) };
    let query = match parse_query(&tokens, dialect.as_ref(), steps) {
        Ok(mut query) => {
            let _ = visit::query_mut(&mut query, &mut OneName);
            query
        }
        Err(error) => {
            let error = innermost(&tokens, tql, steps).unwrap_or(error);
            return Err(syntax_error(error, &source, text, tql));
        }
    };
    if let Some((takes, span)) = clauses::first_malformed(&query) {
        return Err(SyntaxError::new(takes, span)
            .with_hint("remove what follows the first ',', or write it behind another clause"));
    }
    refuse(&query, tql)?;
    Ok(Statement { explain, query })
}

/// EXCEPT under its one name, however it was written: see [`normalize`].
struct OneName;

impl VisitorMut for OneName {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let mut open = vec![query.body.as_mut()];
        while let Some(body) = open.pop() {
            if let SetExpr::SetOperation { left, op, right, .. } = body {
                if *op == SetOperator::Minus {
                    *op = SetOperator::Except;
                }
                open.push(left);
                open.push(right);
            }
        }
        ControlFlow::Continue(())
    }
}

/// The generic dialect without the syntax that is not a plain query.
#[derive(Debug)]
struct SqlDialect;

impl Dialect for SqlDialect {
    fn dialect(&self) -> std::any::TypeId {
        std::any::TypeId::of::<GenericDialect>()
    }
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_delimited_identifier_start(ch)
    }
    fn is_identifier_start(&self, ch: char) -> bool {
        GenericDialect.is_identifier_start(ch)
    }
    fn is_identifier_part(&self, ch: char) -> bool {
        GenericDialect.is_identifier_part(ch)
    }
    fn supports_group_by_expr(&self) -> bool {
        true
    }
    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }
    fn supports_left_associative_joins_without_parens(&self) -> bool {
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
    fn supports_select_wildcard_ilike(&self) -> bool {
        true
    }
    fn supports_select_wildcard_rename(&self) -> bool {
        true
    }
    fn supports_dictionary_syntax(&self) -> bool {
        true
    }
    fn support_map_literal_syntax(&self) -> bool {
        true
    }
    fn supports_struct_literal(&self) -> bool {
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
    fn supports_string_escape_constant(&self) -> bool {
        true
    }
    fn supports_unicode_string_literal(&self) -> bool {
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
}

fn tokenize(text: &str, tql: bool) -> Result<Vec<TokenWithSpan>, SyntaxError> {
    let dialect: Box<dyn Dialect> =
        if tql { Box::new(TqlDialect::new(0)) } else { Box::new(SqlDialect) };
    Tokenizer::new(dialect.as_ref(), text).tokenize_with_location().map_err(|error| {
        let at = error.location;
        let span = Span::new(at.line, at.column, at.line, at.column + 1);
        hints::unreadable(&error.message, span, text)
    })
}

pub(crate) fn keyword(token: Option<&TokenWithSpan>) -> Keyword {
    match token.map(|t| &t.token) {
        Some(Token::Word(word)) if word.quote_style.is_none() => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

/// Takes EXPLAIN [ANALYZE] off the front.
fn take_explain(mut tokens: Vec<TokenWithSpan>) -> (Option<Explain>, Vec<TokenWithSpan>) {
    if keyword(tokens.first()) != Keyword::EXPLAIN {
        return (None, tokens);
    }
    let analyze = keyword(tokens.get(1)) == Keyword::ANALYZE;
    let rest = tokens.split_off(if analyze { 2 } else { 1 });
    (Some(if analyze { Explain::Analyze } else { Explain::Plan }), rest)
}

/// Takes a last `;` off; anything behind one is a second statement.
fn one_statement(
    mut tokens: Vec<TokenWithSpan>,
    text: &str,
) -> Result<Vec<TokenWithSpan>, SyntaxError> {
    if let Some(first) = tokens.iter().position(|t| t.token == Token::SemiColon) {
        if let Some(next) = tokens.get(first + 1) {
            return Err(SyntaxError::new(
                "a query is one statement, found more behind ';'",
                Span::from_sqlparser(next.span),
            )
            .with_hint("run one statement at a time"));
        }
        tokens.truncate(first);
    }
    if tokens.is_empty() {
        return Err(SyntaxError::new(
            "expected SELECT, found the end of the query",
            Some(Span::end_of(text)),
        )
        .with_hint("a query begins with SELECT, for example: SELECT * LIMIT 10"));
    }
    Ok(tokens)
}

fn parse_query(
    tokens: &[TokenWithSpan],
    dialect: &dyn Dialect,
    steps: usize,
) -> Result<Box<Query>, ParserError> {
    // sqlparser grows the stack between its recursive functions when less than this is left. Its
    // default of 128 KiB is less than one of them takes in an unoptimized build.
    if recursive::get_minimum_stack_size() < STACK {
        recursive::set_minimum_stack_size(STACK);
        recursive::set_stack_allocation_size(
            recursive::get_stack_allocation_size().max(16 * STACK),
        );
    }
    let mut parser = Parser::new(dialect)
        .with_recursion_limit(steps)
        .with_tokens_with_locations(tokens.to_vec());
    let query = parser.parse_query()?;
    if parser.peek_token_ref().token != Token::EOF {
        return parser.expected_ref("the end of the query", parser.peek_token_ref());
    }
    Ok(query)
}

/// The error of the innermost subquery that does not parse by itself.
///
/// sqlparser forgets what went wrong inside `FROM (SELECT ...)` when it tries the parenthesis as a
/// join, and reports the word SELECT.
fn innermost(tokens: &[TokenWithSpan], tql: bool, steps: usize) -> Option<ParserError> {
    /// Subqueries tried at most: enough for any query that a person reads.
    const TRIED: usize = 64;
    let starts = tokens.windows(2).enumerate().filter(|(_, pair)| {
        pair[0].token == Token::LParen
            && matches!(keyword(pair.get(1)), Keyword::SELECT | Keyword::WITH)
    });
    let starts: Vec<usize> = starts.map(|(index, _)| index + 1).collect();
    for start in starts.into_iter().rev().take(TRIED) {
        let mut depth = 0_i64;
        let length = tokens.iter().skip(start).position(|token| {
            match token.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            depth < 0
        });
        let end = length.map_or(tokens.len(), |length| start + length + 1);
        let mut inside = tokens.get(start..end)?.to_vec();
        // The closing bracket stays in the error as the token found, not the end of the text.
        let close = inside.pop();
        let dialect: Box<dyn Dialect> =
            if tql { Box::new(TqlDialect::new(inside.len())) } else { Box::new(SqlDialect) };
        let Err(error) = parse_query(&inside, dialect.as_ref(), steps) else { continue };
        return Some(match (error, close) {
            (ParserError::ParserError(message), Some(close)) if !message.contains(" at Line: ") => {
                let at = close.span.start;
                let message = message.replace("found: EOF", "found: )");
                ParserError::ParserError(format!("{message}{at}"))
            }
            (error, _) => error,
        });
    }
    None
}

/// sqlparser's error with the token it stands at.
fn syntax_error(
    error: ParserError,
    source: &[TokenWithSpan],
    text: &str,
    tql: bool,
) -> SyntaxError {
    let message = match error {
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
        ParserError::RecursionLimitExceeded => {
            return SyntaxError::new(
                "the query nests too deeply to be read",
                source.first().and_then(|t| Span::from_sqlparser(t.span)),
            )
            .with_hint("write it flatter, or raise Limits::max_depth");
        }
    };
    let (message, location) = split_location(&message);
    let token = location.and_then(|location| token_at(source, location));
    let found = token.map(|t| shown(&t.token));
    let span = match (token, location) {
        (Some(token), _) => Span::from_sqlparser(token.span),
        (None, Some(at)) => Some(Span::new(at.line, at.column, at.line, at.column + 1)),
        (None, None) => Some(Span::end_of(text)),
    };
    let message = hints::in_our_words(message, found.as_deref());
    let before = hints::before(source, token);
    if let Some(error) = hints::misspelt_before(&message, before, found.as_deref(), span) {
        return error;
    }
    let message = hints::after_from(message, before);
    let error = SyntaxError::new(message, span);
    match hints::advice(&error.message, token, source, tql) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// A token as a message names it.
pub(crate) fn shown(token: &Token) -> String {
    let text = token.to_string();
    if text.chars().count() > 40 {
        let cut: String = text.chars().take(37).collect();
        return format!("{cut}...");
    }
    match token {
        Token::Word(_) | Token::Number(..) | Token::SingleQuotedString(_) => text,
        _ => format!("'{text}'"),
    }
}

/// Splits `... at Line: 2, Column: 7` off the end.
fn split_location(message: &str) -> (&str, Option<Location>) {
    let Some((before, after)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let parsed = after.split_once(", Column: ").and_then(|(line, column)| {
        Some(Location { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? })
    });
    match parsed {
        Some(location) => (before, Some(location)),
        None => (message, None),
    }
}

/// The token that covers the place.
fn token_at(source: &[TokenWithSpan], at: Location) -> Option<&TokenWithSpan> {
    let index = source.partition_point(|t| t.span.start <= at).checked_sub(1)?;
    source.get(index).filter(|t| !matches!(t.token, Token::Whitespace(_) | Token::EOF))
}

/// Refuses what sqlparser takes for a query and the language does not have.
fn refuse(query: &Query, tql: bool) -> Result<(), SyntaxError> {
    struct Check {
        tql: bool,
        subqueries: usize,
        error: Option<SyntaxError>,
    }
    impl Check {
        fn fail(&mut self, message: &str, span: TokenSpan, hint: &str) -> ControlFlow<()> {
            let span = Span::from_sqlparser(span);
            self.error = Some(SyntaxError::new(message, span).with_hint(hint));
            ControlFlow::Break(())
        }
    }
    impl Visitor for Check {
        type Break = ();

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            if let SetExpr::Insert(_)
            | SetExpr::Update(_)
            | SetExpr::Delete(_)
            | SetExpr::Merge(_) = query.body.as_ref()
            {
                let span = TokenSpan::empty();
                return self.fail("a query cannot change data", span, "run it through execute");
            }
            if let Some(LimitClause::OffsetCommaLimit { offset, .. }) = &query.limit_clause {
                let span = sqlparser::ast::Spanned::span(offset);
                return self.fail("LIMIT takes one number", span, "write LIMIT n OFFSET m");
            }
            ControlFlow::Continue(())
        }

        fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
            let span = select.select_token.0.span;
            if select.into.is_some() {
                return self.fail("SELECT INTO is not supported", span, "remove INTO");
            }
            if !select.lateral_views.is_empty()
                || !select.cluster_by.is_empty()
                || !select.distribute_by.is_empty()
                || !select.sort_by.is_empty()
                || !select.connect_by.is_empty()
            {
                return self.fail(
                    "LATERAL VIEW, CLUSTER BY, DISTRIBUTE BY, SORT BY and CONNECT BY are not supported",
                    span,
                    "use UNNEST, ORDER BY or a recursive WITH",
                );
            }
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            self.subqueries += usize::from(is_subquery(expr));
            if self.subqueries > MAX_SUBQUERIES {
                return self.fail(
                    &format!("subqueries nest more than {MAX_SUBQUERIES} deep in expressions"),
                    sqlparser::ast::Spanned::span(expr),
                    "join the inner ones, or run them first and pass their answers as parameters",
                );
            }
            ControlFlow::Continue(())
        }

        fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            self.subqueries -= usize::from(is_subquery(expr));
            ControlFlow::Continue(())
        }

        fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { json_path: Some(_), name, .. } = table
                && self.tql
            {
                let span = sqlparser::ast::Spanned::span(name);
                return self.fail("a dataset takes no subscript", span, "use LIMIT and OFFSET");
            }
            ControlFlow::Continue(())
        }
    }
    let mut check = Check { tql, subqueries: 0, error: None };
    let _ = visit::query(query, &mut check);
    check.error.map_or(Ok(()), Err)
}

fn is_subquery(expr: &Expr) -> bool {
    matches!(expr, Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. })
}
