//! `lakebed demo`

mod tour;

use std::io::Write;
use std::time::Instant;

use clap::Args;
use lakebed::convert::demo;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use lakebed::engine::Language;
use lakebed::engine::Session;

use crate::error::Error;
use crate::error::Result;
use crate::rows;
use crate::rows::Format;
use crate::rows::Shown;
use crate::target;
use crate::units;

#[derive(Debug, Args)]
pub struct Demo {
    /// Where to make the dataset and leave it; by default a temporary folder, removed at the end
    folder: Option<String>,
}

impl Demo {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let begun = Instant::now();
        // Removed when it goes out of scope, also after an error.
        let temporary;
        let (url, kept) = match &self.folder {
            Some(folder) => (folder.clone(), true),
            None => {
                temporary = tempfile::tempdir().map_err(|source| Error::File {
                    what: "cannot make a temporary folder".to_string(),
                    source,
                })?;
                (temporary.path().join("demo").to_string_lossy().into_owned(), false)
            }
        };
        let (dataset, drawn) = make(&url).await?;
        writeln!(
            out,
            "{} {} in {} in {}: shapes by day, at dusk and at night, with\n\
             boxes, labels, masks, embeddings, captions and JSON. Every commit is a version.\n",
            if drawn { "Drew" } else { "Opened" },
            units::count(dataset.num_rows(), "picture"),
            units::count(dataset.version(), "commit"),
            units::time(begun.elapsed()),
        )?;
        out.flush()?;
        let session = Session::new().map_err(Error::query(""))?;
        session.set_current(dataset);
        for (number, stop) in (1..).zip(tour::STOPS) {
            let language = match stop.language {
                Language::Tql => "TQL",
                Language::Sql => "SQL",
            };
            writeln!(out, "{number}. {}\n", stop.about)?;
            for (line, text) in stop.text.lines().enumerate() {
                writeln!(out, "   {}> {text}", if line == 0 { language } else { "   " })?;
            }
            writeln!(out)?;
            let shown = Shown::new(Format::Table, None);
            rows::run(&session, stop.language, stop.text, &shown, out).await?;
            writeln!(out)?;
            out.flush()?;
        }
        farewell(&url, kept, out)?;
        Ok(())
    }
}

/// The demo's dataset, and whether it is new: an earlier run may have left it.
async fn make(url: &str) -> Result<(Dataset, bool)> {
    match Dataset::open(url, Options::default()).await {
        Err(lakebed::dataset::Error::NotADataset { .. }) => {
            target::check_free(url)?;
            Ok((demo::create(url, Options::default()).await?, true))
        }
        Err(error) => Err(error.into()),
        Ok(dataset) => {
            let names = |schema: &lakebed::core::Schema| {
                schema.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>()
            };
            let whole = u64::try_from(demo::ROWS).unwrap_or(u64::MAX);
            if names(dataset.schema()) == names(&demo::schema()?) && dataset.num_rows() == whole {
                return Ok((dataset, false));
            }
            Err(Error::Refused {
                message: format!("'{url}' holds another dataset"),
                hint: "give a folder that is not there yet".to_string(),
            })
        }
    }
}

fn farewell(url: &str, kept: bool, out: &mut dyn Write) -> Result<()> {
    // Under `cargo run` there is no command `lakebed` yet.
    let lakebed =
        if std::env::var_os("CARGO").is_some() { "cargo run --release --" } else { "lakebed" };
    let mine = if kept { url } else { "demo.lakebed" };
    writeln!(out, "Next:")?;
    if !kept {
        writeln!(out, "  {lakebed} demo {mine}")?;
        writeln!(out, "      the same tour, on a dataset that stays")?;
    }
    writeln!(out, "  {lakebed} query {mine} \"SELECT captions, masks WHERE score > 0.9\"")?;
    writeln!(out, "      your own questions; info, log, explain and verify take a dataset too")?;
    writeln!(out, "  {lakebed} ingest path/to/folder mine.lakebed")?;
    writeln!(out, "      your own images: a folder of class folders, or Pascal VOC")?;
    Ok(())
}
