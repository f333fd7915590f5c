//! The prompt: statements and meta commands from a terminal, a pipe, a file or the command line.
//!
//! A statement ends with a semicolon; a meta command, `\x` or `.x`, with its line. From a terminal
//! an error is told and the next statement is asked for; from anywhere else the first error ends the
//! run, since what follows may rest on what failed.
//!
//! Read first: `meta.rs` (the commands), `actions.rs` (what they do), `editor.rs` (the terminal).

mod actions;
mod cancel;
mod complete;
mod editor;
mod highlight;
mod meta;
mod pager;
mod picture;
mod state;
mod tokens;

use std::future::Future;
use std::io::IsTerminal;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::Args;
use futures::future::LocalBoxFuture;
use lakebed::dataset::Options;
use lakebed::engine::ChangeKind;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::store::Throttle;

use self::cancel::Cancel;
use self::editor::Entered;
use self::editor::Lines;
use self::state::Last;
use self::state::State;
use crate::commands;
use crate::error::Error;
use crate::error::Result;
use crate::rows;
use crate::rows::Format;
use crate::rows::Shown;
use crate::units;

/// Files that include files, at most.
const DEEPEST: usize = 16;

/// `lakebed [DATASET]`
#[derive(Debug, Args)]
pub struct Prompt {
    /// The dataset to ask, perhaps with @version; ./NAME if a command is called so
    dataset: Option<String>,
    /// Run these statements or this meta command, and leave; may be given again
    #[arg(short, long = "command", value_name = "TEXT")]
    commands: Vec<String>,
    /// Run the statements of a file, and leave; - is the input
    #[arg(short, long = "file", value_name = "FILE", conflicts_with = "commands")]
    file: Option<PathBuf>,
    /// Statements are in SQL, not in TQL
    #[arg(long)]
    sql: bool,
    /// How to write the rows
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// What RANDOM and SAMPLE BY depend on beside the rows' positions
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Read as from a store that is far away: latency and bandwidth, as in 20ms,50MB/s
    #[arg(long, value_name = "LATENCY,RATE", value_parser = commands::throttle)]
    throttle: Option<Throttle>,
    /// Do not run the startup file
    #[arg(short = 'X', long)]
    no_startup: bool,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    Quit,
}

/// The prompt with what it has set.
struct Repl {
    state: State,
    /// At a terminal: errors are told and do not end the run, Ctrl-C stops the query only.
    cancel: Option<Cancel>,
    /// What was begun and has not ended.
    pending: String,
    /// Files that include the one that runs.
    depth: usize,
}

impl Prompt {
    /// Asks, or runs what it is given.
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let options =
            Options { throttle: self.throttle, author: commands::author(), ..Options::default() };
        let language = if self.sql { Language::Sql } else { Language::Tql };
        let asks =
            self.commands.is_empty() && self.file.is_none() && std::io::stdin().is_terminal();
        let shown =
            Shown { cost: asks, all: "; \\rows 0 shows all", ..Shown::new(self.format, None) };
        let state = State::new(options, language, self.seed, shown)?;
        let mut repl = Repl { state, cancel: None, pending: String::new(), depth: 0 };
        if let Some(dataset) = &self.dataset {
            repl.state.use_dataset(dataset).await.map_err(|error| mistyped(dataset, error))?;
        }
        if !self.commands.is_empty() {
            for text in &self.commands {
                if repl.feed(text, out).await? == Flow::Quit {
                    break;
                }
            }
            return Ok(());
        }
        match &self.file {
            Some(file) if file != Path::new("-") => {
                repl.include(file, out).await?;
                Ok(())
            }
            _ if !asks => {
                // Line by line, so that a program that writes one statement sees its answer.
                for line in std::io::stdin().lines() {
                    let failed =
                        |source| Error::File { what: "cannot read the input".into(), source };
                    let line = line.map_err(failed)?;
                    if repl.line(&line, out).await? == Flow::Quit {
                        return Ok(());
                    }
                    out.flush()?;
                }
                repl.rest(out).await
            }
            _ => repl.ask(!self.no_startup, out).await,
        }
    }
}

