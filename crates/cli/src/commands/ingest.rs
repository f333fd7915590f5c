//! `lakebed ingest`

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use clap::ValueEnum;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use lakebed::convert;
use lakebed::convert::ColumnType;
use lakebed::convert::ImportFormat;
use lakebed::convert::ImportOptions;
use lakebed::convert::Problem;
use lakebed::core::Schema;
use lakebed::core::TensorType;
use lakebed::core::human;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Query;
use lakebed::engine::Session;
use lakebed::materialize;
use tempfile::TempDir;

use crate::commands::info;
use crate::commit_args::CommitArgs;
use crate::error::Error;
use crate::error::Result;
use crate::target;
use crate::units;

/// Warnings and skipped files that are told one by one.
const TOLD: usize = 20;

const EXAMPLES: &str = "SOURCE is a folder or file in one of these formats:
  class folders    cat/1.jpg, dog/2.png, or train/cat/1.jpg, test/dog/2.jpg
  Pascal VOC       Annotations/1.xml beside JPEGImages/1.jpg
  COCO             annotations/instances_val.json beside val/1.jpg; the folder or the file
  YOLO             images/train/1.jpg, labels/train/1.txt and data.yaml
  WebDataset       shard-000000.tar and so on; a folder of them, or one
  Parquet          x.parquet, x.pq: tensors by their Arrow types, lists of numbers as tensors
  Arrow stream     x.arrows: as Parquet
  CSV              x.csv with a header line; lists as JSON in a cell
  JSON lines       x.jsonl, x.ndjson: one object a line; x.json: a list of objects
  NumPy            x.npy, x.npz: the first axis is the rows, a column for each array

Types of CSV, JSON lines and the other tables are inferred and shown; --type says otherwise:
  --type label=class_label --type emb=f32[512] --type tags=sequence[text] --type note=skip

JPEG and PNG files are kept byte for byte. Nothing is committed unless all of it is.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Ingest {
    /// The folder or file to import
    source: PathBuf,
    /// Where the dataset is or will be: a path or URL, perhaps with @branch
    dataset: String,
    /// What to do about a file that cannot be imported
    #[arg(long, value_enum, default_value_t)]
    on_error: OnError,
    /// Add to the rows that the dataset has already; new names of classes are added to its lists
    #[arg(long)]
    append: bool,
    /// The format, if it is not to be told by the looks of SOURCE
    #[arg(long, value_name = "FORMAT")]
    format: Option<ImportFormat>,
    /// The type of a column of a table, instead of the inferred one; may be given for each column
    #[arg(long = "type", value_name = "NAME=TYPE", value_parser = typed)]
    types: Vec<(String, ColumnType)>,
    /// Write rows in this order, so that ranges of it lie together: what ORDER BY takes, as in
    /// "labels" or "SHAPE(boxes)[0] DESC, filename". Needs room for a second copy meanwhile
    #[arg(long, value_name = "KEYS")]
    order_by: Option<String>,
    /// Files to read at one time; by default as many as there are cores
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
    #[command(flatten)]
    commit: CommitArgs,
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
        let mut options =
            ImportOptions { message: self.commit.given(), ..ImportOptions::default() };
        options.on_error = match self.on_error {
            OnError::Fail => convert::OnError::Fail,
            OnError::Skip => convert::OnError::Skip,
        };
        if let Some(jobs) = self.jobs {
            options.parallel = jobs.max(1);
        }
        options.grow_classes = self.append;
        options.into_empty = !self.append;
        options.types = self.types.into_iter().collect();
        let source = match self.format {
            Some(format) => convert::open(&self.source, format, &options).await?,
            None => convert::detect_with(&self.source, &options).await?,
        };
        let format = source.format();
        if !options.types.is_empty() && !source.is_inferred() {
            return Err(Error::Refused {
                message: format!("the types of {format} are not inferred"),
                hint: "leave --type out: it is for Parquet, CSV and other tables".to_string(),
            });
        }
        let is_table = source.is_inferred();
        if is_table {
            show_types(source.schema(), out)?;
        }
        let staged = match &self.order_by {
            Some(keys) => Some(Staged::new(keys, source.schema()).await?),
            None => None,
        };
        if self.append {
            there_is_one(&self.dataset).await?;
        }
        let commits = self.commit.options();
        let mut dataset =
            target::open_or_create(&self.dataset, source.schema(), self.append, commits).await?;
        if !self.append {
            dataset = convert::take_columns(&dataset, source.schema()).await?;
        }
        let message = options.message.clone().unwrap_or_else(|| format!("ingest {format}"));
        let progress = bar(source.rows());
        let target = staged.as_ref().map_or(&dataset, |staged| &staged.dataset);
        let report = convert::ingest(source, target, &options, &|at| {
            progress.set_position(at.rows);
            progress.set_message(human::bytes(at.bytes));
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
            let rows = dataset.refresh().await?.num_rows();
            if !self.append && rows > 0 {
                let url = self.dataset.clone();
                return Err(convert::Error::HasRows { url, rows }.into());
            }
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
            "{}, {} {}/s, {}/s; {}, {} skipped",
            human::bytes(report.bytes),
            units::rate(report.rows, elapsed),
            if is_table { "rows" } else { "images" },
            human::bytes(units::rate(report.bytes, elapsed)),
            units::count(report.warning_count, "warning"),
            report.skipped_count,
        )?;
        Ok(())
    }
}

/// Refuses to append where no dataset is: the path may be mistyped.
async fn there_is_one(url: &str) -> Result<()> {
    match Dataset::open(url, Options::default()).await {
        Err(lakebed::dataset::Error::NotADataset { .. }) => Err(Error::Refused {
            message: format!("'{url}' is no dataset, so there is nothing to append to"),
            hint: "leave --append out to make one there, or correct the path".to_string(),
        }),
        // Anything else is told by who opens it to write.
        _ => Ok(()),
    }
}

/// `NAME=TYPE`; the name may hold an `=` itself.
fn typed(text: &str) -> Result<(String, ColumnType), String> {
    let (name, ty) = text.rsplit_once('=').ok_or("write NAME=TYPE, as in labels=class_label")?;
    Ok((name.to_string(), ty.parse()?))
}

/// The columns as they will be, before anything is written.
fn show_types(schema: &Schema, out: &mut dyn Write) -> Result<()> {
    let width = schema.columns.iter().map(|column| column.name.chars().count()).max();
    let width = width.unwrap_or(0).min(40);
    for column in &schema.columns {
        let meaning = info::meaning(column);
        let meaning = if meaning.is_empty() { meaning } else { format!(", {meaning}") };
        let ty = TensorType::from_column(column);
        writeln!(out, "  {:width$}  {ty}{meaning}", units::line(&column.name))?;
    }
    out.flush()?;
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_without_a_dataset_is_nothing_to_append_to() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("mistyped");
        let error = there_is_one(place.to_str().unwrap()).await.unwrap_err();
        let report = error.report();
        assert!(report.contains("mistyped' is no dataset"), "{report}");
        assert!(report.contains("leave --append out"), "{report}");
        assert!(!place.exists());
    }
}
