//! The datasets of a corpus, written to a folder in one of several physical layouts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lakebed::core::Column;
use lakebed::core::Schema;
use lakebed::dataset::Compaction;
use lakebed::dataset::Dataset;
use lakebed::dataset::Options;
use serde_json::Map;
use serde_json::Value as Json;

use super::Result;
use super::rows_to_arrow::batch;
use super::schema;

/// The only dataset whose older version matters: so many of its rows came before the tag.
const OTHER: (&str, usize) = ("other", 6);
const TAG: &str = "t1";
/// The sequences that `flat` leaves out of `main`.
const SEQUENCES: [&str; 2] = ["seq", "words"];

/// How the rows lie at rest, which no answer may depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Every column of a commit in one chunk.
    OneChunk,
    /// Every row is a commit of its own.
    RowACommit,
    /// One commit, whose chunks have three rows.
    ThreeRowChunks,
    /// One commit; tensors of a few elements are cut into tiles.
    Tiled,
    /// Before each row stands a copy of another, which was deleted.
    Deleted,
    /// Every row was written with the values of another, and updated.
    Updated,
    /// As `Deleted`, a row a commit, and then compacted.
    Compacted,
}

impl Layout {
    fn options(self) -> Options {
        match self {
            // Nothing may wait: each batch that is written leaves as a chunk.
            Layout::ThreeRowChunks => Options { buffer_bytes: 0, ..Options::default() },
            Layout::Tiled => Options { tiled_above_bytes: 15, ..Options::default() },
            _ => Options::default(),
        }
    }

    /// Rows of a commit, and of a batch that is written.
    fn cuts(self, rows: usize) -> (usize, usize) {
        match self {
            Layout::RowACommit => (1, 1),
            // A row and its copy.
            Layout::Compacted => (2, 2),
            Layout::OneChunk | Layout::Tiled | Layout::Deleted | Layout::Updated => (rows, rows),
            Layout::ThreeRowChunks => (rows, 3),
        }
    }
}

type Rows = Vec<Map<String, Json>>;

/// Writes the datasets of `folder/datasets` into `root`, each under its name, and those that derive
/// from them.
///
/// # Errors
/// A file that cannot be read, a value that is not of its column's type, or an error of writing.
pub async fn build(
    folder: &Path,
    root: &Path,
    layout: Layout,
) -> Result<BTreeMap<String, Dataset>> {
    let mut datasets = BTreeMap::new();
    let path = folder.join("datasets");
    let mut files = fs::read_dir(&path)
        .and_then(|files| files.collect::<std::io::Result<Vec<_>>>())
        .map_err(|e| format!("{}: {e}", path.display()))?;
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        let path = file.path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else { continue };
        let rows = read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let columns = schema::columns(name, &rows)?;
        let mut wanted = vec![(name.to_string(), columns.clone(), rows.clone())];
        if name == "main" {
            let flat = columns.iter().filter(|column| !SEQUENCES.contains(&column.name.as_str()));
            wanted.push(("flat".to_string(), flat.cloned().collect(), rows));
            wanted.push(("empty".to_string(), columns, Rows::new()));
        }
        for (name, columns, rows) in wanted {
            let dataset = write(root, &name, columns, &rows, layout).await?;
            datasets.insert(name, dataset);
        }
    }
    Ok(datasets)
}

fn read(path: &Path) -> Result<Rows> {
    let text = fs::read_to_string(path)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
}

async fn write(
    root: &Path,
    name: &str,
    columns: Vec<Column>,
    rows: &[Map<String, Json>],
    layout: Layout,
) -> Result<Dataset> {
    let url = root.join(name).display().to_string();
    let schema = Schema::new(columns.clone())?;
    let mut dataset = Dataset::create(&url, schema, layout.options()).await?;
    let (commit, cut) = layout.cuts(2 * rows.len().max(1));
    let first = if name == OTHER.0 { OTHER.1.min(rows.len()) } else { rows.len() };
    let (before, after) = rows.split_at(first);
    for (rows, tagged) in [(before, name == OTHER.0), (after, false)] {
        let before = dataset.num_rows();
        let written = written(rows, layout);
        for part in written.chunks(commit) {
            let mut writer = dataset.append()?;
            for rows in part.chunks(cut) {
                writer.write(&batch(&columns, rows)?).await?;
            }
            dataset = writer.commit("rows of the corpus").await?;
        }
        let all: Vec<u64> = (before..dataset.num_rows()).collect();
        let ids = dataset.row_ids_at(&all).await?;
        match layout {
            Layout::Deleted | Layout::Compacted if !ids.is_empty() => {
                let copies: Vec<u64> = ids.iter().step_by(2).copied().collect();
                dataset = dataset.delete(&copies, "the copies").await?;
            }
            Layout::Updated if !ids.is_empty() => {
                let mut edit = dataset.edit()?;
                edit.update(&ids, &batch(&columns, rows)?).await?;
                dataset = edit.commit("the right values").await?;
            }
            _ => {}
        }
        if tagged {
            dataset = dataset.tag(TAG, "before the last row").await?;
        }
    }
    if layout == Layout::Compacted {
        dataset = dataset.compact(&Compaction::default(), "tidy", |_, _| {}).await?;
    }
    Ok(dataset)
}

/// What is written first for these rows.
fn written(rows: &[Map<String, Json>], layout: Layout) -> Rows {
    let other = |row: usize| rows[(row + 1) % rows.len()].clone();
    match layout {
        Layout::Deleted | Layout::Compacted => {
            (0..rows.len()).flat_map(|row| [other(row), rows[row].clone()]).collect()
        }
        Layout::Updated => (0..rows.len()).map(other).collect(),
        _ => rows.to_vec(),
    }
}
