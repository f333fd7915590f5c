//! The rows of a query as a table, as JSON lines or as CSV.

use std::io::Write;
use std::time::Instant;

use clap::ValueEnum;
use futures::StreamExt;
use lakebed::core::HType;
use lakebed::core::TensorType;
use lakebed::engine::Language;
use lakebed::engine::Session;
use lakebed::engine::result::Cells;
use serde_json::Map;

use crate::error::Error;
use crate::error::Result;
use crate::table;
use crate::units;

/// Rows that a table shows unless told otherwise.
const TABLE_ROWS: usize = 40;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// One line a row, large values by type, shape and range.
    #[default]
    Table,
    /// One JSON object a line, full values.
    Json,
    /// Comma-separated values with a head, full values; tensors as JSON.
    Csv,
}

/// Runs a query and writes its rows as they come. `max_rows` of 0 means all.
pub async fn run(
    session: &Session,
    language: Language,
    text: &str,
    format: Format,
    max_rows: Option<usize>,
    out: &mut dyn Write,
) -> Result<()> {
    let begun = Instant::now();
    let failed = Error::query(text);
    let query = session.query(language, text).await.map_err(&failed)?;
    let schema = query.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let most = match (max_rows, format) {
        (Some(0), _) | (None, Format::Json | Format::Csv) => usize::MAX,
        (Some(rows), _) => rows,
        (None, Format::Table) => TABLE_ROWS,
    };
    let plans = format == Format::Table && names == ["plan_type", "plan"];
    let mut shown = table::table(names.iter().copied());
    if format == Format::Csv {
        csv_line(names.iter().map(|name| quoted((*name).to_string())), out)?;
    }
    let mut rows = 0;
    let mut more = false;
    let mut stream = query.stream().await.map_err(&failed)?;
    while !more && let Some(batch) = stream.next().await {
        let batch = batch.map_err(&failed)?;
        let cells = Cells::of_batch(&batch).map_err(&failed)?;
        for row in 0..batch.num_rows() {
            if rows == most {
                more = true;
                break;
            }
            rows += 1;
            match format {
                Format::Table if plans => {
                    let text = |at: usize| cells.get(at).map(|c| c.csv(row)).unwrap_or_default();
                    writeln!(out, "{}:\n{}", text(0).replace('_', " "), text(1))?;
                }
                Format::Table => {
                    shown.add_row(cells.iter().map(|cells| cells.summary(row)));
                }
                Format::Json => {
                    let values = names.iter().zip(&cells);
                    let line: Map<_, _> = values
                        .map(|(name, cells)| ((*name).to_string(), cells.json(row)))
                        .collect();
                    serde_json::to_writer(&mut *out, &line).map_err(std::io::Error::from)?;
                    writeln!(out)?;
                }
                Format::Csv => csv_line(cells.iter().map(|cells| csv_field(cells, row)), out)?,
            }
        }
        out.flush()?;
    }
    if format == Format::Table && !plans {
        let numbers = schema.fields().iter().enumerate().filter(|(_, field)| {
            TensorType::from_field(field).is_some_and(|ty| {
                ty.is_scalar() && ty.is_numeric() && ty.htype != HType::ClassLabel
            })
        });
        table::align_right(&mut shown, numbers.map(|(at, _)| at));
        writeln!(out, "{shown}")?;
        let count = units::count(u64::try_from(rows).unwrap_or(u64::MAX), "row");
        let time = units::time(begun.elapsed());
        if more {
            writeln!(out, "the first {count}, {time}; --max-rows 0 shows all")?;
        } else {
            writeln!(out, "{count}, {time}")?;
        }
    }
    Ok(())
}

/// A field that tells an empty text from null: `""` and nothing.
fn csv_field(cells: &Cells, row: usize) -> String {
    let value = cells.csv(row);
    if value.is_empty() && !cells.is_null(row) { "\"\"".to_string() } else { quoted(value) }
}

fn csv_line(fields: impl Iterator<Item = String>, out: &mut dyn Write) -> std::io::Result<()> {
    for (at, field) in fields.enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        out.write_all(field.as_bytes())?;
    }
    out.write_all(b"\n")
}

/// As RFC 4180 quotes.
fn quoted(field: String) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        let fields = ["plain", "a,b", "say \"so\"", "two\nlines"].map(|f| quoted(f.to_string()));
        assert_eq!(fields, ["plain", "\"a,b\"", "\"say \"\"so\"\"\"", "\"two\nlines\""]);
    }
}
