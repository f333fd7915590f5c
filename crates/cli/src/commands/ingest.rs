//! `lakebed ingest`

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use clap::ValueEnum;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use lakebed::convert;
use lakebed::convert::ImportOptions;
use lakebed::convert::Problem;
use lakebed::core::Schema;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Query;
use lakebed::engine::Session;
use lakebed::materialize;
use tempfile::TempDir;

use crate::error::Error;
use crate::error::Result;
use crate::target;
use crate::units;

/// Warnings and skipped files that are told one by one.
const TOLD: usize = 20;

const EXAMPLES: &str = "SOURCE is a folder in one of these formats:
  class folders    cat/1.jpg, dog/2.png, or train/cat/1.jpg, test/dog/2.jpg
  Pascal VOC       Annotations/1.xml beside JPEGImages/1.jpg

JPEG and PNG files are kept byte for byte. Nothing is committed unless all of it is.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Ingest {
    /// The folder to import
    source: PathBuf,
    /// Where the dataset is or will be: a path or URL
    dataset: String,
    /// What to do about a file that cannot be imported
    #[arg(long, value_enum, default_value_t)]
    on_error: OnError,
    /// Add to the rows that the dataset has already
    #[arg(long)]
    append: bool,
    /// What the commit says
    #[arg(long, short)]
    message: Option<String>,
    /// Write rows in this order, so that ranges of it lie together: what ORDER BY takes, as in
    /// "labels" or "SHAPE(boxes)[0] DESC, filename". Needs room for a second copy meanwhile
    #[arg(long, value_name = "KEYS")]
    order_by: Option<String>,
    /// Files to read at one time; by default as many as there are cores
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum OnError {
    /// Stop, and commit nothing
    #[default]
    Fail,
    /// Leave its row out, and list it at the end
    Skip,
}

impl Ingest {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let mut options = ImportOptions { message: self.message, ..ImportOptions::default() };
        options.on_error = match self.on_error {
            OnError::Fail => convert::OnError::Fail,
            OnError::Skip => convert::OnError::Skip,
        };
        if let Some(jobs) = self.jobs {
            options.parallel = jobs.max(1);
        }
        let source = convert::detect_with(&self.source, &options).await?;
        let format = source.format();
        let staged = match &self.order_by {
            Some(keys) => Some(Staged::new(keys, source.schema()).await?),
            None => None,
        };
        let dataset = target::open_or_create(&self.dataset, source.schema(), self.append).await?;
        let message = options.message.clone().unwrap_or_else(|| format!("ingest {format}"));
        let progress = bar(source.rows());
        let target = staged.as_ref().map_or(&dataset, |staged| &staged.dataset);
        let report = convert::ingest(source, target, &options, &|at| {
            progress.set_position(at.rows);
            progress.set_message(units::bytes(at.bytes));
        })
        .await;
        progress.finish_and_clear();
        let report = match report {
            Err(convert::Error::DoesNotFit { column, reason }) if dataset.num_rows() == 0 => {
                return Err(Error::Refused {
                    message: format!("column '{column}': {reason}"),
                    hint: format!("'{}' has no rows: remove it, and repeat", self.dataset),
                });
            }
            other => other?,
        };
        tell("warning", &report.warnings, report.warning_count)?;
        tell("skipped", &report.skipped, report.skipped_count)?;
        let mut version = report.dataset.version();
        let mut elapsed = report.elapsed;
        if let Some(staged) = staged {
            let begun = Instant::now();
            version = staged.move_to(&report.dataset, &dataset, &message).await?.version();
            elapsed += begun.elapsed();
        }
        let time = units::time(elapsed);
        writeln!(
            out,
            "{} from {format} to '{}', version {version}, in {time}",
            units::count(report.rows, "row"),
            self.dataset,
        )?;
        writeln!(
            out,
            "{}, {} images/s, {}/s; {}, {} skipped",
            units::bytes(report.bytes),
            units::rate(report.rows, elapsed),
            units::bytes(units::rate(report.bytes, elapsed)),
            units::count(report.warning_count, "warning"),
            report.skipped_count,
        )?;
        Ok(())
    }
}

/// Rows that wait in a folder of their own to be put in order.
struct Staged {
    dataset: Dataset,
    query: String,
    folder: TempDir,
}

impl Staged {
    /// A place for rows with the columns of `schema`.
    async fn new(keys: &str, schema: &Schema) -> Result<Staged> {
        let failed =
            |source| Error::File { what: "cannot make a temporary folder".to_string(), source };
        let folder = tempfile::tempdir().map_err(failed)?;
        let url = folder.path().join("staged").display().to_string();
        let dataset = Dataset::create(&url, schema.clone(), Options::default()).await?;
        let staged = Staged { dataset, query: format!("SELECT * ORDER BY {keys}"), folder };
        // Wrong keys are told before hours of reading.
        staged.planned(&staged.dataset).await?;
        Ok(staged)
    }

    async fn planned(&self, dataset: &Dataset) -> Result<Query> {
        let failed = Error::query(&self.query);
        let session = Session::new().map_err(&failed)?;
        session.set_current(dataset.clone());
        session.tql(&self.query).await.map_err(&failed)
    }

    /// Appends the rows of `from` to `to` in order.
    async fn move_to(self, from: &Dataset, to: &Dataset, message: &str) -> Result<Dataset> {
        let query = self.planned(from).await?;
        let moved = materialize::append(&query, to, message).await?;
        drop(self.folder);
        Ok(moved)
    }
}

/// A bar on stderr; invisible if that is no terminal.
fn bar(rows: u64) -> ProgressBar {
    let bar = ProgressBar::new(rows);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {msg}, {eta} to go");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

fn tell(what: &str, listed: &[Problem], count: u64) -> Result<()> {
    let mut stderr = std::io::stderr().lock();
    for problem in listed.iter().take(TOLD) {
        writeln!(stderr, "{what}: {}", units::line(&problem.to_string()))?;
    }
    let told = u64::try_from(listed.len().min(TOLD)).unwrap_or(u64::MAX);
    if count > told {
        writeln!(stderr, "{what}: and {} more", count - told)?;
    }
    Ok(())
}
