//! The second pass over the tokens: TQL's own clauses leave their place and return at the end of
//! their query as `|> CALL __tql_...(...)`, which sqlparser parses at any depth.
//!
//! Tokens keep the places they had in the text, so errors still point at them.

use lakebed_core::nearest::nearest;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Span as TokenSpan;
use sqlparser::tokenizer::Token;
use sqlparser::tokenizer::TokenWithSpan;

use crate::clauses;
use crate::error::SyntaxError;
use crate::keywords;
use crate::span::Span;

/// What one bracket level, or the whole text, holds so far.
#[derive(Default)]
struct Level {
    /// Where the current SELECT stands in the output.
    select_at: Option<usize>,
    /// Clauses of the current SELECT: EXPAND, ACROSS, UNGROUP.
    of_select: Vec<TokenWithSpan>,
    /// Clauses of the whole query: LIMIT PERCENT, SAMPLE, ARRANGE.
    of_query: Vec<TokenWithSpan>,
    in_set_operation: bool,
    grouped: bool,
    limited: bool,
    /// The last clause of TQL's own: its rank and name.
    last: Option<(u8, &'static str)>,
}

/// Moves the clauses. The brackets of `tokens` match.
pub(crate) fn rewrite(tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>, SyntaxError> {
    let mut rewriter = Rewriter { tokens, at: 0 };
    let mut out = Vec::with_capacity(tokens.len());
    rewriter.level(&mut out)?;
    // Only a stray closing bracket ends the level early, and there is none.
    Ok(out)
}

struct Rewriter<'a> {
    tokens: &'a [TokenWithSpan],
    at: usize,
}

type Tokens = Vec<TokenWithSpan>;

impl Rewriter<'_> {
    fn token(&self, ahead: usize) -> Option<&TokenWithSpan> {
        self.tokens.get(self.at + ahead)
    }

    /// The bare word ahead, in capitals.
    fn word(&self, ahead: usize) -> Option<String> {
        match &self.token(ahead)?.token {
            Token::Word(word) if word.quote_style.is_none() => {
                Some(word.value.to_ascii_uppercase())
            }
            _ => None,
        }
    }

    fn word_is(&self, ahead: usize, words: &[&str]) -> bool {
        self.word(ahead).is_some_and(|word| words.contains(&word.as_str()))
    }

    /// The place of the token ahead, or of the last one.
    fn span(&self, ahead: usize) -> Option<Span> {
        match self.token(ahead) {
            Some(token) => Span::from_sqlparser(token.span),
            None => self.tokens.last().and_then(|last| {
                let end = last.span.end;
                Some(Span::new(end.line, end.column, end.line, end.column + 1))
                    .filter(|span| span.start.line > 0)
            }),
        }
    }

    /// The token ahead as an error message names it.
    fn found(&self, ahead: usize) -> String {
        match self.token(ahead) {
            Some(token) => token.token.to_string(),
            None => "the end of the query".to_string(),
        }
    }

    fn expected<T>(&self, what: &str) -> Result<T, SyntaxError> {
        Err(SyntaxError::new(format!("expected {what}, found {}", self.found(0)), self.span(0)))
    }

    /// Copies one bracket level, up to its closing bracket or the end.
    fn level(&mut self, out: &mut Tokens) -> Result<(), SyntaxError> {
        let mut level = Level::default();
        while let Some(token) = self.token(0) {
            match &token.token {
                Token::RParen | Token::RBracket | Token::RBrace => break,
                Token::SemiColon => {
                    level.finish(out);
                    self.copy(out);
                    continue;
                }
                Token::LParen | Token::LBracket | Token::LBrace => {
                    self.group(out)?;
                    continue;
                }
                Token::Word(word) if word.quote_style.is_none() => {
                    let name = word.value.to_ascii_uppercase();
                    if self.own_clause(&name, &mut level)? {
                        continue;
                    }
                    self.standard_word(&name, &mut level, out)?;
                }
                _ => {}
            }
            self.copy(out);
        }
        level.finish(out);
        Ok(())
    }

    fn copy(&mut self, out: &mut Tokens) {
        if let Some(token) = self.token(0) {
            out.push(token.clone());
            self.at += 1;
        }
    }

    /// Copies a bracket with all that is inside.
    fn group(&mut self, out: &mut Tokens) -> Result<(), SyntaxError> {
        self.copy(out);
        self.level(out)?;
        self.copy(out);
        Ok(())
    }

