//! The rows of a query as a file or folder of another format, for the command and the prompt.

use std::io::Write;
use std::path::Path;

use futures::StreamExt;
use futures::stream;
use indicatif::ProgressBar;
use indicatif::ProgressStyle;
use lakebed::convert;
use lakebed::convert::BoxError;
use lakebed::convert::ExportFormat;
use lakebed::convert::ExportOptions;
use lakebed::convert::Exported;
use lakebed::core::human;
use lakebed::engine;
use lakebed::engine::Language;
use lakebed::engine::Session;
use tokio::task::JoinSet;

use crate::error::Error;
use crate::error::Result;
use crate::units;

/// Writes the rows of a query. Dropping the future stops it, and nothing is left.
pub async fn run(
    session: &Session,
    language: Language,
    text: &str,
    file: &Path,
    format: ExportFormat,
    options: &ExportOptions,
) -> Result<Exported> {
    let failed = Error::query(text);
    let query = session.query(language, text).await.map_err(&failed)?;
    let schema = query.schema();
    let mut rows = query.stream().await.map_err(&failed)?;
    // The work is done by other threads, so that whoever waits here can stop waiting at any time.
    let (sender, batches) = tokio::sync::mpsc::channel(1);
    let mut reader = JoinSet::new();
    reader.spawn(async move {
        while let Some(batch) = rows.next().await {
            if sender.send(batch).await.is_err() {
                break;
            }
        }
    });
    let batches = stream::try_unfold((batches, reader), |(mut batches, mut reader)| async move {
        match batches.recv().await {
            Some(batch) => {
                Ok::<_, BoxError>(Some((batch.map_err(BoxError::from)?, (batches, reader))))
            }
            // The end, unless the reader came to none: half of the rows are no export.
            None => match reader.join_next().await {
                Some(Err(error)) => Err(error.into()),
                _ => Ok(None),
            },
        }
    });
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} rows, {msg}, {elapsed}") {
        bar.set_style(style);
    }
    let done = convert::export(format, schema, batches, file, options, &|at| {
        bar.set_position(at.rows);
        bar.set_message(human::bytes(at.bytes));
    })
    .await;
    bar.finish_and_clear();
    done.map_err(|error| match error {
        convert::Error::Rows(source) => match source.downcast::<engine::Error>() {
            Ok(source) => Error::Query { text: text.to_string(), source },
            Err(source) => Error::Import(convert::Error::Rows(source)),
        },
        other => Error::Import(other),
    })
}

/// Says what was written, in a line.
pub fn tell(done: &Exported, out: &mut dyn Write) -> Result<()> {
    let files = match done.format.is_folder() {
        true => format!(" in {}", units::count(done.files, "file")),
        false => String::new(),
    };
    writeln!(
        out,
        "{} as {} to '{}': {}{files}, in {}",
        units::count(done.rows, "row"),
        done.format,
        done.path.display(),
        human::bytes(done.file_bytes),
        units::time(done.elapsed),
    )?;
    Ok(())
}
