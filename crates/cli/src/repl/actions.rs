//! What the meta commands do.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::path::Path;

use lakebed::convert::ExportFormat;
use lakebed::convert::ExportOptions;
use lakebed::convert::export::BytesAs;
use lakebed::core::nearest::nearest;
use lakebed::dataset::Location;
use lakebed::engine::Language;
use lakebed::engine::Parameters;

use super::Flow;
use super::Repl;
use super::complete::is_dataset;
use super::meta::Action;
use super::meta::COMMANDS;
use super::meta::MetaCommand;
use super::picture;
use super::picture::Protocol;
use super::state::Last;
use super::stoppable;
use crate::commands;
use crate::error::Error;
use crate::error::Result;
use crate::export;
use crate::names;
use crate::rows::Format;
use crate::table;
use crate::units;

impl Repl {
    /// Does what a command says.
    pub(super) async fn act(
        &mut self,
        command: &MetaCommand,
        arguments: &[String],
        out: &mut dyn Write,
    ) -> Result<Flow> {
        let first = arguments.first().map(String::as_str);
        match command.action {
            Action::Quit => return Ok(Flow::Quit),
            Action::Help => self.say(&help(), out)?,
            Action::Use => match first {
                Some(named) => self.state.use_dataset(named).await?,
                None => {
                    let (target, dataset) = self.state.current()?;
                    let rows = units::count(dataset.num_rows(), "row");
                    let line = format!("{target}, version {}, {rows}\n", dataset.version());
                    self.say(&line, out)?;
                }
            },
            Action::Describe => {
                let target = self.or_current(first)?;
                self.command(&["info", &target], out).await?;
            }
            Action::Tables => self.tables(out)?,
            Action::Functions => {
                let named: Vec<&str> = arguments.iter().map(String::as_str).collect();
                let name = named.join(" ");
                let line =
                    if name.is_empty() { vec!["functions"] } else { vec!["functions", &name] };
                self.command(&line, out).await?;
            }
            Action::Command(name) => {
                let target = self.or_current(None)?;
                let mut line = vec![name, target.as_str()];
                line.extend(arguments.iter().map(String::as_str));
                self.command(&line, out).await?;
            }
            Action::Diff => {
                let mut target = self.or_current(None)?;
                let before = match first {
                    Some(version) => version.to_string(),
                    None => self.before().await?,
                };
                if let Some(later) = arguments.get(1) {
                    let later = names::without_dataset(&target, later);
                    target = format!("{}@{later}", Location::parse(&target).url);
                }
                self.command(&["diff", &target, &before], out).await?;
            }
            Action::Stats => {
                let column = needed(command, first)?;
                let target = self.or_current(None)?;
                self.command(&["stats", &target, column], out).await?;
            }
            Action::Save => {
                let name = needed(command, first)?;
                self.save(name, out).await?;
            }
            Action::Export => {
                let file = needed(command, first)?;
                self.export(Path::new(file), out).await?;
            }
            Action::Show => self.show(command, arguments, out).await?,
            Action::Mode => match first {
                Some(name) => self.state.shown.format = chosen(name, &FORMATS)?,
                None => {
                    let named = FORMATS.iter().find(|(_, f)| *f == self.state.shown.format);
                    self.say(&format!("{}\n", named.map_or("", |(name, _)| name)), out)?;
                }
            },
            Action::Language => match first {
                Some(name) => self.state.language = chosen(name, &LANGUAGES)?,
                None => {
                    let named = LANGUAGES.iter().find(|(_, l)| *l == self.state.language);
                    self.say(&format!("{}\n", named.map_or("", |(name, _)| name)), out)?;
                }
            },
            Action::Rows => self.state.shown.max_rows = Some(number(needed(command, first)?)?),
            Action::Seed => self.state.set_seed(number(needed(command, first)?)?)?,
            Action::Timing => {
                let on = switched(first, self.state.shown.timing)?;
                self.state.shown.timing = on;
                self.said("timing", on, out)?;
            }
            Action::Cost => {
                let on = switched(first, self.state.shown.cost)?;
                self.state.shown.cost = on;
                self.said("cost", on, out)?;
            }
            Action::Pager => {
                let on = switched(first, self.state.pager)?;
                self.state.pager = on;
                self.said("pager", on, out)?;
            }
            Action::Output => {
                self.state.output = match first {
                    None => None,
                    Some(file) => {
                        let what = || format!("cannot write '{file}'");
                        let opened = File::create(file)
                            .map_err(|source| Error::File { what: what(), source })?;
                        Some((file.to_string(), BufWriter::new(opened)))
                    }
                };
            }
            Action::Include => {
                let file = needed(command, first)?.to_string();
                return self.include(Path::new(&file), out).await;
            }
        }
        Ok(Flow::On)
    }

