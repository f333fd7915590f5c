//! The rows of a query as a table, as JSON lines or as CSV.

use std::io::Write;
use std::time::Duration;
use std::time::Instant;

use arrow::datatypes::Schema;
use clap::ValueEnum;
use comfy_table::Table;
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
    tracing::debug!(elapsed = units::time(begun.elapsed()), "planned");
    let most = match (max_rows, format) {
        (Some(0), _) | (None, Format::Json | Format::Csv) => usize::MAX,
        (Some(rows), _) => rows,
        (None, Format::Table) => TABLE_ROWS,
    };
    let mut writer = RowWriter::new(&query.schema(), format);
    writer.begin(out)?;
    let mut more = false;
    let mut stream = query.stream().await.map_err(&failed)?;
    while !more && let Some(batch) = stream.next().await {
        let batch = batch.map_err(&failed)?;
        let cells = Cells::of_batch(&batch).map_err(&failed)?;
        for row in 0..batch.num_rows() {
            if writer.rows == most {
                more = true;
                break;
            }
            writer.row(&cells, row, out)?;
        }
        out.flush()?;
    }
    tracing::debug!(elapsed = units::time(begun.elapsed()), rows = writer.rows, "answered");
    writer.end(begun.elapsed(), more, out)
}

/// Writes rows one by one.
struct RowWriter {
    names: Vec<String>,
    form: Form,
    rows: usize,
}

enum Form {
    /// Lines of one table, which is drawn at the end.
    Table(Box<Table>),
    /// One small table a row, where there are too many columns for one large one.
    Records,
    /// Plans, which are texts of many lines.
    Plans,
    Json,
    Csv,
}

impl RowWriter {
    fn new(schema: &Schema, format: Format) -> RowWriter {
        let fields = schema.fields();
        let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let form = match format {
            Format::Json => Form::Json,
            Format::Csv => Form::Csv,
            Format::Table if names == ["plan_type", "plan"] => Form::Plans,
            Format::Table if table::is_cramped(names.len()) => Form::Records,
            Format::Table => {
                let mut table = table::table(names.iter());
                let is_number = |ty: &TensorType| {
                    ty.is_scalar() && ty.is_numeric() && ty.htype != HType::ClassLabel
                };
                let numbers = fields.iter().enumerate().filter(|(_, field)| {
                    TensorType::from_field(field).is_some_and(|ty| is_number(&ty))
                });
                table::align_right(&mut table, numbers.map(|(at, _)| at));
                Form::Table(Box::new(table))
            }
        };
        RowWriter { names, form, rows: 0 }
    }

    fn begin(&self, out: &mut dyn Write) -> Result<()> {
        if let Form::Csv = self.form {
            csv_line(self.names.iter().map(|name| quoted(name.clone())), out)?;
        }
        Ok(())
    }

    fn row(&mut self, cells: &[Cells], row: usize, out: &mut dyn Write) -> Result<()> {
        self.rows += 1;
        let named = || self.names.iter().zip(cells);
        match &mut self.form {
            Form::Table(table) => {
                table.add_row(cells.iter().map(|cells| cells.summary(row)));
            }
            Form::Records => {
                let mut record = table::record();
                for (name, cells) in named() {
                    record.add_row([name.clone(), cells.summary(row)]);
                }
                writeln!(out, "── row {}\n{record}", self.rows)?;
            }
            Form::Plans => {
                let text = |at: usize| cells.get(at).map(|c| c.csv(row)).unwrap_or_default();
                writeln!(out, "{}:\n{}", text(0).replace('_', " "), text(1))?;
            }
            Form::Json => {
                let values = named().map(|(name, cells)| (name.clone(), cells.json(row)));
                let line: Map<_, _> = values.collect();
                serde_json::to_writer(&mut *out, &line).map_err(std::io::Error::from)?;
                writeln!(out)?;
            }
            Form::Csv => csv_line(cells.iter().map(|cells| csv_field(cells, row)), out)?,
        }
        Ok(())
    }

    fn end(&self, elapsed: Duration, more: bool, out: &mut dyn Write) -> Result<()> {
        match &self.form {
            Form::Json | Form::Csv | Form::Plans => return Ok(()),
            Form::Table(table) => writeln!(out, "{table}")?,
            Form::Records => {}
        }
        let rows = units::count(u64::try_from(self.rows).unwrap_or(u64::MAX), "row");
        let time = units::time(elapsed);
        if more {
            writeln!(out, "the first {rows}, {time}; --max-rows 0 shows all")?;
        } else {
            writeln!(out, "{rows}, {time}")?;
        }
        Ok(())
    }
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
