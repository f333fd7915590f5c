//! `lakebed export`

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use lakebed::convert::ExportFormat;
use lakebed::convert::ExportOptions;
use lakebed::convert::export::BytesAs;
use lakebed::convert::export::RaggedAs;
use lakebed::dataset::Options;
use lakebed::engine::Language;
use lakebed::engine::Session;

use crate::error::Error;
use crate::error::Result;
use crate::export;
use crate::target;

const EXAMPLES: &str = r#"The format is told by the ending of FILE, or by --format:
  parquet      .parquet, .pq        everything; tensors as canonical Arrow tensors
  arrows       .arrows              everything; an Arrow IPC stream
  csv          .csv                 numbers and text; tensors as JSON in a cell
  jsonl        .jsonl, .ndjson      one JSON object a line; tensors as nested lists
  npy, npz     .npy, .npz           numbers of one shape: one column, several columns
  images       .images              a folder of the image files, byte for byte
  webdataset   .webdataset, .wds    a folder of tar files, a sample a row
  coco, yolo   .coco, .yolo         a folder of images with boxes and labels

Examples:
  lakebed export pets.lakebed pets.parquet
  lakebed export pets.lakebed cats.csv "SELECT labels, filename WHERE labels == 'cat'"
  lakebed export pets.lakebed cats --format images "SELECT images, filename WHERE labels == 'cat'"
  lakebed export pets.lakebed counts.jsonl --sql "SELECT labels, count(*) FROM dataset GROUP BY 1""#;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Export {
    /// The dataset
    dataset: String,
    /// The file or folder to write
    file: PathBuf,
    /// Which rows and columns, in TQL; everything if there is no query
    query: Option<String>,
    /// The query is in SQL, not in TQL
    #[arg(long)]
    sql: bool,
    /// The format; by default what FILE ends in
    #[arg(long, value_name = "FORMAT")]
    format: Option<ExportFormat>,
    /// Replace what is there: a file by a file, a folder with all that is in it by a folder
    #[arg(long)]
    overwrite: bool,
    /// Write bytes and images into CSV and JSON lines as base64
    #[arg(long)]
    base64: bool,
    /// Write columns of many shapes into .npz as three arrays each: data, offsets, shapes
    #[arg(long)]
    parts: bool,
    /// Name image files by the texts of this column; by default `filename`, else the position
    #[arg(long, value_name = "COLUMN")]
    names: Option<String>,
    /// Rows of a WebDataset shard at most
    #[arg(long, value_name = "N")]
    shard_rows: Option<u64>,
    /// What RANDOM and SAMPLE BY depend on beside the rows' positions
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

impl Export {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let format = match self.format {
            Some(format) => format,
            None => ExportFormat::from_path(&self.file)?,
        };
        let mut options = ExportOptions {
            overwrite: self.overwrite,
            names: self.names,
            ..ExportOptions::default()
        };
        if self.base64 {
            options.bytes = BytesAs::Base64;
        }
        if self.parts {
            options.ragged = RaggedAs::Parts;
        }
        if let Some(rows) = self.shard_rows {
            options.shard_rows = rows;
        }
        let text = self.query.as_deref().unwrap_or("SELECT *");
        let language = if self.sql && self.query.is_some() { Language::Sql } else { Language::Tql };
        let session = Session::builder().seed(self.seed).build().map_err(Error::query(text))?;
        session.set_current(target::open_with(&self.dataset, Options::default()).await?);
        let done = export::run(&session, language, text, &self.file, format, &options).await?;
        export::tell(&done, out)
    }
}