impl Repl {
    /// Asks at a terminal until the end.
    async fn ask(&mut self, startup: bool, out: &mut dyn Write) -> Result<()> {
        self.cancel = Some(Cancel::listen()?);
        writeln!(out, "lakebed {}; \\? lists commands, \\q leaves", env!("CARGO_PKG_VERSION"))?;
        out.flush()?;
        if startup
            && let Some(file) = place("LAKEBED_STARTUP", ".lakebedrc").filter(|file| file.is_file())
        {
            let done = self.include(&file, out).await;
            self.tell(done, out)?;
        }
        let mut lines =
            Lines::new(self.state.known(), place("LAKEBED_HISTORY", ".lakebed_history"))?;
        loop {
            let flow = match lines.next(&self.state.prompt())? {
                Entered::Text(text) => self.feed(&text, out).await?,
                Entered::Nothing => Flow::On,
                Entered::End => Flow::Quit,
            };
            out.flush()?;
            if flow == Flow::Quit {
                return Ok(());
            }
        }
    }

    /// Runs the statements and meta commands of a text.
    async fn feed(&mut self, text: &str, out: &mut dyn Write) -> Result<Flow> {
        let outer = std::mem::take(&mut self.pending);
        let mut flow = Flow::On;
        for line in text.lines() {
            flow = self.line(line, out).await?;
            if flow == Flow::Quit {
                break;
            }
        }
        self.rest(out).await?;
        self.pending = outer;
        Ok(flow)
    }

    /// Runs what ends with this line.
    async fn line(&mut self, line: &str, out: &mut dyn Write) -> Result<Flow> {
        if line.trim_start().starts_with(['\\', '.']) && tokens::is_blank(&self.pending) {
            self.pending.clear();
            let done = self.meta(line, out).await;
            return self.tell(done, out);
        }
        self.pending.push_str(line);
        self.pending.push('\n');
        let pending = std::mem::take(&mut self.pending);
        let (ended, rest) = tokens::statements(&pending);
        for statement in ended.iter().filter(|statement| !tokens::is_blank(statement)) {
            let done = self.statement(statement, out).await.map(|()| Flow::On);
            self.tell(done, out)?;
        }
        self.pending = rest.to_string();
        Ok(Flow::On)
    }

