//! Places in the text of a query.

use sqlparser::tokenizer::Location;

/// One character's place. Lines and columns count from 1; columns count characters, not bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
}

/// A stretch of text, from `start` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first character.
    pub start: Position,
    /// The place behind the last character.
    pub end: Position,
}

impl Span {
    /// From lines and columns, all counted from 1; the end is exclusive.
    pub fn new(line: u64, column: u64, end_line: u64, end_column: u64) -> Span {
        Span {
            start: Position { line, column },
            end: Position { line: end_line, column: end_column },
        }
    }

    /// From a span of `sqlparser`; `None` for its empty span (line 0: made, not read).
    pub fn from_sqlparser(span: sqlparser::tokenizer::Span) -> Option<Span> {
        if span.start.line == 0 || span.start.column == 0 {
            return None;
        }
        let end = if span.end.line == 0 { span.start } else { span.end };
        Some(Span { start: span.start.into(), end: end.into() })
    }

    /// The place behind the last character of `text`, one column wide.
    pub fn end_of(text: &str) -> Span {
        let mut line = 1;
        let mut column = 1;
        for character in text.trim_end().chars() {
            if character == '\n' {
                line += 1;
                column = 1;
            } else {
                column += 1;
            }
        }
        Span::new(line, column, line, column + 1)
    }
}

impl From<Location> for Position {
    fn from(location: Location) -> Position {
        Position { line: location.line, column: location.column }
    }
}
