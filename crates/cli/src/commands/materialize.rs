//! `lakebed materialize`

use std::io::Write;

use clap::Args;
use indicatif::ProgressBar;
use lakebed::dataset::Location;

use crate::commit_args::CommitArgs;
use crate::error::Error;
use crate::error::Result;
use crate::names;
use crate::target;
use crate::units;

#[derive(Debug, Args)]
#[group(id = "where", required = true, multiple = false, args = ["target", "branch"])]
pub struct Materialize {
    /// The view: DATASET@VIEW
    view: String,
    /// Where the new dataset goes; a copy that was stopped goes on
    target: Option<String>,
    /// Make a branch of the same dataset instead
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    #[command(flatten)]
    commit: CommitArgs,
}

impl Materialize {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let location = Location::parse(&self.view);
        let Some(name) = &location.version else {
            return Err(Error::Refused {
                message: format!("'{}' names no view", self.view),
                hint: "write DATASET@VIEW; 'lakebed view DATASET' lists the views".to_string(),
            });
        };
        let options = self.commit.options();
        let dataset = target::open_with(&location.url, options.clone()).await?;
        let is_view = dataset.views().contains_key(name);
        if let Some(kind) = names::kind(&dataset, name).filter(|_| !is_view) {
            let url = dataset.url();
            return Err(Error::Refused {
                message: format!(
                    "'{name}' is {kind}, not a view, and it is the rows of a view that are copied"
                ),
                hint: format!(
                    "save the rows that are meant as a view first: lakebed view {url}@{name} VIEW \"SELECT *\""
                ),
            });
        }
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::Refused {
                message: format!(
                    "{name} is a version, not a view, and it is the rows of a view that are copied"
                ),
                hint: format!(
                    "save the rows that are meant as a view first: lakebed view {}@{name} VIEW \"SELECT *\"",
                    dataset.url()
                ),
            });
        }
        if let Some(target) = &self.target
            && let Some(version) = Location::parse(target).version
        {
            return Err(Error::Refused {
                message: format!(
                    "'{target}' names a version of a dataset, and a copy is a new one"
                ),
                hint: format!(
                    "name a place without '@{version}', or make a branch: --branch {version}"
                ),
            });
        }
        let mut view = dataset.view(name).await?;
        if let Some(message) = self.commit.given() {
            view = view.with_message(message);
        }
        let bar = ProgressBar::new(view.len());
        let progress = |rows, all| {
            bar.set_length(all);
            bar.set_position(rows);
        };
        let message = self.commit.message(&format!("the rows of view {name}"));
        let done = match (&self.target, &self.branch) {
            (Some(target), _) => view.materialize_into(target, options, progress).await,
            (None, branch) => {
                let branch = branch.as_deref().unwrap_or_default();
                view.materialize_branch(branch, &message, progress).await
            }
        };
        bar.finish_and_clear();
        let done = done?;
        let rows = units::count(done.num_rows(), "row");
        if self.target.is_some() && done.num_rows() != view.len() {
            writeln!(
                out,
                "{} is a complete copy of {} that was changed since: it has {rows}, the view {}; \
                 it stays as it is",
                done.url(),
                self.view,
                view.len()
            )?;
            return Ok(());
        }
        let place = match &self.branch {
            Some(branch) => format!("{}@{branch}", done.url()),
            None => done.url().to_string(),
        };
        writeln!(out, "{place} has the {rows} of {}", self.view)?;
        Ok(())
    }
}
