//! `lakebed tag`

use std::io::Write;

use clap::Args;
use lakebed::dataset::Error as DatasetError;

use crate::commit_args::CommitArgs;
use crate::error::Result;
use crate::table;
use crate::target;

#[derive(Debug, Args)]
pub struct Tag {
    /// The dataset, perhaps with @version: what the tag names
    dataset: String,
    /// The tag; lists all tags without it
    name: Option<String>,
    /// Delete the tag instead of giving it
    #[arg(short, long, requires = "name")]
    delete: bool,
    #[command(flatten)]
    commit: CommitArgs,
}

impl Tag {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let dataset = target::open_with(&self.dataset, self.commit.options()).await?;
        let Some(name) = &self.name else {
            let mut shown = table::table(["tag", "version"]);
            for (name, version) in dataset.tags() {
                shown.add_row([name.clone(), version.to_string()]);
            }
            table::align_right(&mut shown, [1]);
            writeln!(out, "{shown}")?;
            return Ok(());
        };
        if self.delete {
            if !dataset.tags().contains_key(name) {
                let (url, name) = (dataset.url().to_string(), name.clone());
                return Err(DatasetError::NoSuchRef { url, name }.into());
            }
            dataset.delete_ref(name, &self.commit.message("")).await?;
            writeln!(out, "deleted tag {name}")?;
            return Ok(());
        }
        dataset.tag(name, &self.commit.message("")).await?;
        writeln!(out, "{name} is version {} of {}", dataset.version(), dataset.url())?;
        Ok(())
    }
}
