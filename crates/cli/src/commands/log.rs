//! `lakebed log`

use std::collections::BTreeMap;
use std::io::Write;

use arrow::array::TimestampSecondArray;
use arrow::util::display::array_value_to_string;
use clap::Args;
use lakebed::core::ColumnId;
use lakebed::core::Schema;
use lakebed::dataset::Source;
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
        let mut named: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for (name, version) in dataset.branches().iter().chain(dataset.tags()) {
            named.entry(*version).or_default().push(name);
        }
        // What all lines leave empty is no column.
        let authors = log.iter().any(|line| line.author.is_some());
        let mut head = vec!["version", "names", "time (UTC)", "change", "rows", "message"];
        if authors {
            head.push("author");
        }
        let mut shown = table::table(head);
        for line in &log {
            let names = named.get(&line.version).map(|names| names.join(", "));
            let mut row = vec![
                line.version.to_string(),
                names.unwrap_or_default(),
                time(line.time_micros),
                change(&line.change, dataset.schema()),
                line.rows.to_string(),
                line.message.clone(),
            ];
            if authors {
                row.push(line.author.clone().unwrap_or_default());
            }
            shown.add_row(row);
        }
        table::align_right(&mut shown, [0, 4]);
        writeln!(out, "{shown}")?;
        if let Some(source) = dataset.source() {
            writeln!(out, "{}", copied_from(source))?;
        }
        Ok(())
    }
}

/// Where the rows of a copy come from.
pub fn copied_from(source: &Source) -> String {
    let Source { view, url, version, query, .. } = source;
    format!("copied from view {view} of {url}@{version}: {query}")
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
        Change::Tag { name, version } => format!("tag version {version} as {name}"),
        Change::Edit { appended, updated, deleted, .. } => edited(*appended, *updated, *deleted),
        Change::Merge { from, appended, updated, deleted, .. } => {
            format!("merge version {from}: {}", edited(*appended, *updated, *deleted))
        }
        Change::RenameColumn { column, from } => match schema.by_id(ColumnId(*column)) {
            Some(column) => format!("rename column {from} to {}", column.name),
            None => format!("rename column {from}"),
        },
        Change::DropColumn { name, .. } => format!("drop column {name}"),
        Change::Revert { to } => format!("back to version {to}"),
        Change::Compact { before, after } => {
            format!("compact {} into {after}", units::count(*before, "fragment"))
        }
        Change::CreateBranch { name, version } => {
            format!("begin branch {name} at version {version}")
        }
        Change::DeleteRef { name } => format!("delete {name}"),
        Change::SaveView { name, rows } => {
            format!("save view {name} of {}", units::count(*rows, "row"))
        }
        Change::Expire { below } => format!("expire versions below {below}"),
        Change::Collect { epoch } => format!("collect garbage, epoch {epoch}"),
    }
}

fn edited(appended: u64, updated: u64, deleted: u64) -> String {
    let parts = [("add", appended), ("update", updated), ("delete", deleted)];
    let parts = parts.iter().filter(|(_, rows)| *rows > 0);
    let parts: Vec<String> =
        parts.map(|(what, rows)| format!("{what} {}", units::count(*rows, "row"))).collect();
    if parts.is_empty() { "no row".to_string() } else { parts.join(", ") }
}
