//! `lakebed gc`

use std::io::Write;

use clap::Args;
use indicatif::ProgressBar;
use lakebed::core::human;

use crate::commit_args::CommitArgs;
use crate::error::Result;
use crate::target;
use crate::units;

#[derive(Debug, Args)]
pub struct Gc {
    /// The dataset
    dataset: String,
    /// Tell what would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    commit: CommitArgs,
}

impl Gc {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let dataset = target::open_with(&self.dataset, self.commit.options()).await?;
        let bar = ProgressBar::new(0);
        let progress = |versions, all| {
            bar.set_length(all);
            bar.set_position(versions);
        };
        let report = match self.dry_run {
            true => dataset.garbage(progress).await,
            false => {
                let message = self.commit.message("gc");
                let done = dataset.collect_garbage(&message, progress).await;
                done.map(|(_, report)| report)
            }
        };
        bar.finish_and_clear();
        let report = report?;
        let objects = units::count(report.deleted, "object");
        let bytes = human::bytes(report.bytes);
        let verb = if self.dry_run { "would delete" } else { "deleted" };
        writeln!(out, "{verb} {objects}, {bytes}")?;
        if report.unfinished > 0 {
            let files = units::count(report.unfinished, "unfinished file");
            writeln!(out, "and {files} of processes that died")?;
        }
        let versions = units::count(report.versions, "version");
        writeln!(out, "{versions} use {}", units::count(report.used, "object"))?;
        if report.waiting > 0 {
            let waiting = units::count(report.waiting, "object");
            writeln!(
                out,
                "{waiting} that nothing uses may belong to a commit on its way: a later gc takes them"
            )?;
        }
        Ok(())
    }
}