    /// Keeps count of where we are among the standard clauses.
    fn standard_word(
        &mut self,
        name: &str,
        level: &mut Level,
        out: &mut Tokens,
    ) -> Result<(), SyntaxError> {
        let after_period = out.last().is_some_and(|t| t.token == Token::Period);
        if after_period {
            return Ok(());
        }
        match name {
            "SELECT" => {
                level.select_at = Some(out.len());
                level.grouped = false;
                level.limited = false;
                level.last = None;
            }
            "UNION" | "INTERSECT" | "EXCEPT" | "MINUS" if self.is_set_operator() => {
                if let Some((_, clause)) = level.last.filter(|_| !level.of_query.is_empty()) {
                    return Err(SyntaxError::new(
                        format!("{clause} cannot stand before {name}"),
                        self.span(0),
                    )
                    .with_hint("put the SELECT before it in parentheses"));
                }
                level.close_operand(out);
                level.in_set_operation = true;
                level.last = None;
                level.select_at = None;
            }
            "GROUP" if self.word_is(1, &["BY"]) => level.grouped = true,
            "ORDER" | "LIMIT" | "OFFSET" | "FETCH" => {
                if level.in_set_operation {
                    level.close_operand(out);
                }
                level.limited = name == "LIMIT";
            }
            _ => {}
        }
        if let (Some((rank, clause)), Some(found)) = (level.last, rank(name))
            && found <= rank
            && !(name == "FROM" && out.last().is_some_and(|t| is_word(t, Keyword::DISTINCT)))
            && !(rank == RANK_PERCENT && name == "OFFSET")
        {
            let name =
                if self.word_is(1, &["BY"]) { format!("{name} BY") } else { name.to_string() };
            return Err(SyntaxError::new(
                format!("{name} cannot stand after {clause}"),
                self.span(0),
            )
            .with_hint(format!("write {name} before {clause}; {ORDER_OF_CLAUSES}")));
        }
        Ok(())
    }

    /// Whether UNION, INTERSECT or EXCEPT joins two queries (`* EXCEPT (a)` does not).
    fn is_set_operator(&self) -> bool {
        if self.token(1).is_some_and(|t| t.token == Token::LParen) {
            return self.token(2).is_some_and(|t| t.token == Token::LParen)
                || self.word_is(2, &["SELECT", "WITH", "VALUES"]);
        }
        self.word_is(1, &["SELECT", "ALL", "DISTINCT", "VALUES", "BY"])
    }

    /// Takes a clause of TQL's own off the text, if one begins here.
    fn own_clause(&mut self, name: &str, level: &mut Level) -> Result<bool, SyntaxError> {
        let by = self.word_is(1, &["BY"]);
        let kind = self.word_is(1, &["SPACE", "TIME"]);
        let start = self.at;
        let (rank, clause, of_select, call, arguments) = match name {
            "EXPAND" if by => (3, "EXPAND BY", true, clauses::EXPAND, self.expand()?),
            "ACROSS" if level.grouped && !kind && self.after_value() && self.word(1).is_some() => {
                self.at += 1;
                return self.expected("SPACE or TIME after ACROSS");
            }
            "ACROSS" if level.grouped && kind => {
                let kind = self.word(1).unwrap_or_default();
                self.at += 2;
                (4, "ACROSS", true, clauses::ACROSS, vec![Token::SingleQuotedString(kind)])
            }
            "UNGROUP" if by => (6, "UNGROUP BY", true, clauses::UNGROUP, self.ungroup()?),
            "PERCENT" if level.limited && self.after_value() => {
                self.at += 1;
                level.limited = false;
                (RANK_PERCENT, "LIMIT ... PERCENT", false, clauses::PERCENT, Vec::new())
            }
            "SAMPLE" if by => {
                let tokens = self.sample()?;
                return self.push(level, start, (10, "SAMPLE BY", false, clauses::SAMPLE), tokens);
            }
            "ARRANGE" if by => {
                self.at += 2;
                let mut tokens = Vec::new();
                self.expressions(&mut tokens)?;
                if tokens.is_empty() {
                    return self.expected("an expression after ARRANGE BY");
                }
                return self.push(
                    level,
                    start,
                    (11, "ARRANGE BY", false, clauses::ARRANGE),
                    tokens,
                );
            }
            _ => return Ok(false),
        };
        let span = self.since(start);
        let tokens = arguments.into_iter().map(|token| TokenWithSpan { token, span }).collect();
        self.push(level, start, (rank, clause, of_select, call), tokens)
    }

