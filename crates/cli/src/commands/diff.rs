//! `lakebed diff`

use std::io::Write;

use clap::Args;
use lakebed::dataset::Diff as Difference;

use crate::error::Result;
use crate::names;
use crate::target;
use crate::units;

/// Row ids that a line names.
const NAMED: usize = 8;

#[derive(Debug, Args)]
pub struct Diff {
    /// The dataset at the later version
    dataset: String,
    /// The earlier version: a number, a branch or a tag, alone or behind the dataset and @
    from: String,
}

impl Diff {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let later = target::open(&self.dataset).await?;
        let from = names::without_dataset(&self.dataset, &self.from);
        let earlier = names::version(&later, &from).await?;
        let diff = later.diff(&earlier).await?;
        writeln!(out, "from version {} to version {}", earlier.version(), later.version())?;
        if diff.is_empty() {
            writeln!(out, "nothing differs")?;
            return Ok(());
        }
        columns(&diff, out)?;
        let rows = [("added", &diff.added), ("deleted", &diff.deleted)];
        for (what, rows) in rows.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            let count = units::count(rows.len(), "row");
            writeln!(out, "{what} {count}: id {}", ids(rows.iter(), rows.len()))?;
        }
        for (id, rows) in &diff.changed {
            let name = later.schema().by_id(*id).map_or("?", |column| column.name.as_str());
            let count = units::count(rows.len(), "cell");
            writeln!(out, "changed {count} of {name}: id {}", ids(rows.iter(), rows.len()))?;
        }
        Ok(())
    }
}

fn columns(diff: &Difference, out: &mut dyn Write) -> Result<()> {
    for column in &diff.columns_added {
        writeln!(out, "added column {}", column.name)?;
    }
    for column in &diff.columns_dropped {
        writeln!(out, "dropped column {}", column.name)?;
    }
    for (before, after) in &diff.columns_changed {
        if before.name == after.name {
            writeln!(out, "changed column {}", after.name)?;
        } else {
            writeln!(out, "renamed column {} to {}", before.name, after.name)?;
        }
    }
    Ok(())
}

/// The first ids, and how many more there are.
fn ids(rows: impl Iterator<Item = u64>, count: u64) -> String {
    let first: Vec<String> = rows.take(NAMED).map(|id| id.to_string()).collect();
    let more = count.saturating_sub(u64::try_from(first.len()).unwrap_or(u64::MAX));
    match more {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