    /// Runs a command of `lakebed` and shows what it says.
    async fn command(&mut self, line: &[&str], out: &mut dyn Write) -> Result<()> {
        let mut text = Vec::new();
        let work = commands::run_line(line, &mut text);
        let done = stoppable(self.cancel.as_ref(), work).await;
        self.state.show(&text, out)?;
        done
    }

    fn say(&mut self, text: &str, out: &mut dyn Write) -> Result<()> {
        self.state.show(text.as_bytes(), out)
    }

    /// Settings are told where somebody may wonder; files get answers only.
    fn said(&self, what: &str, on: bool, out: &mut dyn Write) -> Result<()> {
        if self.cancel.is_some() {
            writeln!(out, "{what} is {}", if on { "on" } else { "off" })?;
        }
        Ok(())
    }

    fn or_current(&self, named: Option<&str>) -> Result<String> {
        match named {
            Some(named) => Ok(named.to_string()),
            None => Ok(self.state.current()?.0.to_string()),
        }
    }

    /// The version before the current one.
    async fn before(&self) -> Result<String> {
        let (target, dataset) = self.state.current()?;
        let log = dataset.log(2).await?;
        match log.get(1) {
            Some(line) => Ok(line.version.to_string()),
            None => Err(Error::Refused {
                message: format!("'{target}' has no version before {}", dataset.version()),
                hint: "\\diff FROM compares with any other".to_string(),
            }),
        }
    }

    /// What can stand in FROM.
    fn tables(&mut self, out: &mut dyn Write) -> Result<()> {
        let mut shown = table::table(["FROM", "what", "version", "rows"]);
        if let Ok((target, dataset)) = self.state.current() {
            let url = dataset.url();
            shown.add_row([
                "dataset".to_string(),
                format!("the current one, {target}"),
                dataset.version().to_string(),
                dataset.num_rows().to_string(),
            ]);
            let mut named = |what: &str, name: &str, version: u64, rows: String| {
                let from = format!("\"{url}@{name}\"");
                shown.add_row([from, what.to_string(), version.to_string(), rows]);
            };
            for (name, version) in dataset.branches() {
                named("branch", name, *version, String::new());
            }
            for (name, version) in dataset.tags() {
                named("tag", name, *version, String::new());
            }
            for (name, view) in dataset.views() {
                named("view", name, view.version, view.rows.to_string());
            }
        }
        for name in datasets_here()? {
            shown.add_row([
                format!("\"{name}\""),
                "in this folder".into(),
                String::new(),
                String::new(),
            ]);
        }
        table::align_right(&mut shown, [2, 3]);
        self.say(&format!("{shown}\n"), out)
    }

    fn last(&self) -> Result<Last> {
        self.state.last.clone().ok_or_else(|| Error::Refused {
            message: "there is no last query".to_string(),
            hint: "run one first".to_string(),
        })
    }

    /// Keeps the rows of the last query as a view.
    async fn save(&mut self, name: &str, out: &mut dyn Write) -> Result<()> {
        let Last { language, text } = self.last()?;
        let session = self.state.session.clone();
        let parameters = Parameters::new();
        let work = async {
            let saved = session.save_view(language, &text, &parameters, name, "").await;
            saved.map_err(Error::query(&text))
        };
        let saved = stoppable(self.cancel.as_ref(), work).await?;
        let rows = saved.views().get(name).map_or(0, |view| view.rows);
        self.state.refresh().await?;
        let rows = units::count(rows, "row");
        let mut told = Vec::new();
        writeln!(told, "view {name} has {rows}: {}@{name}", saved.url())?;
        commands::tell_not_kept(&text, language, &mut told)?;
        self.say(&String::from_utf8_lossy(&told), out)
    }

    /// Writes the rows of the last query to a file that is not there yet.
    async fn export(&mut self, file: &Path, out: &mut dyn Write) -> Result<()> {
        let Last { language, text } = self.last()?;
        let format = ExportFormat::from_path(file)?;
        // Never over another file. Images in text are base64, as the prompt shows them in JSON.
        let options = ExportOptions { bytes: BytesAs::Base64, ..ExportOptions::default() };
        let session = self.state.session.clone();
        let work = export::run(&session, language, &text, file, format, &options);
        let done = stoppable(self.cancel.as_ref(), work).await?;
        let mut line = Vec::new();
        export::tell(&done, &mut line)?;
        self.say(&String::from_utf8_lossy(&line), out)
    }

