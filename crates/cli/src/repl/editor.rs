//! The line editor: history, completion, colours, and lines that go on until a semicolon.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use rustyline::Cmd;
use rustyline::ConditionalEventHandler;
use rustyline::Config;
use rustyline::Context;
use rustyline::Editor;
use rustyline::Event;
use rustyline::EventContext;
use rustyline::EventHandler;
use rustyline::Helper;
use rustyline::KeyEvent;
use rustyline::Movement;
use rustyline::completion::Completer;
use rustyline::completion::Pair;
use rustyline::error::ReadlineError;
use rustyline::highlight::CmdKind;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::hint::HistoryHinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::ValidationContext;
use rustyline::validate::ValidationResult;
use rustyline::validate::Validator;

use super::complete;
use super::complete::Known;
use super::highlight;
use super::tokens;
use crate::error::Error;
use crate::error::Result;

/// What a person entered.
#[derive(Debug, PartialEq, Eq)]
pub enum Entered {
    /// Statements or a meta command.
    Text(String),
    /// Ctrl-C, or Ctrl-D on an empty line: what was begun is thrown away.
    Nothing,
    /// Ctrl-D where nothing was begun: the end.
    End,
}

/// Reads from a terminal.
pub struct Lines {
    editor: Editor<Words, DefaultHistory>,
    history: Option<PathBuf>,
}

impl Lines {
    /// An editor that completes from `known`, with the history of a file.
    ///
    /// # Errors
    /// If the terminal cannot be used.
    pub fn new(known: Arc<Mutex<Known>>, history: Option<PathBuf>) -> Result<Lines> {
        let config = Config::builder()
            .max_history_size(10_000)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(of_editor)?
            .history_ignore_space(true)
            .completion_type(rustyline::CompletionType::List)
            .build();
        let mut editor = Editor::with_config(config).map_err(of_editor)?;
        let end = EventHandler::Conditional(Box::new(EndOrDrop));
        editor.bind_sequence(KeyEvent::ctrl('D'), end);
        let colors = console::colors_enabled();
        editor.set_helper(Some(Words { known, colors, hints: HistoryHinter::new() }));
        if let Some(file) = &history {
            // There is none the first time.
            let _ = editor.load_history(file);
        }
        Ok(Lines { editor, history })
    }

    /// What is entered next.
    ///
    /// # Errors
    /// If the terminal cannot be read.
    pub fn next(&mut self, prompt: &str) -> Result<Entered> {
        let colored = console::style(prompt).green().bold().to_string();
        match self.editor.readline(&(prompt, colored.as_str())) {
            Ok(text) => {
                if !text.trim().is_empty() {
                    self.remember(&text);
                }
                Ok(Entered::Text(text))
            }
            Err(ReadlineError::Interrupted) => Ok(Entered::Nothing),
            Err(ReadlineError::Eof) => Ok(Entered::End),
            Err(error) => Err(of_editor(error)),
        }
    }

    /// Written at once, so that a program that is killed forgets nothing. A history that cannot be
    /// written is no reason to stop.
    fn remember(&mut self, text: &str) {
        if let Err(error) = self.editor.add_history_entry(text) {
            tracing::debug!(%error, "not remembered");
        }
        if let Some(file) = &self.history
            && let Err(error) = self.editor.append_history(file)
        {
            tracing::debug!(%error, file = %file.display(), "history not written");
        }
    }
}

fn of_editor(error: ReadlineError) -> Error {
    match error {
        ReadlineError::Io(error) => Error::Output(error),
        other => Error::Output(std::io::Error::other(other.to_string())),
    }
}

/// Ctrl-D: leaves where nothing is typed, drops the statement on an empty line that goes on with it,
/// as Ctrl-C does, and deletes a character anywhere else.
struct EndOrDrop;

impl ConditionalEventHandler for EndOrDrop {
    fn handle(&self, _: &Event, n: u16, _: bool, context: &EventContext<'_>) -> Option<Cmd> {
        let (text, at) = (context.line(), context.pos());
        Some(if text.is_empty() {
            Cmd::EndOfFile
        } else if is_on_empty_line(text, at) {
            Cmd::Interrupt
        } else {
            Cmd::Kill(Movement::ForwardChar(n))
        })
    }
}

/// True if the cursor is on a line of a text behind which nothing stands, and nothing is on it.
fn is_on_empty_line(text: &str, at: usize) -> bool {
    at == text.len() && text.ends_with('\n')
}

/// What the editor asks while a person types.
struct Words {
    known: Arc<Mutex<Known>>,
    colors: bool,
    hints: HistoryHinter,
}

impl Helper for Words {}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, names) = complete::complete(line, pos, &known);
        let pairs = names.into_iter().map(|name| Pair { display: name.clone(), replacement: name });
        Ok((start, pairs.collect()))
    }
}

impl Hinter for Words {
    type Hint = String;

    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<String> {
        self.hints.hint(line, pos, context)
    }
}

impl Highlighter for Words {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.colors { Cow::Owned(highlight::colored(line)) } else { Cow::Borrowed(line) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.colors {
            Cow::Owned(console::Style::new().dim().force_styling(true).apply_to(hint).to_string())
        } else {
            Cow::Borrowed(hint)
        }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.colors && kind != CmdKind::MoveCursor
    }
}

impl Validator for Words {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let complete = is_complete(context.input());
        Ok(if complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

/// True if a text can be run as it is: a meta command, or statements that all end.
fn is_complete(text: &str) -> bool {
    if text.trim_start().starts_with(['\\', '.']) {
        return true;
    }
    let (_, rest) = tokens::statements(text);
    tokens::is_blank(rest)
}

#[cfg(test)]
mod tests {
    use super::is_complete;
    use super::is_on_empty_line;

    #[test]
    fn an_empty_line_that_goes_on_is_behind_a_line_break() {
        assert!(is_on_empty_line("SELECT a\n", 9));
        for (text, at) in [("SELECT a", 8), ("SELECT a\n", 3), ("SELECT a\nFROM", 13), ("", 0)] {
            assert!(!is_on_empty_line(text, at), "{text:?}");
        }
    }

    #[test]
    fn statements_go_on_until_their_semicolon() {
        for whole in ["", "  ", "\\d", ".tables", "SELECT 1;", "SELECT 1; -- one\n", "-- only this"]
        {
            assert!(is_complete(whole), "{whole}");
        }
        for part in ["SELECT 1", "SELECT ';", "SELECT 1; SELECT", "SELECT 1 /* ; */"] {
            assert!(!is_complete(part), "{part}");
        }
    }
}
