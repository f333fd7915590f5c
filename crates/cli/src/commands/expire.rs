//! `lakebed expire`

use std::io::Write;

use clap::Args;
use lakebed::dataset::Dataset;

use crate::commit_args::CommitArgs;
use crate::error::Error;
use crate::error::Result;
use crate::target;
use crate::units;

/// Branches that are named as no longer to be merged.
const LISTED: usize = 20;

#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["keep", "below"])]
pub struct Expire {
    /// The dataset
    dataset: String,
    /// Keep the newest N versions, at least 1
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
        if self.keep == Some(0) {
            return Err(Error::Refused {
                message: "--keep 0 would leave no version, and the end of a branch always stays"
                    .to_string(),
                hint: "--keep 1 gives up all but the newest and those with a name".to_string(),
            });
        }
        let dataset = target::open_with(&self.dataset, self.commit.options()).await?;
        let newest = dataset.newest_version();
        let below = match (self.below, self.keep) {
            (Some(below), _) => below,
            (None, keep) => (newest + 1).saturating_sub(keep.unwrap_or(1)),
        };
        if below <= newest {
            warn_of_parted(&dataset, below).await?;
        }
        let expired = dataset.expire(below, &self.commit.message("expire")).await?;
        let named = units::count(expired.named_versions(), "version");
        writeln!(out, "versions below {below} have expired; {named} with names stay")?;
        writeln!(out, "their bytes go with the next collections: lakebed gc {}", dataset.url())?;
        Ok(())
    }
}

/// Tells which branches cannot be merged once it is done, and what would keep them mergeable.
async fn warn_of_parted(dataset: &Dataset, below: u64) -> Result<()> {
    let parted = dataset.parted_below(below).await?;
    let mut stderr = std::io::stderr().lock();
    for pair in parted.iter().take(LISTED) {
        let (branch, parent, version) = (&pair.branch, &pair.parent, pair.version);
        match &pair.ends_there {
            None => writeln!(
                stderr,
                "warning: {branch} and {parent} can no longer be merged: version {version}, where they parted, is given up"
            )?,
            Some(end) => writeln!(
                stderr,
                "warning: {branch} and {parent} can no longer be merged after the next commit on {end}: only its end keeps version {version}, where they parted"
            )?,
        }
    }
    if let Some(more) = parted.len().checked_sub(LISTED).filter(|more| *more > 0) {
        writeln!(stderr, "warning: and {more} more")?;
    }
    if let Some(pair) = parted.first() {
        let (url, version) = (dataset.url(), pair.version);
        writeln!(
            stderr,
            "hint: before an expire a tag keeps such a version: lakebed tag {url}@{version} NAME; a branch that is done with can be deleted"
        )?;
    }
    Ok(())
}
