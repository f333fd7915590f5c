//! The rows of a query as a table, as JSON lines or as CSV.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use arrow::datatypes::Schema;
use clap::ValueEnum;
use comfy_table::Table;
use futures::StreamExt;
use lakebed::core::HType;
use lakebed::core::TensorType;
use lakebed::core::human;
use lakebed::engine::Cost;
use lakebed::engine::Language;
use lakebed::engine::Session;
use lakebed::engine::result::Cells;
use serde_json::Map;
use tokio::task::JoinSet;

use crate::error::Error;
use crate::error::Result;
use crate::table;
use crate::units;

/// Rows that a table shows unless told otherwise.
const TABLE_ROWS: usize = 40;
/// What the command line says where a table leaves rows out.
const ALL: &str = "; --max-rows 0 shows all";

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// One line a row, large values by type, shape and range.
    #[default]
    Table,
    /// One small table a row.
    Record,
    /// One JSON object a line, full values.
    Json,
    /// Comma-separated values with a head, full values; tensors as JSON.
    Csv,
}

/// How the rows of a query are shown.
#[derive(Debug, Clone)]
pub struct Shown {
    /// How they are written.
    pub format: Format,
    /// Rows that are written at most, 0 for all; by default 40 in tables, and all in JSON and CSV.
    pub max_rows: Option<usize>,
    /// Whether the time is told.
    pub timing: bool,
    /// Whether it is told what was read.
    pub cost: bool,
    /// Whether lines are as long as they need to be, however wide the terminal is.
    pub natural: bool,
    /// What is said where rows were left out.
    pub all: &'static str,
}

impl Shown {
    /// As `lakebed query` shows them.
    pub fn new(format: Format, max_rows: Option<usize>) -> Shown {
        Shown { format, max_rows, timing: true, cost: false, natural: false, all: ALL }
    }

    fn most(&self) -> usize {
        match (self.max_rows, self.format) {
            (Some(0), _) | (None, Format::Json | Format::Csv) => usize::MAX,
            (Some(rows), _) => rows,
            (None, Format::Table | Format::Record) => TABLE_ROWS,
        }
    }
}

/// Runs a query and writes its rows as they come. Dropping the future stops it.
pub async fn run(
    session: &Session,
    language: Language,
    text: &str,
    shown: &Shown,
    out: &mut dyn Write,
) -> Result<()> {
    let begun = Instant::now();
    let failed = Error::query(text);
    let query = session.query(language, text).await.map_err(&failed)?;
    tracing::debug!(elapsed = units::time(begun.elapsed()), "planned");
    let most = shown.most();
    let mut writer = RowWriter::new(&query.schema(), shown);
    writer.begin(out)?;
    let mut more = false;
    let prepared = query.prepare().await.map_err(&failed)?;
    let plan = Arc::clone(prepared.plan());
    let mut stream = prepared.stream().map_err(&failed)?;
    // The work is done by other threads, so that whoever waits here can stop waiting at any time.
    let (sender, mut batches) = tokio::sync::mpsc::channel(1);
    let mut reader = JoinSet::new();
    reader.spawn(async move {
        while let Some(batch) = stream.next().await {
            if sender.send(batch).await.is_err() {
                break;
            }
        }
    });
    while !more && let Some(batch) = batches.recv().await {
        let batch = batch.map_err(&failed)?;
        let cells = Cells::of_batch(&batch).map_err(|error| failed(error.into()))?;
        for row in 0..batch.num_rows() {
            if writer.rows == most {
                more = true;
                break;
            }
            writer.row(&cells, row, out)?;
        }
        out.flush()?;
    }
    drop(batches);
    if let Some(Err(error)) = reader.join_next().await
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
    tracing::debug!(elapsed = units::time(begun.elapsed()), rows = writer.rows, "answered");
    let cost = shown.cost.then(|| Cost::of(&plan));
    writer.end(shown.timing.then(|| begun.elapsed()), cost, more, out)
}

/// Writes rows one by one.
struct RowWriter {
    names: Vec<String>,
    /// How all rows are asked for.
    all: &'static str,
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
    fn new(schema: &Schema, shown: &Shown) -> RowWriter {
        let fields = schema.fields();
        let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
        let form = match shown.format {
            Format::Json => Form::Json,
            Format::Csv => Form::Csv,
            Format::Table if names == ["plan_type", "plan"] => Form::Plans,
            Format::Record => Form::Records,
            Format::Table if !shown.natural && table::is_cramped(names.len()) => Form::Records,
            Format::Table => {
                let mut table = match shown.natural {
                    true => table::natural(names.iter()),
                    false => table::table(names.iter()),
                };
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
        RowWriter { names, all: shown.all, form, rows: 0 }
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

    fn end(
        &self,
        elapsed: Option<Duration>,
        cost: Option<Cost>,
        more: bool,
        out: &mut dyn Write,
    ) -> Result<()> {
        match &self.form {
            Form::Json | Form::Csv | Form::Plans => return Ok(()),
            Form::Table(table) => writeln!(out, "{table}")?,
            Form::Records => {}
        }
        let rows = units::count(u64::try_from(self.rows).unwrap_or(u64::MAX), "row");
        let mut line = if more { format!("the first {rows}") } else { rows };
        if let Some(elapsed) = elapsed {
            line.push_str(&format!(", {}", units::time(elapsed)));
        }
        if let Some(cost) = cost {
            let requests = units::count(cost.requests, "request");
            line.push_str(&format!("; {requests}, {} read", human::bytes(cost.bytes)));
            if cost.samples_decoded > 0 {
                line.push_str(&format!(", {} decoded", cost.samples_decoded));
            }
        }
        let all = if more { self.all } else { "" };
        writeln!(out, "{line}{all}")?;
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