    /// Runs what no semicolon ended: the last statement needs none.
    async fn rest(&mut self, out: &mut dyn Write) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        if !tokens::is_blank(&pending) {
            let done = self.statement(&pending, out).await.map(|()| Flow::On);
            self.tell(done, out)?;
        }
        Ok(())
    }

    /// At a terminal an error is told, elsewhere it ends the run.
    fn tell(&self, done: Result<Flow>, out: &mut dyn Write) -> Result<Flow> {
        match done {
            Err(error) if self.cancel.is_some() && !error.is_broken_pipe() => {
                out.flush()?;
                writeln!(std::io::stderr(), "{}", error.report())?;
                Ok(Flow::On)
            }
            other => other,
        }
    }

    /// Runs one statement.
    async fn statement(&mut self, text: &str, out: &mut dyn Write) -> Result<()> {
        let text = text.trim();
        self.state.refresh().await?;
        let word = tokens::first_word(text).unwrap_or_default().to_ascii_uppercase();
        if matches!(word.as_str(), "UPDATE" | "DELETE" | "INSERT") {
            return self.change(text, out).await;
        }
        let (session, language) = (self.state.session.clone(), self.state.language);
        let pages = self.state.pages().is_some();
        let shown = Shown { natural: pages, ..self.state.shown.clone() };
        if self.state.gathers() {
            let mut text_out = Vec::new();
            let work = rows::run(&session, language, text, &shown, &mut text_out);
            let done = stoppable(self.cancel.as_ref(), work).await;
            self.state.show(&text_out, out)?;
            done?;
        } else if let Some((_, file)) = &mut self.state.output {
            let work = rows::run(&session, language, text, &shown, file);
            stoppable(self.cancel.as_ref(), work).await?;
            file.flush()?;
        } else {
            let work = rows::run(&session, language, text, &shown, out);
            stoppable(self.cancel.as_ref(), work).await?;
        }
        self.state.last = Some(Last { language, text: text.to_string() });
        Ok(())
    }

    async fn change(&mut self, text: &str, out: &mut dyn Write) -> Result<()> {
        let language = self.state.language;
        let session = self.state.session.clone();
        let parameters = Parameters::new();
        let work = async {
            let done = session.execute(language, text, &parameters, None).await;
            done.map_err(Error::query(text))
        };
        let before = self.state.session.current().map(|dataset| dataset.version());
        let done = stoppable(self.cancel.as_ref(), work).await;
        self.state.refresh().await?;
        if let Err(Error::Cancelled) = done {
            // A commit that was on its way when Ctrl-C came may have landed.
            let now = self.state.session.current().map(|dataset| dataset.version());
            return Err(match now.filter(|_| now != before) {
                Some(version) => Error::Refused {
                    message: format!("stopped, and the dataset is at version {version} now"),
                    hint: "\\diff shows what it changed, \\log who".to_string(),
                },
                None => Error::Cancelled,
            });
        }
        let done = done?;
        let what = match done.kind {
            ChangeKind::Update => "updated",
            ChangeKind::Delete => "deleted",
            ChangeKind::Insert => "added",
        };
        let line = match done.rows {
            0 => format!("no row {what}: nothing was committed\n"),
            rows => {
                format!(
                    "{what} {}: version {}\n",
                    units::count(rows, "row"),
                    done.dataset.version()
                )
            }
        };
        self.state.show(line.as_bytes(), out)
    }

    /// Runs one meta command.
    async fn meta(&mut self, line: &str, out: &mut dyn Write) -> Result<Flow> {
        let (command, arguments) = meta::parse(line)?;
        self.act(command, &arguments, out).await
    }

    /// Runs the statements of a file.
    fn include<'a>(
        &'a mut self,
        file: &'a Path,
        out: &'a mut dyn Write,
    ) -> LocalBoxFuture<'a, Result<Flow>> {
        Box::pin(async move {
            let what = || format!("cannot read '{}'", file.display());
            if self.depth == DEEPEST {
                return Err(Error::Refused {
                    message: format!("{}: {DEEPEST} files include each other already", what()),
                    hint: "does a file include itself?".to_string(),
                });
            }
            let text = std::fs::read_to_string(file)
                .map_err(|source| Error::File { what: what(), source })?;
            self.depth += 1;
            let flow = self.feed(&text, out).await;
            self.depth -= 1;
            flow
        })
    }
}

/// Runs something that Ctrl-C stops, at a terminal.
async fn stoppable<T>(cancel: Option<&Cancel>, work: impl Future<Output = Result<T>>) -> Result<T> {
    match cancel {
        Some(cancel) => cancel.or(work).await,
        None => work.await,
    }
}

/// A file of the user: what a variable says, nowhere if it says nothing, else one in the home folder.
fn place(variable: &str, name: &str) -> Option<PathBuf> {
    match std::env::var_os(variable) {
        Some(told) => (!told.is_empty()).then(|| PathBuf::from(told)),
        None => std::env::home_dir().map(|home| home.join(name)),
    }
}

/// The error of a dataset that may have been meant to be a command.
fn mistyped(named: &str, error: Error) -> Error {
    let near = commands::names().into_iter().collect::<Vec<_>>();
    match lakebed::core::nearest::nearest(named, near.iter().map(String::as_str)) {
        Some(near) if !Path::new(named).exists() => Error::Usage {
            message: format!("{error}\nhint: did you mean the command '{near}'?"),
            usage: "lakebed [OPTIONS] [DATASET], or lakebed COMMAND",
        },
        _ => error,
    }
}
