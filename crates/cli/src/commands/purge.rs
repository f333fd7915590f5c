//! `lakebed purge`

use std::io::Write;

use clap::Args;
use lakebed::core::human;

use crate::commit_args::CommitArgs;
use crate::error::Error;
use crate::error::Result;
use crate::target;
use crate::units;

#[derive(Debug, Args)]
pub struct Purge {
    /// The dataset
    dataset: String,
    /// Ids of the rows, as `diff` tells them
    #[arg(required = true, value_name = "ROW_ID")]
    rows: Vec<u64>,
    /// Do it: older versions, and tags and views that hold the rows, go for ever
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    commit: CommitArgs,
}

impl Purge {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let dataset = target::open_with(&self.dataset, self.commit.options()).await?;
        if !self.yes {
            return Err(Error::Refused {
                message: format!(
                    "purge deletes {} on every branch, and with them all older versions of '{}'",
                    units::count(u64::try_from(self.rows.len()).unwrap_or(u64::MAX), "row"),
                    dataset.url()
                ),
                hint: "this cannot be taken back: --yes does it".to_string(),
            });
        }
        let (_, report) = dataset.purge(&self.rows, &self.commit.message("purge")).await?;
        for (branch, rows) in &report.rows {
            writeln!(out, "deleted {} on branch {branch}", units::count(*rows, "row"))?;
        }
        for name in &report.names {
            writeln!(out, "deleted {name}, whose version held them")?;
        }
        let collected = &report.collected;
        writeln!(
            out,
            "versions below {} have expired; deleted {}, {}",
            report.expired_below,
            units::count(collected.deleted, "object"),
            human::bytes(collected.bytes)
        )?;
        Ok(())
    }
}
