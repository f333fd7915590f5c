//! Statements that change rows: UPDATE, DELETE and INSERT, in both languages.
//!
//! Each is taken apart into the table that it changes and a query of the same language, made of the
//! same tokens at the same places, so that everything inside means what it means in a query and
//! errors point into the text as it was written.
//!
//! ```text
//! change = "UPDATE" [table] "SET" cell "=" expression {"," cell "=" expression} ["WHERE" expression]
//!        | "DELETE" ["FROM" table] ["WHERE" expression]
//!        | "INSERT" "INTO" table ["(" column {"," column} ")"] query
//! cell   = column ["[" subscripts "]"]
//! ```

use lakebed_core::Limits;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Span as TokenSpan;
use sqlparser::tokenizer::Token;
use sqlparser::tokenizer::TokenWithSpan;
use sqlparser::tokenizer::Word;

use crate::error::SyntaxError;
use crate::parse;
use crate::span::Span;
use crate::statement::Language;
use crate::statement::Statement;

/// The column of [`Change::query`] that tells which rows are meant: their positions.
pub const POSITION: &str = "__position";

/// A name as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name without quotes.
    pub text: String,
    /// Where it stands.
    pub span: Option<Span>,
}

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// New values for cells.
    Update,
    /// Rows less.
    Delete,
    /// Rows more.
    Insert,
}

/// A statement that changes rows of one table.
#[derive(Debug, Clone)]
pub struct Change {
    /// What it does.
    pub kind: ChangeKind,
    /// The table; none for the current dataset.
    pub table: Option<Name>,
    /// The columns that get values, in the order of the query's; empty if INSERT names none.
    pub columns: Vec<Name>,
    /// UPDATE: the positions of the rows as [`POSITION`], then a value for each of `columns`. DELETE:
    /// the positions. INSERT: the rows.
    pub query: Statement,
}

/// True if a text begins like a statement that changes rows.
pub fn is_change(text: &str) -> bool {
    let first: String = text.trim_start().chars().take_while(|c| c.is_ascii_alphabetic()).collect();
    ["UPDATE", "DELETE", "INSERT"].iter().any(|word| first.eq_ignore_ascii_case(word))
}

/// Parses a statement that changes rows.
///
/// # Errors
/// [`SyntaxError`] with the token at fault.
pub fn parse_change(
    text: &str,
    language: Language,
    limits: &Limits,
) -> Result<Change, SyntaxError> {
    let source = parse::tokens(text, language, limits)?;
    let mut reader = Reader { tokens: significant(&source), at: 0, text };
    let (kind, table, columns, query) = match reader.keyword() {
        Keyword::UPDATE => {
            reader.at += 1;
            let table =
                if reader.keyword() == Keyword::SET { None } else { Some(reader.name("a table")?) };
            reader.expect(Keyword::SET, "SET")?;
            let (columns, values, rest) = reader.assignments()?;
            let mut query = selecting(values);
            query.extend(from(table.as_ref()));
            query.extend(rest);
            (ChangeKind::Update, table, columns, query)
        }
        Keyword::DELETE => {
            reader.at += 1;
            let table = if reader.keyword() == Keyword::FROM {
                reader.at += 1;
                Some(reader.name("a table")?)
            } else {
                None
            };
            let mut query = selecting(Vec::new());
            query.extend(from(table.as_ref()));
            query.extend(reader.condition()?);
            (ChangeKind::Delete, table, Vec::new(), query)
        }
        Keyword::INSERT => {
            reader.at += 1;
            reader.expect(Keyword::INTO, "INTO")?;
            let table = reader.name("a table")?;
            let columns = reader.column_list()?;
            let query = reader.tokens.get(reader.at..).unwrap_or_default().to_vec();
            (ChangeKind::Insert, Some(table), columns, query)
        }
        _ => return Err(reader.expected("UPDATE, DELETE or INSERT")),
    };
    let query = parse::statement_of(query, text, language, limits)?;
    if let Some(first) = query.explain.and_then(|_| source.first()) {
        let span = Span::from_sqlparser(first.span);
        return Err(SyntaxError::new("a change is not explained", span));
    }
    let table = table.map(|(name, _)| name);
    Ok(Change { kind, table, columns, query })
}

