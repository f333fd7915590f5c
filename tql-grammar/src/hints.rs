//! Plain words for sqlparser's messages, and advice for the usual mistakes.

use lakebed_core::nearest::nearest;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;
use sqlparser::tokenizer::TokenWithSpan;

use crate::error::SyntaxError;
use crate::keywords;
use crate::rewrite::ORDER_OF_CLAUSES;
use crate::span::Span;

/// `Expected: X, found: Y` in our form; `found` is the token as the text has it.
pub(crate) fn in_our_words(message: &str, found: Option<&str>) -> String {
    let end = "the end of the query";
    let Some(rest) = message.strip_prefix("Expected: ") else {
        let message = match message.split_once(" found: ") {
            Some((before, _)) => format!("{before} found {}", found.unwrap_or(end)),
            None => message.to_string(),
        };
        let mut characters = message.chars();
        return match characters.next() {
            Some(first) => first.to_lowercase().chain(characters).collect(),
            None => message,
        };
    };
    let (expected, _) = rest.rsplit_once(", found: ").unwrap_or((rest, ""));
    let expected = match expected {
        "an expression" | "an expression:" => "an expression",
        "end of statement" | "end of query" => end,
        "SELECT, VALUES, or a subquery in the query body" => "SELECT",
        ")" => "')'",
        "]" => "']'",
        "(" => "'('",
        "identifier" => "a name",
        "[NOT] NULL | TRUE | FALSE | DISTINCT | [form] NORMALIZED FROM after IS" => {
            "NULL, NOT NULL, TRUE, FALSE or DISTINCT FROM after IS"
        }
        other => other,
    };
    format!("expected {expected}, found {}", found.unwrap_or(end))
}

/// A text that does not even split into tokens.
pub(crate) fn unreadable(message: &str, span: Span, text: &str) -> SyntaxError {
    let lower = message.to_ascii_lowercase();
    if lower.contains("unterminated string") {
        return SyntaxError::new("this text is never closed", Some(span))
            .with_hint("add a ' at its end; a ' inside a text is written twice: 'it''s'");
    }
    if lower.contains("before eof") || lower.contains("delimiter") {
        return SyntaxError::new("this name is never closed", Some(span))
            .with_hint("add a \" at its end");
    }
    if lower.contains("comment") {
        return SyntaxError::new("a comment /* ... is never closed", Some(Span::end_of(text)))
            .with_hint("add */ at its end");
    }
    SyntaxError::new(message, Some(span))
}

