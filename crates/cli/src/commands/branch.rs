//! `lakebed branch`

use std::io::Write;

use clap::Args;

use crate::commit_args::CommitArgs;
use crate::error::Result;
use crate::table;
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
            let mut shown = table::table(["branch", "version"]);
            for (name, version) in dataset.branches() {
                shown.add_row([name.clone(), version.to_string()]);
            }
            table::align_right(&mut shown, [1]);
            writeln!(out, "{shown}")?;
            return Ok(());
        };
        if self.delete {
            if !dataset.branches().contains_key(name) {
                return Err(no_such(&dataset, name).into());
            }
            dataset.delete_ref(name, &self.commit.message("")).await?;
            writeln!(out, "deleted branch {name}")?;
            return Ok(());
        }
        let branch = dataset.branch(name, &self.commit.message("")).await?;
        let url = dataset.url();
        writeln!(out, "branch {name} begins at version {}: {url}@{name}", branch.version())?;
        Ok(())
    }
}

fn no_such(dataset: &lakebed::dataset::Dataset, name: &str) -> lakebed::dataset::Error {
    lakebed::dataset::Error::NoSuchRef { url: dataset.url().to_string(), name: name.to_string() }
}
