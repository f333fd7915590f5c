//! `lakebed execute`

use std::io::Write;

use clap::Args;
use lakebed::engine::ChangeKind;
use lakebed::engine::Language;
use lakebed::engine::Parameters;
use lakebed::engine::Session;

use crate::commit_args::CommitArgs;
use crate::error::Error;
use crate::error::Result;
use crate::target;
use crate::units;

const USAGE: &str = "lakebed execute [OPTIONS] [DATASET] <TEXT>";

const EXAMPLES: &str = r#"Examples:
  lakebed execute photos.lakebed "UPDATE SET labels = 'cat' WHERE labels = 'kat'"
  lakebed execute photos.lakebed@fixes "DELETE WHERE SHAPE(boxes)[0] = 0" -m "no boxes"
  lakebed execute photos.lakebed "INSERT INTO dataset SELECT * FROM \"more.lakebed\""
  lakebed execute --sql "UPDATE \"photos.lakebed\" SET score = score / 100 WHERE score > 1"

One commit, all or nothing: if another commit changes what was read of these rows first, nothing
happens and the error names rows and columns."#;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = USAGE)]
pub struct Execute {
    /// The dataset, perhaps with @branch, that the statement is about where it names none
    #[arg(value_name = "DATASET")]
    first: Option<String>,
    /// UPDATE, DELETE or INSERT
    #[arg(value_name = "TEXT")]
    second: Option<String>,
    /// The statement is in SQL, not in TQL
    #[arg(long)]
    sql: bool,
    #[command(flatten)]
    commit: CommitArgs,
}

impl Execute {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let (dataset, text) = match (&self.first, &self.second) {
            (Some(dataset), Some(text)) => (Some(dataset), text),
            (Some(text), None) => (None, text),
            _ => {
                let message = "there is no statement".to_string();
                return Err(Error::Usage { message, usage: USAGE });
            }
        };
        let options = self.commit.options();
        let session = Session::builder()
            .dataset_options(options.clone())
            .build()
            .map_err(Error::query(text))?;
        if let Some(dataset) = dataset {
            session.set_current(target::open_branch(dataset, options).await?);
        }
        let language = if self.sql { Language::Sql } else { Language::Tql };
        let message = self.commit.message(text.trim());
        let done = session.execute(language, text, &Parameters::new(), Some(&message)).await;
        let done = done.map_err(Error::query(text))?;
        let rows = units::count(done.rows, "row");
        let what = match done.kind {
            ChangeKind::Update => "updated",
            ChangeKind::Delete => "deleted",
            ChangeKind::Insert => "added",
        };
        match done.rows {
            0 => writeln!(out, "no row {what}: nothing was committed")?,
            _ => writeln!(out, "{what} {rows}: version {}", done.dataset.version())?,
        }
        Ok(())
    }
}
