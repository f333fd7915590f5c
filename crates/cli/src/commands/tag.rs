//! `lakebed tag`

use std::io::Write;

use clap::Args;

use crate::commit_args::CommitArgs;
use crate::error::Result;
use crate::names;
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
            return names::list("tag", dataset.tags(), out);
        };
        if self.delete {
            let names = dataset.tags();
            return names::delete(&dataset, "tag", names, name, &self.commit, out).await;
        }
        dataset.tag(name, &self.commit.message("")).await?;
        writeln!(out, "{name} is version {} of {}", dataset.version(), dataset.url())?;
        Ok(())
    }
}