/// Mistakes that are clearer before the parser stumbles over them.
pub(crate) fn refuse_early(
    tokens: &[TokenWithSpan],
    text: &str,
    tql: bool,
) -> Result<(), SyntaxError> {
    let first = keyword(tokens.first());
    let span = tokens.first().and_then(|t| Span::from_sqlparser(t.span));
    if let Keyword::INSERT | Keyword::UPDATE | Keyword::DELETE | Keyword::MERGE = first {
        return Err(SyntaxError::new(format!("a query cannot change data, found {first:?}"), span)
            .with_hint("a dataset opened for queries is read-only; run this through execute"));
    }
    let starts =
        matches!(first, Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::TABLE)
            || tokens.first().is_some_and(|t| t.token == Token::LParen);
    if !starts && let Some(token) = tokens.first() {
        let found = token.token.to_string();
        let error = SyntaxError::new(format!("expected SELECT, found {found}"), span);
        return Err(match nearest(&found, ["SELECT", "WITH", "EXPLAIN"]) {
            Some(word) => error.with_hint(format!("did you mean {word}?")),
            None => error.with_hint("a query begins with SELECT"),
        });
    }
    for (index, token) in tokens.iter().enumerate() {
        let next = tokens.get(index + 1);
        let here = |t: Option<&TokenWithSpan>| {
            t.map_or(Some(Span::end_of(text)), |t| Span::from_sqlparser(t.span))
        };
        let word = keyword(Some(token));
        if let (Keyword::FROM | Keyword::JOIN, Some(Token::SingleQuotedString(name))) =
            (word, next.map(|t| &t.token))
        {
            // `FROM` also stands inside EXTRACT, TRIM and SUBSTRING, where a text is right.
            let inside = inside_call(tokens, index);
            if !inside {
                return Err(SyntaxError::new(
                    format!("expected the name of a dataset after {word:?}, found '{name}'"),
                    here(next),
                )
                .with_hint(format!(
                    "single quotes make text; write \"{name}\" with double quotes"
                )));
            }
        }
        if word == Keyword::LIMIT
            && matches!(next.map(|t| &t.token), Some(Token::Number(..) | Token::Placeholder(_)))
            && tokens.get(index + 2).is_some_and(|t| t.token == Token::Comma)
        {
            return Err(SyntaxError::new(
                "LIMIT takes one number, found ','",
                here(tokens.get(index + 2)),
            )
            .with_hint("write LIMIT count OFFSET start"));
        }
        if token.token == Token::Comma
            && let Keyword::FROM | Keyword::WHERE | Keyword::HAVING | Keyword::LIMIT = keyword(next)
            && tokens.get(index + 2).is_none_or(|t| t.token != Token::LParen)
        {
            let after = next.map(|t| t.token.to_string()).unwrap_or_default();
            return Err(SyntaxError::new(
                format!("expected an expression, found {after}"),
                here(next),
            )
            .with_hint(format!(
                "remove the ',' before {after}, or write \"{after}\" if it is a column"
            )));
        }
        if let Keyword::ORDER | Keyword::GROUP = word
            && matches!(next.map(|t| &t.token), Some(Token::Word(word)) if word.keyword != Keyword::BY)
            && index > 0
            && matches!(
                tokens.get(index - 1).map(|t| &t.token),
                Some(
                    Token::Word(_)
                        | Token::Number(..)
                        | Token::RParen
                        | Token::RBracket
                        | Token::Mul
                )
            )
            && !matches!(
                keyword(tokens.get(index - 1)),
                Keyword::AS | Keyword::WITHIN | Keyword::BY
            )
            && !ends_here(next)
        {
            let found = next.map(|t| t.token.to_string()).unwrap_or_default();
            return Err(SyntaxError::new(
                format!("expected BY after {word:?}, found {found}"),
                here(next),
            ));
        }
        if token.token == Token::Period && matches!(next.map(|t| &t.token), Some(Token::Number(..)))
        {
            let found = next.map(|t| t.token.to_string()).unwrap_or_default();
            let message = format!("expected a name after '.', found {found}");
            return Err(SyntaxError::new(message, here(next))
                .with_hint("a fraction is written without spaces: 0.5"));
        }
        if word == Keyword::NULLS
            && ends_a_key(tokens.get(index.wrapping_sub(1)))
            && matches!(next.map(|t| &t.token), Some(Token::Word(word)) if word.quote_style.is_none())
            && !matches!(keyword(next), Keyword::FIRST | Keyword::LAST)
            && !ends_here(next)
        {
            let found = next.map(|t| t.token.to_string()).unwrap_or_default();
            let message = format!("expected FIRST or LAST after NULLS, found {found}");
            let error = SyntaxError::new(message, here(next));
            return Err(match nearest(&found, ["FIRST", "LAST"]) {
                Some(near) => error.with_hint(format!("did you mean {near}?")),
                None => error,
            });
        }
        if tql
            && word == Keyword::BY
            && keyword(tokens.get(index.wrapping_sub(1))) == Keyword::GROUP
            && keyword(next) == Keyword::ALL
        {
            return Err(SyntaxError::new("GROUP BY ALL names no key", here(next))
                .with_hint("name the keys: GROUP BY a, b"));
        }
        if tql && word == Keyword::SELECT && keyword(next) == Keyword::FROM {
            return Err(SyntaxError::new("expected an expression or *, found FROM", here(next))
                .with_hint("write SELECT * FROM ... for all columns"));
        }
    }
    Ok(())
}

/// Whether the token may end a key of ORDER BY.
fn ends_a_key(token: Option<&TokenWithSpan>) -> bool {
    match token.map(|t| &t.token) {
        Some(Token::Word(word)) => {
            word.quote_style.is_some() || !matches!(word.keyword, Keyword::BY | Keyword::SELECT)
        }
        Some(Token::Number(..) | Token::RParen | Token::RBracket) => true,
        _ => false,
    }
}

/// Whether the word begins another clause or operator, so that the one before it was a column.
fn ends_here(token: Option<&TokenWithSpan>) -> bool {
    matches!(token.map(|t| &t.token), Some(Token::Word(word)) if word.quote_style.is_none()
        && keywords::is_reserved(&word.value))
}

/// Whether the innermost open parenthesis before `index` holds no SELECT.
fn inside_call(tokens: &[TokenWithSpan], index: usize) -> bool {
    let mut depth = 0_i64;
    for token in tokens.iter().take(index).rev() {
        match &token.token {
            Token::RParen => depth += 1,
            Token::LParen if depth == 0 => return true,
            Token::LParen => depth -= 1,
            Token::Word(word) if depth == 0 && word.keyword == Keyword::SELECT => return false,
            _ => {}
        }
    }
    false
}

/// The token before the one at fault, or the last one.
pub(crate) fn before<'a>(
    source: &'a [TokenWithSpan],
    token: Option<&TokenWithSpan>,
) -> Option<&'a TokenWithSpan> {
    source
        .iter()
        .take_while(|t| token.is_none_or(|token| t.span.start < token.span.start))
        .filter(|t| !matches!(t.token, Token::Whitespace(_) | Token::EOF))
        .last()
}

