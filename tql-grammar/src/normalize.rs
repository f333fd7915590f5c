//! The first pass over the tokens: bounds, brackets, and the few tokens that mean something else
//! in TQL than in sqlparser.

use lakebed_core::Limits;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Location;
use sqlparser::tokenizer::Span as TokenSpan;
use sqlparser::tokenizer::Token;
use sqlparser::tokenizer::TokenWithSpan;

use crate::dialect::PAIR_OPERATOR;
use crate::error::SyntaxError;
use crate::span::Span;

/// A tree may be this many times deeper along chains such as `a + a + a` than in brackets.
const CHAIN: usize = 2;
/// Brackets that open directly inside another bracket, around one SELECT: sqlparser tries the
/// whole inside twice for each such pair.
const DOUBLED: usize = 10;
/// Types inside types, in a whole query: sqlparser does not count their recursion either.
const NESTED_TYPES: usize = 32;
/// INTERVALs in a row: sqlparser does not count the recursion of that prefix.
const INTERVALS_IN_A_ROW: usize = 32;

/// One open bracket.
struct Frame {
    /// Index of its token in the output.
    open: usize,
    kind: Kind,
    /// Depth of the tree above it.
    base: usize,
    /// Operators since the last comma or clause: they nest, since chains lean to the left.
    links: usize,
    /// Set operators and open CASEs: the same, across clauses.
    lasting: usize,
    /// Its first token is a parenthesis.
    doubled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Root,
    Parenthesis,
    /// The arguments of SUM_WEIGHT or MAX_WEIGHT.
    Weights,
    Subscript,
    Array,
    Brace,
}

