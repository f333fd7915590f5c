//! `lakebed compact`

use std::io::Write;

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use clap::Args;
use futures::StreamExt;
use indicatif::ProgressBar;
use lakebed::dataset::Compaction;
use lakebed::dataset::Dataset;
use lakebed::dataset::Folding;
use lakebed::engine::ROW_ID;
use lakebed::engine::Session;

use crate::commit_args::CommitArgs;
use crate::error::Error;
use crate::error::Result;
use crate::target;
use crate::units;

#[derive(Debug, Args)]
pub struct Compact {
    /// The dataset, perhaps with @branch
    dataset: String,
    /// Fragments of fewer mebibytes join their neighbours
    #[arg(long, value_name = "MIB", default_value_t = 64)]
    small: u64,
    /// Write fragments anew of which more than this part is deleted
    #[arg(long, value_name = "PART", default_value_t = 0.1)]
    deleted: f64,
    /// Write fragments anew that were updated so often
    #[arg(long, value_name = "N", default_value_t = 8)]
    updates: usize,
    /// Write all fragments anew
    #[arg(long)]
    all: bool,
    /// Put all rows in this order, so that ranges of it lie together: what ORDER BY takes, as in
    /// "labels" or "SHAPE(boxes)[0] DESC, filename"
    #[arg(long, value_name = "KEYS", conflicts_with_all = ["small", "deleted", "updates", "all"])]
    order_by: Option<String>,
    /// Only join the manifests of fragments, where eight neighbours or more are small: no data is
    /// rewritten, and queries on many small commits begin sooner
    #[arg(long, conflicts_with_all = ["small", "deleted", "updates", "all", "order_by", "chunk_size"])]
    fold: bool,
    /// Kibibytes that chunks of what is written aim for
    #[arg(long, value_name = "KIB", value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    chunk_size: Option<u32>,
    #[command(flatten)]
    commit: CommitArgs,
}

impl Compact {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let mut options = self.commit.options();
        if let Some(kibibytes) = self.chunk_size {
            let bytes = usize::try_from(kibibytes).unwrap_or(usize::MAX).saturating_mul(1024);
            options.chunk_bytes = bytes;
        }
        let dataset = target::open_branch(&self.dataset, options).await?;
        let before = dataset.fragments().await?.len();
        let bar = ProgressBar::new(dataset.num_rows());
        let progress = |rows, all| {
            bar.set_length(all);
            bar.set_position(rows);
        };
        let done = match &self.order_by {
            None if self.fold => {
                let message = self.commit.message("fold");
                dataset.fold(&Folding::default(), &message, progress).await
            }
            Some(keys) => {
                let order = order(&dataset, keys).await?;
                let message = self.commit.message(&format!("order by {keys}"));
                dataset.reorder(&order, &message, progress).await
            }
            None => self.compacted(&dataset, progress).await,
        };
        bar.finish_and_clear();
        let done = done?;
        if done.version() == dataset.version() {
            let reason = match &self.order_by {
                Some(_) => "the rows are in this order already",
                None if self.fold => "fewer than eight neighbours have small manifests",
                None => "no fragment is small or much changed",
            };
            writeln!(out, "nothing to do: {reason}")?;
            return Ok(());
        }
        let after = done.fragments().await?.len();
        let before = units::count(u64::try_from(before).unwrap_or(u64::MAX), "fragment");
        writeln!(out, "version {}: {before} became {after}", done.version())?;
        writeln!(out, "older versions keep their bytes: see expire and gc")?;
        Ok(())
    }

    async fn compacted(
        &self,
        dataset: &Dataset,
        progress: impl FnMut(u64, u64) + Send,
    ) -> lakebed::dataset::Result<Dataset> {
        let small_bytes = self.small.saturating_mul(1 << 20);
        let options = Compaction {
            small_bytes,
            target_bytes: small_bytes.saturating_mul(4),
            deleted: self.deleted,
            updates: self.updates,
            all: self.all,
        };
        dataset.compact(&options, &self.commit.message("compact"), progress).await
    }
}

/// The positions of a dataset's rows in the order of some keys; of equal rows as they are.
async fn order(dataset: &Dataset, keys: &str) -> Result<Vec<u64>> {
    let text = format!("SELECT {ROW_ID} ORDER BY {keys}");
    let failed = Error::query(&text);
    let session = Session::new().map_err(&failed)?;
    session.set_current(dataset.clone());
    let query = session.tql(&text).await.map_err(&failed)?;
    let mut stream = query.stream().await.map_err(&failed)?;
    let mut ids = Vec::new();
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(&failed)?;
        ids.extend_from_slice(batch.column(0).as_primitive::<UInt64Type>().values());
    }
    Ok(dataset.positions_of(&ids).await?.into_iter().flatten().collect())
}