/// A keyword that was misspelt was read as a name, and the parser stumbles over what follows: the
/// fault is the word before.
pub(crate) fn misspelt_before(
    message: &str,
    before: Option<&TokenWithSpan>,
    found: Option<&str>,
    span: Option<Span>,
) -> Option<SyntaxError> {
    let Some(TokenWithSpan { token: Token::Word(word), span: at }) = before else { return None };
    if word.quote_style.is_some() {
        return None;
    }
    let written = word.value.to_ascii_uppercase();
    let at = Span::from_sqlparser(*at);
    if message.contains("ROWS, RANGE") {
        let meant = nearest(&written, ["PARTITION", "ORDER"]).filter(|meant| *meant != written)?;
        let message = format!("expected PARTITION BY, ORDER BY or ')', found {}", word.value);
        return Some(SyntaxError::new(message, at).with_hint(format!("did you mean {meant}?")));
    }
    if !message.contains("the end of the query") {
        return None;
    }
    let by = keywords::KEYWORDS.iter().find(|entry| {
        entry.clause && entry.word.strip_suffix(" BY").is_some_and(|first| first == written)
    });
    if by.is_some() {
        let found = found.unwrap_or("the end of the query");
        let message = format!("expected BY after {written}, found {found}");
        return Some(SyntaxError::new(message, span));
    }
    if written == "ACROSS" {
        return Some(
            SyntaxError::new("ACROSS stands behind GROUP BY", at)
                .with_hint("write GROUP BY key ACROSS SPACE, or ACROSS TIME"),
        );
    }
    if word.keyword != Keyword::NoKeyword && keywords::find(&written).is_some() {
        return None;
    }
    let meant = nearest(&written, keywords::clause_words()).filter(|meant| *meant != written)?;
    let message = format!("expected a clause or the end of the query, found {}", word.value);
    Some(SyntaxError::new(message, at).with_hint(format!("did you mean {meant}?")))
}

/// Behind FROM and JOIN a name is that of a dataset.
pub(crate) fn after_from(message: String, before: Option<&TokenWithSpan>) -> String {
    match (message.strip_prefix("expected a name,"), keyword(before)) {
        (Some(rest), Keyword::FROM | Keyword::JOIN) => {
            format!("expected the name of a dataset,{rest}")
        }
        _ => message,
    }
}

/// What to write instead, where the token at fault or the one before it tells.
pub(crate) fn advice(
    message: &str,
    token: Option<&TokenWithSpan>,
    source: &[TokenWithSpan],
    tql: bool,
) -> Option<String> {
    let Some(token) = token else {
        return message
            .contains("an expression")
            .then(|| "the query ends where a value, column or call should follow".to_string());
    };
    let before = before(source, Some(token));
    match &token.token {
        Token::SingleQuotedString(name) if keyword(before) == Keyword::AS => {
            Some(format!("names stand in double quotes: \"{name}\""))
        }
        Token::Word(word) if word.quote_style.is_none() => {
            if let Some(previous) = before
                && matches!(previous.token, Token::Comma)
                && keywords::is_reserved(&word.value)
            {
                return Some(format!(
                    "remove the ',' before {word}, or write \"{word}\" if it is a column"
                ));
            }
            if let Some(meant) = meant(&word.value, message) {
                return Some(format!("did you mean {meant}?"));
            }
            if message.contains("the end of the query") {
                if matches!(word.keyword, Keyword::UNION | Keyword::INTERSECT | Keyword::EXCEPT) {
                    return Some("put the SELECT before it in parentheses".to_string());
                }
                if keywords::is_reserved(&word.value) || keywords::find(&word.value).is_some() {
                    let order = if tql { ORDER_OF_CLAUSES } else { ORDER_IN_SQL };
                    return Some(format!("it is in the wrong place or stands twice; {order}"));
                }
                return Some("a ',' or an operator may be missing before it".to_string());
            }
            if message.contains("an expression") && keywords::is_reserved(&word.value) {
                return Some(format!("write \"{word}\" in double quotes if it is a column"));
            }
            None
        }
        Token::Number(..) | Token::SingleQuotedString(_)
            if message.contains("the end of the query") =>
        {
            Some("a ',' or an operator may be missing before it".to_string())
        }
        Token::RArrow => Some("write >= for greater or equal".to_string()),
        Token::Colon if tql => Some("':' stands in subscripts and weights only".to_string()),
        Token::LBracket if message.contains("the end of the query") => {
            Some("a subscript follows a column, a call or a ')'".to_string())
        }
        _ => None,
    }
}

/// The keyword nearest to a word that is none: of those that the message expects, and where a
/// query might end, of all.
fn meant(word: &str, message: &str) -> Option<String> {
    let is_keyword = keywords::find(word).is_some() || keywords::is_reserved(word);
    if is_keyword || word.chars().count() < 3 {
        return None;
    }
    let (expected, _) = message.rsplit_once(", found ").unwrap_or((message, ""));
    let capitals = |word: &&str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_uppercase());
    let named = expected.split(|c: char| !c.is_ascii_alphabetic()).filter(capitals);
    let all = keywords::KEYWORDS.iter().map(|entry| entry.word).filter(|word| word.len() > 2);
    nearest(word, named).or_else(|| {
        if !expected.contains("the end of the query") {
            return None;
        }
        nearest(word, keywords::clause_words()).or_else(|| nearest(word, all))
    })
}

const ORDER_IN_SQL: &str =
    "the order is SELECT, FROM, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET";

fn keyword(token: Option<&TokenWithSpan>) -> Keyword {
    match token.map(|t| &t.token) {
        Some(Token::Word(word)) if word.quote_style.is_none() => word.keyword,
        _ => Keyword::NoKeyword,
    }
}