/// Drops white space, checks brackets and depth, and rewrites:
/// - `::` directly inside a subscript is two `:`;
/// - `:` directly inside `SUM_WEIGHT(...)` and `MAX_WEIGHT(...)` is the pair operator;
/// - `ANY(`, `ALL(`, `SOME(` and `WHERE(` are functions where no subquery or clause can stand;
/// - `SAMPLE` is no keyword (sqlparser takes it for TABLESAMPLE);
/// - `* EXCEPT SELECT` is a set operation, which sqlparser reads under the name MINUS only: after
///   `*` it takes EXCEPT for the columns that the star leaves out.
///
/// `tql` off leaves the tokens as they are and only checks.
pub(crate) fn normalize(
    tokens: &[TokenWithSpan],
    limits: &Limits,
    tql: bool,
) -> Result<Vec<TokenWithSpan>, SyntaxError> {
    let tokens: Vec<&TokenWithSpan> =
        tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_) | Token::EOF)).collect();
    let max_depth = usize::try_from(limits.max_depth).unwrap_or(usize::MAX);
    let max_chain = max_depth.saturating_mul(CHAIN);
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut frames =
        vec![Frame { open: 0, kind: Kind::Root, base: 0, links: 0, lasting: 0, doubled: false }];
    let mut nested_types = 0_usize;
    let mut intervals_in_a_row = 0_usize;

    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1).map(|t| &t.token);
        let span = Span::from_sqlparser(token.span);
        let previous = out.last().map(|t| &t.token);
        let kind = frames.last().map_or(Kind::Root, |f| f.kind);
        let mut rewritten = None;
        if token.token == Token::LParen && previous.is_some_and(holds_type) {
            nested_types += 1;
        }
        intervals_in_a_row = match &token.token {
            Token::Word(word) if word.keyword == Keyword::INTERVAL => intervals_in_a_row + 1,
            _ => 0,
        };
        if intervals_in_a_row > INTERVALS_IN_A_ROW {
            return Err(too_deep("INTERVALs nest", INTERVALS_IN_A_ROW, span));
        }
        match &token.token {
            Token::VerticalBarRightAngleBracket => {
                return Err(SyntaxError::new("'|>' is not part of the language", span));
            }
            Token::LParen | Token::LBracket | Token::LBrace => {
                let (base, total) = match frames.last_mut() {
                    Some(frame) => {
                        if token.token == Token::LParen
                            && out.len() == frame.open + 1
                            && frame.kind != Kind::Root
                        {
                            frame.doubled = true;
                        }
                        if token.token == Token::LBracket {
                            frame.links += 1;
                        }
                        (frame.base, frame.links + frame.lasting)
                    }
                    None => (0, 0),
                };
                let kind = match token.token {
                    Token::LBrace => Kind::Brace,
                    Token::LBracket if ends_operand(previous) => Kind::Subscript,
                    Token::LBracket => Kind::Array,
                    _ if tql && previous.is_some_and(is_weights) => Kind::Weights,
                    _ => Kind::Parenthesis,
                };
                frames.push(Frame {
                    open: out.len(),
                    kind,
                    base: base.saturating_add(total).saturating_add(1),
                    links: 0,
                    lasting: 0,
                    doubled: false,
                });
                if frames.len() > max_depth.saturating_add(1) {
                    return Err(too_deep("brackets nest", max_depth, span));
                }
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                let closed = if frames.len() > 1 { frames.pop() } else { None };
                let Some(frame) = closed else {
                    return Err(SyntaxError::new(
                        format!("'{}' closes nothing", token.token),
                        span,
                    )
                    .with_hint("remove it, or open it before"));
                };
                let wanted = closer(frame.kind);
                if wanted != token.token {
                    let open = out.get(frame.open).map(|t| t.span.start);
                    return Err(SyntaxError::new(
                        format!("expected '{wanted}', found '{}'", token.token),
                        span,
                    )
                    .with_hint(format!("the bracket open here began {}", at(open))));
                }
            }
            Token::Comma => {
                if let Some(frame) = frames.last_mut() {
                    frame.links = 0;
                }
            }
            Token::DoubleColon if tql && kind == Kind::Subscript => {
                let middle =
                    Location { line: token.span.start.line, column: token.span.start.column + 1 };
                out.push(TokenWithSpan {
                    token: Token::Colon,
                    span: TokenSpan::new(token.span.start, middle),
                });
                rewritten = Some(TokenWithSpan {
                    token: Token::Colon,
                    span: TokenSpan::new(middle, token.span.end),
                });
            }
            Token::Colon if kind == Kind::Weights => {
                rewritten = Some(TokenWithSpan {
                    token: Token::CustomBinaryOperator(PAIR_OPERATOR.to_string()),
                    span: token.span,
                });
            }
            Token::Word(word) => {
                if next == Some(&Token::LParen) && is_ours(&word.value) {
                    return Err(SyntaxError::new(
                        format!("the name {} is reserved", word.value),
                        span,
                    ));
                }
                if word.quote_style.is_none() {
                    let doubled = frames.iter().filter(|f| f.doubled).count();
                    if word.keyword == Keyword::SELECT && doubled > DOUBLED {
                        return Err(too_deep("doubled parentheses nest", DOUBLED, span));
                    }
                    if let Some(frame) = frames.last_mut() {
                        count_word(frame, word.keyword);
                        // Infix words that are no keywords of sqlparser.
                        if ["EQUALS", "ISNULL"].iter().any(|w| word.value.eq_ignore_ascii_case(w)) {
                            frame.links += 1;
                        }
                    }
                    let after = tokens.get(index + 2).map(|t| &t.token);
                    if word.keyword == Keyword::EXCEPT
                        && previous == Some(&Token::Mul)
                        && begins_query(next, after)
                    {
                        rewritten = Some(TokenWithSpan {
                            token: Token::make_keyword("MINUS"),
                            span: token.span,
                        });
                    }
                    if tql && demoted(word.keyword, previous, next, after) {
                        let mut word = word.clone();
                        word.keyword = Keyword::NoKeyword;
                        rewritten =
                            Some(TokenWithSpan { token: Token::Word(word), span: token.span });
                    }
                }
            }
            Token::Lt if previous.is_some_and(holds_type) => nested_types += 1,
            Token::Period if tql && matches!(previous, Some(Token::Number(..))) => {
                return Err(SyntaxError::new("expected an operator, found '.'", span)
                    .with_hint("a number has no parts"));
            }
            Token::AtSign | Token::Sharp if tql => {
                return Err(SyntaxError::new(
                    format!("'{}' is not part of the language here", token.token),
                    span,
                )
                .with_hint("names with such signs stand in double quotes"));
            }
            Token::SemiColon
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_) => {}
            _ => {
                if let Some(frame) = frames.last_mut() {
                    frame.links += 1;
                }
            }
        }
        if nested_types > NESTED_TYPES {
            return Err(too_deep("types nest", NESTED_TYPES, span));
        }
        if let Some(frame) = frames.last()
            && frame.base + frame.links + frame.lasting > max_chain
        {
            return Err(too_deep("operators chain", max_chain, span));
        }
        out.push(rewritten.unwrap_or_else(|| (*token).clone()));
    }

    if let Some(frame) = frames.last()
        && frame.kind != Kind::Root
    {
        let open = out.get(frame.open);
        let text = open.map(|t| t.token.to_string()).unwrap_or_default();
        return Err(SyntaxError::new(
            format!("'{text}' is never closed"),
            open.and_then(|t| Span::from_sqlparser(t.span)),
        )
        .with_hint(format!("add '{}'", closer(frame.kind))));
    }
    Ok(out)
}

/// True for what follows a set operator, not a list of columns.
fn begins_query(next: Option<&Token>, after: Option<&Token>) -> bool {
    let starts = |token: Option<&Token>| match token {
        Some(Token::Word(word)) => {
            let begins = [Keyword::SELECT, Keyword::VALUES, Keyword::WITH];
            word.quote_style.is_none() && begins.contains(&word.keyword)
        }
        _ => false,
    };
    match next {
        Some(Token::LParen) => starts(after) || after == Some(&Token::LParen),
        Some(Token::Word(word)) if [Keyword::ALL, Keyword::DISTINCT].contains(&word.keyword) => {
            starts(after) || after == Some(&Token::LParen)
        }
        next => starts(next),
    }
}