    /// Draws an image of the last result, or writes a value in full.
    async fn show(
        &mut self,
        command: &MetaCommand,
        arguments: &[String],
        out: &mut dyn Write,
    ) -> Result<()> {
        let row: usize = number(needed(command, arguments.first().map(String::as_str))?)?;
        let column = needed(command, arguments.get(1).map(String::as_str))?;
        let Some(skip) = row.checked_sub(1) else {
            return Err(Error::Refused {
                message: "there is no row 0".to_string(),
                hint: "rows of a result count from 1".to_string(),
            });
        };
        let Last { language, text } = self.last()?;
        let failed = Error::query(&text);
        let session = self.state.session.clone();
        let work = async {
            let query = session.query(language, &text).await.map_err(&failed)?;
            let schema = query.schema();
            let names: Vec<&str> =
                schema.fields().iter().map(|field| field.name().as_str()).collect();
            if !names.contains(&column) {
                return Err(Error::no_column("the last result", column, &names));
            }
            let one = query.only([column]).and_then(|query| query.rows(skip, Some(1)));
            let batches = one.map_err(&failed)?.collect().await.map_err(&failed)?;
            let batch = batches.into_iter().find(|batch| batch.num_rows() > 0);
            batch.ok_or_else(|| Error::Refused {
                message: format!("the last result has no row {row}"),
                hint: "rows count from 1".to_string(),
            })
        };
        let batch = stoppable(self.cancel.as_ref(), work).await?;
        let schema = batch.schema();
        let wrong = |reason: String| Error::Refused {
            message: format!("row {row} of {column}: {reason}"),
            hint: "lakebed verify checks the dataset".to_string(),
        };
        let picture = picture::of_value(schema.field(0), batch.column(0), 0).map_err(wrong)?;
        let Some(picture) = picture else {
            let cells = lakebed::engine::result::Cells::of_batch(&batch)
                .map_err(|error| failed(error.into()))?;
            let text = cells.first().map(|cells| cells.csv(0)).unwrap_or_default();
            return self.say(&format!("{text}\n"), out);
        };
        let draws = Protocol::of_terminal().filter(|_| self.state.output.is_none());
        if let Some(protocol) = draws {
            let size = console::Term::stdout().size();
            write!(out, "{}", picture.drawn(protocol, size).map_err(wrong)?)?;
            writeln!(out, "{column}, row {row}: {}", picture.size())?;
            return Ok(());
        }
        let plain = |c: char| if c.is_alphanumeric() || c == '-' { c } else { '_' };
        let file = format!("{}-{row}.png", column.chars().map(plain).collect::<String>());
        std::fs::write(&file, picture.png().map_err(wrong)?)
            .map_err(|source| Error::File { what: format!("cannot write '{file}'"), source })?;
        self.say(&format!("{column}, row {row}: {}, saved as {file}\n", picture.size()), out)
    }
}

const FORMATS: [(&str, Format); 4] = [
    ("table", Format::Table),
    ("record", Format::Record),
    ("json", Format::Json),
    ("csv", Format::Csv),
];
const LANGUAGES: [(&str, Language); 2] = [("tql", Language::Tql), ("sql", Language::Sql)];

fn help() -> String {
    let mut shown = table::record();
    for command in COMMANDS {
        let names: Vec<String> = command.names.iter().map(|name| format!("\\{name}")).collect();
        shown.add_row([format!("{} {}", names.join(" "), command.usage), command.help.to_string()]);
    }
    format!(
        "{shown}\nEach is also written with a dot: .tables. Everything else is a query and ends with a \
         semicolon.\n"
    )
}

fn needed<'a>(command: &MetaCommand, argument: Option<&'a str>) -> Result<&'a str> {
    argument.ok_or_else(|| {
        let name = command.names.first().copied().unwrap_or_default();
        Error::Refused {
            message: format!("\\{name} needs more"),
            hint: format!("\\{name} {}", command.usage),
        }
    })
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N> {
    text.parse().map_err(|_| Error::Refused {
        message: format!("'{text}' is no number"),
        hint: "give a whole number, 0 or more".to_string(),
    })
}

fn switched(told: Option<&str>, now: bool) -> Result<bool> {
    told.map_or(Ok(!now), |told| chosen(told, &[("on", true), ("off", false)]))
}

fn chosen<T: Copy>(told: &str, choices: &[(&str, T)]) -> Result<T> {
    let found = choices.iter().find(|(name, _)| *name == told);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        Error::Refused {
            message: format!("'{told}' is not one of {}", names.join(", ")),
            hint: format!(
                "choose {}",
                nearest(told, names.iter().copied()).unwrap_or_else(|| names.join(" or "))
            ),
        }
    })
}

/// The datasets in the folder where the program runs.
fn datasets_here() -> Result<Vec<String>> {
    let what = || "cannot list this folder".to_string();
    let entries = std::fs::read_dir(".").map_err(|source| Error::File { what: what(), source })?;
    let mut names: Vec<String> = entries
        .filter_map(std::result::Result::ok)
        .filter(|entry| is_dataset(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    Ok(names)
}
