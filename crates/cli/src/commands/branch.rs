//! `lakebed branch`

use std::io::Write;

use clap::Args;

use crate::commit_args::CommitArgs;
use crate::error::Result;
use crate::names;
use crate::target;

#[derive(Debug, Args)]
pub struct Branch {
    /// The dataset, perhaps with @version: where the branch begins
    dataset: String,
    /// The new branch; lists all branches without it
    name: Option<String>,
    /// Delete the branch instead of beginning it
    #[arg(short, long, requires = "name")]
    delete: bool,
    #[command(flatten)]
    commit: CommitArgs,
}

impl Branch {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let dataset = target::open_with(&self.dataset, self.commit.options()).await?;
        let Some(name) = &self.name else {
            return names::list("branch", dataset.branches(), out);
        };
        if self.delete {
            let names = dataset.branches();
            return names::delete(&dataset, "branch", names, name, &self.commit, out).await;
        }
        let branch = dataset.branch(name, &self.commit.message("")).await?;
        let url = dataset.url();
        writeln!(out, "branch {name} begins at version {}: {url}@{name}", branch.version())?;
        Ok(())
    }
}
