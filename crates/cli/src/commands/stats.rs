//! `lakebed stats`

use std::io::Write;

use clap::Args;
use futures::StreamExt;
use lakebed::core::Column;
use lakebed::core::TensorType;
use lakebed::core::human;
use lakebed::dataset::Dataset;
use lakebed::dataset::Scalar;
use lakebed::dataset::Stats as Known;

use super::info;
use crate::error::Error;
use crate::error::Result;
use crate::table;
use crate::target;
use crate::units;

/// Manifests that are read at the same time.
const PARALLEL: usize = 16;
/// Chunks that are listed unless told otherwise.
const LISTED: usize = 10;
/// Distinct values that are listed.
const VALUES: usize = 20;

#[derive(Debug, Args)]
pub struct Stats {
    /// The dataset, perhaps with @version
    dataset: String,
    /// The column
    column: String,
    /// List at most N chunks
    #[arg(short, long = "limit", value_name = "N", default_value_t = LISTED)]
    number: usize,
}

/// What is known of one chunk.
struct Chunk {
    fragment: usize,
    rows: u64,
    bytes: u64,
    stats: Known,
    /// True if `stats` is of deleted and overwritten cells as well.
    patched: bool,
}

impl Chunk {
    /// What is said of nulls: of a chunk that was changed only how many there can be.
    fn nulls(&self) -> String {
        let most = self.stats.nulls.min(self.rows);
        if self.patched && most > 0 { format!("≤ {most}") } else { most.to_string() }
    }
}

impl Stats {
    pub async fn run(self, out: &mut dyn Write) -> Result<()> {
        let dataset = target::open(&self.dataset).await?;
        let columns = &dataset.schema().columns;
        let Some(column) = columns.iter().find(|column| column.name == self.column) else {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            return Err(Error::no_column(&self.dataset, &self.column, &names));
        };
        let summary = dataset.summary(&column.name).await?;
        let listed = self.chunks(&dataset, column).await?;
        let stats = &summary.stats;
        let most = if summary.at_most { "at most " } else { "" };
        let value = |scalar: &Option<Scalar>| {
            scalar.as_ref().map(|scalar| info::shown(column, scalar)).unwrap_or_default()
        };
        let mut shown = table::record();
        shown.add_row(["type", &TensorType::from_column(column).to_string()]);
        let meaning = info::meaning(column);
        if !meaning.is_empty() {
            shown.add_row(["meaning", &meaning]);
        }
        let rows = stats.rows + summary.filled;
        let (nulls, empties) = (stats.nulls, stats.empties);
        let counts = format!("{rows}, {most}{nulls} null, {most}{empties} empty");
        shown.add_row(["rows", &counts]);
        if summary.filled > 0 {
            let fill = column.fill.as_ref().map_or("null".to_string(), ToString::to_string);
            shown.add_row(["before it was added", &format!("{fill} in {} rows", summary.filled)]);
        }
        if column.ndim() > 0 {
            shown.add_row(["shape", &info::shape(stats, column.ndim())]);
            shown.add_row(["elements", &format!("{most}{}", stats.elements)]);
        }
        if stats.min.is_some() || stats.max.is_some() {
            let how = if stats.exact { "" } else { " (bounds)" };
            let nan = if stats.has_nan { ", and NaN" } else { "" };
            let range = format!("{} to {}{how}{nan}", value(&stats.min), value(&stats.max));
            shown.add_row(["values", &range]);
        }
        if let Some(distinct) = &stats.distinct {
            let first = distinct.iter().take(VALUES).map(|scalar| info::shown(column, scalar));
            let more = match distinct.len().saturating_sub(VALUES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let first = first.collect::<Vec<_>>().join(", ");
            let distinct = distinct.len();
            shown.add_row(["distinct", &format!("{most}{distinct}: {first}{more}")]);
        }
        shown.add_row(["compression", &column.compression.to_string()]);
        let chunks = units::count(summary.chunks, "chunk");
        shown.add_row(["stored", &format!("{} in {chunks}", human::bytes(summary.bytes))]);
        writeln!(out, "{shown}")?;
        if summary.at_most {
            writeln!(
                out,
                "many cells were overwritten or deleted and are not counted one by one: lakebed compact --all writes exact statistics"
            )?;
        }
        if listed.is_empty() {
            return Ok(());
        }
        let mut table = table::table(["fragment", "rows", "null", "shape", "min", "max", "size"]);
        for chunk in &listed {
            table.add_row([
                chunk.fragment.to_string(),
                chunk.rows.to_string(),
                chunk.nulls(),
                info::shape(&chunk.stats, column.ndim()),
                value(&chunk.stats.min),
                value(&chunk.stats.max),
                human::bytes(chunk.bytes),
            ]);
        }
        table::align_right(&mut table, [0, 1, 2, 6]);
        writeln!(out, "{table}")?;
        let shown = u64::try_from(listed.len()).unwrap_or(u64::MAX);
        if summary.chunks > shown {
            writeln!(out, "the first {shown} of {} chunks; --limit N shows more", summary.chunks)?;
        }
        Ok(())
    }
    /// The first chunks of the column, as many as are listed.
    async fn chunks(&self, dataset: &Dataset, column: &Column) -> Result<Vec<Chunk>> {
        let fragments = dataset.fragments().await?;
        let read = fragments.iter().map(|fragment| dataset.chunks(fragment, column.id));
        let mut read = futures::stream::iter(read).buffered(PARALLEL).enumerate();
        let mut listed: Vec<Chunk> = Vec::new();
        while let (true, Some((fragment, known))) = (listed.len() < self.number, read.next().await)
        {
            let Some(known) = known? else { continue };
            let chunks = known.first_rows.windows(2).zip(&known.bytes).zip(&known.stats);
            let chunks = chunks.take(self.number - listed.len());
            listed.extend(chunks.map(|((ends, bytes), stats)| Chunk {
                fragment,
                rows: ends[1] - ends[0],
                bytes: *bytes,
                stats: stats.clone(),
                patched: known.patched,
            }));
        }
        Ok(listed)
    }
}
