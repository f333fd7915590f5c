//! `lakebed merge`

use std::io::Write;

use clap::Args;
use clap::ValueEnum;
use lakebed::dataset::Error as DatasetError;
use lakebed::dataset::MergeConflict;
use lakebed::dataset::Policy;

use crate::commit_args::CommitArgs;
use crate::error::Error;
use crate::error::Result;
use crate::names;
use crate::target;
use crate::units;

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
        names::version(&dataset, &self.from).await?;
        let message = self.commit.message(&format!("merge {}", self.from));
        let merged = match dataset.merge(&self.from, policy, &message).await {
            Err(DatasetError::MergeConflicts { from, count, conflicts }) => {
                for conflict in conflicts.iter().take(LISTED) {
                    writeln!(out, "conflict: {conflict}")?;
                }
                let listed = u64::try_from(conflicts.len().min(LISTED)).unwrap_or(u64::MAX);
                if let Some(more) = count.checked_sub(listed).filter(|more| *more > 0) {
                    writeln!(out, "and {more} more")?;
                }
                return Err(Error::Refused {
                    message: format!(
                        "merging '{from}' stops at {}",
                        units::count(count, "conflict")
                    ),
                    hint: settling(&conflicts).to_string(),
                });
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

/// What settles conflicts: no policy decides about columns.
fn settling(conflicts: &[MergeConflict]) -> &'static str {
    if conflicts.iter().any(|conflict| matches!(conflict, MergeConflict::Column { .. })) {
        "change the column on one side, and merge again"
    } else {
        "--conflicts ours or --conflicts theirs says which side wins; or change one side, and merge again"
    }
}
