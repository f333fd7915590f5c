//! `lakebed revert`

use std::io::Write;

use clap::Args;

use crate::commit_args::CommitArgs;
use crate::error::Result;
use crate::names;
use crate::target;
use crate::units;

#[derive(Debug, Args)]
pub struct Revert {
    /// The dataset, perhaps with @branch
    dataset: String,
    /// The version whose rows, values and columns are to be there again: a number or a tag
    version: String,
    #[command(flatten)]
    commit: CommitArgs,
}

impl Revert {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let dataset = target::open_branch(&self.dataset, self.commit.options()).await?;
        let to = names::version(&dataset, &self.version).await?.version();
        let message = self.commit.message(&format!("back to version {to}"));
        let reverted = dataset.revert(to, &message).await?;
        let rows = units::count(reverted.num_rows(), "row");
        writeln!(out, "version {} is as version {to} was: {rows}", reverted.version())?;
        Ok(())
    }
}