fn closer(kind: Kind) -> Token {
    match kind {
        Kind::Subscript | Kind::Array => Token::RBracket,
        Kind::Brace => Token::RBrace,
        Kind::Root | Kind::Parenthesis | Kind::Weights => Token::RParen,
    }
}

fn at(location: Option<Location>) -> String {
    match location {
        Some(at) => format!("at line {}, column {}", at.line, at.column),
        None => "before".to_string(),
    }
}

fn too_deep(what: &str, limit: usize, span: Option<Span>) -> SyntaxError {
    SyntaxError::new(format!("{what} more than {limit} deep"), span)
        .with_hint("write it flatter (IN (...), a subquery), or raise Limits::max_depth")
}

fn is_keyword(token: &Token, keywords: &[Keyword]) -> bool {
    matches!(token, Token::Word(word) if word.quote_style.is_none() && keywords.contains(&word.keyword))
}

/// Names of nodes that only the parser makes.
fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "__subscript" | "__index" | "__slice" | "__rest" | "__pair")
        || name.starts_with("__tql_")
}

/// Words that sqlparser reads as a type with types inside.
fn holds_type(token: &Token) -> bool {
    let names = ["ARRAY", "STRUCT", "NULLABLE", "LOWCARDINALITY", "TUPLE", "NESTED", "MAP"];
    matches!(token, Token::Word(word) if names.iter().any(|n| word.value.eq_ignore_ascii_case(n)))
}

fn is_weights(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.value.eq_ignore_ascii_case("SUM_WEIGHT")
        || word.value.eq_ignore_ascii_case("MAX_WEIGHT"))
}

/// Whether a `[` behind this token is a subscript; else it begins an array.
fn ends_operand(token: Option<&Token>) -> bool {
    match token {
        Some(Token::Word(word)) => word.quote_style.is_some() || !before_array(word.keyword),
        Some(
            Token::RParen
            | Token::RBracket
            | Token::RBrace
            | Token::SingleQuotedString(_)
            | Token::Number(..)
            | Token::Placeholder(_),
        ) => true,
        _ => false,
    }
}

fn before_array(keyword: Keyword) -> bool {
    matches!(
        keyword,
        Keyword::ARRAY
            | Keyword::AND
            | Keyword::OR
            | Keyword::NOT
            | Keyword::IN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::BETWEEN
            | Keyword::SELECT
            | Keyword::DISTINCT
            | Keyword::ALL
            | Keyword::WHERE
            | Keyword::HAVING
            | Keyword::ON
            | Keyword::BY
            | Keyword::WHEN
            | Keyword::THEN
            | Keyword::ELSE
            | Keyword::CASE
    )
}

/// Operators that are words nest; clauses begin anew.
fn count_word(frame: &mut Frame, keyword: Keyword) {
    match keyword {
        Keyword::AND
        | Keyword::OR
        | Keyword::NOT
        | Keyword::XOR
        | Keyword::BETWEEN
        | Keyword::IS
        | Keyword::LIKE
        | Keyword::ILIKE
        | Keyword::IN
        | Keyword::DIV
        | Keyword::COLLATE
        | Keyword::AT
        | Keyword::MEMBER
        | Keyword::REGEXP
        | Keyword::RLIKE
        | Keyword::SIMILAR
        | Keyword::MATCH
        | Keyword::OVERLAPS
        | Keyword::NOTNULL
        | Keyword::OPERATOR => frame.links += 1,
        Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT | Keyword::MINUS | Keyword::CASE => {
            frame.lasting += 1;
        }
        Keyword::END => frame.lasting = frame.lasting.saturating_sub(1),
        Keyword::SELECT
        | Keyword::FROM
        | Keyword::WHERE
        | Keyword::GROUP
        | Keyword::HAVING
        | Keyword::ORDER
        | Keyword::LIMIT
        | Keyword::JOIN => frame.links = 0,
        _ => {}
    }
}

/// Whether the keyword is a plain name here.
fn demoted(
    keyword: Keyword,
    previous: Option<&Token>,
    next: Option<&Token>,
    after: Option<&Token>,
) -> bool {
    let calls = next == Some(&Token::LParen);
    let subquery = after.is_some_and(|t| is_keyword(t, &[Keyword::SELECT, Keyword::WITH]));
    match keyword {
        Keyword::SAMPLE => true,
        Keyword::ANY | Keyword::ALL | Keyword::SOME => {
            let set = [Keyword::UNION, Keyword::INTERSECT, Keyword::EXCEPT, Keyword::MINUS];
            calls && !subquery && !previous.is_some_and(|t| is_keyword(t, &set))
        }
        Keyword::WHERE => {
            let first = previous.is_some_and(|t| is_keyword(t, &[Keyword::SELECT]));
            calls
                && (first
                    || matches!(
                        previous,
                        Some(
                            Token::Comma
                                | Token::LParen
                                | Token::Plus
                                | Token::Minus
                                | Token::Div
                                | Token::Eq
                                | Token::DoubleEq
                                | Token::Neq
                                | Token::Lt
                                | Token::Gt
                                | Token::LtEq
                                | Token::GtEq
                        )
                    ))
        }
        _ => false,
    }
}