    /// Whether the token before ends a value, as before PERCENT.
    fn after_value(&self) -> bool {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).is_some_and(|t| match &t.token {
            Token::Number(..)
            | Token::Placeholder(_)
            | Token::SingleQuotedString(_)
            | Token::RParen
            | Token::RBracket => true,
            Token::Word(word) => {
                word.quote_style.is_some()
                    || !(keywords::is_reserved(&word.value)
                        || keywords::find(&word.value).is_some())
            }
            _ => false,
        })
    }

    /// The span of the tokens from index `start` to here.
    fn since(&self, start: usize) -> TokenSpan {
        let first = self.tokens.get(start).map(|t| t.span);
        let last = self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map(|t| t.span);
        match (first, last) {
            (Some(first), Some(last)) => TokenSpan::new(first.start, last.end),
            _ => TokenSpan::empty(),
        }
    }

    fn push(
        &self,
        level: &mut Level,
        start: usize,
        (rank, clause, of_select, call): (u8, &'static str, bool, &str),
        arguments: Tokens,
    ) -> Result<bool, SyntaxError> {
        let span = self.since(start);
        let here = self.tokens.get(start).and_then(|t| Span::from_sqlparser(t.span));
        if let Some((last, name)) = level.last
            && last >= rank
        {
            let message = if last == rank {
                format!("{clause} stands twice")
            } else {
                format!("{clause} cannot stand after {name}")
            };
            return Err(SyntaxError::new(message, here).with_hint(ORDER_OF_CLAUSES));
        }
        if of_select && level.select_at.is_none() {
            return Err(SyntaxError::new(format!("{clause} belongs to a SELECT"), here)
                .with_hint("write it inside the parentheses, or SELECT * FROM (...) around them"));
        }
        level.last = Some((rank, clause));
        let to = if of_select { &mut level.of_select } else { &mut level.of_query };
        let made = |token: Token| TokenWithSpan { token, span };
        to.push(made(Token::VerticalBarRightAngleBracket));
        to.push(made(Token::make_keyword("CALL")));
        to.push(made(Token::make_word(call, None)));
        to.push(made(Token::LParen));
        to.extend(arguments);
        to.push(made(Token::RParen));
        Ok(true)
    }

    /// `EXPAND BY before [after] [OVERLAP [bool]]` -> before, after or NULL, overlap.
    fn expand(&mut self) -> Result<Vec<Token>, SyntaxError> {
        self.at += 2;
        let before = self.count("the number of rows before each match")?;
        let after = match self.token(0).map(|t| &t.token) {
            Some(Token::Number(..) | Token::Placeholder(_)) => self.count("a number of rows")?,
            _ => null(),
        };
        let mut overlap = Token::make_keyword("TRUE");
        if self.word_is(0, &["OVERLAP"]) {
            self.at += 1;
            if let Some(value) = self.boolean("OVERLAP")? {
                overlap = value;
            }
        }
        if self.word_is(0, &["AS"]) {
            return Err(SyntaxError::new("EXPAND BY takes no alias", self.span(0))
                .with_hint("remove AS and the name behind it"));
        }
        Ok(vec![before, Token::Comma, after, Token::Comma, overlap])
    }

    /// `UNGROUP BY SPLIT | n | ARRAY[a, b]` -> 'SPLIT', n or the array.
    fn ungroup(&mut self) -> Result<Vec<Token>, SyntaxError> {
        self.at += 2;
        if self.word_is(0, &["SPLIT"]) {
            self.at += 1;
            return Ok(vec![Token::SingleQuotedString("SPLIT".to_string())]);
        }
        if self.word_is(0, &["ARRAY"]) {
            self.at += 1;
            if self.token(0).is_none_or(|t| t.token != Token::LBracket) {
                return self.expected("'[' after ARRAY");
            }
        }
        if self.token(0).is_some_and(|t| t.token == Token::LBracket) {
            let mut out = Vec::new();
            self.group(&mut out)?;
            return Ok(out.into_iter().map(|t| t.token).collect());
        }
        let near = self.word(0).and_then(|word| nearest(&word, ["SPLIT", "ARRAY"]));
        let how = self.count("SPLIT, a number or ARRAY[...] after UNGROUP BY");
        match near {
            Some(near) => Ok(vec![how.map_err(|e| e.with_hint(format!("did you mean {near}?")))?]),
            None => Ok(vec![how?]),
        }
    }

    /// `SAMPLE BY e [REPLACE [bool]] [LIMIT n [PERCENT]]` -> e, replace, limit or NULL, percent.
    fn sample(&mut self) -> Result<Tokens, SyntaxError> {
        self.at += 2;
        let mut tokens = Vec::new();
        self.expressions(&mut tokens)?;
        if tokens.is_empty() {
            return self.expected("a weight after SAMPLE BY");
        }
        let tail = self.at;
        let mut replace = Token::make_keyword("TRUE");
        if self.word_is(0, &["REPLACE"]) {
            self.at += 1;
            if let Some(value) = self.boolean("REPLACE")? {
                replace = value;
            }
        }
        let mut limit = null();
        let mut percent = Token::make_keyword("FALSE");
        if self.word_is(0, &["LIMIT"]) {
            self.at += 1;
            // As LIMIT elsewhere: below 0 is 0.
            let minus = self.token(0).is_some_and(|t| t.token == Token::Minus);
            self.at += usize::from(minus);
            limit = self.count("the number of rows to draw")?;
            if minus && matches!(limit, Token::Number(..)) {
                limit = Token::Number("0".to_string(), false);
            }
            if self.word_is(0, &["PERCENT"]) {
                self.at += 1;
                percent = Token::make_keyword("TRUE");
            }
        }
        let span = self.since(tail);
        for token in [Token::Comma, replace, Token::Comma, limit, Token::Comma, percent] {
            tokens.push(TokenWithSpan { token, span });
        }
        Ok(tokens)
    }

    /// Copies tokens up to the next clause or the end of the level.
    fn expressions(&mut self, out: &mut Tokens) -> Result<(), SyntaxError> {
        while let Some(token) = self.token(0) {
            match &token.token {
                Token::RParen | Token::RBracket | Token::RBrace | Token::SemiColon => break,
                Token::LParen | Token::LBracket | Token::LBrace => {
                    self.group(out)?;
                    continue;
                }
                Token::Word(word) if word.quote_style.is_none() => {
                    let name = word.value.to_ascii_uppercase();
                    let calls = self.token(1).is_some_and(|t| t.token == Token::LParen);
                    let by = self.word_is(1, &["BY"]);
                    let ends = match name.as_str() {
                        "REPLACE" => !calls,
                        "LIMIT" | "OFFSET" | "FETCH" | "FOR" | "WHERE" | "HAVING" => true,
                        "ORDER" | "GROUP" | "EXPAND" | "UNGROUP" | "SAMPLE" | "ARRANGE" => by,
                        "UNION" | "INTERSECT" | "EXCEPT" => self.is_set_operator(),
                        _ => false,
                    };
                    if ends {
                        break;
                    }
                }
                _ => {}
            }
            self.copy(out);
        }
        Ok(())
    }

    /// A number or a parameter.
    fn count(&mut self, what: &str) -> Result<Token, SyntaxError> {
        match self.token(0).map(|t| t.token.clone()) {
            Some(token @ (Token::Number(..) | Token::Placeholder(_))) => {
                self.at += 1;
                Ok(token)
            }
            _ => self.expected(what),
        }
    }

    /// TRUE or FALSE behind a word that means TRUE alone.
    fn boolean(&mut self, behind: &str) -> Result<Option<Token>, SyntaxError> {
        let word = match self.token(0).map(|t| &t.token) {
            Some(Token::Number(..) | Token::SingleQuotedString(_)) => {
                return self.expected(&format!("TRUE or FALSE after {behind}"));
            }
            _ => self.word(0),
        };
        let Some(word) = word else { return Ok(None) };
        if word == "TRUE" || word == "FALSE" {
            self.at += 1;
            return Ok(Some(Token::make_keyword(&word)));
        }
        // Anything else would become the name of a column, without a word.
        let follows = keywords::is_reserved(&word) || keywords::clause_words().any(|w| w == word);
        if !follows && word != "PERCENT" {
            return self.expected(&format!("TRUE or FALSE after {behind}"));
        }
        Ok(None)
    }
}

