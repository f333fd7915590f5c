//! `lakebed log`

use std::io::Write;

use arrow::array::TimestampSecondArray;
use arrow::util::display::array_value_to_string;
use clap::Args;
use lakebed::core::ColumnId;
use lakebed::core::Schema;
use lakebed::format::entry::Change;

use crate::error::Result;
use crate::table;
use crate::target;
use crate::units;

#[derive(Debug, Args)]
pub struct Log {
    /// The dataset, perhaps with @version: the commits up to it
    dataset: String,
    /// Show at most N commits
    #[arg(short, long = "limit", value_name = "N", default_value_t = 20)]
    number: usize,
}

impl Log {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let dataset = target::open(&self.dataset).await?;
        let log = dataset.log(self.number).await?;
        let mut shown = table::table(["version", "time (UTC)", "change", "rows", "message"]);
        for line in &log {
            shown.add_row([
                line.version.to_string(),
                time(line.time_micros),
                change(&line.change, dataset.schema()),
                line.rows.to_string(),
                line.message.clone(),
            ]);
        }
        table::align_right(&mut shown, [0, 3]);
        writeln!(out, "{shown}")?;
        Ok(())
    }
}

/// A moment to the second, without its zone.
pub fn time(micros: i64) -> String {
    let moment = TimestampSecondArray::from(vec![micros.div_euclid(1_000_000)]);
    array_value_to_string(&moment, 0).unwrap_or_default().replace('T', " ")
}

fn change(change: &Change, schema: &Schema) -> String {
    match change {
        Change::Create => "create".to_string(),
        Change::Append { rows, .. } => format!("add {}", units::count(*rows, "row")),
        Change::AddColumn { column } => match schema.by_id(ColumnId(*column)) {
            Some(column) => format!("add column {}", column.name),
            None => format!("add column {column}"),
        },
    }
}
