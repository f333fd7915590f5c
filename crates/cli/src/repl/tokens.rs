//! Typed text as tokens: enough to see where a statement ends, what to colour and what to complete.
//!
//! Whether the text is a query is the grammar's business. These tokens never fail, so that half a
//! query has colours too.

use std::ops::Range;

/// What a stretch of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword, a function or a name without quotes.
    Word,
    /// A name in double quotes or backticks; false if the quote does not end.
    Name(bool),
    /// A text in single quotes; false if the quote does not end.
    Text(bool),
    /// A number.
    Number,
    /// `-- ...` to the end of the line, or `/* ... */`; false if that does not end.
    Comment(bool),
    /// The end of a statement.
    Semicolon,
    /// Spaces, brackets and operators.
    Other,
}

/// A stretch of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

/// The tokens of a text, which cover all of it.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let (kind, length) = first(rest);
        let range = at..at + length.max(1);
        at = range.end;
        match found.last_mut() {
            Some(last) if kind == Kind::Other && last.kind == Kind::Other => last.range.end = at,
            _ => found.push(Token { kind, range }),
        }
    }
    found
}

fn first(rest: &str) -> (Kind, usize) {
    let mut characters = rest.chars();
    let Some(begin) = characters.next() else { return (Kind::Other, 0) };
    let second = characters.next();
    let run = |belongs: fn(char) -> bool| {
        rest.find(|c: char| !belongs(c)).unwrap_or(rest.len()).max(begin.len_utf8())
    };
    match begin {
        '\'' => quoted(rest, '\'', Kind::Text),
        '"' | '`' => quoted(rest, begin, Kind::Name),
        ';' => (Kind::Semicolon, 1),
        '-' if second == Some('-') => (Kind::Comment(true), rest.find('\n').unwrap_or(rest.len())),
        '/' if second == Some('*') => match rest.get(2..).and_then(|inner| inner.find("*/")) {
            Some(end) => (Kind::Comment(true), end + 4),
            None => (Kind::Comment(false), rest.len()),
        },
        '0'..='9' => (Kind::Number, run(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_')),
        '_' => (Kind::Word, run(|c| c.is_alphanumeric() || c == '_')),
        c if c.is_alphabetic() => (Kind::Word, run(|c| c.is_alphanumeric() || c == '_')),
        c => (Kind::Other, c.len_utf8()),
    }
}

/// A doubled quote ends one stretch and begins the next, which comes to the same.
fn quoted(rest: &str, quote: char, kind: fn(bool) -> Kind) -> (Kind, usize) {
    match rest.get(1..).and_then(|inner| inner.find(quote)) {
        Some(end) => (kind(true), end + 2),
        None => (kind(false), rest.len()),
    }
}

/// The statements of a text, without their semicolons, and what is left behind the last one.
pub fn statements(text: &str) -> (Vec<&str>, &str) {
    let mut ended = Vec::new();
    let mut begun = 0;
    for token in tokens(text) {
        if token.kind == Kind::Semicolon {
            ended.push(text.get(begun..token.range.start).unwrap_or_default());
            begun = token.range.end;
        }
    }
    (ended, text.get(begun..).unwrap_or_default())
}

/// True if there is nothing to run in a text: spaces and comments that end.
pub fn is_blank(text: &str) -> bool {
    tokens(text).iter().all(|token| match token.kind {
        Kind::Comment(ends) => ends,
        Kind::Other => text.get(token.range.clone()).unwrap_or_default().trim().is_empty(),
        _ => false,
    })
}

/// The first word of a statement, behind comments.
pub fn first_word(text: &str) -> Option<&str> {
    let token = tokens(text).into_iter().find(|token| token.kind == Kind::Word)?;
    text.get(token.range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_end_statements_outside_of_quotes_and_comments() {
        let text =
            "SELECT ';' AS \"a;b\" -- not; here\n, `c;` /* nor; here */; SELECT 'it''s;'; rest";
        let (ended, rest) = statements(text);
        assert_eq!(ended.len(), 2, "{ended:?}");
        assert!(ended[0].ends_with("/* nor; here */"));
        assert_eq!(ended[1], " SELECT 'it''s;'");
        assert_eq!(rest, " rest");
    }

    #[test]
    fn what_does_not_end_goes_on() {
        for open in ["SELECT 'a;", "SELECT \"a;", "SELECT /* a;", "SELECT 1 -- a;"] {
            assert!(statements(open).0.is_empty(), "{open}");
        }
        assert!(is_blank(" \n -- nothing\n /* at all */"));
        assert!(!is_blank("/* goes on"));
        assert!(!is_blank("1"));
    }

    #[test]
    fn tokens_cover_any_text() {
        for text in
            ["", "é", "SELECT é'ü", "a.b[1:2, ::3] >= 1.5e3", "--", "/*", "'", "\u{1f980};;"]
        {
            let found = tokens(text);
            let ends = found.iter().map(|token| token.range.end);
            assert_eq!(found.iter().map(|token| token.range.start).collect::<Vec<_>>(), {
                let mut starts: Vec<usize> = std::iter::once(0).chain(ends).collect();
                starts.pop();
                starts
            });
            assert_eq!(found.last().map_or(0, |token| token.range.end), text.len());
        }
        assert_eq!(first_word("-- why\n /* so */ update x"), Some("update"));
    }
}