impl Level {
    /// Ends one operand of a set operation: with clauses of its own it becomes `(SELECT ...)`.
    fn close_operand(&mut self, out: &mut Tokens) {
        if self.of_select.is_empty() {
            return;
        }
        let clauses = std::mem::take(&mut self.of_select);
        let (Some(at), Some(span)) = (self.select_at, clauses.first().map(|t| t.span)) else {
            out.extend(clauses);
            return;
        };
        out.insert(at, TokenWithSpan { token: Token::LParen, span });
        out.extend(clauses);
        out.push(TokenWithSpan { token: Token::RParen, span });
    }

    fn finish(&mut self, out: &mut Tokens) {
        if self.in_set_operation {
            self.close_operand(out);
        }
        out.append(&mut self.of_select);
        out.append(&mut self.of_query);
    }
}

const RANK_PERCENT: u8 = 9;

pub(crate) const ORDER_OF_CLAUSES: &str = "the order is SELECT, FROM, WHERE, EXPAND BY, GROUP BY (ACROSS), \
     HAVING, UNGROUP BY, ORDER BY, LIMIT, OFFSET, SAMPLE BY, ARRANGE BY";

/// The rank of a standard clause among all clauses.
fn rank(name: &str) -> Option<u8> {
    match name {
        "FROM" => Some(1),
        "WHERE" => Some(2),
        "GROUP" => Some(4),
        "HAVING" => Some(5),
        "ORDER" => Some(7),
        "LIMIT" | "OFFSET" => Some(9),
        _ => None,
    }
}

fn null() -> Token {
    Token::make_keyword("NULL")
}

fn is_word(token: &TokenWithSpan, keyword: Keyword) -> bool {
    matches!(&token.token, Token::Word(word) if word.keyword == keyword)
}