type Table = (Name, TokenWithSpan);

struct Reader<'a> {
    tokens: Vec<TokenWithSpan>,
    at: usize,
    text: &'a str,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&TokenWithSpan> {
        self.tokens.get(self.at)
    }

    fn keyword(&self) -> Keyword {
        parse::keyword(self.peek())
    }

    fn expected(&self, what: &str) -> SyntaxError {
        match self.peek() {
            Some(token) => SyntaxError::new(
                format!("expected {what}, found {}", parse::shown(&token.token)),
                Span::from_sqlparser(token.span),
            ),
            None => SyntaxError::new(
                format!("expected {what}, found the end of the statement"),
                Some(Span::end_of(self.text)),
            ),
        }
    }

    fn expect(&mut self, keyword: Keyword, shown: &str) -> Result<(), SyntaxError> {
        if self.keyword() != keyword {
            return Err(self.expected(shown));
        }
        self.at += 1;
        Ok(())
    }

    fn name(&mut self, what: &str) -> Result<Table, SyntaxError> {
        let Some(token) = self.peek() else { return Err(self.expected(what)) };
        let text = match &token.token {
            Token::Word(word) => word.value.clone(),
            Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) => text.clone(),
            _ => return Err(self.expected(what)),
        };
        let found = (Name { text, span: Span::from_sqlparser(token.span) }, token.clone());
        self.at += 1;
        if self.peek().is_some_and(|token| token.token == Token::Period) {
            return Err(self
                .expected("the end of the name")
                .with_hint("write a path or URL in double quotes"));
        }
        Ok(found)
    }

    /// `column = expression, ...` up to WHERE; the columns, the values' tokens, and what is left.
    #[expect(clippy::type_complexity, reason = "three lists of one loop")]
    fn assignments(
        &mut self,
    ) -> Result<(Vec<Name>, Vec<Vec<TokenWithSpan>>, Vec<TokenWithSpan>), SyntaxError> {
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        loop {
            let (column, token) = self.name("a column")?;
            let part = self.part()?;
            if self.peek().is_none_or(|token| token.token != Token::Eq) {
                return Err(self.expected("'='"));
            }
            self.at += 1;
            let value = self.expression();
            if value.is_empty() {
                return Err(self.expected("a value"));
            }
            let known = columns.iter().position(|other: &Name| other.text == column.text);
            match (known, part) {
                (None, None) => {
                    columns.push(column);
                    values.push(value);
                }
                (None, Some(part)) => {
                    let sample = word(&column.text, Some('"'));
                    let sample = vec![TokenWithSpan { span: token.span, ..sample }];
                    columns.push(column);
                    values.push(assigned(sample, part, value));
                }
                // Parts of one sample, one after the other.
                (Some(known), Some(part)) => {
                    let before = std::mem::take(&mut values[known]);
                    values[known] = assigned(before, part, value);
                }
                (Some(_), None) => {
                    let message = format!("column '{}' is given two values", column.text);
                    return Err(SyntaxError::new(message, column.span));
                }
            }
            if self.peek().is_none_or(|token| token.token != Token::Comma) {
                break;
            }
            self.at += 1;
        }
        let rest = self.condition()?;
        Ok((columns, values, rest))
    }

    /// `[subscripts]` behind a column, as the text that `ASSIGN` takes.
    fn part(&mut self) -> Result<Option<TokenWithSpan>, SyntaxError> {
        let Some(open) = self.peek().filter(|token| token.token == Token::LBracket) else {
            return Ok(None);
        };
        let begin = open.span;
        self.at += 1;
        let mut text = String::new();
        while let Some(token) = self.peek() {
            if token.token == Token::RBracket {
                let span = begin.union(&token.span);
                self.at += 1;
                if let Err(error) = lakebed_core::subscript::parse_list(&text) {
                    let hint = "the part that gets a value is named by numbers: x[0:2, -1] = 5";
                    let error = SyntaxError::new(error.to_string(), Span::from_sqlparser(span));
                    return Err(error.with_hint(hint));
                }
                return Ok(Some(TokenWithSpan { token: Token::SingleQuotedString(text), span }));
            }
            text.push_str(&token.token.to_string());
            self.at += 1;
        }
        Err(self.expected("']'"))
    }

    /// The tokens up to a comma, WHERE or `;` outside of brackets.
    fn expression(&mut self) -> Vec<TokenWithSpan> {
        let (begin, mut depth) = (self.at, 0_usize);
        // WHERE before a bracket is the function, unless it ends the expression before.
        while let Some(token) = self.peek() {
            match &token.token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
                Token::Comma | Token::SemiColon if depth == 0 => break,
                _ if depth == 0
                    && self.keyword() == Keyword::WHERE
                    && self.at > begin
                    && ends_value(self.tokens.get(self.at - 1)) =>
                {
                    break;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.tokens.get(begin..self.at).unwrap_or_default().to_vec()
    }

    /// The rest: nothing, or WHERE and its expression.
    fn condition(&mut self) -> Result<Vec<TokenWithSpan>, SyntaxError> {
        let is_end = self.peek().is_none_or(|token| token.token == Token::SemiColon);
        if !is_end && self.keyword() != Keyword::WHERE {
            return Err(self
                .expected("WHERE or the end of the statement")
                .with_hint("to choose rows otherwise: WHERE id IN (SELECT ... LIMIT 10)"));
        }
        let rest = self.tokens.get(self.at..).unwrap_or_default().to_vec();
        self.at = self.tokens.len();
        Ok(rest)
    }

    /// `(column, ...)` in front of a query.
    fn column_list(&mut self) -> Result<Vec<Name>, SyntaxError> {
        let opens = self.peek().is_some_and(|token| token.token == Token::LParen);
        let next = parse::keyword(self.tokens.get(self.at + 1));
        if !opens || matches!(next, Keyword::SELECT | Keyword::WITH) {
            return Ok(Vec::new());
        }
        self.at += 1;
        let mut columns = Vec::new();
        loop {
            columns.push(self.name("a column")?.0);
            match self.peek().map(|token| &token.token) {
                Some(Token::Comma) => self.at += 1,
                Some(Token::RParen) => break,
                _ => return Err(self.expected("',' or ')'")),
            }
        }
        self.at += 1;
        Ok(columns)
    }
}

/// True if an expression may end with this token, so that WHERE behind it is the clause.
fn ends_value(token: Option<&TokenWithSpan>) -> bool {
    match token.map(|token| &token.token) {
        Some(Token::Word(word)) => {
            word.quote_style.is_some()
                || !matches!(
                    word.keyword,
                    Keyword::AND | Keyword::OR | Keyword::NOT | Keyword::IN | Keyword::LIKE
                )
        }
        Some(
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::Placeholder(_)
            | Token::RParen
            | Token::RBracket,
        ) => true,
        _ => false,
    }
}

/// `SELECT __position, value AS "0", ...`
fn selecting(values: Vec<Vec<TokenWithSpan>>) -> Vec<TokenWithSpan> {
    let mut tokens = vec![word("SELECT", None), word(POSITION, Some('"'))];
    for (nth, value) in values.into_iter().enumerate() {
        let span = value.last().map_or(TokenSpan::empty(), |token| token.span);
        tokens.push(made(Token::Comma));
        tokens.extend(value);
        let name = format!("__value{nth}");
        for token in [word("AS", None), word(&name, Some('"'))] {
            tokens.push(TokenWithSpan { span, ..token });
        }
    }
    tokens
}

/// `ASSIGN(sample, 'part', (value))`
fn assigned(
    sample: Vec<TokenWithSpan>,
    part: TokenWithSpan,
    value: Vec<TokenWithSpan>,
) -> Vec<TokenWithSpan> {
    let span = part.span;
    let at = |token: Token| TokenWithSpan { token, span };
    let mut tokens = vec![at(Token::make_word("ASSIGN", None)), at(Token::LParen)];
    tokens.extend(sample);
    tokens.extend([at(Token::Comma), part.clone(), at(Token::Comma), at(Token::LParen)]);
    tokens.extend(value);
    tokens.extend([at(Token::RParen), at(Token::RParen)]);
    tokens
}

fn from(table: Option<&Table>) -> Vec<TokenWithSpan> {
    let Some((_, name)) = table else { return Vec::new() };
    vec![word("FROM", None), name.clone()]
}

fn word(text: &str, quote_style: Option<char>) -> TokenWithSpan {
    match quote_style {
        None => made(Token::make_keyword(text)),
        quote => made(Token::Word(Word {
            value: text.to_string(),
            quote_style: quote,
            keyword: Keyword::NoKeyword,
        })),
    }
}

fn made(token: Token) -> TokenWithSpan {
    TokenWithSpan { token, span: TokenSpan::empty() }
}

fn significant(source: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let is_text = |t: &&TokenWithSpan| !matches!(t.token, Token::Whitespace(_) | Token::EOF);
    source.iter().filter(is_text).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Change {
        parse_change(text, Language::Tql, &Limits::default())
            .unwrap_or_else(|error| panic!("{}", error.render(text)))
    }

    #[test]
    fn changes_become_queries() {
        let change =
            parsed("UPDATE t SET a = b[0, 1] + 1, \"c d\" = WHERE(a > 1, 2, 3) WHERE ANY(b > 1);");
        assert_eq!(change.kind, ChangeKind::Update);
        assert_eq!(change.table.unwrap().text, "t");
        let columns: Vec<String> = change.columns.into_iter().map(|name| name.text).collect();
        assert_eq!(columns, ["a", "c d"]);
        let text = change.query.to_string();
        assert!(text.contains("__position") && text.contains("WHERE ANY"), "{text}");

        let change = parsed("UPDATE SET m[0:2, -1] = 5, \"M\"[::2] = x, m[...] = y + 1 WHERE z");
        let columns: Vec<String> = change.columns.into_iter().map(|name| name.text).collect();
        assert_eq!(columns, ["m", "M"]);
        let text = change.query.to_string();
        let nested = "ASSIGN(ASSIGN(\"m\", '0:2,-1', (5)), '...', (y + 1))";
        assert!(text.contains(nested), "{text}");
        assert!(text.contains("ASSIGN(\"M\", '::2', (x))"), "{text}");

        let change = parsed("UPDATE SET a = 1");
        assert!(change.table.is_none());
        let change = parsed("DELETE FROM \"s3://b/x@dev\" WHERE id IN (SELECT id FROM t LIMIT 3)");
        assert_eq!(
            (change.kind, change.table.unwrap().text.as_str()),
            (ChangeKind::Delete, "s3://b/x@dev")
        );
        let change = parsed("INSERT INTO t (a, b) SELECT x, y FROM u");
        assert_eq!((change.kind, change.columns.len()), (ChangeKind::Insert, 2));
        assert_eq!(parsed("INSERT INTO t VALUES (1, 'a')").columns.len(), 0);
    }

    #[test]
    fn errors_point_at_the_token() {
        for (text, message, column) in [
            ("UPDATE t a = 1", "expected SET", 10),
            ("UPDATE t SET a = ", "expected a value", 17),
            ("UPDATE t SET a[0] + 1", "expected '='", 19),
            ("UPDATE t SET a[x] = 1", "x", 15),
            ("UPDATE t SET a[0 = 1", "expected ']'", 21),
            ("UPDATE t SET a[0] = 1, a = 2", "two values", 24),
            ("UPDATE t SET a = 1, a = 2", "two values", 21),
            ("DELETE t", "expected WHERE", 8),
            ("DELETE FROM t LIMIT 3", "expected WHERE", 15),
            ("INSERT t VALUES (1)", "expected INTO", 8),
            ("SELECT 1", "expected UPDATE, DELETE or INSERT", 1),
        ] {
            let error = parse_change(text, Language::Tql, &Limits::default()).unwrap_err();
            assert!(error.message.contains(message), "{text}: {}", error.message);
            assert_eq!(error.span.map(|span| span.start.column), Some(column), "{text}");
        }
    }

    #[test]
    fn changes_are_told_from_queries() {
        assert!(is_change("  update x set a = 1") && is_change("DELETE FROM t"));
        assert!(!is_change("SELECT 1") && !is_change("updated"));
    }
}
