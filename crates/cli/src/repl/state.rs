//! What a session at the prompt has set: the dataset, the language, how results are shown.

use std::fs::File;
use std::io::BufWriter;
use std::io::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use lakebed::core::Column;
use lakebed::dataset::Dataset;
use lakebed::dataset::Location;
use lakebed::dataset::Options;
use lakebed::engine::Language;
use lakebed::engine::Session;

use super::complete::Known;
use super::pager;
use crate::error::Error;
use crate::error::Result;
use crate::rows::Format;
use crate::rows::Shown;
use crate::target;

/// The query that meta commands about "the last query" mean.
#[derive(Debug, Clone)]
pub struct Last {
    pub language: Language,
    pub text: String,
}

/// A session at the prompt.
pub struct State {
    pub session: Session,
    pub options: Options,
    pub language: Language,
    pub seed: u64,
    pub shown: Shown,
    /// Whether large results go to a pager, where there is one.
    pub pager: bool,
    pub last: Option<Last>,
    /// Where results go instead of stdout.
    pub output: Option<(String, BufWriter<File>)>,
    current: Option<(String, Dataset)>,
    known: Arc<Mutex<Known>>,
}

impl State {
    /// A session without a dataset.
    ///
    /// # Errors
    /// If the engine cannot start.
    pub fn new(options: Options, language: Language, seed: u64, shown: Shown) -> Result<State> {
        Ok(State {
            session: session(&options, seed)?,
            options,
            language,
            seed,
            shown,
            pager: true,
            last: None,
            output: None,
            current: None,
            known: Arc::default(),
        })
    }

    /// What completion chooses from; it changes with the dataset.
    pub fn known(&self) -> Arc<Mutex<Known>> {
        Arc::clone(&self.known)
    }

    /// The current dataset, as it was named and as it was opened.
    ///
    /// # Errors
    /// If there is none.
    pub fn current(&self) -> Result<(&str, &Dataset)> {
        match &self.current {
            Some((target, dataset)) => Ok((target, dataset)),
            None => Err(Error::Refused {
                message: "there is no current dataset".to_string(),
                hint: "\\use PATH makes one current".to_string(),
            }),
        }
    }

    /// Opens a dataset and makes it the current one. `@name` is another version of the current one.
    ///
    /// # Errors
    /// If it cannot be opened; the one before stays.
    pub async fn use_dataset(&mut self, named: &str) -> Result<()> {
        let target = match (named.strip_prefix('@'), &self.current) {
            (Some(version), Some((target, _))) => {
                format!("{}@{version}", Location::parse(target).url)
            }
            _ => named.to_string(),
        };
        let dataset = target::open_with(&target, self.options.clone()).await?;
        self.set(target, dataset);
        Ok(())
    }

    /// Takes the newest version of the current branch, which other programs may have moved.
    ///
    /// # Errors
    /// Those of the dataset.
    pub async fn refresh(&mut self) -> Result<()> {
        let Some((target, dataset)) = &self.current else { return Ok(()) };
        let version = Location::parse(target).version;
        if version.is_some_and(|name| !dataset.branches().contains_key(&name)) {
            return Ok(());
        }
        let newest = dataset.refresh().await?;
        if (newest.version(), newest.newest_version())
            != (dataset.version(), dataset.newest_version())
        {
            let target = target.clone();
            self.set(target, newest);
        }
        Ok(())
    }

    fn set(&mut self, target: String, dataset: Dataset) {
        self.session.set_current(dataset.clone());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let columns: &[Column] = &dataset.schema().columns;
        known.columns = columns.iter().map(|column| column.name.clone()).collect();
        known.tables = vec!["dataset".to_string()];
        let names = dataset.branches().keys().chain(dataset.tags().keys());
        known.refs = names.chain(dataset.views().keys()).cloned().collect();
        drop(known);
        self.current = Some((target, dataset));
    }

    /// Draws by another seed from now on.
    ///
    /// # Errors
    /// If the engine cannot start.
    pub fn set_seed(&mut self, seed: u64) -> Result<()> {
        self.session = session(&self.options, seed)?;
        self.seed = seed;
        if let Some((_, dataset)) = &self.current {
            self.session.set_current(dataset.clone());
        }
        Ok(())
    }

    /// What stands before the cursor: the dataset, and the language if it is SQL.
    pub fn prompt(&self) -> String {
        let name = self.current.as_ref().map_or("lakebed", |(target, _)| {
            target.trim_end_matches('/').rsplit('/').next().unwrap_or(target)
        });
        match self.language {
            Language::Sql => format!("{name} sql> "),
            Language::Tql => format!("{name}> "),
        }
    }

    /// Runs something that writes, and puts what it wrote where it belongs: the file of `\o`, a
    /// pager if it is large, or `out`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn show(&mut self, text: &[u8], out: &mut dyn Write) -> Result<()> {
        if let Some((_, file)) = &mut self.output {
            file.write_all(text)?;
            file.flush()?;
            return Ok(());
        }
        if let Some(pager) = self.pages() {
            let size = console::Term::stdout().size();
            let shown = String::from_utf8_lossy(text);
            if pager::is_large(&shown, size) && pager::show(&pager, &shown)? {
                return Ok(());
            }
        }
        out.write_all(text)?;
        out.flush()?;
        Ok(())
    }

    /// The pager that large results go to.
    pub fn pages(&self) -> Option<String> {
        (self.pager && self.output.is_none()).then(pager::command).flatten()
    }

    /// True if results are drawn as a whole before they are shown, in tables, and not row by row.
    pub fn gathers(&self) -> bool {
        matches!(self.shown.format, Format::Table | Format::Record)
            && self.shown.max_rows != Some(0)
    }
}

fn session(options: &Options, seed: u64) -> Result<Session> {
    let session = Session::builder().dataset_options(options.clone()).seed(seed).build();
    session.map_err(Error::query(""))
}
