//! `lakebed expire`

use std::io::Write;

use clap::Args;

use crate::commit_args::CommitArgs;
use crate::error::Result;
use crate::target;
use crate::units;

#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["keep", "below"])]
pub struct Expire {
    /// The dataset
    dataset: String,
    /// Keep the newest N versions
    #[arg(long, value_name = "N")]
    keep: Option<u64>,
    /// Give up the versions below this number
    #[arg(long, value_name = "VERSION")]
    below: Option<u64>,
    #[command(flatten)]
    commit: CommitArgs,
}

impl Expire {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let dataset = target::open_with(&self.dataset, self.commit.options()).await?;
        let newest = dataset.newest_version();
        let below = match (self.below, self.keep) {
            (Some(below), _) => below,
            (None, keep) => (newest + 1).saturating_sub(keep.unwrap_or(1).max(1)),
        };
        let expired = dataset.expire(below, &self.commit.message("expire")).await?;
        let named = units::count(expired.named_versions(), "version");
        writeln!(out, "versions below {below} have expired; {named} with names stay")?;
        writeln!(out, "their bytes go with the next collections: lakebed gc {}", dataset.url())?;
        Ok(())
    }
}
