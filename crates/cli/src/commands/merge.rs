//! `lakebed merge`

use std::io::Write;

use clap::Args;
use clap::ValueEnum;
use lakebed::dataset::Error as DatasetError;
use lakebed::dataset::Policy;

use crate::commit_args::CommitArgs;
use crate::error::Result;
use crate::target;

/// Conflicts that are listed.
const LISTED: usize = 20;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Conflicts {
    /// Stop and name them
    Fail,
    /// Keep what this branch has
    Ours,
    /// Take what the other branch has
    Theirs,
}

#[derive(Debug, Args)]
pub struct Merge {
    /// The dataset, perhaps with @branch: what is merged into
    dataset: String,
    /// The branch, tag or version to merge
    from: String,
    /// What becomes of cells and rows that both sides changed
    #[arg(long, value_enum, default_value = "fail")]
    conflicts: Conflicts,
    #[command(flatten)]
    commit: CommitArgs,
}

impl Merge {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let dataset = target::open_branch(&self.dataset, self.commit.options()).await?;
        let policy = match self.conflicts {
            Conflicts::Fail => Policy::Fail,
            Conflicts::Ours => Policy::Ours,
            Conflicts::Theirs => Policy::Theirs,
        };
        let message = self.commit.message(&format!("merge {}", self.from));
        let merged = match dataset.merge(&self.from, policy, &message).await {
            Err(DatasetError::MergeConflicts { from, count, conflicts }) => {
                for conflict in conflicts.iter().take(LISTED) {
                    writeln!(out, "conflict: {conflict}")?;
                }
                return Err(DatasetError::MergeConflicts { from, count, conflicts }.into());
            }
            other => other?,
        };
        if merged.version() == dataset.version() {
            writeln!(out, "nothing to merge: {} has all of {}", dataset.branch_name(), self.from)?;
            return Ok(());
        }
        let difference = merged.diff(&dataset).await?;
        let changed = difference.rows_changed().len();
        writeln!(
            out,
            "version {}: {} rows added, {} deleted, {changed} changed",
            merged.version(),
            difference.added.len(),
            difference.deleted.len(),
        )?;
        Ok(())
    }
}
